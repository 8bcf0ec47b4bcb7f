import { settleAll } from "../../base/settle-all.ts";
import { HOUR_MS, MINUTE_MS, parseTime } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { InterruptionKind, InterruptionNotice, Interruptions } from "../../ports/interruptions.ts";
import type { Log } from "../../ports/telemetry.ts";
import { type AwsApi, AwsError, type Filter, type InstanceStatus } from "./aws-api.ts";
import { providerIdOf } from "./pure/instance.ts";
import { explained, isDenied, type PolicyScope } from "./pure/permissions.ts";
import { stateNotices } from "./state-notices.ts";

type Needs = PolicyScope & { aws: AwsApi; clock: Clock; log: Log };

const EVENT_CODES = ["instance-reboot", "system-reboot", "system-maintenance", "instance-retirement", "instance-stop"];
/** Each for itself: filters of one request must all match. */
const QUERIES: readonly Filter[] = [
  { name: "instance-status.status", values: ["impaired"] },
  { name: "system-status.status", values: ["impaired"] },
  { name: "event.code", values: EVENT_CODES },
];
const PERIOD_MS = MINUTE_MS;
/** A look may fail once and be well at the next. */
const IMPAIRED_MS = 2 * MINUTE_MS;

/**
 * What EC2's own looks at its instances say: those that do not work, and those that it will restart, stop or end.
 * @source reference of the AWS provider, section 11
 */
export function statusInterruptions(needs: Needs): Interruptions {
  const { aws, clock, log } = needs;
  let deniedUntilMs = Number.NEGATIVE_INFINITY;
  return stateNotices({
    name: "interruption.instancestatus",
    clock,
    periodMs: PERIOD_MS,
    async look() {
      if (clock.nowMs() < deniedUntilMs) return [];
      try {
        const found = await settleAll(QUERIES.map((filter) => aws.describeInstanceStatus({ filters: [filter] })));
        return noticesOf(found.flat(), clock.nowMs());
      } catch (failure) {
        const error = failure instanceof AggregateError ? failure.errors[0] : failure;
        if (!(error instanceof AwsError && isDenied(error))) throw failure;
        const { action, code, words: message } = error;
        log.error("instances that do not work are not found", {
          error: explained({ action, code, message }, needs),
        });
        deniedUntilMs = clock.nowMs() + HOUR_MS;
        return [];
      }
    },
  });
}

/** Of an instance that is ill in several ways the worst counts: then nobody waits for its pods. */
function noticesOf(statuses: readonly InstanceStatus[], nowMs: number): InterruptionNotice[] {
  const byId = new Map(statuses.map((status) => [status.id, status]));
  return [...byId.values()].flatMap((status) => {
    const kind = kindOf(status, nowMs);
    const { id, zone } = status;
    if (kind === undefined) return [];
    return [{ id: `${kind}/${id}`, kind, providerIds: [providerIdOf(zone, id)], sentAtMs: nowMs }];
  });
}

function kindOf(status: InstanceStatus, nowMs: number): InterruptionKind | undefined {
  const isImpaired = (since: string | undefined): boolean =>
    since !== undefined && nowMs - (parseTime(since) ?? nowMs) >= IMPAIRED_MS;
  if (isImpaired(status.systemImpairedSince)) return "system_status";
  if (isImpaired(status.instanceImpairedSince)) return "instance_status";
  return status.events.some((code) => EVENT_CODES.includes(code)) ? "event_status" : undefined;
}
