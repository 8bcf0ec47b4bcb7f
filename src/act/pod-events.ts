import { formatTime, parseTime, SECOND_MS } from "../base/time.ts";
import type { Pod } from "../model/core.ts";
import { NODE_CLAIMS, PODS } from "../model/kinds.ts";
import { isOwnedByDaemonSet, isTerminal, isTerminating } from "../model/pod-predicates.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import { type Change, type Controller, onChange } from "../runtime/controller.ts";
import type { Needs } from "./ports.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "./write.ts";

/** A claim's time is written at most so often; less than the wait before a consolidation is carried out. */
const PERIOD_MS = 10 * SECOND_MS;

/**
 * Writes into each claim when a pod last came to its node or left it: consolidateAfter counts from there. A pod that is
 * seen for the first time (after a start, or a gap in the watch) counts from when it was bound, so that a restart of the
 * controller does not set the clock back, as it does upstream.
 */
export function podEventsController(needs: Needs): Controller {
  return {
    name: "nodeclaim.podevents",
    workers: 1,
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor: eventKeys,
    async reconcile(key) {
      const { mirror, clock } = needs;
      const slash = key.indexOf("/");
      const nodeName = key.slice(slash + 1);
      const claim = claimOfNode(needs, nodeName);
      if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return onChange;
      const eventMs = key.startsWith(HAPPENED) ? clock.nowMs() : newestBinding(needs, nodeName);
      const knownMs = parseTime(claim.status?.lastPodEventTime ?? "") ?? Number.NEGATIVE_INFINITY;
      if (eventMs === undefined || eventMs - knownMs < PERIOD_MS) return onChange;
      const status = { ...claim.status, lastPodEventTime: formatTime(eventMs) };
      await patchObject({ api: needs.api, mirror }, NODE_CLAIMS, claim, { ...claim, status }, "status");
      return onChange;
    },
  };
}

/** Keys: something happened on the node just now, or: look when the pods on the node were bound. */
const HAPPENED = "now/";
const SEEN = "seen/";

function eventKeys({ kind, before: was, after: is }: Change): readonly string[] {
  if (kind !== PODS) return [];
  const [before, now] = [was as Pod | undefined, is as Pod | undefined];
  const pod = now ?? before;
  const nodeName = pod?.spec.nodeName ?? "";
  if (pod === undefined || nodeName === "" || isOwnedByDaemonSet(pod)) return [];
  if (before === undefined) return isTerminal(pod) ? [] : [`${SEEN}${nodeName}`];
  if (now === undefined) return [`${HAPPENED}${nodeName}`];
  const isNewlyBound = (before.spec.nodeName ?? "") === "";
  const hasEnded = isTerminal(now) && !isTerminal(before);
  const isLeaving = isTerminating(now) && !isTerminating(before);
  return isNewlyBound || hasEnded || isLeaving ? [`${HAPPENED}${nodeName}`] : [];
}

function claimOfNode({ mirror }: Needs, nodeName: string): NodeClaim | undefined {
  const providerId = mirror.live.nodes.get(nodeName)?.spec.providerID ?? "";
  return mirror.live.nodeClaims.get(mirror.live.claimByProviderId.get(providerId) ?? "");
}

function newestBinding({ mirror }: Needs, nodeName: string): number | undefined {
  let newestMs: number | undefined;
  for (const key of mirror.live.podsByNode.get(nodeName) ?? []) {
    const pod = mirror.live.pods.get(key);
    if (pod === undefined || isOwnedByDaemonSet(pod)) continue;
    const scheduled = pod.status?.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "True");
    const boundMs = parseTime(scheduled?.lastTransitionTime ?? pod.metadata.creationTimestamp);
    if (boundMs !== undefined && boundMs > (newestMs ?? Number.NEGATIVE_INFINITY)) newestMs = boundMs;
  }
  return newestMs;
}
