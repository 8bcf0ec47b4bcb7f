import { MINUTE_MS, parseTime, SECOND_MS } from "../../base/time.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type { Node, Pod } from "../../model/core.ts";
import { NODE_CLAIMS, NODE_POOLS, NODES, PODS } from "../../model/kinds.ts";
import { isProvisionable } from "../../model/pod-predicates.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { DISRUPTED_TAINT, isSameTaint } from "../../model/taints.ts";
import { roundOfStragglers } from "../../plan/disrupt/consolidation-round.ts";
import type { ProvisionPlan } from "../../plan/provision/provision-plan.ts";
import { after, type Change, type Controller, type Outcome, onChange } from "../../runtime/controller.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Needs } from "../ports.ts";
import { Batcher } from "./batcher.ts";
import { createClaims } from "./create-claims.ts";
import { noteGrowth } from "./note-growth.ts";
import { planOnce } from "./plan-once.ts";
import { nominate, reportPlan } from "./provision-report.ts";

/** While pods wait, a plan is made at least so often: types come back into stock, and watches may be late. */
const RECHECK_MS = 10 * SECOND_MS;
/** The stock is not told by any watch: it is asked for at least so often. */
const STOCK_RECHECK_MS = MINUTE_MS;
/** So often a plan is made anew at once because the cluster turned out to be another than the mirror showed. */
const ATTEMPTS_MAX = 3;
/** A pod that was first seen waiting is remembered so long at most. */
const FIRST_SEEN_MAX_MS = 60 * MINUTE_MS;

/**
 * Buys nodes for pods that fit nowhere. What triggers a plan is collected over a window; the plan is made from the whole
 * cluster, in which claims on their way count as capacity, so nothing is bought twice.
 * @param onPlaced told of the pods that each plan has a place for
 */
export function provisionController(needs: Needs, onPlaced?: (podKeys: readonly string[]) => void): Controller {
  return new Provisioner(needs, onPlaced);
}

class Provisioner implements Controller {
  readonly name = "provisioner";
  readonly workers = 1;
  readonly initialKeys = [""];
  readonly #needs: Needs;
  readonly #batcher: Batcher;
  /** Keys of the pods that wait for a node, with the time since when (until a plan has dealt with them once). */
  readonly #waiting = new Map<string, { uid: string; sinceMs: number; isDecided: boolean }>();
  /** The last plan had pods to place. */
  #mustRecheck = true;
  /** The last plan could not be carried out: nothing is waited for. */
  #hasFailed = true;
  #lastPlanMs = 0;
  #lastView: ClusterView | undefined;
  /** Nodes and claims that the last plan has pods for. */
  #expectedOn: readonly string[] = [];

  readonly #onPlaced: ((podKeys: readonly string[]) => void) | undefined;

  constructor(needs: Needs, onPlaced: ((podKeys: readonly string[]) => void) | undefined) {
    this.#needs = needs;
    this.#onPlaced = onPlaced;
    const { batchIdleDurationMs, batchMaxDurationMs } = needs.settings;
    this.#batcher = new Batcher({ idleMs: batchIdleDurationMs, maxMs: batchMaxDurationMs });
  }

  /** Notes what the change calls for: during a burst of pods this is called for each, the plan is made once. */
  keysFor(change: Change): readonly string[] {
    const uid = this.#triggerOf(change);
    if (uid === undefined) return [];
    this.#batcher.trigger(uid, this.#needs.clock.nowMs());
    return [""];
  }

  async reconcile(): Promise<Outcome> {
    const nowMs = this.#needs.clock.nowMs();
    const window = this.#batcher.window(nowMs);
    if (window.kind === "open") return after(window.ms, "more pods may come");
    const recheckMs = this.#lastPlanMs + RECHECK_MS - nowMs;
    if (window.kind === "none" && !this.#hasFailed) {
      if (!this.#mustRecheck) return onChange;
      if (recheckMs > 0) return after(recheckMs, "pods may still wait");
      if (this.#isSameCluster(nowMs)) {
        // The same plan holds: what it has a place for is still expected there, such as a pod that a budget keeps on a
        // node which goes. Otherwise its place would be taken away as empty, and bought anew.
        for (const name of this.#expectedOn) nominate(this.#needs, name);
        return after(RECHECK_MS, "nothing has changed since the last plan");
      }
    }
    this.#batcher.close();
    this.#hasFailed = true;
    const { snapshot, plan } = await this.#planAndBuy();
    this.#hasFailed = false;
    this.#lastPlanMs = nowMs;
    this.#lastView = snapshot.view;
    this.#noteDecisions(plan);
    const { newNodeClaims, existingNodes, unschedulable } = plan;
    this.#expectedOn = [...existingNodes, ...newNodeClaims].map(({ name }) => name);
    // Pods for which a node was bought are in no plan until it is up; afterwards they may still be where they are.
    const isAnyExpected = (snapshot.memory.expectedOn?.size ?? 0) > 0;
    const planned = newNodeClaims.length + existingNodes.length + unschedulable.length;
    this.#mustRecheck = planned > 0 || this.#waiting.size > 0 || isAnyExpected;
    const next = this.#batcher.window(this.#needs.clock.nowMs());
    if (next.kind !== "none") return after(next.kind === "open" ? next.ms : 0, "more pods have come");
    return this.#mustRecheck ? after(RECHECK_MS, "pods may still wait") : onChange;
  }

  /** The same plan would come out again, unless types have come back into stock. */
  #isSameCluster(nowMs: number): boolean {
    const { mirror, memory } = this.#needs;
    if (nowMs - this.#lastPlanMs >= STOCK_RECHECK_MS || memory.expectedClaims().length > 0) return false;
    return mirror.view() === this.#lastView;
  }

  async #planAndBuy(): Promise<{ snapshot: Snapshot; plan: ProvisionPlan }> {
    for (let attempt = 1; ; attempt += 1) {
      const startMs = this.#needs.clock.nowMs();
      const { snapshot, plan } = await planOnce(this.#needs);
      const durationMs = this.#needs.clock.nowMs() - startMs;
      const annotations = roundOfStragglers(snapshot);
      const isLastAttempt = attempt === ATTEMPTS_MAX;
      const result = await createClaims(this.#needs, snapshot, plan, { isLastAttempt, annotations });
      if (result.kind === "stale") continue;
      await noteGrowth(this.#needs, result.created);
      reportPlan(this.#needs, snapshot, plan, { created: result.created, durationMs });
      return { snapshot, plan };
    }
  }

  #triggerOf(change: Change): string | undefined {
    switch (change.kind) {
      case PODS:
        return this.#podTrigger(change);
      case NODES:
        return isNewlyDisrupted(change.before as Node | undefined, change.after as Node | undefined)
          ? change.after?.metadata.uid
          : undefined;
      case NODE_CLAIMS: {
        // Its pods must go elsewhere: at once, not only when they are looked at again.
        const isGoing = change.after === undefined || change.after.metadata.deletionTimestamp !== undefined;
        const wasGoing = change.before?.metadata.deletionTimestamp !== undefined;
        return isGoing && !wasGoing ? change.before?.metadata.uid : undefined;
      }
      case NODE_POOLS: {
        const [before, now] = [change.before as NodePool | undefined, change.after as NodePool | undefined];
        if (now === undefined || this.#waiting.size === 0 || poolState(before) === poolState(now)) return undefined;
        return `${now.metadata.uid}/${poolState(now)}`;
      }
      default:
        return undefined;
    }
  }

  #podTrigger({ key, after: object }: Change): string | undefined {
    const pod = object as Pod | undefined;
    const known = this.#waiting.get(key);
    if (pod === undefined || !isProvisionable(pod)) {
      this.#waiting.delete(key);
      return undefined;
    }
    const { uid } = pod.metadata;
    if (known?.uid === uid) return undefined;
    this.#waiting.set(key, { uid, sinceMs: this.#needs.clock.nowMs(), isDecided: false });
    return uid;
  }

  /** The time from first seeing a pod wait to the first plan that dealt with it. */
  #noteDecisions(plan: ProvisionPlan): void {
    const { clock, metrics } = this.#needs;
    const placed = [...plan.newNodeClaims, ...plan.existingNodes].flatMap(({ pods }) => pods);
    this.#onPlaced?.(placed);
    for (const key of [...placed, ...plan.unschedulable.map(({ pod }) => pod)]) {
      const waiting = this.#waiting.get(key);
      if (waiting === undefined || waiting.isDecided) continue;
      waiting.isDecided = true;
      const waitedMs = Math.min(clock.nowMs() - waiting.sinceMs, FIRST_SEEN_MAX_MS);
      metrics.observe("karpenter_pods_scheduling_decision_duration_seconds", waitedMs / SECOND_MS);
    }
  }
}

function isNewlyDisrupted(before: Node | undefined, now: Node | undefined): boolean {
  const isDisrupted = (node: Node | undefined): boolean =>
    (node?.spec.taints ?? []).some((taint) => isSameTaint(taint, DISRUPTED_TAINT));
  return isDisrupted(now) && !isDisrupted(before);
}

/** What of a pool decides whether pods can get nodes from it. */
function poolState(pool: NodePool | undefined): string {
  if (pool === undefined) return "";
  const ready = pool.status?.conditions?.find(({ type }) => type === "Ready");
  return `${pool.metadata.generation ?? 0}/${ready?.status ?? "Unknown"}/${parseTime(pool.metadata.deletionTimestamp ?? "") ?? ""}`;
}
