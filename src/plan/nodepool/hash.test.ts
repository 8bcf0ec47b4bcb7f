import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodePool, NodePoolTemplate, NodePoolTemplateSpec } from "../../model/resources/node-pool.ts";
import { nodePoolHash } from "./hash.ts";

type Extras = Partial<NodePoolTemplateSpec> & { metadata?: NodePoolTemplate["metadata"] };

function poolWith({ metadata, ...spec }: Extras): NodePool {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name: "default", uid: "u", resourceVersion: "1", creationTimestamp: "2024-01-01T00:00:00Z" },
    spec: {
      template: {
        ...(metadata === undefined ? {} : { metadata }),
        spec: {
          nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
          requirements: [],
          ...spec,
        },
      },
    },
  };
}

const full: Extras = {
  expireAfter: "720h",
  metadata: { labels: { a: "1", b: "2" }, annotations: { c: "3" } },
  terminationGracePeriod: "30m",
  taints: [
    { key: "k1", value: "v", effect: "NoSchedule" },
    { key: "k2", effect: "NoExecute" },
  ],
  startupTaints: [{ key: "s1", effect: "NoExecute" }],
};

describe("the hash of a pool's template", () => {
  const vectors: { given: string; extras: Extras; want: string }[] = [
    { given: "720h", extras: { expireAfter: "720h" }, want: "12745407319442031341" },
    { given: "720h in Go's form", extras: { expireAfter: "720h0m0s" }, want: "12745407319442031341" },
    { given: "Never", extras: { expireAfter: "Never" }, want: "7428780003907761376" },
    { given: "an empty list of taints", extras: { expireAfter: "720h", taints: [] }, want: "845502862369909111" },
    {
      given: "a grace period of zero",
      extras: { expireAfter: "720h", terminationGracePeriod: "0s" },
      want: "16848824146983765585",
    },
    { given: "everything", extras: full, want: "11624272330063880522" },
    {
      given: "everything, taints in another order",
      extras: { ...full, taints: [...(full.taints ?? [])].reverse() },
      want: "11624272330063880522",
    },
  ];
  for (const { given, extras, want } of vectors) {
    it(`${given}: as the Go implementation prints it`, () => assert.equal(nodePoolHash(poolWith(extras)), want));
  }

  it("does not look at requirements", () => {
    const a = poolWith({ expireAfter: "720h", requirements: [{ key: "x", operator: "Exists" }] });
    assert.equal(nodePoolHash(a), "12745407319442031341");
  });

  it("tells text beyond ASCII apart", () => {
    const hashes = ["é", "e", "漢", "😀"].map((v) => nodePoolHash(poolWith({ metadata: { annotations: { v } } })));
    assert.equal(new Set(hashes).size, 4);
  });
});
