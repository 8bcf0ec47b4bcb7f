import type { ApiError } from "../../../ports/kube-api.ts";
import { refusal, unsupportedMediaType } from "../refusals.ts";

/** Refusals that only exist on the wire. */
export const unknownPath = (): ApiError =>
  refusal(404, "NotFound", "the server could not find the requested resource", {});

export const methodNotAllowedOnPath = (): ApiError =>
  refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {});

export const notAcceptable = (): ApiError =>
  refusal(406, "NotAcceptable", "only the following media types are accepted: application/json");

export const unknownBodyFormat = (accepted: readonly string[]): ApiError =>
  unsupportedMediaType(
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
  );
