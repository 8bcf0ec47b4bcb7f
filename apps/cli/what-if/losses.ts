import { UserError } from "../../../src/base/errors.ts";
import type { Node, Pod } from "../../../src/model/core.ts";
import type { InstanceType, Offering } from "../../../src/model/instance-type.ts";
import { CAPACITY_TYPE_LABEL, NODE_POOL_LABEL, ZONE_LABEL } from "../../../src/model/labels.ts";
import type { KubeObject } from "../../../src/model/object.ts";
import { isOwnedByDaemonSet, isTerminal } from "../../../src/model/pod-predicates.ts";
import type { NodeClaim } from "../../../src/model/resources/node-claim.ts";
import type { Leaving } from "../../../src/plan/what-if/what-if.ts";
import type { ObjectChange } from "./overlay.ts";

/** What is lost, or costs something else, besides objects. */
export type Losses = {
  /** Names of zones, or their last letters. */
  zones: readonly string[];
  spot: boolean;
  priceChanges: readonly PriceChange[];
};

/** Which nodes go at once, by name: lost, or removed by the changes, by themselves or with their NodeClaim or NodePool. */
export function goneNodes(
  before: readonly KubeObject[],
  changes: readonly ObjectChange[],
  losses: Losses,
): Map<string, Leaving> {
  const removed = new Set(
    changes.flatMap((change) => (change.after === undefined ? [`${change.before?.kind}/${nameOf(change)}`] : [])),
  );
  const claims = new Map<string, string>();
  for (const object of before) {
    if (object.kind !== "NodeClaim") continue;
    claims.set((object as unknown as NodeClaim).status?.providerID ?? "", object.metadata.name);
  }
  const gone = new Map<string, Leaving>();
  for (const object of before) {
    if (object.kind !== "Node") continue;
    const claim = claims.get((object as Node).spec.providerID ?? "") ?? "";
    const why = leavingOf(object, { removed, claim, losses });
    if (why !== undefined) gone.set(object.metadata.name, why);
  }
  return gone;
}

function nameOf({ before }: ObjectChange): string {
  return before?.metadata.name ?? "";
}

type Context = { removed: ReadonlySet<string>; claim: string; losses: Losses };

function leavingOf({ metadata }: KubeObject, { removed, claim, losses }: Context): Leaving | undefined {
  const labels = metadata.labels ?? {};
  const [zone, pool] = [labels[ZONE_LABEL] ?? "", labels[NODE_POOL_LABEL] ?? ""];
  if (losses.zones.some((name) => isZone(zone, name))) return { code: "ZoneLost", reason: `it is in ${zone}` };
  if (losses.spot && labels[CAPACITY_TYPE_LABEL] === "spot") return { code: "SpotLost", reason: "it is spot capacity" };
  if (removed.has(`Node/${metadata.name}`)) return { code: "Removed", reason: "it is removed" };
  if (removed.has(`NodeClaim/${claim}`)) return { code: "Removed", reason: `its NodeClaim ${claim} is removed` };
  if (removed.has(`NodePool/${pool}`)) return { code: "Removed", reason: `its NodePool ${pool} is removed` };
  return undefined;
}

/** "b" means every zone that ends so. */
function isZone(zone: string, name: string): boolean {
  return zone === name || (/^[a-z]$/.test(name) && zone.endsWith(name) && /\d[a-z]$/.test(zone));
}

/** The objects without these nodes: their pods wait, but for those that come back on new nodes by themselves, or never. */
export function withoutNodes(objects: readonly KubeObject[], gone: ReadonlyMap<string, unknown>): KubeObject[] {
  if (gone.size === 0) return [...objects];
  const ids = new Set(
    objects.flatMap((object) =>
      object.kind === "Node" && gone.has(object.metadata.name) ? [(object as Node).spec.providerID ?? ""] : [],
    ),
  );
  return objects.flatMap((object): KubeObject[] => {
    if (object.kind === "Node") return gone.has(object.metadata.name) ? [] : [object];
    if (object.kind === "NodeClaim") {
      const { providerID = "", nodeName = "" } = (object as unknown as NodeClaim).status ?? {};
      return (providerID !== "" && ids.has(providerID)) || gone.has(nodeName) ? [] : [object];
    }
    const isOnGone = object.kind === "Pod" && gone.has((object as Pod).spec.nodeName ?? "");
    return isOnGone ? displaced(object as Pod) : [object];
  });
}

function displaced(pod: Pod): KubeObject[] {
  const hasOwner = (pod.metadata.ownerReferences ?? []).some(({ kind }) => kind !== "Node");
  if (isTerminal(pod) || isOwnedByDaemonSet(pod) || !hasOwner) return [];
  const { nodeName: _, ...spec } = pod.spec;
  const conditions = [{ type: "PodScheduled", status: "False" as const, reason: "Unschedulable" }];
  return [{ ...pod, spec, status: { phase: "Pending", conditions } } as KubeObject];
}

/** What is still to be had, and for how much. */
export function withLosses(types: readonly InstanceType[], losses: Losses): readonly InstanceType[] {
  if (losses.zones.length === 0 && !losses.spot && losses.priceChanges.length === 0) return types;
  return types.map((type) => ({ ...type, offerings: type.offerings.map((one) => changed(type, one, losses)) }));
}

function changed(type: InstanceType, offering: Offering, { zones, spot, priceChanges }: Losses): Offering {
  const isLost = zones.some((name) => isZone(offering.zone, name)) || (spot && offering.capacityType === "spot");
  let price = offering.priceUsdPerHour;
  for (const { applies, change } of priceChanges) if (applies(type.name, offering)) price = change(price);
  return { ...offering, available: offering.available && !isLost, priceUsdPerHour: Math.round(price * 1e6) / 1e6 };
}

export type PriceChange = {
  applies(typeName: string, offering: Offering): boolean;
  change(priceUsdPerHour: number): number;
};

/**
 * "spot=+30%", "m5=-10%" (a family), "m5.large=0.05", "us-east-1a=+5%".
 * @throws UserError KARP_BAD_FLAG
 */
export function priceChange(text: string): PriceChange {
  const [, what = "", sign = "", amount = "", percent] = /^([a-z0-9.-]+)=([+-]?)(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const isRelative = percent === "%" && sign !== "";
  if (what === "" || (!isRelative && (percent === "%" || sign !== ""))) {
    throw new UserError({
      code: "KARP_BAD_FLAG",
      what: `karpenter plan: --price-change is "${text}"`,
      remedy: 'write what and how much, as in "spot=+30%", "m5=-10%" or "m5.large=0.05"',
    });
  }
  const factor = 1 + ((sign === "-" ? -1 : 1) * Number(amount)) / 100;
  return {
    applies: (name, { capacityType, zone }) => [name, name.split(".")[0], capacityType, zone].includes(what),
    change: (price) => Math.max(0, isRelative ? price * factor : Number(amount)),
  };
}
