import type { IncomingMessage } from "node:http";
import { parse as parseYaml } from "yaml";
import { badRequest, refusal } from "../refusals.ts";
import type { PatchType } from "../requests.ts";
import { unknownBodyFormat } from "./http-refusals.ts";
import { readProtobuf } from "./protobuf.ts";

/** As the real server: the largest request body. */
const BODY_BYTES_MAX = 3 * 1024 * 1024;

/** @throws ApiError 413 for a body that is too large */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) {
      throw refusal(413, "RequestEntityTooLarge", `Request entity too large: limit is ${BODY_BYTES_MAX}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const PATCH_TYPES: Readonly<Record<string, PatchType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};
/** @throws ApiError 415 */
export function patchTypeOf(contentType: string | undefined): PatchType {
  const type = PATCH_TYPES[mediaType(contentType)];
  if (type === undefined) throw unknownBodyFormat(Object.keys(PATCH_TYPES));
  return type;
}

const BODY_TYPES = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

/**
 * The object in a body; undefined when it is empty. One PUT of kubectl has no content type: that counts as JSON.
 * @throws ApiError 400 for what cannot be read, 415 for a format that nobody knows
 */
export function readObject(body: Buffer, contentType: string | undefined): unknown {
  if (body.length === 0) return undefined;
  const type = mediaType(contentType);
  if (type === "application/vnd.kubernetes.protobuf") return readProtobuf(body);
  if (type === "" || type === "application/json") return readJson(body);
  if (type === "application/yaml") return readYaml(body);
  throw unknownBodyFormat(BODY_TYPES);
}

/** The body of a patch. */
export function readPatch(body: Buffer, type: PatchType): unknown {
  return type === "apply" ? readYaml(body) : readJson(body);
}

function mediaType(header: string | undefined): string {
  return header?.split(";")[0]?.trim().toLowerCase() ?? "";
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw badRequest(`the body of the request is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readYaml(body: Buffer): unknown {
  const text = body.toString("utf8");
  try {
    // Tools send JSON under the name of YAML: its parser is a hundred times faster.
    return text.startsWith("{") ? JSON.parse(text) : parseYaml(text);
  } catch (error) {
    throw badRequest(`the body of the request is not YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}
