import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { clusterOf, node, nodePool, pod } from "../provision/test-cluster.ts";
import { planDrift } from "./drift.ts";

const condition = (type: string) => ({
  type,
  status: "True" as const,
  reason: type,
  message: "",
  lastTransitionTime: "2026-03-04T11:00:00Z",
});

/** A node of the static pool, in the conditions given. */
function fixedNode(name: string, ...types: string[]): KubeObject[] {
  const [machine, claim] = node({ name, pool: "fixed" }) as [KubeObject, NodeClaim];
  const conditions = ["Launched", "Initialized", ...types].map(condition);
  Object.assign((machine as { status?: object }).status ?? {}, { conditions: [{ type: "Ready", status: "True" }] });
  return [machine, { ...claim, status: { ...claim.status, conditions } } as NodeClaim];
}

function fixed(replicas: number, nodes: string, limit?: string): NodePool {
  const made = nodePool({ name: "fixed", replicas, ...(limit === undefined ? {} : { limits: { nodes: limit } }) });
  return { ...made, spec: { ...made.spec, disruption: { budgets: [{ nodes }] } } };
}

describe("drifted nodes of a static pool", () => {
  const five = (drifted: number): KubeObject[] =>
    Array.from({ length: 5 }, (_, i) => fixedNode(`n${i}`, ...(i < drifted ? ["Drifted"] : []))).flat();
  for (const { given, pool, objects, want } of [
    { given: "a limit of one more: one at a time", pool: fixed(5, "100%", "6"), objects: five(3), want: 1 },
    { given: "no limit: as many as the budget allows", pool: fixed(5, "2"), objects: five(3), want: 2 },
    { given: "a budget for all", pool: fixed(5, "100%"), objects: five(3), want: 3 },
    { given: "a closed budget", pool: fixed(5, "0"), objects: five(3), want: 0 },
    { given: "a limit that is reached", pool: fixed(5, "100%", "5"), objects: five(3), want: 0 },
    { given: "more nodes than replicas: these go first", pool: fixed(4, "100%"), objects: five(3), want: 0 },
    { given: "none drifted", pool: fixed(5, "100%"), objects: five(0), want: 0 },
  ]) {
    it(`${given}: ${want}`, () => {
      const { commands } = planDrift(clusterOf({ objects: [pool, ...objects, pod({ name: "p", node: "n0" })] }), {
        underway: new Set(),
        lastTurnMs: new Map(),
        lastTriedMs: new Map(),
        paused: new Set(),
      });
      assert.equal(commands.length, want);
      assert.ok(commands.every(({ candidates, replacements }) => candidates.length === 1 && replacements.length === 1));
      const names = commands.flatMap(({ replacements }) => replacements.map(({ name }) => name));
      assert.equal(new Set(names).size, want, "each has a replacement of its own");
    });
  }
});
