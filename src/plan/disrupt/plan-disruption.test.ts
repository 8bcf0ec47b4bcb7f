import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { clusterOf, node, nodePool } from "../provision/test-cluster.ts";
import { planDisruption } from "./plan-disruption.ts";

/** An empty node that has been quiet for long. */
function emptyNode(name: string): KubeObject[] {
  const [machine, claim] = node({ name, pool: "default" }) as [KubeObject, NodeClaim];
  const condition = (type: string) => ({
    type,
    status: "True" as const,
    reason: type,
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  });
  Object.assign((machine as { status?: object }).status ?? {}, { conditions: [{ type: "Ready", status: "True" }] });
  const conditions = [condition("Initialized"), condition("Consolidatable")];
  return [machine, { ...claim, status: { ...claim.status, conditions } } as NodeClaim];
}

describe("a plan of all that would be disrupted", () => {
  for (const { given, annotations, want } of [
    { given: "an empty node", annotations: {}, want: 1 },
    { given: "its pool is paused", annotations: { "karpenter.sh/disruption-pause": "2999-01-01T00:00:00Z" }, want: 0 },
    {
      given: "its pool is paused for another reason",
      annotations: { "karpenter.sh/disruption-pause": "2999-01-01T00:00:00Z Drifted" },
      want: 1,
    },
    { given: "the pause is over", annotations: { "karpenter.sh/disruption-pause": "1970-01-01T00:00:00Z" }, want: 1 },
    { given: "the pause cannot be read", annotations: { "karpenter.sh/disruption-pause": "tomorrow" }, want: 0 },
  ]) {
    it(`${given}: ${want}`, () => {
      const made = nodePool();
      const pool = {
        ...made,
        metadata: { ...made.metadata, annotations },
        spec: { ...made.spec, disruption: { budgets: [{ nodes: "100%" }] } },
      };
      const { commands } = planDisruption(clusterOf({ objects: [pool, emptyNode("a")] }), { spotToSpot: false });
      assert.equal(commands.length, want);
    });
  }
});
