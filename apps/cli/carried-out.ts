import type { Node, Pod } from "../../src/model/core.ts";
import {
  CAPACITY_TYPE_LABEL,
  HOSTNAME_LABEL,
  INITIALIZED_LABEL,
  INSTANCE_TYPE_LABEL,
  REGISTERED_LABEL,
} from "../../src/model/labels.ts";
import { type Condition, type KubeObject, keyOf } from "../../src/model/object.ts";
import { requirementsOf } from "../../src/model/requirements.ts";
import type { NodeClaim } from "../../src/model/resources/node-claim.ts";
import { formatResources } from "../../src/model/resources.ts";
import type { DisruptionCommand } from "../../src/plan/disrupt/command.ts";
import { cheapestOffering, openOfferings } from "../../src/plan/disrupt/replacement-prices.ts";
import type { PlannedClaim } from "../../src/plan/provision/provision-plan.ts";
import type { Snapshot } from "../../src/snapshot/snapshot.ts";

/**
 * The objects of a cluster once the commands are carried out: each replacement has come up at its cheapest offering, each
 * pod is where it was planned to be, and what went is gone.
 */
export function carriedOut(
  objects: readonly KubeObject[],
  commands: readonly DisruptionCommand[],
  snapshot: Snapshot,
): KubeObject[] {
  const goneNodes = new Set(commands.flatMap(({ candidates }) => candidates.map(({ node }) => node.metadata.name)));
  const goneClaims = new Set(commands.flatMap(({ candidates }) => candidates.map(({ claim }) => claim.metadata.name)));
  const moves = new Map(commands.flatMap((command) => [...command.moves]));
  const stays = objects.flatMap((object): KubeObject[] => {
    if (object.kind === "Node") return goneNodes.has(object.metadata.name) ? [] : [object];
    if (object.kind === "NodeClaim") return goneClaims.has(object.metadata.name) ? [] : [object];
    if (object.kind !== "Pod") return [object];
    const pod = object as Pod;
    const target = moves.get(keyOf(inNamespace(pod)));
    if (target !== undefined) return [{ ...pod, spec: { ...pod.spec, nodeName: target } } as Pod];
    return goneNodes.has(pod.spec.nodeName ?? "") ? [] : [pod];
  });
  const bought = commands.flatMap(({ replacements }) => replacements.flatMap((claim) => comeUp(claim, snapshot)));
  return [...stays, ...bought];
}

function inNamespace(pod: Pod): Pod {
  return (pod.metadata.namespace ?? "") === "" ? { ...pod, metadata: { ...pod.metadata, namespace: "default" } } : pod;
}

/** The claim and its node as they are when all is well. */
function comeUp(planned: PlannedClaim, snapshot: Snapshot): KubeObject[] {
  const { name, nodePool } = planned;
  const pool = snapshot.view.nodePools.get(nodePool);
  const within = requirementsOf(planned.requirements);
  const types = (snapshot.instanceTypes.get(nodePool) ?? []).filter((type) =>
    planned.instanceTypes.includes(type.name),
  );
  const offering = cheapestOffering(types, within);
  const type = types.find((one) => offering !== undefined && openOfferings(one, within).includes(offering));
  if (pool === undefined || offering === undefined || type === undefined) return [];
  const labels: Record<string, string> = { ...planned.labels };
  for (const requirements of [type.requirements, within, offering.requirements]) {
    for (const [key, { complement, values }] of requirements) {
      const [value] = values;
      if (!complement && values.size === 1 && value !== undefined) labels[key] = value;
    }
  }
  Object.assign(labels, {
    [INSTANCE_TYPE_LABEL]: type.name,
    [CAPACITY_TYPE_LABEL]: offering.capacityType,
    [HOSTNAME_LABEL]: name,
    [REGISTERED_LABEL]: "true",
    [INITIALIZED_LABEL]: "true",
  });
  const nowText = new Date(snapshot.nowMs).toISOString();
  const metadata = { name, uid: name, resourceVersion: "", creationTimestamp: nowText, labels };
  const { nodeClassRef, requirements: _, ...template } = pool.spec.template.spec;
  const status = { capacity: formatResources(type.capacity), allocatable: formatResources(type.allocatable) };
  const providerID = `planned://${name}`;
  const node: Node = {
    apiVersion: "v1",
    kind: "Node",
    metadata,
    spec: { providerID, ...(template.taints === undefined ? {} : { taints: template.taints }) },
    status: { ...status, conditions: [conditionOf("Ready", nowText)] },
  };
  const isOff = pool.spec.disruption?.consolidateAfter === "Never" || pool.spec.replicas !== undefined;
  const types_ = ["Launched", "Registered", "Initialized", ...(isOff ? [] : ["Consolidatable"])];
  const claim: NodeClaim = {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata,
    spec: { ...template, nodeClassRef, requirements: planned.requirements },
    status: { ...status, providerID, nodeName: name, conditions: types_.map((one) => conditionOf(one, nowText)) },
  };
  return [node, claim];
}

function conditionOf(type: string, lastTransitionTime: string): Condition {
  return { type, status: "True", reason: type, message: "", lastTransitionTime };
}
