import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PodSpec } from "../../../model/core.ts";
import { ZONE_LABEL } from "../../../model/labels.ts";
import { planProvisioning } from "../plan-provisioning.ts";
import { type ClusterSketch, clusterOf, instanceType, nodePool, pod, pods } from "../test-cluster.ts";

const one = (name: string, cpu: number, price: number, more: object = {}) =>
  instanceType({ name, cpu, memory: 4 * cpu, offerings: [{ zone: "zone-a", price, ...more }] });
const spread: Pick<PodSpec, "topologySpreadConstraints"> = {
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: ZONE_LABEL,
      whenUnsatisfiable: "DoNotSchedule",
      labelSelector: { matchLabels: { app: "web" } },
    },
  ],
};

describe("why a node has its shape", () => {
  const cases: { given: string; cluster: ClusterSketch; want: string }[] = [
    {
      given: "the next cheaper type is too small",
      cluster: { types: [one("s", 2, 0.1), one("m", 4, 0.2)], objects: [nodePool(), pod({ name: "p", cpu: 3 })] },
      want: "CheapestFit: its cpu is 77 % full; the next cheaper, s ($0.1000), has 1900m of 3 cpu",
    },
    {
      given: "nothing is cheaper",
      cluster: { types: [one("s", 2, 0.1), one("m", 4, 0.2)], objects: [nodePool(), pod({ name: "p", cpu: 1 })] },
      want: "CheapestOfAll: its cpu is 53 % full; no type that meets its requirements is cheaper",
    },
    {
      given: "several pods share it: what one node each would cost",
      cluster: { types: [one("s", 2, 0.1), one("m", 4, 0.11)], objects: [nodePool(), pods(3, { name: "p", cpu: 1 })] },
      want: "CheapestFit: its cpu is 77 % full; the next cheaper, s ($0.1000), has 1900m of 3 cpu; one node per pod: $0.3000",
    },
    {
      given: "a cheaper one would exceed the limits",
      cluster: {
        types: [one("huge", 16, 0.1), one("m", 4, 0.2)],
        objects: [nodePool({ limits: { cpu: 4 } }), pod({ name: "p", cpu: 3 })],
      },
      want: "CheapestWithinLimits: its cpu is 77 % full; the next cheaper, huge ($0.1000), would exceed the limits of the pool",
    },
    {
      given: "it is in a reservation",
      cluster: {
        types: [one("m", 4, 0.01, { capacityType: "reserved", reservation: ["r1", 1] })],
        objects: [nodePool(), pod({ name: "p", cpu: 3 })],
      },
      want: "CheapestOfAll: its cpu is 77 % full; no type that meets its requirements is cheaper; in reservation r1",
    },
    {
      given: "a spread decided its zone",
      cluster: {
        types: [one("m", 4, 0.1)],
        objects: [nodePool(), pod({ name: "p", cpu: 3, labels: { app: "web" }, ...spread })],
      },
      want: `CheapestOfAll: its cpu is 77 % full; no type that meets its requirements is cheaper; ${ZONE_LABEL} set by rules between pods`,
    },
  ];
  for (const { given, cluster, want } of cases) {
    it(given, () => {
      const reasons = planProvisioning(clusterOf(cluster)).newNodeClaims.map(({ why }) => `${why.code}: ${why.reason}`);
      assert.deepEqual(reasons, [want]);
    });
  }
});
