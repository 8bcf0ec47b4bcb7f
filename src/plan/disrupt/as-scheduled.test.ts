import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Pod } from "../../model/core.ts";
import { type ClusterSketch, clusterOf, node, nodePool, pod } from "../provision/test-cluster.ts";
import { asScheduled } from "./as-scheduled.ts";
import type { DisruptionCommand } from "./command.ts";

/** Where the scheduler puts the pods of node a, "-" for none; planned for b as far as the plan goes. */
function placed(objects: ClusterSketch["objects"]): Record<string, string> {
  const snapshot = clusterOf({ objects: [nodePool({ name: "default" }), ...objects] });
  const pods = [...snapshot.view.pods.values()].filter(({ spec }: Pod) => spec.nodeName === "a");
  const moves = new Map(pods.map(({ metadata }) => [`default/${metadata.name}`, "b"]));
  const candidates = [{ pods }] as unknown as DisruptionCommand["candidates"];
  const command = {
    reason: "Underutilized",
    consolidationType: "single",
    candidates,
    replacements: [],
    moves,
  } as const;
  const placement = asScheduled(
    { ...snapshot, stateNodes: snapshot.stateNodes.filter(({ name }) => name !== "a") },
    command,
  );
  return Object.fromEntries(pods.map(({ metadata: { name } }) => [name, placement.get(`default/${name}`) ?? "-"]));
}

describe("where the scheduler puts the pods of a move", () => {
  const nodes = (b: number, c: number) => [
    node({ name: "a", cpu: 4 }),
    node({ name: "b", cpu: b }),
    node({ name: "c", cpu: c }),
  ];
  for (const { given, objects, want } of [
    {
      given: "the emptiest node takes it, whatever was planned",
      objects: [...nodes(2, 4), pod({ name: "p", cpu: "1", node: "a" })],
      want: { p: "c" },
    },
    {
      given: "of two alike, the one with the smaller name",
      objects: [...nodes(4, 4), pod({ name: "p", cpu: "1", node: "a" })],
      want: { p: "b" },
    },
    {
      given: "the largest go first, and small ones find what is left",
      objects: [
        ...nodes(2, 3),
        pod({ name: "p", cpu: "500m", node: "a" }),
        pod({ name: "q", cpu: "2500m", node: "a" }),
        pod({ name: "r", cpu: "1500m", node: "a" }),
      ],
      want: { p: "b", q: "c", r: "b" },
    },
    {
      given: "spread out, they leave no room for the last",
      objects: [
        ...nodes(3, 2),
        pod({ name: "p", cpu: "2", node: "a" }),
        pod({ name: "q", cpu: "1500m", node: "a" }),
        pod({ name: "r", cpu: "1500m", node: "a" }),
      ],
      want: { p: "b", q: "c", r: "-" },
    },
    {
      given: "a selector keeps it from the emptiest",
      objects: [
        node({ name: "a", cpu: 4 }),
        node({ name: "b", cpu: 2, labels: { disk: "ssd" } }),
        node({ name: "c", cpu: 8 }),
        pod({ name: "p", cpu: "1", node: "a", nodeSelector: { disk: "ssd" } }),
      ],
      want: { p: "b" },
    },
    {
      given: "with rules about its neighbours, it goes where it was planned",
      objects: [
        ...nodes(2, 4),
        pod({
          name: "p",
          cpu: "1",
          node: "a",
          topologySpreadConstraints: [
            { maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "DoNotSchedule" },
          ],
        }),
      ],
      want: { p: "b" },
    },
  ]) {
    it(given, () => assert.deepEqual(placed(objects.flat()), want));
  }
});
