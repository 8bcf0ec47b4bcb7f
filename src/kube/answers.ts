import { RetryError } from "../base/errors.ts";
import { ApiError, type Status } from "../ports/kube-api.ts";
import { limits } from "./limits.ts";

type Refused = { code: number; retryAfterSeconds: number | undefined; text: string };

/**
 * What a refusal says. A proxy's answer in the server's name, without a Status, proves nothing about a write.
 * @returns ApiError, or RetryError for a 5xx that the API server did not write itself
 */
export function refusalOf({ code, retryAfterSeconds, text }: Refused): ApiError | RetryError {
  const status = parsedStatus(text);
  if (status === undefined && code >= 500) {
    const quoted = text.slice(0, limits.quotedTextMax);
    return new RetryError(`the API server's side answered ${code}: ${quoted}`, (retryAfterSeconds ?? 0) * 1_000);
  }
  return new ApiError(withRetryAfter(status ?? statusFor(code, text), code, retryAfterSeconds));
}

/** The Status of an ERROR event in a watch. */
export function errorOfEvent(object: unknown): ApiError {
  return new ApiError(isStatus(object) ? object : statusFor(500, JSON.stringify(object)));
}

function withRetryAfter(status: Status, code: number, retryAfterSeconds: number | undefined): Status {
  // A server need not give a reason.
  const whole = { ...status, reason: status.reason ?? "", code: status.code > 0 ? status.code : code };
  if (retryAfterSeconds === undefined || whole.details?.retryAfterSeconds !== undefined) return whole;
  return { ...whole, details: { ...whole.details, retryAfterSeconds } };
}

function parsedStatus(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isStatus(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isStatus(value: unknown): value is Status {
  if (typeof value !== "object" || value === null || !("kind" in value) || value.kind !== "Status") return false;
  const { message, reason, code } = value as Partial<Status>;
  return (
    (message === undefined || typeof message === "string") &&
    (reason === undefined || typeof reason === "string") &&
    typeof code === "number"
  );
}

const REASONS: ReadonlyMap<number, string> = new Map([
  [400, "BadRequest"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "NotFound"],
  [405, "MethodNotAllowed"],
  [409, "Conflict"],
  [410, "Expired"],
  [422, "Invalid"],
  [429, "TooManyRequests"],
]);

function statusFor(code: number, text: string): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: text.trim().slice(0, limits.quotedTextMax) || `the server answered ${code}`,
    reason: REASONS.get(code) ?? "Unknown",
    code,
  };
}
