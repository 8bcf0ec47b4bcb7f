import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RetryError } from "../../base/errors.ts";
import { Random } from "../../base/random.ts";
import { formatTime, parseTime } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import { type Kind, KWOK_NODE_CLASSES, NODE_CLAIMS, NODE_POOLS, NODES, PODS } from "../../model/kinds.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, WELL_KNOWN_LABELS, ZONE_LABEL } from "../../model/labels.ts";
import type { Draft, KubeObject } from "../../model/object.ts";
import { allows, requirementsOf } from "../../model/requirements.ts";
import { crdOf } from "../../model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../model/resources/custom-resources.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { formatResources, parseResources } from "../../model/resources.ts";
import { defaultSettings } from "../../model/settings.ts";
import { findCondition, isTrue } from "../../plan/lifecycle/conditions.ts";
import {
  type CloudProvider,
  type Instance,
  InstanceNotFoundError,
  InsufficientCapacityError,
} from "../../ports/cloud-provider.ts";
import type { KubeApi } from "../../ports/kube-api.ts";
import type { EventRecord } from "../../ports/telemetry.ts";
import { instanceTypesFromKwokFile } from "../../providers/kwok/instance-types.ts";
import { createApiServer } from "../../simulation/api-server/api-server.ts";
import { VirtualClock } from "../../simulation/clock/virtual-clock.ts";
import { smallCatalogue } from "../../simulation/world/small-catalogue.ts";
import { silentLog } from "../../telemetry/log.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import { type Operator, startOperator } from "../operator.ts";

const START_MS = parseTime("2026-03-04T12:00:00Z") ?? 0;
const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };

/** A cloud whose machines join some seconds after their launch, unless they are told not to. */
class FakeCloud implements CloudProvider {
  readonly name = "fake";
  readonly nodeClasses = [{ group: nodeClassRef.group, kind: nodeClassRef.kind }];
  readonly wellKnownLabels = ["cpu", "memory", "family", "size"].map((n) => `karpenter.kwok.sh/instance-${n}`);
  readonly repairPolicies = [];
  readonly types: readonly InstanceType[] = instanceTypesFromKwokFile(smallCatalogue());
  readonly instances = new Map<string, Instance>();
  /** Errors of the coming launches. */
  readonly refusals: Error[] = [];
  /** The launch is carried out, but nobody hears of it. */
  losesReplies = 0;
  joins = true;
  launchMs = 500;
  readonly #api: KubeApi;
  readonly #clock: VirtualClock;

  constructor(api: KubeApi, clock: VirtualClock) {
    this.#api = api;
    this.#clock = clock;
  }

  async create(claim: NodeClaim): Promise<Instance> {
    await this.#clock.sleep(this.launchMs);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal;
    const instance = this.instances.get(claim.metadata.uid) ?? this.#launch(claim);
    if (this.losesReplies > 0) {
      this.losesReplies -= 1;
      throw new RetryError("no answer");
    }
    return instance;
  }

  #launch({ metadata: { name, uid }, spec }: NodeClaim): Instance {
    const wanted = requirementsOf(spec.requirements);
    const may = (key: string, value: string): boolean => {
      const one = wanted.get(key);
      return one === undefined || allows(one, value);
    };
    const [first] = this.types
      .filter((type) => may(INSTANCE_TYPE_LABEL, type.name))
      .flatMap((type) => type.offerings.map((offering) => ({ type, offering })))
      .filter(({ offering }) => may(ZONE_LABEL, offering.zone) && may(CAPACITY_TYPE_LABEL, offering.capacityType))
      .sort((a, b) => a.offering.priceUsdPerHour - b.offering.priceUsdPerHour);
    assert.ok(first, "a claim names a type that is offered");
    const { type, offering } = first;
    const labels: Record<string, string> = {
      [ZONE_LABEL]: offering.zone,
      [CAPACITY_TYPE_LABEL]: offering.capacityType,
    };
    for (const { key, values } of type.requirements.values()) labels[key] ??= [...values][0] ?? "";
    const instance: Instance = {
      providerId: `fake://${uid}`,
      labels,
      annotations: {},
      capacity: formatResources(type.capacity),
      allocatable: formatResources(type.allocatable),
      claimName: name,
      createdAtMs: this.#clock.nowMs(),
      isTerminating: false,
    };
    this.instances.set(uid, instance);
    if (this.joins) this.#clock.after(3_000, () => void this.#join(name, instance));
    return instance;
  }

  async #join(name: string, { providerId, capacity, allocatable }: Instance): Promise<void> {
    const metadata = { name: `node-${name}`, labels: { "kubernetes.io/hostname": `node-${name}` } };
    const taints = [{ key: "karpenter.sh/unregistered", effect: "NoExecute" as const }];
    const node = await this.#api.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata,
      spec: { providerID: providerId, taints },
    });
    await this.#clock.sleep(2_000);
    await withoutTaint(this.#api, node.metadata.name, "node.kubernetes.io/not-ready");
    const now = formatTime(this.#clock.nowMs());
    const ready = {
      type: "Ready",
      status: "True",
      reason: "KubeletReady",
      message: "",
      lastTransitionTime: now,
    } as const;
    await this.#api.patch(
      NODES,
      { name: node.metadata.name },
      { type: "merge", body: { status: { capacity, allocatable, conditions: [ready] } } },
      { subresource: "status" },
    );
  }

  async delete(claim: NodeClaim): Promise<void> {
    if (!this.instances.delete(claim.metadata.uid)) throw new InstanceNotFoundError(claim.metadata.name);
  }
  async get(providerId: string): Promise<Instance> {
    const found = [...this.instances.values()].find((instance) => instance.providerId === providerId);
    if (found === undefined) throw new InstanceNotFoundError(providerId);
    return found;
  }
  list = async (): Promise<Instance[]> => [...this.instances.values()];
  instanceTypes = async (): Promise<readonly InstanceType[]> => this.types;
  driftReason = async (): Promise<undefined> => undefined;
}

const pool: Draft<NodePool> = {
  apiVersion: "karpenter.sh/v1",
  kind: "NodePool",
  metadata: { name: "default", labels: {} },
  spec: {
    template: { spec: { nodeClassRef, requirements: [], startupTaints: [{ key: "cni", effect: "NoExecute" }] } },
    disruption: { consolidateAfter: "Never" },
  },
};

class World {
  readonly clock = new VirtualClock(START_MS);
  readonly #server = createApiServer({
    clock: this.clock,
    random: new Random(1),
    crds: CUSTOM_RESOURCES.map(crdOf),
    freeze: true,
  });
  readonly api = this.#server.api({ user: "test" });
  readonly cloud = new FakeCloud(this.api, this.clock);
  readonly events: EventRecord[] = [];
  readonly metrics = createMetrics({
    clock: this.clock,
    wellKnownLabels: [...WELL_KNOWN_LABELS, ...this.cloud.wellKnownLabels],
    nodeClasses: this.cloud.nodeClasses,
  });
  readonly operators: Operator[] = [];

  start(api: KubeApi = this.api): Operator {
    const operator = startOperator({
      api,
      provider: this.cloud,
      clock: this.clock,
      random: new Random(2 + this.operators.length),
      events: { record: (event) => void this.events.push(event) },
      metrics: this.metrics,
      log: silentLog,
      settings: defaultSettings(),
      searchSteps: 100_000,
      onFatal: (error) => assert.fail(error),
    });
    this.operators.push(operator);
    return operator;
  }

  async stop(): Promise<void> {
    for (const operator of this.operators.splice(0)) await this.end(operator);
    this.#server.close();
  }

  /** What is in flight may need time to come back. */
  async end(operator: Operator): Promise<void> {
    let isDone = false;
    const stopped = operator.stop().then(() => {
      isDone = true;
    });
    await this.clock.runFor(120_000, () => isDone);
    await stopped;
  }

  async create<T extends KubeObject>(kind: Kind<T>, object: Draft<T>): Promise<T> {
    return this.api.create(kind, object);
  }

  async addPods(count: number, prefix = "p", cpu = "900m"): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const metadata = { name: `${prefix}${i}`, namespace: "default" };
      const spec = { containers: [{ name: "c", image: "i", resources: { requests: { cpu } } }] };
      await this.api.create(PODS, { apiVersion: "v1", kind: "Pod", metadata, spec });
      const condition = {
        type: "PodScheduled",
        status: "False",
        reason: "Unschedulable",
        lastTransitionTime: now(this),
      };
      const body = { status: { phase: "Pending", conditions: [condition] } };
      await this.api.patch(PODS, metadata, { type: "merge", body }, { subresource: "status" });
    }
  }

  /** Takes the startup taints away, as a daemon would do once it runs. */
  async settleNodes(): Promise<void> {
    for (const { metadata } of await this.nodes()) await withoutTaint(this.api, metadata.name, "cni");
  }

  pass = (seconds: number): Promise<boolean> => this.clock.runFor(seconds * 1_000);
  claims = async (): Promise<NodeClaim[]> => (await this.api.list(NODE_CLAIMS)).items;
  nodes = async (): Promise<Node[]> => (await this.api.list(NODES)).items;
  pool = (name = "default"): Promise<NodePool> => this.api.get(NODE_POOLS, { name });
  reasons = (of: string): string[] => [
    ...new Set(this.events.filter(({ object }) => object.kind === of).map(({ reason }) => reason)),
  ];
}

async function withoutTaint(api: KubeApi, name: string, key: string): Promise<void> {
  const node = await api.get(NODES, { name });
  const taints = (node.spec.taints ?? []).filter((taint) => taint.key !== key);
  await api.patch(NODES, { name }, { type: "merge", body: { spec: { taints } } });
}

function now({ clock }: World): string {
  return formatTime(clock.nowMs());
}

async function inWorld(run: (world: World) => Promise<void>): Promise<void> {
  const world = new World();
  await world.api.create(KWOK_NODE_CLASSES, {
    apiVersion: "karpenter.kwok.sh/v1alpha1",
    kind: "KWOKNodeClass",
    metadata: { name: "default" },
  });
  await world.api.create(NODE_POOLS, pool);
  try {
    await run(world);
  } finally {
    await world.stop();
  }
}

describe("from pods to nodes", () => {
  it("buys one node for a batch of pods, and takes it to initialized", () =>
    inWorld(async (world) => {
      world.start();
      await world.pass(1);
      await world.addPods(3);
      await world.pass(1.5);
      const [claim, ...more] = await world.claims();
      assert.ok(claim);
      assert.deepEqual(more, []);
      assert.deepEqual(claim.metadata.finalizers, ["karpenter.sh/termination"]);
      assert.equal(claim.metadata.annotations?.["karpenter.sh/nodepool-hash-version"], "v3");
      await world.pass(10);
      const [node] = await world.nodes();
      assert.ok(node);
      const [registered] = await world.claims();
      assert.ok(registered);
      assert.equal(registered.status?.nodeName, node.metadata.name);
      assert.equal(findCondition(registered, "Initialized")?.reason, "StartupTaintsExist");
      assert.deepEqual(
        node.spec.taints?.map(({ key }) => key),
        ["cni"],
      );
      assert.equal(node.metadata.labels?.["karpenter.sh/registered"], "true");
      assert.equal(node.metadata.labels?.["karpenter.kwok.sh/kwoknodeclass"], "default");
      await world.settleNodes();
      await world.pass(2);
      const [ready] = await world.claims();
      assert.ok(ready !== undefined && isTrue(ready, "Ready"));
      assert.equal((await world.nodes())[0]?.metadata.labels?.["karpenter.sh/initialized"], "true");
      await world.pass(120);
      assert.equal((await world.claims()).length, 1, "the pods have their node, bound or not");
      assert.deepEqual(world.reasons("Pod"), ["Nominated"]);
      assert.equal(
        world.metrics.read("karpenter_nodeclaims_created_total", {
          reason: "provisioned",
          nodepool: "default",
          min_values_relaxed: "false",
        }),
        1,
      );
    }));

  it("shows in the pool what it has and whether it can be used", () =>
    inWorld(async (world) => {
      world.start();
      await world.addPods(1);
      await world.pass(30);
      const { metadata, status } = await world.pool();
      assert.equal(findCondition(await world.pool(), "Ready")?.status, "True");
      assert.equal(findCondition(await world.pool(), "NodeRegistrationHealthy")?.status, "True");
      assert.equal(status?.nodes, 1);
      assert.equal(status?.resources?.["nodes"], "1");
      assert.match(metadata.annotations?.["karpenter.sh/nodepool-hash"] ?? "", /^\d+$/);
      world.operators[0]?.refreshMetrics();
      assert.ok((world.metrics.read("karpenter_nodepools_cost_total", { nodepool: "default" }) ?? 0) > 0);
      const text = world.metrics.expose();
      for (const line of [
        /operator_nodeclaim_status_condition_count\{[^}]*type="Launched"/,
        /operator_status_condition_transitions_total\{[^}]*kind="NodeClaim"/,
        /karpenter_nodes_allocatable\{[^}]*resource_type="cpu"/,
        /karpenter_pods_state\{[^}]*phase="Pending"/,
        /karpenter_cluster_state_synced 1/,
        /karpenter_scheduler_pending_pods_by_effective_zone_count\{[^}]*zone="flexible"\} 1/,
      ]) {
        assert.match(text, line);
      }
      assert.ok(world.reasons("NodeClaim").includes("Registered"), "a condition that changes is told");
    }));

  it("does not wait for claims that are not launched yet, and counts them", () =>
    inWorld(async (world) => {
      world.cloud.launchMs = 60_000;
      world.start();
      await world.addPods(2, "a");
      await world.pass(5);
      assert.equal((await world.claims()).length, 1);
      await world.addPods(2, "b", "15");
      await world.pass(5);
      const claims = await world.claims();
      assert.ok(claims.length >= 2 && claims.length <= 3, "the first two pods are not bought for again");
    }));

  it("tries another offer at once when one is sold out", () =>
    inWorld(async (world) => {
      world.cloud.refusals.push(new InsufficientCapacityError("no i-2 in test-1a"));
      world.start();
      await world.addPods(2);
      await world.pass(8);
      const claims = await world.claims();
      assert.equal(claims.length, 1);
      assert.ok(claims[0] !== undefined && isTrue(claims[0], "Launched"));
      assert.ok(world.reasons("NodeClaim").includes("InsufficientCapacityError"));
    }));

  it("shows why a launch fails, and gives the claim up after five minutes", () =>
    inWorld(async (world) => {
      for (let i = 0; i < 100; i += 1) world.cloud.refusals.push(new RetryError("the cloud is down"));
      world.start();
      await world.addPods(1);
      await world.pass(60);
      const [claim] = await world.claims();
      assert.equal(claim && findCondition(claim, "Launched")?.reason, "LaunchFailed");
      assert.equal(claim && findCondition(claim, "Launched")?.message, "the cloud is down");
      await world.pass(330);
      world.cloud.refusals.length = 0;
      await world.pass(90);
      const [next] = await world.claims();
      assert.ok(next);
      assert.notEqual(next.metadata.uid, claim?.metadata.uid);
      assert.ok(isTrue(next, "Launched"));
    }));

  it("gives up a machine that does not join within fifteen minutes", () =>
    inWorld(async (world) => {
      world.cloud.joins = false;
      world.start();
      await world.addPods(1);
      await world.pass(14 * 60);
      const [lost] = await world.claims();
      world.cloud.joins = true;
      await world.pass(120);
      const [claim, ...more] = await world.claims();
      assert.notEqual(claim?.metadata.uid, lost?.metadata.uid);
      assert.deepEqual(more, []);
      assert.equal((await world.nodes()).length, 1);
      assert.equal(world.cloud.instances.size, 1, "the lost machine is ended");
    }));

  it("says why no node can take a pod, and buys when the pool is changed", () =>
    inWorld(async (world) => {
      world.start();
      await world.pass(1);
      await world.api.patch(
        NODE_POOLS,
        { name: "default" },
        { type: "merge", body: { spec: { limits: { cpu: "0" } } } },
      );
      await world.addPods(1);
      await world.pass(30);
      assert.deepEqual(await world.claims(), []);
      assert.deepEqual(world.reasons("Pod"), ["FailedScheduling"]);
      await world.api.patch(NODE_POOLS, { name: "default" }, { type: "merge", body: { spec: { limits: null } } });
      await world.pass(2);
      assert.equal((await world.claims()).length, 1);
    }));
});

describe("pools that cannot be used", () => {
  const other = { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name: "default" };
  type Case = { given: string; change: Draft<NodePool>["spec"]["template"]["spec"]; type: string; reason: string };
  const table: Case[] = [
    {
      given: "no such class",
      change: { nodeClassRef: { ...nodeClassRef, name: "none" }, requirements: [] },
      type: "NodeClassReady",
      reason: "NodeClassNotFound",
    },
    {
      given: "a class nobody here serves",
      change: { nodeClassRef: other, requirements: [] },
      type: "NodeClassReady",
      reason: "NodeClassNotServed",
    },
    {
      given: "taints that are there twice",
      change: {
        nodeClassRef,
        requirements: [],
        taints: [{ key: "a", effect: "NoSchedule" }],
        startupTaints: [{ key: "a", effect: "NoSchedule" }],
      },
      type: "ValidationSucceeded",
      reason: "NodePoolValidationFailed",
    },
  ];
  for (const { given, change, type, reason } of table) {
    it(`${given}: ${reason}, and the other pool goes on`, () =>
      inWorld(async (world) => {
        await world.api.create(NODE_POOLS, {
          ...pool,
          metadata: { name: "bad" },
          spec: { template: { spec: change }, weight: 100 },
        });
        world.start();
        await world.pass(2);
        assert.equal(findCondition(await world.pool("bad"), type)?.reason, reason);
        assert.equal(findCondition(await world.pool("bad"), "Ready")?.status === "True", false);
        await world.addPods(1);
        await world.pass(5);
        assert.deepEqual(
          (await world.claims()).map(({ metadata }) => metadata.labels?.["karpenter.sh/nodepool"]),
          ["default"],
        );
      }));
  }
});

describe("nothing is bought twice", () => {
  it("by a process that is started anew at any moment", async () => {
    for (let at = 0; at < 12; at += 1) {
      await inWorld(async (world) => {
        world.cloud.losesReplies = 1;
        const first = world.start();
        await world.pass(1);
        await world.addPods(5);
        await world.pass(1 + at / 2);
        world.operators.length = 0;
        await world.end(first);
        world.start();
        await world.pass(90);
        assert.equal(await boughtCpuMilli(world), 5 * 900, `stopped after ${1 + at / 2} s`);
      });
    }
  });

  it("by two leaders", () =>
    inWorld(async (world) => {
      world.start();
      world.start();
      await world.pass(1);
      await world.addPods(5);
      await world.pass(60);
      assert.equal(await boughtCpuMilli(world), 5 * 900);
    }));

  it("when watches are late and replies are lost", () =>
    inWorld(async (world) => {
      let lost = 3;
      const late: KubeApi = {
        ...world.api,
        watch: (kind, options, onEvent) => {
          const watch = world.api.watch(kind, options, (event) =>
            kind.kind === "NodeClaim" ? void world.clock.after(20_000, () => onEvent(event)) : onEvent(event),
          );
          return watch;
        },
        create: async (kind, object, options) => {
          const created = await world.api.create(kind, object, options);
          if (kind.kind !== "NodeClaim" || lost === 0) return created;
          lost -= 1;
          throw new RetryError("no answer");
        },
      };
      world.start(late);
      await world.pass(1);
      await world.addPods(5, "a");
      await world.pass(1.2);
      await world.addPods(5, "b");
      await world.pass(120);
      const bought = await boughtCpuMilli(world);
      // Pods of the second batch may find room on the nodes of the first.
      assert.ok(bought > 7 * 900 && bought <= 10 * 900, `${bought}m cpu for 10 pods of 900m`);
    }));
});

/** What all claims together were bought for; and there is a machine for each. */
async function boughtCpuMilli(world: World): Promise<number> {
  const claims = await world.claims();
  assert.equal(world.cloud.instances.size, claims.length);
  const each = claims.map((claim) => parseResources(claim.spec.resources?.requests)["cpu"] ?? 0);
  return each.reduce((sum, cpu) => sum + cpu, 0);
}
