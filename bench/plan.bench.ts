import { Random } from "../src/base/random.ts";
import type { InstanceType } from "../src/model/instance-type.ts";
import { WELL_KNOWN_LABELS } from "../src/model/labels.ts";
import type { KubeObject } from "../src/model/object.ts";
import { planProvisioning } from "../src/plan/provision/plan-provisioning.ts";
import type { ProvisionPlan } from "../src/plan/provision/provision-plan.ts";
import { catalogueInstanceTypes } from "../src/providers/kwok/catalogue.ts";
import type { PlanSettings, Snapshot } from "../src/snapshot/snapshot.ts";
import { takeSnapshot } from "../src/snapshot/take-snapshot.ts";
import { viewOf } from "../src/snapshot/view-of.ts";
import { type Bench, type BenchLine, heapMb, round, timesOf } from "./bench.ts";
import { diversePods, FAKE_TYPES, wishfulPod } from "./diverse-pods.ts";

const TYPES = 700;
const SEED = 42;
/** So many runs until a plan of few pods runs compiled, as in a process that plans all day. */
const SMALL_PODS = 1_000;
const SMALL_RUNS = 40;

/** Provisioning plans. A fresh snapshot for every run: what is kept with pod objects must not flatter the time. */
export function planBenches({ toy }: { toy: boolean }): readonly Bench[] {
  const sizes = toy ? [20] : [1_000, 20_000, 100_000];
  const benches: Bench[] = [
    { name: "plan: plain pods", run: () => sizes.map((pods) => measure(pods, plainPod, toy)) },
    {
      name: "plan: pods with selectors, preferences, host ports",
      run: () => sizes.map((pods) => measure(pods, pickyPod, toy)),
    },
    {
      name: "plan: diverse pods (plain, spread, affinity, anti-affinity in fifths), 400 fake types",
      run: () =>
        (toy ? [20] : [1_000, 5_000, 10_000, 20_000, 40_000]).map((pods) =>
          measure(pods, diversePods(pods), toy, FAKE_TYPES, FIRST_PLAN),
        ),
    },
    {
      name: "plan: pods with preferences, 400 fake types",
      run: () => (toy ? [20] : [4_000]).map((pods) => measure(pods, wishfulPod, toy, FAKE_TYPES, FIRST_PLAN)),
    },
    {
      name: "plan: diverse pods, real types",
      run: () => (toy ? [20] : [100_000]).map((pods) => measure(pods, diversePods(pods), toy, realTypes(), FIRST_PLAN)),
    },
  ];
  return benches.map((bench) => ({ ...bench, root: planProvisioning.name }));
}

function measure(
  pods: number,
  make: (index: number, random: Random) => KubeObject,
  toy: boolean,
  types: readonly InstanceType[] = realTypes(),
  settings: Partial<PlanSettings> = {},
): BenchLine {
  let plan: ProvisionPlan | undefined;
  const times = timesOf(
    toy ? 1 : pods <= SMALL_PODS ? SMALL_RUNS : 7,
    () => snapshotWith(pods, make, types, settings),
    (snapshot) => {
      plan = planProvisioning(snapshot);
    },
  );
  return {
    pods,
    types: types.length,
    ...times,
    podsPerSecond: Math.round((pods / Math.max(times.ms, 0.1)) * 1_000),
    nodes: plan?.newNodeClaims.length ?? 0,
    pricePerHour: plan?.pricePerHour ?? 0,
    lowerBoundPerHour: round((plan?.lowerBoundPerHour ?? 0) * 1_000) / 1_000,
    refused: plan?.unschedulable.length ?? 0,
    heapMb: heapMb(),
  };
}

/** No effort beyond the first plan: that is what is compared with other planners. */
const FIRST_PLAN: Partial<PlanSettings> = { searchSteps: 1 };

function realTypes(): readonly InstanceType[] {
  return catalogueInstanceTypes("us-east-1").slice(0, TYPES);
}

function snapshotWith(
  pods: number,
  make: (index: number, random: Random) => KubeObject,
  types: readonly InstanceType[],
  settings: Partial<PlanSettings>,
): Snapshot {
  const random = new Random(SEED);
  const objects = [pool(), ...Array.from({ length: pods }, (_, index) => make(index, random))];
  const wellKnown = new Set(WELL_KNOWN_LABELS);
  for (const type of types) for (const key of type.requirements.keys()) wellKnown.add(key);
  return takeSnapshot(viewOf(objects), {
    nowMs: 0,
    instanceTypes: new Map([["default", types]]),
    wellKnownLabels: wellKnown,
    settings,
  });
}

function pool(): KubeObject {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name: "default", uid: "pool", resourceVersion: "1", creationTimestamp: "" },
    spec: {
      template: {
        spec: {
          nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
          requirements: [{ key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand", "spot"] }],
        },
      },
    },
    status: { conditions: [{ type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: "" }] },
  } as KubeObject;
}

const CPUS = ["100m", "250m", "500m", "1", "1500m", "2"];
const MEMORIES = ["128Mi", "256Mi", "512Mi", "1Gi", "2Gi", "4Gi"];

function plainPod(index: number, random: Random): KubeObject {
  return pod(index, { containers: [container(random)] });
}

function pickyPod(index: number, random: Random): KubeObject {
  const zone = random.pick(["us-east-1a", "us-east-1b", "us-east-1c"]);
  const plain = { containers: [container(random)] };
  switch (random.between(0, 4)) {
    case 0:
      return pod(index, { ...plain, nodeSelector: { "topology.kubernetes.io/zone": zone } });
    case 1:
      return pod(index, { ...plain, nodeSelector: { "kubernetes.io/arch": random.pick(["amd64", "arm64"]) } });
    case 2: {
      const preference = { matchExpressions: [{ key: "topology.kubernetes.io/zone", operator: "In", values: [zone] }] };
      const preferred = [{ weight: 1, preference }];
      return pod(index, {
        ...plain,
        affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } },
      });
    }
    case 3:
      return pod(index, {
        containers: [{ ...container(random), ports: random.chance(0.02) ? [{ containerPort: 80, hostPort: 80 }] : [] }],
      });
    default:
      return pod(index, { ...plain, nodeSelector: { "karpenter.sh/capacity-type": "on-demand" } });
  }
}

function container(random: Random) {
  return { name: "app", resources: { requests: { cpu: random.pick(CPUS), memory: random.pick(MEMORIES) } } };
}

function pod(index: number, spec: unknown): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `app-${index}`,
      namespace: "default",
      uid: `uid-${index}`,
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { app: `app-${index % 50}` },
    },
    spec,
    status: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] },
  } as KubeObject;
}
