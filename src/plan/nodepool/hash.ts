import { parseDurationNanos } from "../../model/duration.ts";
import type { NodePool, NodePoolTemplate, NodePoolTemplateSpec } from "../../model/resources/node-pool.ts";

/** The algorithm below, as the annotation karpenter.sh/nodepool-hash-version names it. */
export const NODE_POOL_HASH_VERSION = "v3";

/**
 * The hash of a pool's template, as the annotation karpenter.sh/nodepool-hash holds it: a claim whose annotation differs
 * has drifted. It covers labels, annotations, taints, class and the two durations of the template, nothing else, and is
 * the same for any order of lists.
 * @source reference of the v1 API, section 10: Go's hashstructure over FNV-1, reproduced bit for bit, so that taking over
 *   a live cluster replaces no node
 */
export function nodePoolHash(pool: NodePool): string {
  return templateHash(pool.spec.template).toString();
}

const OFFSET = 14_695_981_039_346_656_037n;
const PRIME = 1_099_511_628_211n;
const MASK = (1n << 64n) - 1n;

function templateHash(template: NodePoolTemplate): bigint {
  const { metadata } = template;
  const labels = mapHash(metadata?.labels);
  const annotations = mapHash(metadata?.annotations);
  const isBare = labels === undefined && annotations === undefined;
  return structHash("NodeClaimTemplate", [
    [
      "ObjectMeta",
      isBare
        ? undefined
        : structHash("ObjectMeta", [
            ["Labels", labels],
            ["Annotations", annotations],
          ]),
    ],
    ["Spec", specHash(template.spec)],
  ]);
}

function specHash(spec: NodePoolTemplateSpec): bigint {
  const { nodeClassRef: ref } = spec;
  return structHash("NodeClaimTemplateSpec", [
    ["Taints", taintsHash(spec.taints)],
    ["StartupTaints", taintsHash(spec.startupTaints)],
    [
      "NodeClassRef",
      structHash("NodeClassReference", [
        ["Kind", textHash(ref.kind)],
        ["Name", textHash(ref.name)],
        ["Group", textHash(ref.group)],
      ]),
    ],
    ["TerminationGracePeriod", durationHash("Duration", spec.terminationGracePeriod)],
    // "Never" is a missing duration in Go, and missing fields do not count.
    ["ExpireAfter", spec.expireAfter === "Never" ? undefined : durationHash("NillableDuration", spec.expireAfter)],
  ]);
}

type Taints = NodePoolTemplateSpec["taints"];

/** Equal items cancel each other, as in upstream. */
function taintsHash(taints: Taints): bigint | undefined {
  if (taints === undefined) return undefined;
  let hash = 0n;
  for (const taint of taints) {
    hash ^= structHash("Taint", [
      ["Key", nonEmptyHash(taint.key)],
      ["Value", nonEmptyHash(taint.value)],
      ["Effect", nonEmptyHash(taint.effect)],
      ["TimeAdded", taint.timeAdded === undefined ? undefined : timeHash(taint.timeAdded)],
    ]);
  }
  return hash;
}

function mapHash(map: Readonly<Record<string, string>> | undefined): bigint | undefined {
  if (map === undefined) return undefined;
  let hash = 0n;
  for (const [key, value] of Object.entries(map)) hash ^= pairHash(textHash(key), textHash(value));
  return finish(hash);
}

function durationHash(type: string, text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const nanos = parseDurationNanos(text) ?? 0n;
  return structHash(type, [["Duration", nanos === 0n ? undefined : fnv(littleEndian(nanos))]]);
}

/** Go's binary form of a time: version, seconds since year 1, nanoseconds, offset in minutes (-1 for UTC). */
function timeHash(text: string): bigint {
  const { seconds, nanos, offsetMinutes } = parseParts(text);
  const bytes = [1, ...bigEndian(BigInt(seconds) + 62_135_596_800n, 8), ...bigEndian(BigInt(nanos), 4)];
  return structHash("Time", [["Time", fnv([...bytes, ...bigEndian(BigInt(offsetMinutes), 2)])]]);
}

function parseParts(text: string): { seconds: number; nanos: number; offsetMinutes: number } {
  const match = /^(\d+)-(\d+)-(\d+)[Tt](\d+):(\d+):(\d+)(?:\.(\d+))?(?:[Zz]|([+-])(\d+):(\d+))$/.exec(text);
  if (match === null) return { seconds: 0, nanos: 0, offsetMinutes: -1 };
  const [, year, month, day, hour, minute, second, fraction = "", sign, offsetHours = "0", offsetRest = "0"] = match;
  const offset = (sign === "-" ? -1 : 1) * (Number(offsetHours) * 60 + Number(offsetRest));
  const days = daysSinceEpoch(Number(year), Number(month), Number(day));
  const seconds = days * 86_400 + Number(hour) * 3_600 + Number(minute) * 60 + Number(second) - offset * 60;
  const nanos = Number(fraction.padEnd(9, "0").slice(0, 9));
  return { seconds, nanos, offsetMinutes: sign === undefined ? -1 : offset };
}

/** Of the proleptic Gregorian calendar, with years that start in March so that the leap day comes last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

/** Fields in the order of the Go struct; those without a hash are zero there and do not count. */
function structHash(name: string, fields: readonly (readonly [string, bigint | undefined])[]): bigint {
  let hash = textHash(name);
  for (const [field, value] of fields) {
    if (value !== undefined) hash = finish(hash ^ pairHash(textHash(field), value));
  }
  return hash;
}

function nonEmptyHash(text: string | undefined): bigint | undefined {
  return text === undefined || text === "" ? undefined : textHash(text);
}

function textHash(text: string): bigint {
  return fnv(utf8(text));
}

function pairHash(a: bigint, b: bigint): bigint {
  return fnv([...littleEndian(a), ...littleEndian(b)]);
}

function finish(hash: bigint): bigint {
  return fnv(littleEndian(hash));
}

/** FNV-1: multiply first, then xor. */
function fnv(bytes: readonly number[]): bigint {
  let hash = OFFSET;
  for (const byte of bytes) hash = ((hash * PRIME) & MASK) ^ BigInt(byte);
  return hash;
}

function littleEndian(value: bigint): number[] {
  return bigEndian(value, 8).reverse();
}

function bigEndian(value: bigint, length: number): number[] {
  const bytes: number[] = [];
  for (let i = length - 1; i >= 0; i -= 1) bytes.push(Number((value >> BigInt(i * 8)) & 0xffn));
  return bytes;
}

function utf8(text: string): number[] {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    }
  }
  return bytes;
}
