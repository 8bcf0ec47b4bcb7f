import fc from "fast-check";
import type { KubeObject } from "../../src/model/object.ts";
import { type RandomCluster, randomCluster } from "./arbitraries.ts";

/** Random clusters in which some values are what nobody meant: of the right sort, as a schema would let pass, and absurd. */

const NUMBERS = [0, -1, 1, 7, Number.NaN, Number.POSITIVE_INFINITY, -Infinity, 1e9, 2 ** 53, 1e308, 1e-9, 0.5];
const TEXTS = [
  "",
  " ",
  "-5",
  "0",
  "1e400",
  "9E",
  "16Ei",
  "many",
  "zone-a",
  "x".repeat(5_000),
  "kubernetes.io/hostname",
  "__proto__",
  "constructor",
  "In",
  "Gt",
  "Exists",
  "DoNotSchedule",
  "NoExecute",
  "\u{1F600}",
  "a\nb",
  "2026-01-01T00:00:00Z",
];
const SIZE_MAX = 10_000;

type Change = { at: number; to: number };

/** So many values, counted through all objects and types, become others. */
export function hostileCluster(): fc.Arbitrary<RandomCluster> {
  const change = fc.record({ at: fc.nat(5_000), to: fc.nat(1_000) });
  return fc.tuple(randomCluster(), fc.array(change, { minLength: 1, maxLength: 6 })).map(([cluster, changes]) => {
    const objects = structuredClone(cluster.objects) as KubeObject[];
    const types = structuredClone(cluster.types) as RandomCluster["types"];
    for (const one of changes) spoil([...objects.map(spoilable), ...types], one);
    return { ...cluster, objects, types };
  });
}

/** Names and uids are what objects are known by: a cluster has no two with the same. */
function spoilable({ spec, status, metadata }: KubeObject & { spec?: unknown; status?: unknown }): unknown {
  return [spec, status, metadata.labels, metadata.annotations];
}

function spoil(root: unknown, { at, to }: Change): void {
  const places = placesIn(root);
  const place = places[at % Math.max(1, places.length)];
  if (place !== undefined) place(to);
}

type Place = (to: number) => void;

/** A way to change each value below. */
function placesIn(value: unknown): Place[] {
  if (typeof value !== "object" || value === null || value instanceof Set) return [];
  if (value instanceof Map) return [...value.values()].flatMap(placesIn);
  const map = value as Record<string, unknown>;
  const keys = Object.keys(map);
  const own = keys.filter((key) => ["string", "number"].includes(typeof map[key]));
  const places = own.map(
    (key): Place =>
      (to) => {
        map[key] = other(map[key], to);
      },
  );
  if (Array.isArray(value) && value.length > 0) places.push((to) => resize(value, to));
  return [...places, ...keys.flatMap((key) => placesIn(map[key]))];
}

function other(value: unknown, to: number): unknown {
  if (typeof value === "number") return NUMBERS[to % NUMBERS.length];
  if (typeof value === "string") return TEXTS[to % TEXTS.length];
  return value;
}

function resize(list: unknown[], to: number): void {
  if (to % 3 === 0) list.length = 0;
  else if (to % 3 === 1) list.push(...structuredClone(list));
  else if (typeof list[0] === "string") for (let i = 0; i < SIZE_MAX; i += 1) list.push(`more-${i}`);
  else for (let i = 0; i < 50; i += 1) list.push(structuredClone(list[0]));
}
