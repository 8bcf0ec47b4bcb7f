import { formatTime, parseTime, SECOND_MS } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { NODE_CLAIMS, PODS } from "../../model/kinds.ts";
import { LAST_LASTING_POD_EVENT_ANNOTATION } from "../../model/labels.ts";
import { isOwnedByDaemonSet, isOwnedByJob, isTerminal, isTerminating } from "../../model/pod-predicates.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { findCondition } from "../../plan/lifecycle/conditions.ts";
import { type Change, type Controller, onChange } from "../../runtime/controller.ts";
import type { Needs } from "../ports.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "../write.ts";

/** A claim's time is written at most so often; less than the wait before a consolidation is carried out. */
const PERIOD_MS = 10 * SECOND_MS;

/**
 * Writes into each claim when a pod last came to its node or left it: consolidateAfter counts from there. A pod that is
 * seen for the first time (after a start, or a gap in the watch) counts from when it was bound, so that a restart of the
 * controller does not set the clock back, as it does upstream. Beside what pods of Jobs do, the claim keeps when another pod
 * last came or left: a node to which a CronJob's pods come again and again is quiet otherwise.
 */
export function podEventsController(needs: Needs): Controller {
  return {
    name: "nodeclaim.podevents",
    workers: 1,
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor: eventKeys,
    async reconcile(key) {
      const slash = key.indexOf("/");
      const nodeName = key.slice(slash + 1);
      const nowMs = needs.clock.nowMs();
      switch (key.slice(0, slash)) {
        case LASTING:
          await note(needs, nodeName, nowMs, true);
          break;
        case OF_JOB:
          await note(needs, nodeName, nowMs, false);
          break;
        default:
          await note(needs, nodeName, newestBinding(needs, nodeName, true), true);
          await note(needs, nodeName, newestBinding(needs, nodeName, false), false);
      }
      return onChange;
    },
  };
}

/** Keys: something happened on the node just now, to a Job's pod or to another, or: look when the pods on the node were bound. */
const LASTING = "now";
const OF_JOB = "job";
const SEEN = "seen";

function eventKeys({ kind, before: was, after: is }: Change): readonly string[] {
  if (kind !== PODS) return [];
  const [before, now] = [was as Pod | undefined, is as Pod | undefined];
  const pod = now ?? before;
  const nodeName = pod?.spec.nodeName ?? "";
  if (pod === undefined || nodeName === "" || isOwnedByDaemonSet(pod)) return [];
  if (before === undefined) return isTerminal(pod) ? [] : [`${SEEN}/${nodeName}`];
  const happened = [`${isOwnedByJob(pod) ? OF_JOB : LASTING}/${nodeName}`];
  if (now === undefined) return happened;
  const isNewlyBound = (before.spec.nodeName ?? "") === "";
  const hasEnded = isTerminal(now) && !isTerminal(before);
  const isLeaving = isTerminating(now) && !isTerminating(before);
  return isNewlyBound || hasEnded || isLeaving ? happened : [];
}

async function note(needs: Needs, nodeName: string, eventMs: number | undefined, isLasting: boolean): Promise<void> {
  const claim = claimOfNode(needs, nodeName);
  if (eventMs === undefined || claim === undefined || claim.metadata.deletionTimestamp !== undefined) return;
  const knownMs = parseTime(claim.status?.lastPodEventTime ?? "") ?? Number.NEGATIVE_INFINITY;
  const isKnown = eventMs - knownMs < PERIOD_MS;
  if (isKnown && !isLasting) return;
  // First: should the rest fail, the node counts as having been quiet for a shorter time, not for a longer one.
  const noted = isLasting ? await countAgain(needs, claim, eventMs) : await keepLasting(needs, claim);
  if (isKnown) return;
  const status = { ...noted.status, lastPodEventTime: formatTime(eventMs) };
  await patchObject(needs, NODE_CLAIMS, noted, { ...noted, status }, "status");
}

/** A Job's pod comes or goes after others did: when these last did is kept aside. */
async function keepLasting(needs: Needs, claim: NodeClaim): Promise<NodeClaim> {
  const { annotations } = claim.metadata;
  const before = claim.status?.lastPodEventTime ?? findCondition(claim, "Initialized")?.lastTransitionTime;
  if (annotations?.[LAST_LASTING_POD_EVENT_ANNOTATION] !== undefined || before === undefined) return claim;
  const kept = { ...annotations, [LAST_LASTING_POD_EVENT_ANNOTATION]: before };
  return await patchObject(needs, NODE_CLAIMS, claim, { ...claim, metadata: { ...claim.metadata, annotations: kept } });
}

/** Another pod has come or left later than was kept aside: from now on the claim's own time says it all again. */
async function countAgain(needs: Needs, claim: NodeClaim, eventMs: number): Promise<NodeClaim> {
  const { [LAST_LASTING_POD_EVENT_ANNOTATION]: kept, ...annotations } = claim.metadata.annotations ?? {};
  if (kept === undefined || eventMs <= (parseTime(kept) ?? Number.NEGATIVE_INFINITY)) return claim;
  return await patchObject(needs, NODE_CLAIMS, claim, { ...claim, metadata: { ...claim.metadata, annotations } });
}

function claimOfNode({ mirror }: Needs, nodeName: string): NodeClaim | undefined {
  const providerId = mirror.live.nodes.get(nodeName)?.spec.providerID ?? "";
  return mirror.live.nodeClaims.get(mirror.live.claimByProviderId.get(providerId) ?? "");
}

function newestBinding({ mirror }: Needs, nodeName: string, isLasting: boolean): number | undefined {
  let newestMs: number | undefined;
  for (const key of mirror.live.podsByNode.get(nodeName) ?? []) {
    const pod = mirror.live.pods.get(key);
    if (pod === undefined || isOwnedByDaemonSet(pod) || isOwnedByJob(pod) === isLasting) continue;
    const scheduled = pod.status?.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "True");
    const boundMs = parseTime(scheduled?.lastTransitionTime ?? pod.metadata.creationTimestamp);
    if (boundMs !== undefined && boundMs > (newestMs ?? Number.NEGATIVE_INFINITY)) newestMs = boundMs;
  }
  return newestMs;
}
