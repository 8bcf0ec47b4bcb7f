import { parseTime } from "../../../base/time.ts";
import type { InterruptionKind } from "../../../ports/interruptions.ts";

/** What one message of the queue says; one that is not understood says nothing, and is taken away like the others. */
export type InterruptionMessage = {
  kind: InterruptionKind;
  instanceIds: readonly string[];
  sentAtMs: number | undefined;
};

type Detail = {
  "instance-id"?: string;
  state?: string;
  service?: string;
  eventTypeCategory?: string;
  affectedEntities?: { entityValue?: string }[];
};
type Envelope = { version?: string; source?: string; "detail-type"?: string; time?: string; detail?: Detail };

/** @source reference of the AWS provider, section 11 */
export function interruptionMessage(body: string): InterruptionMessage {
  const envelope = envelopeOf(body);
  const detail = envelope.detail ?? {};
  const kind = envelope.version === "0" ? kindOf(envelope, detail) : "no_op";
  const ids =
    kind === "no_op"
      ? []
      : kind === "scheduled_change"
        ? (detail.affectedEntities ?? []).map(({ entityValue }) => entityValue)
        : [detail["instance-id"]];
  return {
    kind,
    instanceIds: ids.filter((id) => typeof id === "string"),
    sentAtMs: parseTime(String(envelope.time ?? "")),
  };
}

function kindOf({ source, "detail-type": type }: Envelope, detail: Detail): InterruptionKind {
  switch (`${source}/${type}`) {
    case "aws.ec2/EC2 Spot Instance Interruption Warning":
      return "spot_interrupted";
    case "aws.ec2/EC2 Capacity Reservation Instance Interruption Warning":
      return "capacity_reservation_interrupted";
    case "aws.ec2/EC2 Instance Rebalance Recommendation":
      return "rebalance_recommendation";
    case "aws.health/AWS Health Event":
      return detail.service === "EC2" && detail.eventTypeCategory === "scheduledChange" ? "scheduled_change" : "no_op";
    case "aws.ec2/EC2 Instance State-change Notification":
      return stateKind(detail.state);
    default:
      return "no_op";
  }
}

function stateKind(state: unknown): InterruptionKind {
  const word = String(state).toLowerCase();
  if (word === "stopping" || word === "stopped") return "instance_stopped";
  return word === "shutting-down" || word === "terminated" ? "instance_terminated" : "no_op";
}

function envelopeOf(body: string): Envelope {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Envelope) : {};
  } catch {
    return {};
  }
}
