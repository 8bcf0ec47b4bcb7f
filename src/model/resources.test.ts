import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  addResources,
  fits,
  formatResources,
  isZero,
  maxResources,
  parseResources,
  subtractResources,
} from "./resources.ts";

describe("resource arithmetic", () => {
  it("reads cpu in milli-cores and the rest in whole units, rounded up", () => {
    assert.deepEqual(parseResources({ cpu: "1.5", memory: "1Gi", "nvidia.com/gpu": 2, pods: "0.5" }), {
      cpu: 1_500,
      memory: 1_073_741_824,
      "nvidia.com/gpu": 2,
      pods: 1,
    });
    assert.deepEqual(parseResources(undefined), {});
  });

  it("adds, subtracts and takes the larger by name", () => {
    const a = { cpu: 1_000, memory: 10 };
    const b = { cpu: 500, pods: 1 };
    assert.deepEqual(addResources(a, b), { cpu: 1_500, memory: 10, pods: 1 });
    assert.deepEqual(subtractResources(a, b), { cpu: 500, memory: 10, pods: -1 });
    assert.deepEqual(maxResources(a, b), { cpu: 1_000, memory: 10, pods: 1 });
    assert.equal(isZero({ cpu: 0 }), true);
    assert.equal(isZero(a), false);
  });

  for (const { need, room, want, because } of [
    { need: {}, room: {}, want: true, because: "nothing needs no room" },
    { need: { cpu: 1 }, room: { cpu: 1 }, want: true, because: "exactly enough is enough" },
    { need: { cpu: 2 }, room: { cpu: 1 }, want: false, because: "too little" },
    { need: { gpu: 1 }, room: { cpu: 1 }, want: false, because: "absent is zero" },
    { need: { gpu: 0 }, room: { cpu: 1 }, want: true, because: "zero of an absent one is there" },
    { need: {}, room: { cpu: -1 }, want: false, because: "an overdrawn room holds nothing" },
  ]) {
    it(because, () => assert.equal(fits(need, room), want));
  }

  it("prints canonical quantities in order of name", () => {
    const text = formatResources({
      pods: 110,
      memory: 4 * 2 ** 30,
      cpu: 1_500,
      "ephemeral-storage": 20 * 2 ** 30,
      gpu: 2_000,
    });
    assert.deepEqual(text, { cpu: "1500m", "ephemeral-storage": "20Gi", gpu: "2k", memory: "4Gi", pods: "110" });
    assert.deepEqual(Object.keys(text), ["cpu", "ephemeral-storage", "gpu", "memory", "pods"]);
  });
});
