/**
 * GET /openapi/v2: a document without definitions. kubectl asks for it when it meets a `kind: List`, and leaves the
 * validation of what it finds no definition for to the server, which is where it belongs.
 */
export function openApiV2(acceptsProtobuf: boolean): { type: string; body: Buffer } {
  if (!acceptsProtobuf) {
    const document = { swagger: "2.0", info: { title: TITLE, version: VERSION }, paths: {} };
    return { type: "application/json", body: Buffer.from(JSON.stringify(document)) };
  }
  const info = Buffer.concat([text(1, TITLE), text(2, VERSION)]);
  return { type: PROTOBUF, body: Buffer.concat([text(1, "2.0"), bytes(2, info)]) };
}

// The name that clients ask for is no media type by the letter of the standard, so it cannot be answered.
const PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
const TITLE = "Kubernetes";
const VERSION = "v1.34.1";

const text = (number: number, value: string): Buffer => bytes(number, Buffer.from(value));
/** A protobuf field of less than 128 bytes. */
const bytes = (number: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), value]);
