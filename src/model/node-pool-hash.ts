import { parseTime } from "../base/time.ts";
import type { Taint } from "./core.ts";
import { parseDurationNanos } from "./duration.ts";

/** The part of a NodePool that decides whether its nodes drift; requirements are compared by themselves. */
export type HashedTemplate = {
  metadata?: { labels?: Readonly<Record<string, string>>; annotations?: Readonly<Record<string, string>> };
  spec: {
    taints?: readonly Taint[];
    startupTaints?: readonly Taint[];
    nodeClassRef?: { group: string; kind: string; name: string };
    terminationGracePeriod?: string;
    expireAfter?: string;
  };
};

export const NODE_POOL_HASH_VERSION = "v3";

/**
 * The static-drift hash of spec.template, decimal, bit for bit as upstream's version v3: a different answer would
 * replace every node of a cluster that is taken over.
 * @param template with the CRD's defaults filled in (expireAfter)
 * @source github.com/mitchellh/hashstructure/v2 with SlicesAsSets, IgnoreZeroValue and ZeroNil
 */
export function nodePoolHash(template: HashedTemplate): string {
  const { metadata = {}, spec } = template;
  const root = struct("NodeClaimTemplate", [
    [
      "ObjectMeta",
      structUnlessZero("ObjectMeta", [
        ["Labels", mapOf(metadata.labels)],
        ["Annotations", mapOf(metadata.annotations)],
      ]),
    ],
    [
      "Spec",
      structUnlessZero("NodeClaimTemplateSpec", [
        ["Taints", setOf(spec.taints?.map(taintHash))],
        ["StartupTaints", setOf(spec.startupTaints?.map(taintHash))],
        ["NodeClassRef", spec.nodeClassRef === undefined ? undefined : nodeClassRefHash(spec.nodeClassRef)],
        ["TerminationGracePeriod", gracePeriodHash(spec.terminationGracePeriod)],
        ["ExpireAfter", expireAfterHash(spec.expireAfter)],
      ]),
    ],
  ]);
  return root.toString();
}

/** A field without a hash is zero, and left out. */
type Fields = readonly (readonly [string, bigint | undefined])[];

const OFFSET = 14_695_981_039_346_656_037n;
const PRIME = 1_099_511_628_211n;
const MASK = (1n << 64n) - 1n;

/** FNV-1, 64 bits: multiply, then xor. */
function fnv(bytes: Iterable<number>): bigint {
  let hash = OFFSET;
  for (const byte of bytes) hash = ((hash * PRIME) & MASK) ^ BigInt(byte);
  return hash;
}

function littleEndian(value: bigint): number[] {
  const unsigned = BigInt.asUintN(64, value);
  return Array.from({ length: 8 }, (_, index) => Number((unsigned >> BigInt(index * 8)) & 0xffn));
}

function ordered(a: bigint, b: bigint): bigint {
  return fnv([...littleEndian(a), ...littleEndian(b)]);
}

function finished(hash: bigint): bigint {
  return fnv(littleEndian(hash));
}

function text(value: string): bigint {
  return fnv(utf8(value));
}

function textUnlessEmpty(value: string | undefined): bigint | undefined {
  return value === undefined || value === "" ? undefined : text(value);
}

function struct(typeName: string, fields: Fields): bigint {
  let hash = text(typeName);
  for (const [name, value] of fields) {
    if (value !== undefined) hash = finished(hash ^ ordered(text(name), value));
  }
  return hash;
}

function structUnlessZero(typeName: string, fields: Fields): bigint | undefined {
  return fields.every(([, value]) => value === undefined) ? undefined : struct(typeName, fields);
}

function mapOf(map: Readonly<Record<string, string>> | undefined): bigint | undefined {
  if (map === undefined) return undefined;
  let hash = 0n;
  for (const key of Object.keys(map)) hash ^= ordered(text(key), text(map[key] ?? ""));
  return finished(hash);
}

/** Order does not matter, and equal items cancel each other. */
function setOf(items: readonly bigint[] | undefined): bigint | undefined {
  return items?.reduce((hash, item) => hash ^ item, 0n);
}

function taintHash(taint: Taint): bigint {
  return struct("Taint", [
    ["Key", textUnlessEmpty(taint.key)],
    ["Value", textUnlessEmpty(taint.value)],
    ["Effect", textUnlessEmpty(taint.effect)],
    ["TimeAdded", timeHash(taint.timeAdded)],
  ]);
}

function nodeClassRefHash({ kind, name, group }: { group: string; kind: string; name: string }): bigint {
  return struct("NodeClassReference", [
    ["Kind", textUnlessEmpty(kind)],
    ["Name", textUnlessEmpty(name)],
    ["Group", textUnlessEmpty(group)],
  ]);
}

function gracePeriodHash(duration: string | undefined): bigint | undefined {
  const nanos = duration === undefined ? undefined : parseDurationNanos(duration);
  if (nanos === undefined) return undefined;
  return struct("Duration", [["Duration", nanos === 0n ? undefined : fnv(littleEndian(nanos))]]);
}

/** Unlike the grace period its zero is not "absent": the Go field is a pointer. */
function expireAfterHash(duration: string | undefined): bigint | undefined {
  const nanos = duration === undefined ? undefined : parseDurationNanos(duration);
  return nanos === undefined ? undefined : struct("NillableDuration", [["Duration", fnv(littleEndian(nanos))]]);
}

/** Go's binary form of a time: version, seconds since year 1, nanoseconds, offset in minutes (we read as UTC). */
function timeHash(time: string | undefined): bigint | undefined {
  const ms = time === undefined ? undefined : parseTime(time);
  if (ms === undefined) return undefined;
  const seconds = BigInt(Math.floor(ms / 1_000)) + 62_135_596_800n;
  const nanos = BigInt(ms - Math.floor(ms / 1_000) * 1_000) * 1_000_000n;
  const bytes = [1, ...littleEndian(seconds).reverse(), ...littleEndian(nanos).slice(0, 4).reverse(), 0, 0];
  return struct("Time", [["Time", fnv(bytes)]]);
}

function utf8(value: string): number[] {
  return [...encodeURIComponent(value).matchAll(/%([0-9A-F]{2})|./g)].map(([char, hex]) =>
    hex === undefined ? char.charCodeAt(0) : Number.parseInt(hex, 16),
  );
}
