import { SECOND_MS } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { NODE_CLAIMS } from "../../model/kinds.ts";
import { TERMINATION_TIMESTAMP_ANNOTATION } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isTrue } from "../../plan/lifecycle/conditions.ts";
import { type Interruption, interruptedClaim, interruptionOf } from "../../plan/terminate/interruption.ts";
import type { InterruptionNotice, Interruptions } from "../../ports/interruptions.ts";
import { after, type Controller, type Outcome } from "../../runtime/controller.ts";
import { countDisrupted } from "../nodeclaim/claim-metrics.ts";
import type { Needs } from "../ports.ts";
import { deleteObject, patchObject } from "../write.ts";
import { countMovedPods } from "./count-moved-pods.ts";

/** What could not be done is tried again so soon: there are two minutes. */
const RETRY_MS = SECOND_MS;
/** So many notices are worked on at once. */
const PARALLEL_MAX = 100;

/**
 * Hears from the provider which instances are about to be taken away, and deletes their claims with a deadline: their
 * pods are planned for at once, asked to leave, and in the end deleted while there is still time to stop.
 */
export function interruptionController(needs: Needs, interruptions: Interruptions): Controller {
  /** Received and not dealt with yet, by id; a process that ends here gets them again from the queue. */
  const open = new Map<string, InterruptionNotice>();
  return {
    name: interruptions.name,
    workers: 1,
    initialKeys: [""],
    keysFor: () => [],
    backoffMs: { first: RETRY_MS, max: 10 * SECOND_MS },
    async reconcile(): Promise<Outcome> {
      const received = await interruptions.receive();
      for (const notice of received) {
        if (interruptions.isQueue && !open.has(notice.id)) countReceived(needs, notice);
        open.set(notice.id, notice);
      }
      for (let i = 0, all = [...open.values()]; i < all.length; i += PARALLEL_MAX) {
        const some = all.slice(i, i + PARALLEL_MAX);
        const results = await Promise.allSettled(some.map((notice) => handle(needs, interruptions, notice)));
        some.forEach(({ id, kind }, j) => {
          const result = results[j];
          if (result?.status === "fulfilled") open.delete(id);
          else needs.log.debug("an interruption is not dealt with yet", { kind, error: result?.reason });
        });
      }
      if (open.size > 0) return after(RETRY_MS, "interruptions are not dealt with yet");
      return after(received.length > 0 ? 0 : interruptions.idleMs, "more may come");
    },
  };
}

function countReceived({ metrics, clock }: Needs, { kind, sentAtMs }: InterruptionNotice): void {
  metrics.count("karpenter_interruption_received_messages_total", { message_type: kind });
  const seconds = Math.max(0, clock.nowMs() - sentAtMs) / SECOND_MS;
  metrics.observe("karpenter_interruption_message_queue_duration_seconds", seconds);
}

/** Once for as long as it lasts: what was dealt with is not told again before it was well. */
function countUnhealthy({ metrics }: Needs, { kind }: InterruptionNotice): void {
  if (kind === "capacity_block_expiring") return;
  metrics.count("karpenter_interruption_instance_status_unhealthy_total", { category: kind });
}

async function handle(needs: Needs, interruptions: Interruptions, notice: InterruptionNotice): Promise<void> {
  const interruption = interruptionOf(notice.kind);
  for (const providerId of interruption === undefined ? [] : notice.providerIds) {
    const name = needs.mirror.live.claimByProviderId.get(providerId);
    const claim = name === undefined ? undefined : needs.mirror.live.nodeClaims.get(name);
    // Not one of ours, or gone already; what we end ourselves is announced as well.
    if (claim === undefined || interruption === undefined || isTrue(claim, "InstanceTerminating")) continue;
    interruptions.note(notice, claim);
    tell(needs, claim, interruption.reason, `${interruption.reason}: ${interruption.what}`);
    if (interruption.effect !== "tell") await interrupt(needs, claim, notice, interruption);
    if (!interruptions.isQueue) countUnhealthy(needs, notice);
  }
  await interruptions.remove(notice);
  if (interruptions.isQueue) needs.metrics.count("karpenter_interruption_deleted_messages_total");
}

async function interrupt(
  needs: Needs,
  claim: NodeClaim,
  { kind, sentAtMs }: InterruptionNotice,
  interruption: Interruption,
): Promise<void> {
  const { clock, metrics, log } = needs;
  const known = interruptedClaim(claim, interruption, sentAtMs, clock.nowMs());
  const dated = await patchObject(needs, NODE_CLAIMS, claim, { ...known, status: claim.status ?? {} });
  const noted = await patchObject(needs, NODE_CLAIMS, dated, { ...dated, status: known.status ?? {} }, "status");
  const deadline = noted.metadata.annotations?.[TERMINATION_TIMESTAMP_ANNOTATION];
  if (deadline !== undefined && deadline !== claim.metadata.annotations?.[TERMINATION_TIMESTAMP_ANNOTATION]) {
    const message = `All pods will be deleted by ${deadline}`;
    needs.events.record({ object: claim, type: "Warning", reason: "TerminationGracePeriodExpiring", message });
  }
  if (claim.metadata.deletionTimestamp !== undefined) return;
  await deleteObject(needs, NODE_CLAIMS, noted);
  countDisrupted(metrics, claim, kind);
  countMovedPods(needs, claim, kind);
  tell(needs, claim, "TerminatingOnInterruption", `Terminating, as ${interruption.what}`);
  log.info("deleting interrupted nodeclaim", { NodeClaim: claim.metadata.name, reason: kind, deadline });
}

function tell({ events, mirror }: Needs, claim: NodeClaim, reason: string, message: string): void {
  const nodeName = mirror.live.nodeByProviderId.get(claim.status?.providerID ?? "") ?? "";
  const node: Node | undefined = mirror.live.nodes.get(nodeName);
  const type = reason === "SpotRebalanceRecommendation" ? "Normal" : "Warning";
  for (const object of node === undefined ? [claim] : [claim, node]) events.record({ object, type, reason, message });
}
