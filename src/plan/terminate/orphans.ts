import { byText } from "../../base/order.ts";
import { MINUTE_MS, parseTime } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { NODE_POOL_LABEL, TERMINATION_FINALIZER } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { findCondition } from "../lifecycle/conditions.ts";

/** As far as collection looks at an instance. */
export type KnownInstance = {
  providerId: string;
  claimName?: string;
  createdAtMs: number;
  isTerminating: boolean;
};

/** Whatever is younger may still be on its way through a slow list or a lost reply. */
export const ORPHAN_AGE_MS = MINUTE_MS;

/**
 * Instances that no claim stands for. A claim of the right name protects its instance also before it knows the id:
 * its launch may have been cut short, and will be found again.
 * @param claims a complete list that was read after the instances were
 */
export function instancesWithoutClaim<T extends KnownInstance>(
  instances: readonly T[],
  claims: readonly NodeClaim[],
  nowMs: number,
): T[] {
  const ids = new Set(claims.map(({ status }) => status?.providerID));
  const names = new Set(claims.map(({ metadata }) => metadata.name));
  return instances.filter(
    ({ providerId, claimName, createdAtMs, isTerminating }) =>
      !isTerminating &&
      nowMs - createdAtMs >= ORPHAN_AGE_MS &&
      !ids.has(providerId) &&
      (claimName === undefined || !names.has(claimName)),
  );
}

/**
 * Claims whose instance is gone, unless their node still reports for duty: then the list is wrong, not the node.
 * @param instances a complete list that was read after the claims were
 */
export function claimsWithoutInstance(
  claims: Iterable<NodeClaim>,
  instances: readonly KnownInstance[],
  isNodeReady: (providerId: string) => boolean,
  nowMs: number,
): NodeClaim[] {
  const alive = new Set(instances.filter(({ isTerminating }) => !isTerminating).map(({ providerId }) => providerId));
  return [...claims]
    .filter((claim) => {
      const { providerID } = claim.status ?? {};
      if (providerID === undefined || claim.metadata.deletionTimestamp !== undefined) return false;
      const launched = findCondition(claim, "Launched");
      const launchedMs = launched?.status === "True" ? parseTime(launched.lastTransitionTime) : undefined;
      if (launchedMs === undefined || nowMs - launchedMs < ORPHAN_AGE_MS) return false;
      return !alive.has(providerID) && !isNodeReady(providerID);
    })
    .sort((a, b) => byText(a.metadata.name, b.metadata.name));
}

/** Our nodes whose instance and claim are both gone. In a cluster with a cloud controller that one is often faster. */
export function nodesWithoutInstance(
  nodes: Iterable<Node>,
  claims: readonly NodeClaim[],
  instances: readonly KnownInstance[],
  nowMs: number,
): Node[] {
  const known = new Set([...instances.map(({ providerId }) => providerId), ...claims.map((c) => c.status?.providerID)]);
  return [...nodes]
    .filter(({ metadata, spec, status }) => {
      const isOurs =
        metadata.labels?.[NODE_POOL_LABEL] !== undefined ||
        metadata.finalizers?.includes(TERMINATION_FINALIZER) === true;
      const isOld = nowMs - (parseTime(metadata.creationTimestamp) ?? nowMs) >= ORPHAN_AGE_MS;
      const isReady = status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true;
      const isAlreadyGoing = metadata.deletionTimestamp !== undefined;
      const { providerID = "" } = spec;
      return isOurs && isOld && !isReady && !isAlreadyGoing && providerID !== "" && !known.has(providerID);
    })
    .sort((a, b) => byText(a.metadata.name, b.metadata.name));
}
