import process from "node:process";
import { ec2Provider } from "../apps/controller/provider.ts";
import { Random } from "../src/base/random.ts";
import { formatTime, MINUTE_MS } from "../src/base/time.ts";
import type { NodeClass } from "../src/model/cluster-view.ts";
import type { NodeClaim } from "../src/model/resources/node-claim.ts";
import { defaultSettings } from "../src/model/settings.ts";
import type { CloudProvider } from "../src/ports/cloud-provider.ts";
import { createApiServer } from "../src/simulation/api-server/api-server.ts";
import { VirtualClock } from "../src/simulation/clock/virtual-clock.ts";
import { createAccount } from "../src/simulation/ec2/account.ts";
import { SimulatedEc2 } from "../src/simulation/ec2/ec2.ts";
import { silentTelemetry } from "../src/telemetry/silent-telemetry.ts";
import { type Bench, type BenchLine, round } from "./bench.ts";

const CLUSTER = "bench";

/** The AWS provider on a simulated account of us-east-1 and virtual time: what it costs our own processor. */
export function awsBenches({ toy }: { toy: boolean }): readonly Bench[] {
  return [
    { name: "aws: start, and the types of node classes", run: async () => [await classes(toy ? 3 : 50)] },
    { name: "aws: equal claims launched at once", run: async () => [await launches(toy ? 50 : 1_000)] },
  ];
}

function setUp() {
  const clock = new VirtualClock(1_767_225_600_000);
  const random = new Random(1);
  const ec2 = new SimulatedEc2({
    clock,
    random,
    account: createAccount({ region: "us-east-1", clusterName: CLUSTER }),
  });
  const kube = createApiServer({ clock, random, crds: [] }).api();
  const settings = { ...defaultSettings(), clusterName: CLUSTER };
  const provider = ec2Provider(settings, { aws: ec2.api(), kube, clock, ...silentTelemetry, region: "us-east-1" });
  return { clock, ec2, provider };
}

async function done<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let isDone = false;
  const settled = promise.finally(() => {
    isDone = true;
  });
  await clock.runFor(30 * MINUTE_MS, () => isDone);
  return settled;
}

async function readyClass(clock: VirtualClock, provider: CloudProvider, number: number): Promise<NodeClass> {
  const terms = [{ tags: { "karpenter.sh/discovery": CLUSTER } }];
  const nodeClass = {
    apiVersion: "karpenter.k8s.aws/v1",
    kind: "EC2NodeClass",
    metadata: {
      name: `class-${number}`,
      uid: `uid-${number}`,
      generation: 1,
      resourceVersion: "1",
      creationTimestamp: "",
    },
    spec: {
      amiSelectorTerms: [{ alias: "al2023@latest" }],
      subnetSelectorTerms: terms,
      securityGroupSelectorTerms: terms,
      instanceProfile: "nodes",
      kubelet: { maxPods: 20 + number },
    },
  };
  const findings = await done(
    clock,
    provider.nodeClassCare?.findings(nodeClass) ?? Promise.reject(new RangeError("no care")),
  );
  const ready = { type: "Ready", status: "True", observedGeneration: 1 };
  return { ...nodeClass, status: { ...findings.status, conditions: [ready] } };
}

const cpuMs = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return round((user + system) / 1_000);
};

async function classes(count: number): Promise<BenchLine> {
  const before = process.memoryUsage().heapUsed;
  let since = process.cpuUsage();
  const { clock, provider } = setUp();
  const typesOf = (nodeClass: NodeClass) => done(clock, provider.instanceTypes({} as never, nodeClass));
  const first = await readyClass(clock, provider, 0);
  const types = await typesOf(first);
  const startCpuMs = cpuMs(since);
  const heapMiB = round((process.memoryUsage().heapUsed - before) / 2 ** 20);
  const others: NodeClass[] = [];
  // A class that is looked after has its types resolved: its findings depend on them.
  since = process.cpuUsage();
  for (let i = 1; i < count; i += 1) others.push(await readyClass(clock, provider, i));
  for (const nodeClass of others) await typesOf(nodeClass);
  const othersCpuMs = cpuMs(since);
  since = process.cpuUsage();
  for (const nodeClass of others) await typesOf(nodeClass);
  return {
    types: types.length,
    startCpuMs,
    heapMiB,
    classes: others.length,
    othersCpuMs,
    unchangedCpuMs: cpuMs(since),
  };
}

async function launches(count: number): Promise<BenchLine> {
  const { clock, ec2, provider } = setUp();
  const nodeClass = await readyClass(clock, provider, 0);
  await done(clock, provider.instanceTypes({} as never, nodeClass));
  const claims = Array.from(
    { length: count },
    (_, i): NodeClaim => ({
      apiVersion: "karpenter.sh/v1",
      kind: "NodeClaim",
      metadata: {
        name: `default-${i}`,
        uid: `uid-${i}`,
        resourceVersion: "1",
        creationTimestamp: formatTime(clock.nowMs() + MINUTE_MS),
        labels: { "karpenter.sh/nodepool": "default" },
      },
      spec: {
        nodeClassRef: { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name: "class-0" },
        requirements: [{ key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand"] }],
      },
    }),
  );
  const since = process.cpuUsage();
  const instances = await done(clock, Promise.all(claims.map((claim) => provider.create(claim, nodeClass))));
  const requests = ec2.quotas.calls.get("ec2:CreateFleet") ?? 0;
  return { claims: instances.length, requests, cpuMs: cpuMs(since) };
}
