import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Matches } from "./matches.ts";
import { PartedMap } from "./parted-map.ts";
import { Random } from "./random.ts";

const isEven = (value: number): boolean => value % 2 === 0;

describe("the values of a map that pass a test", () => {
  it("are those of a new look, whatever has changed", () => {
    const random = new Random(3);
    const map = new PartedMap<number>();
    const known = new Matches(isEven);
    for (let turn = 0; turn < 200; turn += 1) {
      for (let change = random.between(0, 5); change > 0; change -= 1) {
        const key = `key-${random.between(0, 300)}`;
        if (random.chance(0.3)) map.delete(key);
        else map.set(key, random.between(0, 9));
      }
      const copy = map.copy();
      assert.deepEqual(known.in(copy), new Matches(isEven).in(new Map(copy)));
    }
  });

  it("are tested again only where the map has changed", () => {
    const tested: number[] = [];
    const known = new Matches((value: number) => tested.push(value) > 0 && isEven(value));
    const map = new PartedMap<number>();
    for (let i = 0; i < 1_000; i += 1) map.set(`key-${i}`, 2 * i + 1);
    known.in(map.copy());
    map.set("key-7", 100);
    tested.length = 0;
    assert.deepEqual(known.in(map.copy()), [100]);
    assert.deepEqual(tested, [100]);
  });

  it("of a map that goes on changing are looked for anew", () => {
    const known = new Matches(isEven);
    const map = new PartedMap<number>();
    map.set("a", 1);
    assert.deepEqual(known.in(map), []);
    map.set("a", 2);
    assert.deepEqual(known.in(map), [2]);
  });
});
