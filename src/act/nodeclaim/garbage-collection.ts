import { MINUTE_MS } from "../../base/time.ts";
import { NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { claimsWithoutInstance, instancesWithoutClaim, nodesWithoutInstance } from "../../plan/terminate/orphans.ts";
import { type Instance, InstanceNotFoundError } from "../../ports/cloud-provider.ts";
import { listAll } from "../../ports/list-all.ts";
import { after, type Controller } from "../../runtime/controller.ts";
import { countMovedPods } from "../disruption/count-moved-pods.ts";
import { tellRemoval } from "../disruption/tell-removal.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { deleteObject } from "../write.ts";
import { countDisrupted } from "./claim-metrics.ts";

const PERIOD_MS = 2 * MINUTE_MS;
/** So many deletions are under way at once. */
const PARALLEL_MAX = 20;

/**
 * Ends what has lost its other half: claims whose instance is gone, instances that no claim stands for, nodes of
 * instances that are gone. (Upstream leaves instances without a claim to each provider.)
 */
export function garbageCollectionController(needs: Needs): Controller {
  return {
    name: "nodeclaim.garbagecollection",
    workers: 1,
    initialKeys: [""],
    keysFor: () => [],
    async reconcile() {
      // What is compared with the cloud's list must not be newer than it, or a fresh claim would look forsaken ...
      const claimsBefore = await listAll(needs.api, NODE_CLAIMS);
      const instances = await needs.provider.list();
      // ... and what protects an instance must not be older.
      const claimsAfter = await listAll(needs.api, NODE_CLAIMS);
      const errors = [
        ...(await collectClaims(needs, claimsBefore, instances)),
        ...(await collectInstances(needs, claimsAfter, instances)),
        ...(await collectNodes(needs, claimsAfter, instances)),
      ];
      if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors, "collection failed");
      return after(PERIOD_MS, "halves may get lost");
    },
  };
}

async function collectClaims(
  needs: Needs,
  claims: readonly NodeClaim[],
  instances: readonly Instance[],
): Promise<unknown[]> {
  const { mirror, clock, log, metrics, provider } = needs;
  const isNodeReady = (providerId: string): boolean => {
    const node = mirror.live.nodes.get(mirror.live.nodeByProviderId.get(providerId) ?? "");
    return node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
  };
  const ours = claims.filter((claim) => isServed(provider, claim));
  return inParallel(claimsWithoutInstance(ours, instances, isNodeReady, clock.nowMs()), async (claim) => {
    if (!(await isGone(needs, claim.status?.providerID ?? ""))) return;
    await deleteObject(needs, NODE_CLAIMS, claim);
    tellRemoval(needs, claim, "GarbageCollected: its instance is gone");
    countDisrupted(metrics, claim, "garbage_collected");
    countMovedPods(needs, claim, "garbage_collected");
    log.info("garbage collecting nodeclaim with no cloudprovider representation", {
      NodeClaim: claim.metadata.name,
      "provider-id": claim.status?.providerID,
    });
  });
}

async function collectInstances(
  needs: Needs,
  claims: readonly NodeClaim[],
  instances: readonly Instance[],
): Promise<unknown[]> {
  const { clock, log, provider } = needs;
  return inParallel(instancesWithoutClaim(instances, claims, clock.nowMs()), async (instance) => {
    log.info("garbage collecting instance without nodeclaim", { "provider-id": instance.providerId });
    try {
      await provider.delete(claimOf(needs, instance));
    } catch (error) {
      if (!(error instanceof InstanceNotFoundError)) throw error;
    }
  });
}

async function collectNodes(
  needs: Needs,
  claims: readonly NodeClaim[],
  instances: readonly Instance[],
): Promise<unknown[]> {
  const { mirror, clock, log } = needs;
  const nodes = nodesWithoutInstance(mirror.live.nodes.values(), claims, instances, clock.nowMs());
  return inParallel(nodes, async (node) => {
    if (!(await isGone(needs, node.spec.providerID ?? ""))) return;
    await deleteObject(needs, NODES, node);
    log.info("garbage collecting node without instance", { Node: node.metadata.name });
  });
}

/** A list may lag behind or leave something out; nothing is given up before the cloud was asked for it by its id. */
async function isGone({ provider }: Needs, providerId: string): Promise<boolean> {
  try {
    return (await provider.get(providerId)).isTerminating;
  } catch (error) {
    if (error instanceof InstanceNotFoundError) return true;
    throw error;
  }
}

/** Stands for an instance whose claim is gone: just enough to say which one is meant. */
function claimOf({ provider }: Needs, { providerId, claimName = "" }: Instance): NodeClaim {
  const [nodeClass = { group: "", kind: "" }] = provider.nodeClasses;
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: { name: claimName, uid: "", resourceVersion: "", creationTimestamp: "" },
    spec: { nodeClassRef: { ...nodeClass, name: "" }, requirements: [] },
    status: { providerID: providerId },
  };
}

/** Works on all, some at a time; returns what went wrong instead of stopping at it. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (let i = 0; i < items.length; i += PARALLEL_MAX) {
    const results = await Promise.allSettled(items.slice(i, i + PARALLEL_MAX).map(work));
    errors.push(...results.filter((r) => r.status === "rejected").map((r) => r.reason as unknown));
  }
  return errors;
}
