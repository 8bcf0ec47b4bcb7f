import { present } from "../../base/assert.ts";
import { RetryError } from "../../base/errors.ts";
import { settleAll } from "../../base/settle-all.ts";
import { someOf } from "../../base/some-of.ts";
import { SECOND_MS } from "../../base/time.ts";
import { NODE_CLAIMS, NODE_POOLS, PODS } from "../../model/kinds.ts";
import { nodePoolHash } from "../../model/node-pool-hash.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { formatResources } from "../../model/resources.ts";
import { dollars } from "../../plan/disrupt/replacement-prices.ts";
import { freeName } from "../../plan/provision/claim-name.ts";
import { nodeClaimObject } from "../../plan/provision/node-claim-object.ts";
import type { PlannedClaim, ProvisionPlan } from "../../plan/provision/provision-plan.ts";
import { ApiError, isAlreadyExists, isConflict, isNotFound, isTooManyRequests } from "../../ports/kube-api.ts";
import { listAll } from "../../ports/list-all.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Needs } from "../ports.ts";

/** So many creations are under way at once. */
const CREATIONS_MAX = 50;

export type Created = { planned: PlannedClaim; claim: NodeClaim; isNew: boolean };
export type CreationResult =
  /** The cluster is not the one the plan was made from; the mirror knows it now. Nothing was created. */
  { kind: "stale" } | { kind: "done"; created: Created[] };

/** What the claims are for: the metric's label, default "provisioned", and annotations beside the template's. */
type Purpose = { reason?: string; annotations?: Readonly<Record<string, string>> };

/**
 * Creates the claims of a plan. Before that it makes sure, past all watches, that no claim has come since and that the
 * pools still say the same: a late watch, a lost reply or a second leader must not buy twice or over a limit. Names come
 * from the plan, so that the same plan carried out twice creates once.
 */
export async function createClaims(
  needs: Needs,
  snapshot: Snapshot,
  plan: Pick<ProvisionPlan, "newNodeClaims">,
  { isLastAttempt, ...purpose }: { isLastAttempt: boolean } & Purpose,
): Promise<CreationResult> {
  if (plan.newNodeClaims.length === 0) return { kind: "done", created: [] };
  const pools = await currentPools(needs, snapshot, plan);
  const isStale = pools === undefined || (await hasUnknownClaims(needs, snapshot));
  if (isStale || (await hasVanishedPods(needs, snapshot))) {
    if (isLastAttempt) throw new RetryError("the cluster keeps changing while a plan is made", SECOND_MS);
    return { kind: "stale" };
  }
  const created: Created[] = [];
  // A claim known to the plan was counted, and did not suffice: a variant of its name. One that it did not know keeps the
  // name taken, so that it is not bought twice.
  const claims = plan.newNodeClaims.map((planned) => ({
    ...planned,
    name: freeName(snapshot.view.nodeClaims, planned.name),
  }));
  for (let i = 0; i < claims.length; i += CREATIONS_MAX) {
    const some = claims.slice(i, i + CREATIONS_MAX);
    const results = await settleAll(some.map((planned) => createFor(needs, snapshot, pools, planned, purpose)));
    created.push(...results.filter((result) => result !== undefined));
  }
  return { kind: "done", created };
}

/** The plan's pools as they are now, or undefined when one is not what the plan saw. */
async function currentPools(
  { api, mirror }: Needs,
  { view }: Snapshot,
  plan: Pick<ProvisionPlan, "newNodeClaims">,
): Promise<ReadonlyMap<string, NodePool> | undefined> {
  const names = [...new Set(plan.newNodeClaims.map(({ nodePool }) => nodePool))];
  const pools = new Map<string, NodePool>();
  for (const name of names) {
    const pool = await api.get(NODE_POOLS, { name }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (pool === undefined) return undefined;
    mirror.remember(pool);
    const seen = view.nodePools.get(name);
    const isSame = seen?.metadata.uid === pool.metadata.uid && seen.metadata.generation === pool.metadata.generation;
    if (!isSame || pool.metadata.deletionTimestamp !== undefined) return undefined;
    pools.set(name, pool);
  }
  return pools;
}

async function hasUnknownClaims({ api, mirror }: Needs, { view }: Snapshot): Promise<boolean> {
  let isAnyUnknown = false;
  for (const claim of await listAll(api, NODE_CLAIMS)) {
    mirror.remember(claim);
    const isKnown = view.nodeClaims.get(claim.metadata.name)?.metadata.uid === claim.metadata.uid;
    if (!isKnown && claim.metadata.deletionTimestamp === undefined) isAnyUnknown = true;
  }
  return isAnyUnknown;
}

/**
 * Whether a pod that counts as still on its way from a leaving node is gone in truth: then the pod that came in its stead
 * has its room, and nothing needs to be bought for that one.
 */
async function hasVanishedPods({ api, mirror }: Needs, { view, memory, stateNodes }: Snapshot): Promise<boolean> {
  const isExpected = (key: string): boolean => memory.expectedOn?.has(view.pods.get(key)?.metadata.uid ?? "") === true;
  const leaving = stateNodes.filter(({ markedForDeletion, podKeys }) => markedForDeletion && podKeys.some(isExpected));
  const found = await settleAll(
    leaving.map(async ({ node, podKeys }) => {
      const pods = await listAll(api, PODS, { fieldSelector: `spec.nodeName=${node?.metadata.name ?? ""}` });
      const present = new Set(pods.map(({ metadata }) => metadata.uid));
      const known = podKeys.map((key) => view.pods.get(key)).filter((pod) => pod !== undefined);
      return known.filter(({ metadata }) => !present.has(metadata.uid));
    }),
  );
  const vanished = found.flat();
  for (const pod of vanished) mirror.forget(pod);
  return vanished.length > 0;
}

async function createFor(
  needs: Needs,
  snapshot: Snapshot,
  pools: ReadonlyMap<string, NodePool>,
  planned: PlannedClaim,
  purpose: Purpose,
): Promise<Created | undefined> {
  const { memory, clock } = needs;
  memory.attempt(planned.name, uidsOf(snapshot, planned), clock.nowMs());
  const created = await createClaim(needs, pools, planned, purpose);
  if (created !== undefined) memory.expect(planned.name);
  return created;
}

function uidsOf({ view }: Snapshot, { pods }: PlannedClaim): string[] {
  return pods.map((key) => view.pods.get(key)?.metadata.uid).filter((uid) => uid !== undefined);
}

async function createClaim(
  needs: Needs,
  pools: ReadonlyMap<string, NodePool>,
  planned: PlannedClaim,
  purpose: Purpose,
): Promise<Created | undefined> {
  const { api, mirror, metrics, log, events } = needs;
  const pool = present(pools.get(planned.nodePool), "a planned claim's pool was looked up");
  try {
    const draft = nodeClaimObject(planned, pool, nodePoolHash(pool.spec.template));
    const annotations = { ...draft.metadata.annotations, ...purpose.annotations };
    const claim = await api.create(NODE_CLAIMS, { ...draft, metadata: { ...draft.metadata, annotations } });
    mirror.remember(claim);
    const { reason = "provisioned" } = purpose;
    const labels = { reason, nodepool: planned.nodePool, min_values_relaxed: String(planned.minValuesRelaxed) };
    metrics.count("karpenter_nodeclaims_created_total", labels);
    log.info("created nodeclaim", {
      NodePool: planned.nodePool,
      NodeClaim: planned.name,
      requests: formatResources(planned.requests),
      "instance-types": someOf(planned.instanceTypes, 5),
      pods: planned.pods.length,
      why: planned.why.reason,
    });
    events.record({
      object: claim,
      type: "Normal",
      reason: "Bought",
      message: boughtText(planned, reason),
      isPublished: false,
    });
    return { planned, claim, isNew: true };
  } catch (error) {
    if (isAlreadyExists(error)) return existingClaim(needs, planned);
    if (!isRefusal(error)) throw error;
    // The server will go on refusing this one; the other claims are not held up by it.
    log.error("the API server refuses a nodeclaim", { NodePool: planned.nodePool, NodeClaim: planned.name, error });
    return undefined;
  }
}

/** For whoever asks later; the claim itself may be gone by then. */
function boughtText({ instanceTypes, pods, cheapestPrice, why }: PlannedClaim, reason: string): string {
  const types = `${someOf(instanceTypes, 3)} from ${dollars(cheapestPrice)} per hour`;
  return `Bought for ${pods.length} pod(s), ${reason}: ${types}; ${why.code}: ${why.reason}; pods: ${someOf(pods, 10)}`;
}

/** An earlier try created it, or another leader did. */
async function existingClaim({ api, mirror }: Needs, planned: PlannedClaim): Promise<Created> {
  const claim = await api.get(NODE_CLAIMS, { name: planned.name });
  mirror.remember(claim);
  if (claim.metadata.deletionTimestamp !== undefined) {
    throw new RetryError(`nodeclaim ${planned.name} is still being deleted`, SECOND_MS);
  }
  return { planned, claim, isNew: false };
}

function isRefusal(error: unknown): boolean {
  const isTemporary = isConflict(error) || isTooManyRequests(error);
  return error instanceof ApiError && error.code >= 400 && error.code < 500 && !isTemporary;
}
