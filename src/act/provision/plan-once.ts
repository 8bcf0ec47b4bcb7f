import { PartedMap } from "../../base/parted-map.ts";
import { MINUTE_MS, parseTime } from "../../base/time.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { planProvisioning } from "../../plan/provision/plan-provisioning.ts";
import type { ProvisionPlan } from "../../plan/provision/provision-plan.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { hasArrived } from "../expectations.ts";
import type { Needs } from "../ports.ts";
import { snapshotNow } from "../snapshot-now.ts";

/** A claim that an earlier process made and that is not up after this is not waited for. */
const INHERITED_MAX_MS = 10 * MINUTE_MS;

/**
 * One plan of the present cluster. Which pods a claim was bought for is known only to the process that bought it; after a
 * restart, pods that are older than such a claim and would get a new one wait until its node is up, because it may well
 * be theirs: packing pods anew does not always find the packing of before.
 */
export async function planOnce(needs: Needs): Promise<{ snapshot: Snapshot; plan: ProvisionPlan }> {
  const snapshot = await snapshotNow(needs);
  const plan = planProvisioning(snapshot);
  const inheritedMs = newestInherited(needs, snapshot);
  if (inheritedMs === undefined || plan.newNodeClaims.length === 0) return { snapshot, plan };
  const held = new Map(snapshot.memory.expectedOn);
  for (const key of plan.newNodeClaims.flatMap(({ pods }) => pods)) {
    const pod = snapshot.view.pods.get(key);
    const createdMs = parseTime(pod?.metadata.creationTimestamp ?? "");
    if (pod !== undefined && createdMs !== undefined && createdMs <= inheritedMs) held.set(pod.metadata.uid, "");
  }
  if (held.size === (snapshot.memory.expectedOn?.size ?? 0)) return { snapshot, plan };
  const patient: Snapshot = { ...snapshot, memory: { ...snapshot.memory, expectedOn: held } };
  return { snapshot: patient, plan: planProvisioning(patient) };
}

/** When the newest claim was created that another process made and whose node is not up yet. */
function newestInherited({ memory }: Needs, { view, nowMs }: Snapshot): number | undefined {
  const own = new Set(memory.expectedClaims());
  let newestMs: number | undefined;
  for (const claim of youngClaims(view.nodeClaims, nowMs)) {
    const { name, deletionTimestamp, creationTimestamp } = claim.metadata;
    if (own.has(name) || deletionTimestamp !== undefined || hasArrived(claim, nowMs)) continue;
    const createdMs = parseTime(creationTimestamp) ?? 0;
    if (createdMs > (newestMs ?? 0)) newestMs = createdMs;
  }
  return newestMs;
}

/** Of each mirror the claims of the last view, with the names of those that were young then. */
const lastYoung = new WeakMap<object, { claims: PartedMap<NodeClaim>; names: readonly string[] }>();

/** Claims that may still be waited for. An old one does not become young: only what came since the last look is looked at. */
function youngClaims(claims: ReadonlyMap<string, NodeClaim>, nowMs: number): readonly NodeClaim[] {
  const isYoung = (claim: NodeClaim): boolean =>
    nowMs - (parseTime(claim.metadata.creationTimestamp) ?? 0) < INHERITED_MAX_MS;
  if (!(claims instanceof PartedMap)) return [...claims.values()].filter(isYoung);
  const before = lastYoung.get(claims.original);
  const names = before === undefined ? claims.keys() : [...before.names, ...claims.changedKeys(before.claims)];
  const young = [...new Set(names)].flatMap((name) => claims.get(name) ?? []).filter(isYoung);
  lastYoung.set(claims.original, { claims, names: young.map(({ metadata }) => metadata.name) });
  return young;
}
