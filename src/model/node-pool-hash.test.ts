import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type HashedTemplate, nodePoolHash } from "./node-pool-hash.ts";

const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };
const k1 = { key: "k1", value: "v", effect: "NoSchedule" } as const;
const k2 = { key: "k2", effect: "NoExecute" } as const;
const full: HashedTemplate = {
  metadata: { labels: { a: "1", b: "2" }, annotations: { c: "3" } },
  spec: {
    nodeClassRef,
    expireAfter: "720h",
    terminationGracePeriod: "30m",
    taints: [k1, k2],
    startupTaints: [{ key: "s1", effect: "NoExecute" }],
  },
};

/** Hashes that a running upstream controller wrote for these templates. */
describe("the NodePool hash v3", () => {
  for (const [name, template, hash] of [
    ["720h", { spec: { nodeClassRef, expireAfter: "720h" } }, "12745407319442031341"],
    ["720h0m0s", { spec: { nodeClassRef, expireAfter: "720h0m0s" } }, "12745407319442031341"],
    ["Never", { spec: { nodeClassRef, expireAfter: "Never" } }, "7428780003907761376"],
    ["empty taints", { spec: { nodeClassRef, expireAfter: "720h", taints: [] } }, "845502862369909111"],
    ["0s grace", { spec: { nodeClassRef, expireAfter: "720h", terminationGracePeriod: "0s" } }, "16848824146983765585"],
    ["all fields", full, "11624272330063880522"],
    ["taints in another order", { ...full, spec: { ...full.spec, taints: [k2, k1] } }, "11624272330063880522"],
  ] as const) {
    it(`${name}: ${hash}`, () => assert.equal(nodePoolHash(template), hash));
  }

  it("every field counts", () => {
    const all = [
      full,
      { ...full, metadata: { ...full.metadata, labels: { a: "1" } } },
      { ...full, metadata: { ...full.metadata, annotations: {} } },
      { ...full, spec: { ...full.spec, expireAfter: "1h" } },
      { ...full, spec: { ...full.spec, expireAfter: "0s" } },
      { ...full, spec: { ...full.spec, terminationGracePeriod: "31m" } },
      { ...full, spec: { ...full.spec, nodeClassRef: { ...nodeClassRef, name: "ü" } } },
      { ...full, spec: { ...full.spec, taints: [{ ...k1, timeAdded: "2026-01-01T00:00:00Z" } as const] } },
    ].map(nodePoolHash);
    assert.equal(new Set(all).size, all.length);
  });
});
