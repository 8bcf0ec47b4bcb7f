import { settleAll } from "../../base/settle-all.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Clock } from "../../ports/clock.ts";
import type { InterruptionNotice, Interruptions } from "../../ports/interruptions.ts";
import type { AwsApi, QueueMessage } from "./aws-api.ts";
import type { Instances } from "./instances.ts";
import { providerIdOf } from "./pure/instance.ts";
import { interruptionMessage } from "./pure/interruption-message.ts";
import { RESERVATION_ID_LABEL } from "./pure/labels.ts";
import type { ReservationCounts } from "./reservation-counts.ts";
import type { UnavailableOfferings } from "./unavailable-offerings.ts";

type Needs = {
  aws: AwsApi;
  clock: Clock;
  queueName: string;
  instances: Instances;
  unavailable: UnavailableOfferings;
  reservations: ReservationCounts;
};

/** SQS gives out so many messages at once. */
const MESSAGES_MAX = 10;
/** While there are many, so many answers more are fetched at the same time. */
const MORE = 20;

/** The queue to which EventBridge sends what befalls instances. */
export function queueInterruptions({
  aws,
  clock,
  queueName,
  instances,
  unavailable,
  reservations,
}: Needs): Interruptions {
  let url: Promise<string> | undefined;
  const queueUrl = (): Promise<string> => {
    url ??= aws.getQueueUrl(queueName).catch((error: unknown) => {
      url = undefined;
      throw error;
    });
    return url;
  };
  /** By message id: needed to take it away. */
  const receipts = new Map<string, string>();
  const noticeOf = async ({ id, receipt, body }: QueueMessage): Promise<InterruptionNotice> => {
    receipts.set(id, receipt);
    const { kind, instanceIds, sentAtMs = clock.nowMs() } = interruptionMessage(body);
    const seen = await settleAll(instanceIds.map((one) => instances.seen(one)));
    return {
      id,
      kind,
      providerIds: seen.flatMap((one) => (one === undefined ? [] : [providerIdOf(one.zone, one.id)])),
      sentAtMs,
    };
  };
  return {
    name: "interruption",
    isQueue: true,
    // The queue itself waits until there is something.
    idleMs: 0,
    async receive() {
      const from = await queueUrl();
      const messages = await aws.receiveMessages(from);
      if (messages.length === MESSAGES_MAX) {
        const more = await settleAll(Array.from({ length: MORE }, () => aws.receiveMessages(from)));
        messages.push(...more.flat());
      }
      return settleAll(messages.map(noticeOf));
    },
    async remove({ id }) {
      const receipt = receipts.get(id);
      if (receipt !== undefined) await aws.deleteMessage(await queueUrl(), receipt);
      receipts.delete(id);
    },
    note: ({ kind }, claim) => note(kind, claim, unavailable, reservations),
  };
}

function note(
  kind: InterruptionNotice["kind"],
  { metadata: { labels = {} } }: NodeClaim,
  unavailable: UnavailableOfferings,
  reservations: ReservationCounts,
): void {
  const type = labels["node.kubernetes.io/instance-type"];
  const zone = labels["topology.kubernetes.io/zone"];
  const reservation = labels[RESERVATION_ID_LABEL];
  if (kind === "spot_interrupted" && type !== undefined && zone !== undefined) {
    unavailable.markOffering({ type, zone, capacityType: "spot" });
  }
  if (kind === "capacity_reservation_interrupted" && reservation !== undefined) reservations.full(reservation);
}
