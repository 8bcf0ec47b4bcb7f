import { byText } from "../../base/order.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import { INSTANCE_TYPE_LABEL } from "../../model/labels.ts";
import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import type { PlannedClaim } from "../provision/provision-plan.ts";
import type { DisruptionCommand } from "./command.ts";

/**
 * The snapshot in which a command is under way, for what is planned next to it: its candidates are about to go, their pods
 * have their places, and what it buys counts against the limits but takes no other pods yet.
 */
export function afterCommand(snapshot: Snapshot, { candidates, replacements, moves }: DisruptionCommand): Snapshot {
  const leaving = new Set(candidates.map(({ claim }) => claim.metadata.name));
  const arriving = new Map<string, string[]>();
  for (const [key, name] of moves) arriving.set(name, [...(arriving.get(name) ?? []), key]);
  const stateNodes = snapshot.stateNodes.map((state): StateNode => {
    if (leaving.has(state.claim?.metadata.name ?? "")) return { ...state, markedForDeletion: true, podKeys: [] };
    const more = arriving.get(state.name);
    return more === undefined ? state : { ...state, podKeys: [...state.podKeys, ...more].sort(byText) };
  });
  const bought = replacements.map((claim) => comingNode(snapshot, claim, arriving.get(claim.name) ?? []));
  return { ...snapshot, stateNodes: [...stateNodes, ...bought].sort((a, b) => byText(a.name, b.name)) };
}

/** Full already: it has room for the pods that it is bought for, and nobody else is to count on it. */
function comingNode(snapshot: Snapshot, claim: PlannedClaim, podKeys: readonly string[]): StateNode {
  const type = cheapestTypeOf(snapshot, claim);
  return {
    name: claim.name,
    providerId: undefined,
    node: undefined,
    claim: undefined,
    nodePool: claim.nodePool,
    labels: labelsToCome(claim, type),
    annotations: {},
    taints: [],
    capacity: type?.capacity ?? {},
    allocatable: {},
    hostname: claim.name,
    registered: false,
    initialized: false,
    managed: true,
    markedForDeletion: false,
    podKeys,
  };
}

/** The type that is most likely launched. */
export function cheapestTypeOf({ instanceTypes }: Snapshot, claim: PlannedClaim): InstanceType | undefined {
  return instanceTypes.get(claim.nodePool)?.find(({ name }) => name === claim.instanceTypes[0]);
}

/** Labels that the node is sure to have when it comes up as its cheapest type. */
export function labelsToCome(claim: PlannedClaim, type: InstanceType | undefined): Record<string, string> {
  const labels: Record<string, string> = { ...claim.labels };
  for (const [key, { complement, values }] of type?.requirements ?? []) {
    const [only, ...others] = complement ? [] : values;
    if (only !== undefined && others.length === 0) labels[key] = only;
  }
  for (const { key, operator, values } of claim.requirements) {
    const [only, ...others] = operator === "In" ? (values ?? []) : [];
    if (only !== undefined && others.length === 0) labels[key] = only;
  }
  labels[INSTANCE_TYPE_LABEL] = claim.instanceTypes[0] ?? "";
  return labels;
}
