import type { Kind } from "../../model/kinds.ts";
import { resourceOf } from "../../model/kinds.ts";
import { type FieldError, invalidAnswer } from "../../model/schema/field-error.ts";
import { ApiError, type Status } from "../../ports/kube-api.ts";

/** Kubernetes' refusals, worded as kubectl and client libraries know them. */

type Details = NonNullable<Status["details"]>;

export function refusal(code: number, reason: string, message: string, details?: Details): ApiError {
  return new ApiError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  });
}

const detailsOf = (kind: Pick<Kind, "group" | "plural">, name: string): Details => ({
  ...(name === "" ? {} : { name }),
  ...(kind.group === "" ? {} : { group: kind.group }),
  kind: kind.plural,
});

export function notFound(kind: Pick<Kind, "group" | "plural">, name: string): ApiError {
  return refusal(404, "NotFound", `${resourceOf(kind)} "${name}" not found`, detailsOf(kind, name));
}

export function alreadyExists(kind: Kind, name: string): ApiError {
  return refusal(409, "AlreadyExists", `${resourceOf(kind)} "${name}" already exists`, detailsOf(kind, name));
}

export function conflict(kind: Kind, name: string, why: string, causes?: Details["causes"]): ApiError {
  const message = `Operation cannot be fulfilled on ${resourceOf(kind)} "${name}": ${why}`;
  return refusal(409, "Conflict", message, {
    ...detailsOf(kind, name),
    ...(causes === undefined ? {} : { causes }),
  });
}

export const MODIFIED =
  "the object has been modified; please apply your changes to the latest version and try again" as const;

export function badRequest(message: string): ApiError {
  return refusal(400, "BadRequest", message);
}

export function forbidden(kind: Kind, name: string, why: string, causes?: Details["causes"]): ApiError {
  const message = `${resourceOf(kind)} "${name}" is forbidden: ${why}`;
  return refusal(403, "Forbidden", message, {
    ...detailsOf(kind, name),
    ...(causes === undefined ? {} : { causes }),
  });
}

export function methodNotAllowed(kind: Kind, verb: string): ApiError {
  return refusal(405, "MethodNotAllowed", `${verb} is not supported on resources of kind "${resourceOf(kind)}"`, {
    ...detailsOf(kind, ""),
  });
}

export function unsupportedMediaType(message: string): ApiError {
  return refusal(415, "UnsupportedMediaType", message);
}

export function expired(message: string): ApiError {
  return refusal(410, "Expired", message);
}

export function tooManyRequests(message: string, causes: Details["causes"], retryAfterSeconds?: number): ApiError {
  return refusal(429, "TooManyRequests", message, {
    ...(causes === undefined ? {} : { causes }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

export function internalError(message: string): ApiError {
  return refusal(500, "InternalError", `Internal error occurred: ${message}`, { causes: [{ message }] });
}

/** What validation found wrong with an object, as one refusal. */
export function invalidObject(kind: Kind, name: string, errors: readonly FieldError[]): ApiError {
  const { message, causes } = invalidAnswer(kind, name, errors);
  return refusal(422, "Invalid", message, {
    ...(name === "" ? {} : { name }),
    ...(kind.group === "" ? {} : { group: kind.group }),
    kind: kind.kind,
    causes,
  });
}
