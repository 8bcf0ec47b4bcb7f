import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PartedMap } from "./parted-map.ts";
import { Random } from "./random.ts";

const KEYS = 400;

/** Some hundreds of random writes, to both. */
function write(map: Map<string, number>, model: Map<string, number>, random: Random, times: number): void {
  for (let i = 0; i < times; i += 1) {
    const key = `default/pod-${random.between(0, KEYS)}`;
    if (random.chance(0.3)) assert.equal(map.delete(key), model.delete(key));
    else {
      const value = random.between(0, 9);
      map.set(key, value);
      model.set(key, value);
    }
  }
}

function sorted(map: ReadonlyMap<string, number>): [string, number][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

describe("a map in parts", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    it(`is a map, and its copies stay as they were [SEED=${seed}]`, () => {
      const random = new Random(seed);
      const [map, model] = [new PartedMap<number>(), new Map<string, number>()];
      const copies: { copy: PartedMap<number>; was: [string, number][] }[] = [];
      for (let round = 0; round < 12; round += 1) {
        write(map, model, random, 80);
        assert.deepEqual(sorted(map), sorted(model));
        assert.equal(map.size, model.size);
        const before = copies.at(-1);
        const copy = map.copy();
        assert.equal(map.copy(), copy, "the same one until the next write");
        if (before !== undefined) {
          const was = new Map(before.was);
          const changed = [...new Set([...was.keys(), ...model.keys()])].filter(
            (key) => was.get(key) !== model.get(key),
          );
          assert.deepEqual(copy.changedKeys(before.copy).sort(), changed.sort());
        }
        copies.push({ copy, was: sorted(map) });
        for (const { copy: old, was } of copies) assert.deepEqual(sorted(old), was);
      }
      assert.deepEqual(
        [...map.keys()],
        [...map].map(([key]) => key),
      );
      assert.deepEqual(
        [...map.values()],
        [...map].map(([, value]) => value),
      );
      map.clear();
      assert.deepEqual([...map, map.size], [0]);
    });
  }
});
