import { byText } from "../../../base/order.ts";
import type { Pod } from "../../../model/core.ts";
import { byAge } from "../../fit/pod-classes.ts";
import { capOf, type Dealt, type Place } from "../dealing/deal-class.ts";
import type { ClusterFacts } from "../reduce.ts";
import type { ClassStage } from "../stages.ts";
import type { PackedClass } from "./packed-class.ts";

/** Values of labels that no node is to come up with where that can be helped, as pairs of numbers "label value". */
export type AvoidedDomains = ReadonlySet<string>;

/** Dealt pods as classes to pack: those with equal needs that go to the same domains are one class, whatever their rules were. */
export function packedClasses(
  facts: ClusterFacts,
  dealt: readonly Dealt[],
  avoided: AvoidedDomains,
): { classes: readonly PackedClass[]; placesOf: ReadonlyMap<string, readonly string[]> } {
  const placesOf = new Map<string, string[]>();
  const merged = new Map<string, { made: PackedClass; pods: Pod[] }>();
  for (const one of dealt) {
    const reach = one.one.reach;
    const key = `${reach.key}${placesText(facts, one)}`;
    if (!placesOf.has(key))
      placesOf.set(
        key,
        one.places.map((place) => capOf(one.one, place)),
      );
    const known = merged.get(key);
    if (known !== undefined) {
      known.pods.push(...one.pods);
      continue;
    }
    const { unit, parts } = one.one;
    const about = { unit, parts, openStages: reach.stages, ...kept(facts, one, avoided) };
    merged.set(key, { made: { ...one.one.one, key, pods: [], ...about }, pods: [...one.pods] });
  }
  const classes = [...merged.keys()].sort().flatMap((key) => {
    const found = merged.get(key);
    if (found === undefined) return [];
    const { made, pods } = found;
    return [{ ...made, pods: made.unit === 1 ? pods.sort(byAge) : pods }];
  });
  return { classes, placesOf };
}

function placesText({ topology }: ClusterFacts, { keys, places }: Dealt): string {
  if (keys.length === 0) return "";
  const texts = places.map((place) =>
    keys.map((key) => `${topology.keys[key]}=${topology.values[key]?.[place.get(key) ?? -1] ?? ""}`).join(),
  );
  return ` @${texts.sort(byText).join(" or ")}`;
}

/** The stages within the places, without nodes in avoided domains unless nothing else is left; and the labels decided. */
function kept(facts: ClusterFacts, one: Dealt, avoided: AvoidedDomains): Pick<PackedClass, "stages" | "pinned"> {
  const stages = stagesWithin(facts, one.one.reach.stages, one);
  if (avoided.size === 0) return { stages, pinned: one.keys };
  const { kindValue } = facts.topology;
  const keys = kindValue.flatMap((_, key) => ([...avoided].some((pair) => pair.startsWith(`${key} `)) ? [key] : []));
  const isKept = Uint8Array.from(facts.kinds, (_, k) =>
    keys.some((key) => avoided.has(`${key} ${kindValue[key]?.[k]}`)) ? 0 : 1,
  );
  const fewer = stages.map(({ own, guest, ...stage }) => ({
    ...stage,
    own: own.map((takes, k) => (takes === 1 ? (isKept[k] ?? 0) : 0)),
    guest: guest.map((takes, k) => (takes === 1 ? (isKept[k] ?? 0) : 0)),
  }));
  if (!fewer.some(({ own, bins }) => own.includes(1) || bins.includes(1))) return { stages, pinned: one.keys };
  return { stages: fewer, pinned: [...new Set([...one.keys, ...keys])].sort((a, b) => a - b) };
}

/** The stages within the places; one that is left with nothing falls away. */
function stagesWithin(
  facts: ClusterFacts,
  stages: readonly ClassStage[],
  { keys, places }: Dealt,
): readonly ClassStage[] {
  if (keys.length === 0) return stages;
  const { kindValue, binValue } = facts.topology;
  const kinds = Uint8Array.from(facts.kinds, (_, k) => isIn(places, keys, (key) => kindValue[key]?.[k] ?? -1));
  const bins = Uint8Array.from(facts.bins, (_, b) => isIn(places, keys, (key) => binValue[key]?.[b] ?? -1));
  return stages.flatMap((stage) => {
    const own = stage.own.map((takes, k) => (takes === 1 ? (kinds[k] ?? 0) : 0));
    const guest = stage.guest.map((takes, k) => (takes === 1 ? (kinds[k] ?? 0) : 0));
    const open = stage.bins.map((takes, b) => (takes === 1 ? (bins[b] ?? 0) : 0));
    const isEmpty = !own.includes(1) && !guest.includes(1) && !open.includes(1);
    return isEmpty ? [] : [{ level: stage.level, own, guest, bins: open }];
  });
}

function isIn(places: readonly Place[], keys: readonly number[], valueAt: (key: number) => number): 0 | 1 {
  return places.some((place) => keys.every((key) => place.get(key) === valueAt(key))) ? 1 : 0;
}
