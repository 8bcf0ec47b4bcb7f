import { RetryError } from "../../base/errors.ts";
import { ApiError } from "../../ports/kube-api.ts";
import { type AwsApi, AwsError } from "../../providers/aws/aws-api.ts";
import { type Chances, type FaultNeeds, FaultyCalls } from "./faulty-call.ts";

/** AWS as one life of the product gets it: calls are refused, answers are lost, and a crash may come before and after each. */
export function faultyAws(aws: AwsApi, needs: FaultNeeds): AwsApi {
  const calls = new FaultyCalls(needs);
  const chances = (): Chances => {
    const { cloudRefused, cloudLostReply } = needs.mix();
    return { refused: cloudRefused, throttled: 0, conflict: 0, lostReply: cloudLostReply };
  };
  const faulty: Record<string, unknown> = {};
  for (const [name, run] of Object.entries(aws as unknown as Record<string, (...all: unknown[]) => Promise<unknown>>)) {
    const call = { verb: READS.test(name) ? "get" : name, kind: "aws", key: READS.test(name) ? name : "" };
    faulty[name] = async (...parameters: unknown[]) => {
      try {
        return await calls.call(call, chances(), () => run(...parameters));
      } catch (error) {
        throw inAwsWords(name, error);
      }
    };
  }
  return faulty as unknown as AwsApi;
}

const READS = /^(describe|get|list|receive|zonal|onDemand|try)/;

function inAwsWords(name: string, error: unknown): unknown {
  if (error instanceof RetryError) return new AwsError(name, "TimeoutError", "socket hang up", error);
  if (!(error instanceof ApiError)) return error;
  return new AwsError(
    name,
    error.code === 503 ? "Unavailable" : "InternalError",
    "An internal error has occurred",
    error,
  );
}
