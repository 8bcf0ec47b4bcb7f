import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CAPACITY_TYPE_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { planProvisioning } from "./plan-provisioning.ts";
import type { ProvisionPlan } from "./provision-plan.ts";
import {
  type ClusterSketch,
  clusterOf,
  instanceType,
  nodePool,
  type OfferingSketch,
  pod,
  pods,
  RESERVATION_LABEL,
} from "./test-cluster.ts";
import { planInWords, valuesBought } from "./words/plan-in-words.ts";

const ON_DEMAND: OfferingSketch[] = [
  { zone: "zone-a", price: 0.1 },
  { zone: "zone-b", price: 0.1 },
];

function reserved(id: string, places: number, zone = "zone-a"): OfferingSketch {
  return { zone, capacityType: "reserved", price: 0.000_001, reservation: [id, places] };
}

/** Each holds one pod of 1500m. */
function type(name: string, ...more: OfferingSketch[]) {
  return instanceType({ name, cpu: 2, memory: 8, offerings: [...ON_DEMAND, ...more] });
}

/** "reserved r1: 2, on-demand: 1" */
function bought({ newNodeClaims }: ProvisionPlan): string {
  const counts = new Map<string, number>();
  for (const { requirements } of newNodeClaims) {
    const values = (key: string): string | undefined =>
      requirements.find((one) => one.key === key && one.operator === "In")?.values?.join();
    const what = [values(CAPACITY_TYPE_LABEL), values(RESERVATION_LABEL)].filter((one) => one !== undefined).join(" ");
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts.keys()]
    .sort()
    .map((what) => `${what}: ${counts.get(what)}`)
    .join(", ");
}

const big = (count: number, name = "p") => pods(count, { name, cpu: "1500m" });
const selects = (nodeSelector: Record<string, string>) => ({ nodeSelector });

describe("reserved capacity", () => {
  const cases: { given: string; cluster: ClusterSketch; want: string }[] = [
    {
      given: "enough places",
      cluster: { types: [type("m", reserved("r1", 5))], objects: [nodePool(), big(3)] },
      want: "reserved r1: 3",
    },
    {
      given: "too few places: the rest is bought on demand at once",
      cluster: { types: [type("m", reserved("r1", 1))], objects: [nodePool(), big(3)] },
      want: "on-demand: 2, reserved r1: 1",
    },
    {
      given: "a reservation without places",
      cluster: { types: [type("m", reserved("r1", 0))], objects: [nodePool(), big(1)] },
      want: "on-demand: 1",
    },
    {
      given: "a reservation that is not to be had",
      cluster: { types: [type("m", { ...reserved("r1", 3), available: false })], objects: [nodePool(), big(1)] },
      want: "on-demand: 1",
    },
    {
      given: "reserved capacity switched off",
      cluster: {
        types: [type("m", reserved("r1", 3))],
        objects: [nodePool(), big(1)],
        settings: { reservedCapacity: false },
      },
      want: "on-demand: 1",
    },
    {
      given: "several pods on one node: one place",
      cluster: { types: [type("m", reserved("r1", 1))], objects: [nodePool(), pods(3, { name: "p", cpu: "500m" })] },
      want: "reserved r1: 1",
    },
    {
      given: "two reservations of one type",
      cluster: { types: [type("m", reserved("r1", 1), reserved("r2", 1))], objects: [nodePool(), big(3)] },
      want: "on-demand: 1, reserved r1: 1, reserved r2: 1",
    },
    {
      given: "two types in one reservation that say different numbers: the smaller",
      cluster: { types: [type("m", reserved("r1", 3)), type("n", reserved("r1", 2))], objects: [nodePool(), big(4)] },
      want: "on-demand: 2, reserved r1: 2",
    },
    {
      given: "a reservation that two pools share",
      cluster: {
        types: [type("m", reserved("r1", 2))],
        objects: [
          nodePool({ name: "one", labels: { team: "one" } }),
          nodePool({ name: "two", labels: { team: "two" } }),
          pods(2, { name: "p", cpu: "1500m", ...selects({ team: "one" }) }),
          pods(2, { name: "q", cpu: "1500m", ...selects({ team: "two" }) }),
        ],
      },
      want: "on-demand: 2, reserved r1: 2",
    },
    {
      given: "a pod for another zone than the reservation's",
      cluster: {
        types: [type("m", reserved("r1", 2))],
        objects: [nodePool(), pod({ name: "p", ...selects({ [ZONE_LABEL]: "zone-b" }) })],
      },
      want: "on-demand: 1",
    },
    {
      given: "a pod that wants a certain reservation",
      cluster: {
        types: [type("m", reserved("r1", 2), reserved("r2", 2))],
        objects: [nodePool(), pod({ name: "p", ...selects({ [RESERVATION_LABEL]: "r2" }) })],
      },
      want: "reserved r2: 1",
    },
    {
      given: "a pool for on-demand only",
      cluster: {
        types: [type("m", reserved("r1", 2))],
        objects: [
          nodePool({ requirements: [{ key: CAPACITY_TYPE_LABEL, operator: "In", values: ["on-demand"] }] }),
          big(1),
        ],
      },
      want: "on-demand: 1",
    },
    {
      given: "a heavier pool without the reservation",
      cluster: {
        types: [type("m", reserved("r1", 2))],
        objects: [
          nodePool({ name: "light" }),
          nodePool({
            name: "heavy",
            weight: 10,
            requirements: [{ key: CAPACITY_TYPE_LABEL, operator: "In", values: ["on-demand"] }],
          }),
          big(1),
        ],
      },
      want: "on-demand: 1",
    },
    {
      given: "a claim on its way that holds the place",
      cluster: { types: [type("m", reserved("r1", 2))], objects: [nodePool(), onItsWay("r1"), big(2)] },
      want: "on-demand: 1, reserved r1: 1",
    },
  ];
  for (const { given, cluster, want } of cases) {
    it(`${given}: ${want}`, () => {
      const plan = planProvisioning(clusterOf(cluster));
      assert.equal(bought(plan), want);
      assert.deepEqual(plan.unschedulable, []);
    });
  }

  it("a reserved claim is tied to the reservation's place, and its price counts", () => {
    const plan = planProvisioning(clusterOf({ types: [type("m", reserved("r1", 2))], objects: [nodePool(), big(1)] }));
    assert.equal(plan.pricePerHour, 0.000_001);
    assert.equal(plan.newNodeClaims[0]?.labels[RESERVATION_LABEL], undefined);
    assert.equal(valuesBought(plan, RESERVATION_LABEL), "r1");
  });

  it("a pod for reserved capacity alone waits when there is none, and says so", () => {
    const p = pod({ name: "p", ...selects({ [CAPACITY_TYPE_LABEL]: "reserved" }) });
    const none = clusterOf({ types: [type("m", reserved("r1", 0))], objects: [nodePool(), p] });
    assert.equal(planInWords(planProvisioning(none)), "left p: ReservationsUsedUp");
    const q = pods(2, { name: "q", cpu: "1500m", ...selects({ [CAPACITY_TYPE_LABEL]: "reserved" }) });
    const one = clusterOf({ types: [type("m", reserved("r1", 1))], objects: [nodePool(), q] });
    assert.equal(planInWords(planProvisioning(one)), "default: m x1, left q-2: ReservationsUsedUp");
  });
});

/** It has no provider id yet, so the provider cannot know of it. */
function onItsWay(reservation: string): NodeClaim {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: {
      name: "coming",
      uid: "coming",
      resourceVersion: "1",
      creationTimestamp: "",
      labels: { "karpenter.sh/nodepool": "default" },
    },
    spec: {
      nodeClassRef: { group: "g", kind: "K", name: "default" },
      requirements: [{ key: RESERVATION_LABEL, operator: "In", values: [reservation] }],
      resources: { requests: { cpu: "1500m", memory: "1Gi", pods: "1" } },
      taints: [{ key: "full", effect: "NoSchedule" }],
    },
    status: { conditions: [] },
  } as unknown as NodeClaim;
}
