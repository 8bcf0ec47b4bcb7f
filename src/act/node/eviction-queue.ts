import { formatTime, parseTime } from "../../base/time.ts";
import type { Node, Pod } from "../../model/core.ts";
import { PODS } from "../../model/kinds.ts";
import { keyOf } from "../../model/object.ts";
import { isEvictable } from "../../model/pod-predicates.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { findCondition, isTrue } from "../../plan/lifecycle/conditions.ts";
import { type DrainPlan, forcedGraceSeconds } from "../../plan/terminate/drain.ts";
import { ApiError, isConflict, isNotFound, isTooManyRequests } from "../../ports/kube-api.ts";
import { protectionEvent } from "../disruption/report.ts";
import { bringUpSuccessor, isMovedBySurge } from "../disruption/surge.ts";
import type { Needs } from "../ports.ts";

/** A node that is drained: what for and until when. */
export type Drain = { node: Node; claim: NodeClaim | undefined; plan: DrainPlan; deadlineMs: number | undefined };

const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 10_000;
/** A pod that was told to go is not told again before the mirror had time to see it. */
const ACCEPTED_WAIT_MS = 5_000;

type Attempt = { failures: number; nextMs: number; isForced: boolean };

/** Asks pods to leave, each with its own back-off: a PodDisruptionBudget that says "not now" holds up nobody else. */
export class EvictionQueue {
  readonly #needs: Needs;
  /** By node, then by pod uid. Lost at a restart, which only costs a few more questions. */
  readonly #attempts = new Map<string, Map<string, Attempt>>();

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** One attempt for every pod whose time has come. Never rejects. */
  async run(drain: Drain): Promise<void> {
    const { name } = drain.node.metadata;
    const before = this.#attempts.get(name);
    const attempts = new Map<string, Attempt>();
    for (const { metadata } of drain.plan.waiting) {
      attempts.set(metadata.uid, before?.get(metadata.uid) ?? { failures: 0, nextMs: 0, isForced: false });
    }
    this.#attempts.set(name, attempts);
    await Promise.all([
      ...drain.plan.force.map((pod) => this.#attempt(attempts, pod, true, () => this.#forceOut(drain, pod))),
      ...drain.plan.evict.map((pod) => this.#attempt(attempts, pod, false, () => this.#evict(drain, pod))),
    ]);
  }

  /** The node is gone. */
  forget(nodeName: string): void {
    this.#attempts.delete(nodeName);
  }

  async #attempt(
    attempts: Map<string, Attempt>,
    pod: Pod,
    isForced: boolean,
    act: () => Promise<boolean>,
  ): Promise<void> {
    const { clock, log } = this.#needs;
    const known = attempts.get(pod.metadata.uid);
    if (known === undefined) return;
    // The back-off of polite questions must not eat up the grace of a pod whose time has come.
    const attempt = isForced && !known.isForced ? { failures: 0, nextMs: 0 } : known;
    if (attempt.nextMs > clock.nowMs()) return;
    let isAccepted = false;
    try {
      isAccepted = await act();
    } catch (error) {
      log.debug("a pod cannot be removed yet", { Pod: keyOf(pod), error });
    }
    const failures = isAccepted ? 0 : attempt.failures + 1;
    const waitMs = isAccepted ? ACCEPTED_WAIT_MS : Math.min(BACKOFF_FIRST_MS * 2 ** (failures - 1), BACKOFF_MAX_MS);
    attempts.set(pod.metadata.uid, { failures, nextMs: clock.nowMs() + waitMs, isForced });
  }

  async #evict({ node, claim }: Drain, pod: Pod): Promise<boolean> {
    const { api, clock, events, metrics } = this.#needs;
    const nowMs = clock.nowMs();
    if (!isEvictable(pod, nowMs)) {
      const event = protectionEvent(pod, nowMs);
      if (event !== undefined) events.record(event);
      return false;
    }
    const isInterrupted = claim !== undefined && isTrue(claim, "Interrupted");
    if (!isInterrupted && (await isMovedBySurge(this.#needs, pod))) {
      await bringUpSuccessor(this.#needs, pod, parseTime(node.metadata.deletionTimestamp ?? "") ?? nowMs);
      return false;
    }
    const { name, namespace = "", uid, resourceVersion } = pod.metadata;
    try {
      await api.act(PODS, { name, namespace }, "eviction", {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name, namespace },
        // This very version: a pod that has come under protection meanwhile is judged anew.
        deleteOptions: { preconditions: { uid, resourceVersion } },
      });
    } catch (error) {
      if (error instanceof ApiError)
        metrics.count("karpenter_pods_eviction_requests_total", { code: String(error.code) });
      if (isNotFound(error)) return true;
      if (isTooManyRequests(error) || hasSeveralBudgets(error)) {
        events.record({
          object: node,
          type: "Warning",
          reason: "FailedDraining",
          message: `Pod ${keyOf(pod)} cannot be evicted: ${error instanceof Error ? error.message : ""}`,
        });
      }
      throw error;
    }
    const reason = reasonOf(claim);
    metrics.count("karpenter_pods_eviction_requests_total", { code: "200" });
    metrics.count("karpenter_pods_drained_total", { reason });
    events.record({ object: pod, type: "Normal", reason: "Evicted", message: `Evicted pod: ${reason}` });
    return true;
  }

  async #forceOut({ claim, deadlineMs }: Drain, pod: Pod): Promise<boolean> {
    const { api, clock, events, metrics } = this.#needs;
    if (deadlineMs === undefined) return false;
    const gracePeriodSeconds = forcedGraceSeconds(deadlineMs, clock.nowMs() + (api.clockSkewMs?.() ?? 0));
    const { name, namespace = "", uid } = pod.metadata;
    const own = pod.spec.terminationGracePeriodSeconds ?? 30;
    events.record({
      object: pod,
      type: "Normal",
      reason: "Disrupted",
      message: `Deleted for the node's deadline ${formatTime(deadlineMs)} with ${gracePeriodSeconds} s of its ${own} s of grace, whatever budgets and annotations say`,
    });
    try {
      await api.delete(PODS, { name, namespace }, { gracePeriodSeconds, preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
      return true;
    }
    metrics.count("karpenter_pods_drained_total", { reason: reasonOf(claim) });
    return true;
  }
}

/** The eviction API's own answer for a pod with more than one PodDisruptionBudget. */
function hasSeveralBudgets(error: unknown): boolean {
  return error instanceof ApiError && error.code === 500 && error.message.includes("more than one PodDisruptionBudget");
}

function reasonOf(claim: NodeClaim | undefined): string {
  const reason = claim === undefined ? undefined : findCondition(claim, "DisruptionReason");
  return reason?.status === "True" ? reason.reason : "Forceful Termination";
}
