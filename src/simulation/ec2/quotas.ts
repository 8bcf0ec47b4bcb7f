import { TokenBucket } from "../../base/token-bucket.ts";
import { AwsError } from "../../providers/aws/aws-api.ts";

/** Requests that an account may send: at once, and per second after that. As EC2's defaults for a new account. */
const QUOTAS: Readonly<Record<string, { burst: number; perSecond: number }>> = {
  "ec2:CreateFleet": { burst: 100, perSecond: 2 },
  "ec2:RunInstances": { burst: 5, perSecond: 2 },
  "ec2:CreateLaunchTemplate": { burst: 100, perSecond: 5 },
  "ec2:DeleteLaunchTemplate": { burst: 100, perSecond: 5 },
  "ec2:TerminateInstances": { burst: 100, perSecond: 5 },
  "ec2:CreateTags": { burst: 100, perSecond: 10 },
};
/** Of everything that only reads. */
const READS = { burst: 100, perSecond: 20 };
/** SQS is made for many. */
const QUEUE = { burst: 3_000, perSecond: 3_000 };

/** Refuses what comes faster than the account may ask, and counts what was asked. */
export class Quotas {
  readonly #buckets = new Map<string, TokenBucket>();
  readonly calls = new Map<string, number>();

  /** @throws AwsError RequestLimitExceeded */
  take(action: string, nowMs: number): void {
    this.calls.set(action, (this.calls.get(action) ?? 0) + 1);
    const bucket =
      this.#buckets.get(action) ?? new TokenBucket(QUOTAS[action] ?? (action.startsWith("sqs:") ? QUEUE : READS));
    this.#buckets.set(action, bucket);
    if (!bucket.tryTake(nowMs)) throw new AwsError(action, "RequestLimitExceeded", "Request limit exceeded.");
  }
}
