import { HOUR_MS, MINUTE_MS, parseTime } from "../../base/time.ts";
import { EVENTS } from "../../model/kinds.ts";
import { refOf } from "../cache/cluster-writer.ts";
import type { ControllerNeeds } from "./controller-needs.ts";

/** Events live for an hour, as the API server keeps them. */
export function startEventExpiry({ state, writer, loop, clock }: ControllerNeeds): void {
  const events = state.of(EVENTS);
  const enqueue = loop.add("event-expiry", () => {
    for (const event of [...events.values()]) {
      // Whoever wrote it may have a clock that is behind.
      const lastMs = parseTime(event.lastTimestamp ?? "") ?? 0;
      const writtenMs = Math.max(lastMs, parseTime(event.metadata.creationTimestamp) ?? 0);
      if (clock.nowMs() - writtenMs > HOUR_MS) writer.delete(EVENTS, refOf(event));
    }
    return 5 * MINUTE_MS;
  });
  enqueue("");
}
