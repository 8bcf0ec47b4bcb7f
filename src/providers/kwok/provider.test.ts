import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { settleAll } from "../../base/settle-all.ts";
import { formatTime } from "../../base/time.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import { KWOK_NODE_CLASSES, NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import type { Draft } from "../../model/object.ts";
import { type RequirementSpec, requirementsOf } from "../../model/requirements.ts";
import { crdOf } from "../../model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../model/resources/custom-resources.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { launchedClaim } from "../../plan/lifecycle/launch.ts";
import {
  type Instance,
  InstanceNotFoundError,
  InsufficientCapacityError,
  NodeClassNotReadyError,
} from "../../ports/cloud-provider.ts";
import { createApiServer } from "../../simulation/api-server/api-server.ts";
import { VirtualClock } from "../../simulation/clock/virtual-clock.ts";
import { kwokInstanceType, kwokOffering } from "./instance-type.ts";
import { type KwokProvider, type KwokProviderOptions, kwokProvider } from "./provider.ts";

const START_MS = 1_767_571_200_000;

function typeOf(name: string, cpuMilli: number, price: number): InstanceType {
  const offerings = ["zone-a", "zone-b"].flatMap((zone) => [
    kwokOffering({ zone, capacityType: "spot", priceUsdPerHour: price / 2, available: true }),
    kwokOffering({ zone, capacityType: "on-demand", priceUsdPerHour: price, available: true }),
  ]);
  const resources = { cpu: cpuMilli, memory: 8 * 2 ** 30 };
  return kwokInstanceType({ name, architecture: "amd64", operatingSystems: ["linux"], offerings, resources });
}

/** With so many places in reservation "r1". */
function reservedType(reservationCapacity: number): InstanceType {
  const key = "example.com/reservation-id";
  const inZone: RequirementSpec = { key: "topology.kubernetes.io/zone", operator: "In", values: ["zone-a"] };
  const inReservation: RequirementSpec[] = [
    inZone,
    { key: "karpenter.sh/capacity-type", operator: "In", values: ["reserved"] },
    { key, operator: "In", values: ["r1"] },
  ];
  const common = { zone: "zone-a", available: true };
  const offerings = [
    kwokOffering(
      { ...common, capacityType: "reserved", priceUsdPerHour: 0.001, reservationId: "r1", reservationCapacity },
      requirementsOf(inReservation),
    ),
    kwokOffering({ ...common, capacityType: "on-demand", priceUsdPerHour: 0.1 }),
  ];
  const resources = { cpu: 2_000, memory: 8 * 2 ** 30 };
  return kwokInstanceType({
    name: "c5.large",
    architecture: "amd64",
    operatingSystems: ["linux"],
    offerings,
    resources,
  });
}

function claimOf(name: string): Draft<NodeClaim> {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: { name, labels: { "karpenter.sh/nodepool": "default" } },
    spec: {
      nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
      requirements: [],
      resources: { requests: { cpu: "100m" } },
    },
  };
}

/** Places left, reservation by reservation, as the provider tells the planner. */
async function placesOf(provider: KwokProvider): Promise<number[]> {
  const types = await provider.instanceTypes({} as never);
  return types.flatMap(({ offerings }) => offerings.flatMap((one) => one.reservationCapacity ?? []));
}

const TYPES = [typeOf("c5.large", 2_000, 0.1), typeOf("c5.xlarge", 4_000, 0.2)];

/** A cluster with a KWOKNodeClass "default" and a provider in it. */
async function setUp(delay = "0s", options: Partial<KwokProviderOptions> = {}) {
  const clock = new VirtualClock(START_MS);
  const server = createApiServer({ clock, random: new Random(1), crds: CUSTOM_RESOURCES.map(crdOf) });
  const api = server.api();
  await api.create(KWOK_NODE_CLASSES, {
    apiVersion: "karpenter.kwok.sh/v1alpha1",
    kind: "KWOKNodeClass",
    metadata: { name: "default" },
    spec: { nodeRegistrationDelay: delay },
  });
  const start = (more: Partial<KwokProviderOptions> = {}) =>
    kwokProvider({ api, clock, instanceTypes: TYPES, ...options, ...more });
  const claim = (requirements: RequirementSpec[] = [], cpu = "100m", className = "default"): Promise<NodeClaim> =>
    api.create(NODE_CLAIMS, {
      apiVersion: "karpenter.sh/v1",
      kind: "NodeClaim",
      metadata: { name: "default-x1", labels: { "karpenter.sh/nodepool": "default" } },
      spec: {
        nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: className },
        requirements,
        resources: { requests: { cpu } },
      },
    });
  /** What the lifecycle controller writes after a launch. */
  const launched = async (before: NodeClaim, instance: Instance): Promise<NodeClaim> => {
    const next = launchedClaim(before, instance, clock.nowMs());
    const named = await api.update(NODE_CLAIMS, next);
    return await api.updateStatus(NODE_CLAIMS, { ...named, ...(next.status && { status: next.status }) });
  };
  const nodes = async () => (await api.list(NODES)).items;
  return { clock, api, start, claim, launched, nodes };
}

describe("launching", () => {
  it("makes a node with the labels, the taint and the room of the cheapest offering", async () => {
    const { start, claim, nodes } = await setUp();
    const instance = await start().create(
      await claim([
        { key: "karpenter.sh/capacity-type", operator: "In", values: ["spot", "on-demand"] },
        { key: "example.com/team", operator: "In", values: ["a"] },
      ]),
    );
    assert.equal(instance.labels["node.kubernetes.io/instance-type"], "c5.large");
    assert.equal(instance.labels["karpenter.sh/capacity-type"], "spot");
    assert.deepEqual(
      [instance.capacity["cpu"], instance.allocatable["cpu"], instance.claimName],
      ["2", "1900m", "default-x1"],
    );
    const [node, ...more] = await nodes();
    assert.equal(more.length, 0);
    assert.equal(node!.spec.providerID, instance.providerId);
    assert.equal(instance.providerId, `kwok://${node!.metadata.name}`);
    assert.match(node!.metadata.name, /^kwok-default-x1-[0-9a-f]{12}$/);
    assert.ok(
      node!.spec.taints!.some(({ key, effect }) => key === "karpenter.sh/unregistered" && effect === "NoExecute"),
    );
    assert.deepEqual(node!.status!.allocatable, { cpu: "1900m", memory: "8182Mi", pods: "110" });
    const { labels = {}, annotations = {} } = node!.metadata;
    assert.equal(annotations["kwok.x-k8s.io/node"], "fake");
    const wanted = {
      "example.com/team": "a",
      "karpenter.kwok.sh/instance-cpu": "2",
      "karpenter.kwok.sh/instance-family": "c5",
      "karpenter.kwok.sh/instance-memory": "8Gi",
      "karpenter.kwok.sh/instance-size": "large",
      "karpenter.kwok.sh/kwoknodeclass": "default",
      "karpenter.sh/capacity-type": "spot",
      "karpenter.sh/nodepool": "default",
      "kubernetes.io/arch": "amd64",
      "kubernetes.io/hostname": node!.metadata.name,
      "kubernetes.io/os": "linux",
      "kwok-partition": "a",
      "kwok.x-k8s.io/node": "fake",
      "node.kubernetes.io/instance-type": "c5.large",
      "topology.kubernetes.io/zone": "zone-a",
      "eks-node-viewer/instance-price": "0.050000",
    };
    assert.deepEqual(labels, wanted);
  });

  const choices: readonly [name: string, requirements: RequirementSpec[], cpu: string, want: string][] = [
    ["the cheapest that holds the requests", [], "2500m", "c5.xlarge zone-a spot"],
    [
      "what requirements on a zone leave",
      [{ key: "topology.kubernetes.io/zone", operator: "NotIn", values: ["zone-a"] }],
      "1",
      "c5.large zone-b spot",
    ],
    [
      "what requirements on the type leave",
      [{ key: "node.kubernetes.io/instance-type", operator: "In", values: ["c5.xlarge"] }],
      "1",
      "c5.xlarge zone-a spot",
    ],
    [
      "what a bound leaves",
      [
        { key: "karpenter.kwok.sh/instance-cpu", operator: "Gt", values: ["3"] },
        { key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand"] },
      ],
      "1",
      "c5.xlarge zone-a on-demand",
    ],
  ];
  for (const [name, requirements, cpu, want] of choices) {
    it(`takes ${name}`, async () => {
      const { start, claim } = await setUp();
      const { labels } = await start().create(await claim(requirements, cpu));
      const keys = ["node.kubernetes.io/instance-type", "topology.kubernetes.io/zone", "karpenter.sh/capacity-type"];
      assert.equal(keys.map((key) => labels[key]).join(" "), want);
    });
  }

  it("goes on to the next offering when one is sold out, and gives up when all are", async () => {
    let zones = ["zone-a"];
    const { start, claim, nodes } = await setUp("0s", { isSoldOut: ({ zone }) => zones.includes(zone) });
    const made = await claim();
    const provider = start();
    zones = ["zone-a", "zone-b"];
    await assert.rejects(provider.create(made), InsufficientCapacityError);
    assert.equal((await nodes()).length, 0);
    zones = ["zone-a"];
    assert.equal((await provider.create(made)).labels["topology.kubernetes.io/zone"], "zone-b");
  });

  it("hears of interruptions from a label on a node, and sells no such offering for three minutes", async () => {
    const { start, claim, nodes, api, clock } = await setUp();
    const provider = start();
    const made = await claim();
    await provider.create(made);
    const [node] = await nodes();
    const name = node!.metadata.name;
    const labels = { "karpenter.kwok.sh/interruption": "spot_interrupted" };
    await api.patch(NODES, { name }, { type: "merge", body: { metadata: { labels } } });
    const [interruptions] = provider.interruptions ?? [];
    assert.ok(interruptions !== undefined);
    const [notice] = await interruptions.receive();
    assert.ok(notice !== undefined);
    assert.deepEqual([notice.kind, notice.providerIds], ["spot_interrupted", [node!.spec.providerID]]);
    await clock.runFor(5_000);
    assert.equal((await interruptions.receive())[0]?.sentAtMs, notice.sentAtMs, "the two minutes run once");
    interruptions.note(notice, { ...made, metadata: node!.metadata });
    await interruptions.remove(notice);
    assert.deepEqual(await interruptions.receive(), []);
    const unavailable = async (): Promise<string[]> =>
      (await provider.instanceTypes({} as NodePool)).flatMap(({ name: type, offerings }) =>
        offerings.filter(({ available }) => !available).map((one) => `${type} ${one.zone} ${one.capacityType}`),
      );
    assert.deepEqual(await unavailable(), ["c5.large zone-a spot"]);
    await clock.runFor(180_000);
    assert.deepEqual(await unavailable(), []);
  });

  it("finds the first launch when it is asked a second time, also in another process", async () => {
    const { start, claim, nodes } = await setUp();
    const made = await claim();
    const first = await start().create(made);
    const second = await start({ isSoldOut: () => true }).create(made);
    assert.equal(second.providerId, first.providerId);
    assert.deepEqual(second.labels["node.kubernetes.io/instance-type"], "c5.large");
    assert.equal((await nodes()).length, 1);
  });

  it("fills a reservation and no more, then goes on to the next offering", async () => {
    for (const delay of ["0s", "5s"]) {
      const { start, api, nodes, clock } = await setUp(delay, { instanceTypes: [reservedType(2)] });
      const provider = start();
      const claims = await settleAll(["a", "b", "c"].map((name) => api.create(NODE_CLAIMS, claimOf(name))));
      const launched = await settleAll(claims.map((claim) => provider.create(claim)));
      const capacity = launched.map(({ labels }) => labels["karpenter.sh/capacity-type"]).sort();
      assert.deepEqual(capacity, ["on-demand", "reserved", "reserved"]);
      assert.deepEqual(await placesOf(provider), [0]);
      await clock.runFor(10_000);
      const inReservation = (await nodes()).filter(
        ({ metadata }) => metadata.labels?.["karpenter.sh/capacity-type"] === "reserved",
      );
      assert.deepEqual([inReservation.length, await placesOf(provider), await placesOf(start())], [2, [0], [0]]);
      await api.delete(NODES, { name: inReservation[0]?.metadata.name ?? "" });
      assert.deepEqual(await placesOf(provider), [1]);
    }
  });

  it("needs its node class, ready and staying", async () => {
    const { start, claim, api } = await setUp();
    const lost = await claim([], "1", "other");
    await assert.rejects(start().create(lost), NodeClassNotReadyError);
    await api.delete(NODE_CLAIMS, { name: lost.metadata.name });
    const made = await claim();
    const nodeClass = await api.get(KWOK_NODE_CLASSES, { name: "default" });
    const [ready] = nodeClass.status!.conditions!;
    await api.updateStatus(KWOK_NODE_CLASSES, {
      ...nodeClass,
      status: { conditions: [{ ...ready!, status: "False" }] },
    });
    await assert.rejects(start().create(made), NodeClassNotReadyError);
  });
});

describe("the registration delay", () => {
  it("passes before the node appears; the instance is there at once", async () => {
    const { start, claim, launched, nodes, clock } = await setUp("10s");
    const provider = start();
    const made = await claim();
    const instance = await provider.create(made);
    assert.deepEqual(await provider.create(made), instance, "a second call finds the first");
    await launched(made, instance);
    await clock.runFor(9_000);
    assert.equal((await nodes()).length, 0);
    assert.deepEqual(
      (await provider.list()).map(({ providerId }) => providerId),
      [instance.providerId],
    );
    assert.equal((await provider.get(instance.providerId)).claimName, "default-x1");
    await clock.runFor(2_000);
    assert.deepEqual(
      (await nodes()).map(({ spec }) => spec.providerID),
      [instance.providerId],
    );
  });

  it("goes on in the next process after a crash", async () => {
    const { start, claim, launched, nodes, clock } = await setUp("10s");
    const crashed = start();
    const made = await claim();
    const instance = await crashed.create(made);
    await launched(made, instance);
    crashed.stop();
    await clock.runFor(4_000);
    const [found] = await start().list();
    assert.equal(found!.providerId, instance.providerId);
    assert.equal(found!.createdAtMs, START_MS);
    await clock.runFor(5_000);
    assert.equal((await nodes()).length, 0);
    await clock.runFor(2_000);
    const [node] = await nodes();
    assert.equal(node!.spec.providerID, instance.providerId);
    assert.equal(node!.metadata.labels!["node.kubernetes.io/instance-type"], "c5.large");
    assert.deepEqual(node!.status!.capacity, instance.capacity);
  });

  it("is over at once for a node that is overdue", async () => {
    const { start, claim, launched, nodes, clock } = await setUp("10s");
    const crashed = start();
    const made = await claim();
    await launched(made, await crashed.create(made));
    crashed.stop();
    await clock.runFor(60_000);
    await start().list();
    await clock.runFor(100);
    assert.equal((await nodes()).length, 1);
  });

  it("ends without a node when the claim goes meanwhile", async () => {
    const { start, claim, launched, nodes, clock, api } = await setUp("10s");
    const provider = start();
    const made = await claim();
    const known = await launched(made, await provider.create(made));
    await assert.rejects(provider.delete(known), InstanceNotFoundError);
    await clock.runFor(20_000);
    assert.equal((await nodes()).length, 0);
    await api.delete(NODE_CLAIMS, { name: known.metadata.name });
    const another = await claim();
    await provider.create(another);
    await api.delete(NODE_CLAIMS, { name: another.metadata.name });
    await clock.runFor(20_000);
    assert.equal((await nodes()).length, 0, "nobody told the provider, it looks for itself");
  });

  it("is tried again while the server is away", async () => {
    let isAway = true;
    const { api, claim, launched, clock, nodes } = await setUp("1s");
    const flaky = {
      ...api,
      create: ((...args: Parameters<typeof api.create>) =>
        isAway ? Promise.reject(new Error("away")) : api.create(...args)) as typeof api.create,
    };
    const provider = kwokProvider({ api: flaky, clock, instanceTypes: TYPES });
    const made = await claim();
    await launched(made, await provider.create(made));
    await clock.runFor(20_000);
    assert.equal((await nodes()).length, 0);
    isAway = false;
    await clock.runFor(20_000);
    assert.equal((await nodes()).length, 1);
  });
});

describe("what becomes of instances", () => {
  it("a deleted one is gone, and so says every method", async () => {
    const { start, claim, launched, nodes } = await setUp();
    const provider = start();
    const made = await claim();
    const instance = await provider.create(made);
    const known = await launched(made, instance);
    await provider.delete(known);
    assert.equal((await nodes()).length, 0);
    await assert.rejects(provider.delete(known), InstanceNotFoundError);
    await assert.rejects(provider.get(instance.providerId), InstanceNotFoundError);
    assert.deepEqual(await provider.list(), []);
  });

  it("one whose node is being drained is alive until it is told to end", async () => {
    const { start, claim, launched, api } = await setUp();
    const provider = start();
    const made = await claim();
    const instance = await provider.create(made);
    const known = await launched(made, instance);
    const name = instance.providerId.slice("kwok://".length);
    await api.patch(
      NODES,
      { name },
      { type: "merge", body: { metadata: { finalizers: ["karpenter.sh/termination"] } } },
    );
    await api.delete(NODES, { name });
    assert.equal((await provider.get(instance.providerId)).isTerminating, false);
    assert.equal((await provider.list()).length, 1);
    await assert.rejects(provider.delete(known), InstanceNotFoundError);
  });

  it("one whose node somebody has removed does not come back", async () => {
    const { start, claim, launched, api, clock, nodes } = await setUp("5s");
    const provider = start();
    const made = await claim();
    const instance = await provider.create(made);
    const known = await launched(made, instance);
    await clock.runFor(6_000);
    await api.delete(NODES, { name: instance.providerId.slice("kwok://".length) });
    assert.deepEqual(await provider.list(), []);
    const registered = { type: "Registered", status: "True", reason: "Registered", message: "" } as const;
    const conditions = [
      ...known.status!.conditions!.filter(({ type }) => type !== "Registered"),
      { ...registered, lastTransitionTime: formatTime(clock.nowMs()) },
    ];
    await api.updateStatus(NODE_CLAIMS, { ...known, status: { ...known.status, conditions } });
    assert.deepEqual(await start().list(), [], "nor in another process, once it has registered");
    await clock.runFor(10_000);
    assert.equal((await nodes()).length, 0);
  });

  it("nodes of others are none of its business", async () => {
    const { start, api } = await setUp();
    await api.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "system" },
      spec: { providerID: "aws:///z/i-1" },
    });
    assert.deepEqual(await start().list(), []);
    await assert.rejects(start().get("aws:///z/i-1"), InstanceNotFoundError);
  });
});

describe("what the provider says of itself", () => {
  it("its types, the same list until something sells out", async () => {
    const soldOut = new Set<string>();
    const { start } = await setUp("0s", { isSoldOut: ({ instanceType }) => soldOut.has(instanceType) });
    const provider = start();
    const before = await provider.instanceTypes({} as never);
    assert.equal(await provider.instanceTypes({} as never), before);
    soldOut.add("c5.large");
    const after = await provider.instanceTypes({} as never);
    assert.deepEqual(
      after.map(({ offerings }) => offerings.filter(({ available }) => available).length),
      [0, 4],
    );
    assert.equal(after[1], before[1]);
    assert.equal(await provider.instanceTypes({} as never), after);
    soldOut.clear();
    assert.deepEqual(await provider.instanceTypes({} as never), before);
  });
  it("labels, classes and when a sick node is replaced", async () => {
    const provider = (await setUp()).start();
    assert.equal(provider.name, "kwok");
    assert.deepEqual(provider.nodeClasses, [{ group: "karpenter.kwok.sh", kind: "KWOKNodeClass" }]);
    assert.deepEqual(
      provider.wellKnownLabels,
      ["cpu", "family", "memory", "size"].map((one) => `karpenter.kwok.sh/instance-${one}`),
    );
    assert.deepEqual(
      provider.repairPolicies.map(({ conditionStatus, tolerationMs }) => [conditionStatus, tolerationMs]),
      [
        ["False", 600_000],
        ["Unknown", 600_000],
      ],
    );
    assert.equal(await provider.driftReason({} as never), undefined);
  });
});
