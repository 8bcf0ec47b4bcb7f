import { MINUTE_MS } from "../base/time.ts";
import { NODE_CLAIMS } from "../model/kinds.ts";
import type { DisruptionReason } from "../plan/disrupt/budgets.ts";
import type { Candidate } from "../plan/disrupt/candidates.ts";
import { isConflict } from "../ports/kube-api.ts";
import { disruptionLabels } from "./claim-metrics.ts";
import { countMovedPods } from "./count-moved-pods.ts";
import type { Needs } from "./ports.ts";
import { deleteObject } from "./write.ts";

/** A decision that is being carried out. */
export type DisruptionCommand = {
  reason: DisruptionReason;
  /** Of the metric's label: "empty" for emptiness. */
  consolidationType: string;
  /** Tainted, with their DisruptionReason written. */
  candidates: readonly Candidate[];
};

type Open = { command: DisruptionCommand; left: Candidate[]; startedMs: number };

/** A command that could not be carried out for so long is given up: its nodes go back to work. */
const COMMAND_MAX_MS = 10 * MINUTE_MS;

/**
 * The commands under way. They live in memory only: after a restart their nodes still bear the taint, which is taken off,
 * and the decision is made anew from the cluster as it is then.
 */
export class DisruptionQueue {
  readonly #needs: Needs;
  #open: Open[] = [];
  /** Claims whose deletion was accepted, until the mirror has seen them go. */
  readonly #deleted = new Set<string>();

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** Names of the claims that are being disrupted. */
  underway(): ReadonlySet<string> {
    const open = this.#open.flatMap(({ left }) => left.map(({ claim }) => claim.metadata.name));
    return new Set([...open, ...this.#deleted]);
  }

  get isIdle(): boolean {
    return this.#open.length === 0;
  }

  start(command: DisruptionCommand): void {
    const { clock, metrics, log } = this.#needs;
    const { candidates, reason, consolidationType } = command;
    this.#open.push({ command, left: [...candidates], startedMs: clock.nowMs() });
    const labels = { decision: "delete", reason: reason.toLowerCase(), consolidation_type: consolidationType };
    metrics.count("karpenter_voluntary_disruption_decisions_total", labels);
    for (const nodepool of new Set(candidates.map(({ pool }) => pool.metadata.name))) {
      metrics.count("karpenter_voluntary_disruption_decisions_by_nodepool_total", { ...labels, nodepool });
    }
    log.info("disrupting node(s)", {
      reason: reason.toLowerCase(),
      decision: "delete",
      "disrupted-node-count": candidates.length,
      "replacement-node-count": 0,
      "pod-count": candidates.reduce((sum, { pods }) => sum + pods.length, 0),
      "disrupted-nodes": candidates.map(({ node, claim }) => ({
        Node: node.metadata.name,
        NodeClaim: claim.metadata.name,
      })),
    });
  }

  /** Carries every open command on. What fails stays open for the next call. */
  async advance(): Promise<void> {
    this.#forgetGone();
    for (const open of this.#open) await this.#advance(open);
    this.#open = this.#open.filter(({ left }) => left.length > 0);
  }

  async #advance(open: Open): Promise<void> {
    const { memory, clock, metrics, log } = this.#needs;
    const results = await Promise.allSettled(open.left.map((candidate) => this.#delete(open.command, candidate)));
    const failed = open.left.filter((_, i) => results[i]?.status === "rejected");
    open.left = failed;
    if (failed.length === 0 || clock.nowMs() - open.startedMs <= COMMAND_MAX_MS) return;
    const { reason } = open.command;
    log.error("gave up disrupting node(s)", { reason, nodes: failed.map(({ node }) => node.metadata.name) });
    metrics.count(
      "karpenter_voluntary_disruption_queue_failures_total",
      { decision: "delete", reason: reason.toLowerCase(), consolidation_type: open.command.consolidationType },
      failed.length,
    );
    memory.unmarkForDeletion(failed.map(({ claim }) => claim.metadata.name));
    open.left = [];
  }

  async #delete({ reason }: DisruptionCommand, { claim, node, pool }: Candidate): Promise<void> {
    const { events, metrics, memory } = this.#needs;
    try {
      await deleteObject(this.#needs, NODE_CLAIMS, claim);
    } catch (error) {
      if (!isConflict(error)) throw error;
      // Another object has taken the name: the one that was meant is gone, and the other is not to suffer for it.
      memory.unmarkForDeletion([claim.metadata.name]);
      return;
    }
    this.#deleted.add(claim.metadata.name);
    const policy = snakeCase(pool.spec.disruption?.consolidationPolicy ?? "WhenEmptyOrUnderutilized");
    metrics.count("karpenter_nodeclaims_disrupted_total", disruptionLabels(claim, reason.toLowerCase(), policy));
    countMovedPods(this.#needs, claim, reason.toLowerCase(), policy);
    for (const object of [node, claim]) {
      events.record({
        object,
        type: "Normal",
        reason: "DisruptionTerminating",
        message: `${object.kind} is being disrupted: ${reason}`,
        dedupeValues: [object.metadata.uid, reason],
      });
    }
  }

  #forgetGone(): void {
    const { nodeClaims } = this.#needs.mirror.live;
    for (const claimName of this.#deleted) if (!nodeClaims.has(claimName)) this.#deleted.delete(claimName);
  }
}

function snakeCase(words: string): string {
  return words.replace(/(?!^)[A-Z]/g, "_$&").toLowerCase();
}
