import { DAY_MS, formatTime, parseTime } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import { CAPACITY_TYPE_LABEL, NODE_POOL_LABEL, TERMINATION_TIMESTAMP_ANNOTATION } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isSickTogether, REPAIR_RECHECK_MS, sicknessOf } from "../../plan/disrupt/repair.ts";
import type { RepairPolicy } from "../../ports/cloud-provider.ts";
import { isNotFound } from "../../ports/kube-api.ts";
import { after, type Controller, onChange } from "../../runtime/controller.ts";
import { workerCount } from "../../runtime/worker-count.ts";
import { CLOCK_RECHECK_MS, clockProblem } from "../clock-problem.ts";
import { countMovedPods } from "../disruption/count-moved-pods.ts";
import { tellRemoval } from "../disruption/tell-removal.ts";
import { countDisrupted } from "../nodeclaim/claim-metrics.ts";
import type { Needs } from "../ports.ts";
import { snakeCase } from "../snake-case.ts";
import { isServed } from "../snapshot-now.ts";
import { deleteObject, patchObject, SHARED_OBJECT_BACKOFF_MS } from "../write.ts";

/**
 * Deletes claims whose node has been sick, by the provider's policies, for longer than is tolerated: without budgets and
 * without waiting for its pods, which a sick machine does not run anyway. When too many nodes are sick together nothing
 * is done: then it is the network or the control plane, and not the machines.
 * @source reference of disruption, section 18
 */
export function nodeRepairController(needs: Needs): Controller {
  const { mirror, provider, clock, settings } = needs;
  const policies = provider.repairPolicies;
  return {
    name: "node.health",
    workers: workerCount({ min: 10, max: 1_000, cpuMilli: settings.cpuRequestsMilli }),
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor: ({ kind, key, after: now }) =>
      kind === NODES && now !== undefined && sicknessOf(now as Node, policies) !== undefined ? [key] : [],
    async reconcile(key) {
      const node = mirror.live.nodes.get(key);
      const claim = node === undefined ? undefined : claimOf(needs, node);
      if (node === undefined || claim === undefined || claim.metadata.deletionTimestamp !== undefined) return onChange;
      const sickness = sicknessOf(node, policies);
      if (sickness === undefined || !isServed(provider, claim)) return onChange;
      const waitMs = sickness.dueMs - clock.nowMs();
      if (waitMs > 0) return after(Math.min(waitMs, DAY_MS), "it may get well by itself");
      if (clockProblem(needs) !== undefined) return after(CLOCK_RECHECK_MS, "the clock is wrong");
      const pool = claim.metadata.labels?.[NODE_POOL_LABEL];
      if (isSickTogether(neighbours(needs, pool), policies)) {
        tellBlocked(needs, node, claim, pool);
        return after(REPAIR_RECHECK_MS, "too many nodes are sick");
      }
      if (!(await isStillSick(needs, node, policies))) return onChange;
      await repair(needs, node, claim, sickness.conditionType);
      return onChange;
    },
  };
}

/** The watch may be late: a node that has got well meanwhile is not to be deleted with all its pods. */
async function isStillSick(
  { api, mirror, clock }: Needs,
  node: Node,
  policies: readonly RepairPolicy[],
): Promise<boolean> {
  const { name, uid } = node.metadata;
  const now = await api.get(NODES, { name }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (now === undefined || now.metadata.uid !== uid) return false;
  mirror.remember(now);
  const sickness = sicknessOf(now, policies);
  return sickness !== undefined && sickness.dueMs <= clock.nowMs();
}

function claimOf({ mirror }: Needs, node: Node): NodeClaim | undefined {
  const name = mirror.live.claimByProviderId.get(node.spec.providerID ?? "");
  return name === undefined ? undefined : mirror.live.nodeClaims.get(name);
}

/** The pool's nodes, or all of ours where there is no pool. */
function neighbours(needs: Needs, pool: string | undefined): Node[] {
  return [...needs.mirror.live.nodes.values()].filter((node) =>
    pool === undefined ? claimOf(needs, node) !== undefined : node.metadata.labels?.[NODE_POOL_LABEL] === pool,
  );
}

function tellBlocked({ events, mirror }: Needs, node: Node, claim: NodeClaim, poolName: string | undefined): void {
  const pool = mirror.live.nodePools.get(poolName ?? "");
  const where = poolName === undefined ? "the cluster" : `NodePool ${poolName}`;
  const message = `More than 20 % of the nodes of ${where} are unhealthy: none of them is replaced`;
  for (const object of [node, claim, ...(pool === undefined ? [] : [pool])]) {
    events.record({ object, type: "Warning", reason: "NodeRepairBlocked", message });
  }
}

async function repair(needs: Needs, node: Node, claim: NodeClaim, condition: string): Promise<void> {
  const { metrics, log, clock } = needs;
  const { labels = {}, annotations = {} } = claim.metadata;
  const nowMs = clock.nowMs();
  const writtenMs = parseTime(annotations[TERMINATION_TIMESTAMP_ANNOTATION] ?? "");
  const isOver = writtenMs !== undefined && writtenMs <= nowMs;
  const dated = isOver ? annotations : { ...annotations, [TERMINATION_TIMESTAMP_ANNOTATION]: formatTime(nowMs) };
  const written = await patchObject(needs, NODE_CLAIMS, claim, {
    ...claim,
    metadata: { ...claim.metadata, annotations: dated },
  });
  await deleteObject(needs, NODE_CLAIMS, written);
  tellRemoval(needs, claim, `Unhealthy: the node has the condition ${condition} for too long`);
  countDisrupted(metrics, claim, "unhealthy");
  countMovedPods(needs, claim, "unhealthy");
  metrics.count("karpenter_nodeclaims_unhealthy_disrupted_total", {
    condition: snakeCase(condition),
    nodepool: labels[NODE_POOL_LABEL] ?? "",
    capacity_type: labels[CAPACITY_TYPE_LABEL] ?? "",
    image_id: claim.status?.imageID ?? "",
  });
  log.info("deleting the nodeclaim of an unhealthy node", { Node: node.metadata.name, condition });
}
