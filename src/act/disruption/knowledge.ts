import { MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import type { Needs } from "../ports.ts";

/**
 * Whether what is known of the cluster is recent enough to take nodes away. While a watch has been cut off for too long
 * nothing is begun, and the pools say so: a pod or a do-not-disrupt that nobody here has heard of must not be harmed.
 */
export function isKnownWell({ mirror, settings, events, log }: Needs): boolean {
  const { disruptionKnowledgeMaxMs } = settings;
  const behindMs = mirror.behindMs();
  if (disruptionKnowledgeMaxMs === 0 || behindMs <= disruptionKnowledgeMaxMs) return true;
  const seconds = Math.floor(behindMs / SECOND_MS);
  log.debug("nothing is disrupted: a watch is behind", { seconds });
  for (const pool of mirror.live.nodePools.values()) {
    events.record({
      object: pool,
      type: "Normal",
      reason: "DisruptionBlocked",
      message: `Nothing is disrupted: changes of the cluster have not been heard of for ${seconds} s`,
      dedupeValues: [pool.metadata.uid, "Knowledge"],
      dedupeMs: MINUTE_MS,
    });
  }
  return false;
}
