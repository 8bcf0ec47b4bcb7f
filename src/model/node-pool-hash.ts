import { parseTime } from "../base/time.ts";
import type { Taint } from "./core.ts";
import { parseDurationNanos } from "./duration.ts";
import { fnv, littleEndian, mapOf, setOf, struct, structUnlessZero, textUnlessEmpty } from "./go-hash.ts";

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
 * @source reference of the v1 API, section 4; go-hash.ts
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
