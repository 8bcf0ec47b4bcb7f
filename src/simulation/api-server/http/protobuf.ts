import { badRequest } from "../refusals.ts";
import type { FieldType, StructType } from "../schemas/schema-table.ts";
import { typeOfKind } from "../schemas/schema-table.ts";

const MAGIC = Buffer.from("k8s\0");

/**
 * Reads a request body of type application/vnd.kubernetes.protobuf as the JSON object it stands for. The encoding always
 * writes scalars that are not optional, so zeros, false and empty texts stand for "not set" there, and are left out.
 * @throws ApiError 400 for bytes that are no such message, or a kind that is not in the table
 */
export function readProtobuf(body: Buffer): Record<string, unknown> {
  if (!body.subarray(0, 4).equals(MAGIC))
    throw badRequest("the body of the request is not a Kubernetes protobuf message");
  const envelope = fieldsOf(body.subarray(4));
  const typeMeta = fieldsOf(bytesOf(envelope, 1) ?? Buffer.alloc(0));
  const apiVersion = bytesOf(typeMeta, 1)?.toString() ?? "";
  const kind = bytesOf(typeMeta, 2)?.toString() ?? "";
  // Options travel under the version of the resource that they are sent to.
  const type = typeOfKind(apiVersion, kind) ?? typeOfKind("v1", kind);
  if (type === undefined) {
    throw badRequest(`no kind "${kind}" is registered for version "${apiVersion}" that can be read from protobuf`);
  }
  return { apiVersion, kind, ...readMessage(type, bytesOf(envelope, 2) ?? Buffer.alloc(0)) };
}

type Wire = { number: number; value: bigint | Buffer };

function bytesOf(fields: readonly Wire[], number: number): Buffer | undefined {
  const value = fields.findLast((field) => field.number === number)?.value;
  return Buffer.isBuffer(value) ? value : undefined;
}
function numberOf(fields: readonly Wire[], number: number): bigint {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === "bigint" ? value : 0n;
}

function fieldsOf(message: Buffer): Wire[] {
  const fields: Wire[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at];
      if (byte === undefined) break;
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw badRequest("the protobuf message in the body ends too early");
  };
  const take = (length: number): Buffer => {
    if (at + length > message.length) throw badRequest("the protobuf message in the body ends too early");
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = Number(varint());
    const number = key >> 3;
    if ((key & 7) === 0) fields.push({ number, value: varint() });
    else if ((key & 7) === 1) fields.push({ number, value: take(8) });
    else if ((key & 7) === 2) fields.push({ number, value: take(Number(varint())) });
    else if ((key & 7) === 5) fields.push({ number, value: take(4) });
    else throw badRequest("the protobuf message in the body has a field of an unknown wire type");
  }
  return fields;
}

function readMessage(type: StructType, message: Buffer): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const { number, value } of fieldsOf(message)) {
    const field = type.protoFields.get(number);
    if (field === undefined) continue;
    if (field.isInline) {
      if (field.type.kind === "struct") Object.assign(object, readMessage(field.type.type, value as Buffer));
    } else if (field.type.kind === "list") {
      object[field.name] = [
        ...((object[field.name] as unknown[] | undefined) ?? []),
        ...readItems(field.type.of, value),
      ];
    } else if (field.type.kind === "map") {
      const entry = fieldsOf(value as Buffer);
      const item = readValue(field.type.of, entryValue(entry)) ?? "";
      const before = object[field.name] as Record<string, unknown> | undefined;
      object[field.name] = { ...before, [bytesOf(entry, 1)?.toString() ?? ""]: item };
    } else {
      const read = readValue(field.type, value);
      if (field.isPointer || !isZero(read)) object[field.name] = read;
    }
  }
  return object;
}

function entryValue(entry: readonly Wire[]): bigint | Buffer {
  return entry.findLast((field) => field.number === 2)?.value ?? Buffer.alloc(0);
}

/** A list of numbers may come packed into one field. */
function readItems(of: FieldType, value: bigint | Buffer): unknown[] {
  const isNumber = of.kind === "scalar" && (of.name === "int32" || of.name === "int64");
  if (!isNumber || !Buffer.isBuffer(value)) return [readValue(of, value)];
  const items: unknown[] = [];
  let item = 0n;
  let shift = 0n;
  for (const byte of value) {
    item |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte < 0x80) {
      items.push(signed(item));
      item = 0n;
      shift = 0n;
    }
  }
  return items;
}

function isZero(value: unknown): boolean {
  if (value === undefined || value === null || value === 0 || value === "" || value === false) return true;
  return typeof value === "object" && !Array.isArray(value) && Object.keys(value).length === 0;
}

const signed = (value: bigint): number => Number(BigInt.asIntN(64, value));

function readValue(type: FieldType, value: bigint | Buffer): unknown {
  if (type.kind === "struct") return readMessage(type.type, value as Buffer);
  if (type.kind !== "scalar") return undefined;
  if (typeof value === "bigint") return type.name === "bool" ? value !== 0n : signed(value);
  switch (type.name) {
    case "string":
      return value.toString("utf8");
    case "bytes":
      return value.toString("base64");
    case "float64":
      return value.length === 8 ? value.readDoubleLE(0) : 0;
    case "quantity":
      return bytesOf(fieldsOf(value), 1)?.toString("utf8") ?? "0";
    case "intOrString":
      return readIntOrString(fieldsOf(value));
    case "time":
    case "microTime":
      return readTime(fieldsOf(value), type.name === "microTime");
    case "extraValue":
      return fieldsOf(value).map((field) => (field.value as Buffer).toString("utf8"));
    case "fieldsV1":
    case "any":
      return readRaw(fieldsOf(value));
    case "int32":
    case "int64":
    case "bool":
    case "duration":
      return undefined;
  }
}

function readIntOrString(fields: readonly Wire[]): number | string {
  return numberOf(fields, 1) === 1n ? (bytesOf(fields, 3)?.toString("utf8") ?? "") : signed(numberOf(fields, 2));
}

/** An empty message is Go's zero time: not set. */
function readTime(fields: readonly Wire[], isMicro: boolean): string | undefined {
  if (fields.length === 0) return undefined;
  const seconds = signed(numberOf(fields, 1));
  // The zero time of Go lies in the year 1.
  if (seconds <= -62_135_596_800 || (seconds === 0 && numberOf(fields, 2) === 0n)) return undefined;
  if (seconds > 253_402_300_799) throw badRequest("a time in the body lies after the year 9999");
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  return isMicro ? `${text}.${String(Number(numberOf(fields, 2)) / 1000).padStart(6, "0")}Z` : `${text}Z`;
}

function readRaw(fields: readonly Wire[]): unknown {
  const raw = bytesOf(fields, 1);
  if (raw === undefined || raw.length === 0) return undefined;
  try {
    return JSON.parse(raw.toString("utf8"));
  } catch {
    throw badRequest("a raw value inside the protobuf message is not JSON");
  }
}
