import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../src/base/random.ts";
import type { DaemonSet, Pod, PodSpec } from "../src/model/core.ts";
import type { InstanceType } from "../src/model/instance-type.ts";
import {
  ARCH_LABEL,
  CAPACITY_TYPE_LABEL,
  INSTANCE_TYPE_LABEL,
  WELL_KNOWN_LABELS,
  ZONE_LABEL,
} from "../src/model/labels.ts";
import { nodePoolHash } from "../src/model/node-pool-hash.ts";
import { allows, requirementsOf } from "../src/model/requirements.ts";
import type { NodeClaim } from "../src/model/resources/node-claim.ts";
import type { NodePool } from "../src/model/resources/node-pool.ts";
import { formatResources } from "../src/model/resources.ts";
import { launchedClaim } from "../src/plan/lifecycle/launch.ts";
import { nodeClaimObject } from "../src/plan/provision/node-claim-object.ts";
import { planProvisioning } from "../src/plan/provision/plan-provisioning.ts";
import type { ProvisionPlan } from "../src/plan/provision/provision-plan.ts";
import { kwokInstanceType, kwokOffering } from "../src/providers/kwok/instance-type.ts";
import type { Memory } from "../src/snapshot/snapshot.ts";
import { takeSnapshot } from "../src/snapshot/take-snapshot.ts";
import { viewOf } from "../src/snapshot/view-of.ts";

const NOW_MS = 1_704_067_300_000;
const GI = 1024 ** 3;
const types: InstanceType[] = ["amd64", "arm64"].flatMap((architecture) =>
  [2, 4, 16, 64].flatMap((cores) =>
    [2, 8].map((ratio) =>
      kwokInstanceType({
        name: `${architecture === "arm64" ? "g" : "i"}${ratio}-${cores}`,
        architecture,
        operatingSystems: ["linux"],
        resources: { cpu: cores * 1_000, memory: cores * ratio * GI, pods: 20 + cores },
        offerings: ["a", "b", "c"].flatMap((zone) =>
          (["spot", "on-demand"] as const).map((capacityType) => offering(zone, capacityType, cores, ratio)),
        ),
      }),
    ),
  ),
);

function offering(zone: string, capacityType: "spot" | "on-demand", cores: number, ratio: number) {
  const price = cores * (0.02 + ratio * 0.004) * (capacityType === "spot" ? 0.4 : 1);
  return kwokOffering({ zone, capacityType, priceUsdPerHour: price, available: true });
}

const meta = (name: string) => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: "1",
  creationTimestamp: "2024-01-01T00:00:00Z",
});
const pool: NodePool = {
  apiVersion: "karpenter.sh/v1",
  kind: "NodePool",
  metadata: { ...meta("default"), generation: 1 },
  spec: {
    template: {
      spec: {
        nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
        requirements: [{ key: "team", operator: "Exists" }],
        expireAfter: "720h",
        taints: [{ key: "soft", effect: "PreferNoSchedule" }],
        startupTaints: [{ key: "cni", effect: "NoExecute" }],
      },
    },
  },
  status: { conditions: [{ type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: "" }] },
};

function daemon(name: string, spec: Partial<PodSpec>): DaemonSet {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { ...meta(name), namespace: "kube-system" },
    spec: {
      selector: { matchLabels: { name } },
      template: {
        metadata: { labels: { name } },
        spec: { containers: [{ name: "c", resources: { requests: { cpu: "150m", memory: "100Mi" } } }], ...spec },
      },
    },
  };
}
const daemons = [
  daemon("everywhere", { tolerations: [{ operator: "Exists" }] }),
  daemon("arm-only", { nodeSelector: { [ARCH_LABEL]: "arm64" }, tolerations: [{ operator: "Exists" }] }),
];

function pod(i: number, random: Random): Pod {
  const selectors: Record<string, string>[] = [
    {},
    {},
    { [ZONE_LABEL]: random.pick(["a", "b"]) },
    { [ARCH_LABEL]: random.pick(["amd64", "arm64"]) },
    { [CAPACITY_TYPE_LABEL]: "on-demand" },
    { team: random.pick(["red", "blue"]) },
  ];
  const bigger = { key: "karpenter.kwok.sh/instance-cpu", operator: "Gt", values: ["3"] };
  const notHere = { key: ZONE_LABEL, operator: "NotIn", values: ["c"] };
  const required = random.chance(0.2) ? [random.pick([bigger, notHere])] : undefined;
  const requests = { cpu: `${random.pick([100, 250, 900, 3_000])}m`, memory: `${random.pick([64, 900, 5_000])}Mi` };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...meta(`p${i}`), namespace: "default" },
    spec: {
      containers: [{ name: "c", resources: { requests } }],
      nodeSelector: random.pick(selectors),
      ...(required === undefined
        ? {}
        : {
            affinity: {
              nodeAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: required }] },
              },
            },
          }),
    },
    status: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] },
  };
}

const wellKnownLabels = new Set([
  ...WELL_KNOWN_LABELS,
  ...["cpu", "memory", "family", "size"].map((name) => `karpenter.kwok.sh/instance-${name}`),
]);

function plan(
  pods: readonly Pod[],
  claims: readonly NodeClaim[],
  expectedOn = new Map<string, string>(),
): ProvisionPlan {
  const view = viewOf([pool, ...daemons, ...pods, ...claims]);
  const memory: Memory = { markedForDeletion: new Set(), nominatedUntilMs: new Map(), expectedOn };
  const settings = { searchSteps: 1_000_000 };
  const instanceTypes = new Map([["default", types]]);
  return planProvisioning(takeSnapshot(view, { nowMs: NOW_MS, instanceTypes, wellKnownLabels, memory, settings }));
}

function created(planned: ProvisionPlan): NodeClaim[] {
  return planned.newNodeClaims.map((one) => {
    const draft = nodeClaimObject(one, pool, nodePoolHash(pool.spec.template));
    return { ...draft, metadata: { ...meta(one.name), ...draft.metadata } } as NodeClaim;
  });
}

/** Launched as any of the types and offerings that the claim allows: the provider is free to choose. */
function launched(claim: NodeClaim, random: Random): NodeClaim {
  const wanted = requirementsOf(claim.spec.requirements);
  const may = (key: string, value: string): boolean => {
    const one = wanted.get(key);
    return one === undefined || allows(one, value);
  };
  const type = random.pick(types.filter(({ name }) => may(INSTANCE_TYPE_LABEL, name)));
  const bought = random.pick(
    type.offerings.filter((one) => may(ZONE_LABEL, one.zone) && may(CAPACITY_TYPE_LABEL, one.capacityType)),
  );
  const single = [...type.requirements.values()].filter(({ complement, values }) => !complement && values.size === 1);
  const labels = Object.fromEntries(single.map(({ key, values }) => [key, [...values][0] ?? ""]));
  return launchedClaim(
    claim,
    {
      providerId: `kwok://${claim.metadata.name}`,
      labels: { ...labels, [ZONE_LABEL]: bought.zone, [CAPACITY_TYPE_LABEL]: bought.capacityType },
      annotations: {},
      capacity: formatResources(type.capacity),
      allocatable: formatResources(type.allocatable),
    },
    1_704_067_250_000,
  );
}

describe("claims on their way are room for the pods they were bought for", () => {
  for (let seed = 1; seed <= 25; seed += 1) {
    it(`nothing is bought again, launched or not [SEED=${seed}]`, () => {
      const random = new Random(seed);
      const pods = Array.from({ length: random.between(1, 60) }, (_, i) => pod(i, random));
      const first = plan(pods, []);
      assert.notEqual(first.newNodeClaims.length, 0);
      assert.deepEqual(first.unschedulable, []);
      const claims = created(first);
      const some = claims.map((claim) => (random.chance(0.5) ? launched(claim, random) : claim));
      const expectedOn = new Map(
        first.newNodeClaims.flatMap(({ name, pods }) => pods.map((key) => [uidOf(key), name])),
      );
      const late = pod(1_000, random);
      for (const now of [claims, some, claims.map((claim) => launched(claim, random))]) {
        const again = plan(pods, now, expectedOn);
        assert.deepEqual([again.newNodeClaims, again.unschedulable], [[], []]);
        const later = plan([...pods, late], now, expectedOn);
        const placed = [...later.newNodeClaims, ...later.existingNodes].flatMap(({ pods: keys }) => keys);
        assert.deepEqual(placed, ["default/p1000"], "only the pod that came later is planned");
      }
    });
  }

  it("a plain batch finds its room again even when nobody remembers what was bought for whom", () => {
    const random = new Random(1);
    const pods = Array.from({ length: 40 }, (_, i) => ({ ...pod(i, random), spec: pod(0, new Random(5)).spec }));
    const claims = created(plan(pods, []));
    assert.deepEqual(plan(pods, claims).newNodeClaims, []);
  });
});

function uidOf(key: string): string {
  return `uid-${key.slice("default/".length)}`;
}
