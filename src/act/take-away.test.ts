import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { RetryError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import { formatTime, parseTime } from "../base/time.ts";
import type { Node, Pod, PodSpec } from "../model/core.ts";
import {
  type Kind,
  NODE_CLAIMS,
  NODE_POOLS,
  NODES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  VOLUME_ATTACHMENTS,
} from "../model/kinds.ts";
import type { Draft, KubeObject } from "../model/object.ts";
import { crdOf } from "../model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../model/resources/custom-resources.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import type { NodePool } from "../model/resources/node-pool.ts";
import { defaultSettings } from "../model/settings.ts";
import { findCondition, isTrue } from "../plan/lifecycle/conditions.ts";
import { type CloudProvider, type Instance, InstanceNotFoundError } from "../ports/cloud-provider.ts";
import { ApiError, isNotFound, type Status } from "../ports/kube-api.ts";
import type { EventRecord } from "../ports/telemetry.ts";
import { type Controller, onChange } from "../runtime/controller.ts";
import { startManager } from "../runtime/manager.ts";
import { type ApiServer, createApiServer } from "../simulation/api-server/api-server.ts";
import { VirtualClock } from "../simulation/clock/virtual-clock.ts";
import { silentLog } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { startMirror } from "../watch/mirror.ts";
import { disruptionController } from "./disruption.ts";
import { expirationController } from "./expiration.ts";
import { garbageCollectionController } from "./garbage-collection.ts";
import { ActMemory } from "./memory.ts";
import { nodeRepairController } from "./node-repair.ts";
import { nodeTerminationController } from "./node-termination.ts";
import { nodeClaimDisruptionController } from "./nodeclaim-disruption.ts";
import { finalizeNodeClaim } from "./nodeclaim-finalization.ts";
import { podEventsController } from "./pod-events.ts";
import type { Needs } from "./ports.ts";

const START = parseTime("2026-03-04T12:00:00Z") ?? 0;
const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };

/** A cloud whose instances take a while to go. */
class FakeCloud implements CloudProvider {
  readonly name = "fake";
  readonly nodeClasses = [nodeClassRef];
  readonly wellKnownLabels = [];
  readonly repairPolicies = [
    { conditionType: "Ready", conditionStatus: "False", tolerationMs: 600_000 },
    { conditionType: "DiskIsBroken", conditionStatus: "True", tolerationMs: 60_000 },
  ];
  readonly instances = new Map<string, Instance>();
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }
  add(providerId: string, claimName?: string): void {
    const createdAtMs = this.#clock.nowMs();
    const base = {
      providerId,
      labels: {},
      annotations: {},
      capacity: {},
      allocatable: {},
      createdAtMs,
      isTerminating: false,
    };
    this.instances.set(providerId, claimName === undefined ? base : { ...base, claimName });
  }
  create(): Promise<Instance> {
    return Promise.reject(new RangeError("nothing is launched here"));
  }
  get(providerId: string): Promise<Instance> {
    const instance = this.instances.get(providerId);
    return instance === undefined ? Promise.reject(new InstanceNotFoundError(providerId)) : Promise.resolve(instance);
  }
  async delete(claim: NodeClaim): Promise<void> {
    const instance = await this.get(claim.status?.providerID ?? "");
    if (instance.isTerminating) return;
    instance.isTerminating = true;
    this.#clock.after(3_000, () => this.instances.delete(instance.providerId));
  }
  list(): Promise<Instance[]> {
    return Promise.resolve([...this.instances.values()].map((instance) => ({ ...instance })));
  }
  instanceTypes(): Promise<readonly []> {
    return Promise.resolve([]);
  }
  driftReason(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

type World = ReturnType<typeof startWorld>;

/** An API server, a cloud, and the controllers that take nodes away. Kubelets end deleted pods after their grace. */
function startWorld(faults?: Random) {
  const clock = new VirtualClock(START);
  const server: ApiServer = createApiServer({
    clock,
    random: new Random(1),
    crds: CUSTOM_RESOURCES.map(crdOf),
    freeze: true,
  });
  const api = server.api({ user: "test" });
  const cloud = new FakeCloud(clock);
  const events: EventRecord[] = [];
  const metrics = createMetrics({ clock, wellKnownLabels: [], nodeClasses: [] });
  /** Names of pods in the order in which they were told to go. */
  const gone: string[] = [];
  server.observe(({ resource, before, after }) => {
    const [was, is] = [before as Pod | undefined, after as Pod | undefined];
    if (resource.plural !== "pods" || is?.metadata.deletionTimestamp === undefined) return;
    if (was?.metadata.deletionTimestamp === undefined) gone.push(is.metadata.name);
    const { name, namespace = "" } = is.metadata;
    const waitMs = (is.metadata.deletionGracePeriodSeconds ?? 0) === 1 ? 1_000 : 2_000;
    clock.after(
      waitMs,
      () => void api.delete(PODS, { name, namespace }, { gracePeriodSeconds: 0 }).catch(() => undefined),
    );
  });
  let isDeaf = false;
  const deafenable: Needs["api"] = {
    ...api,
    watch: (kind, options, onEvent) =>
      isDeaf
        ? { ended: Promise.resolve({ reason: "closed" as const }), stop: () => undefined }
        : api.watch(kind, options, onEvent),
  };
  const start = () =>
    startControllers({
      api: faults === undefined ? deafenable : faulty(api, faults),
      clock,
      cloud,
      events,
      metrics,
      memory: new ActMemory(),
    });
  let running = start();
  return {
    /** Whether watches that are opened from now on end at once. */
    setDeaf(value: boolean): void {
      isDeaf = value;
    },
    tellMirror(object: KubeObject): void {
      running.mirror.remember(object);
    },
    clock,
    api,
    cloud,
    events,
    metrics,
    gone,
    reasons: (kind: string) => [
      ...new Set(events.filter(({ object }) => object.kind === kind).map(({ reason }) => reason)),
    ],
    async restart(): Promise<void> {
      await running.stop();
      running = start();
    },
    async stop(): Promise<void> {
      await running.stop();
      server.close();
    },
    async exists(kind: Kind, name: string): Promise<boolean> {
      return (await find(api, kind, name)) !== undefined;
    },
    get: <T extends KubeObject>(kind: Kind<T>, name: string) => api.get(kind, { name }),
    /** A clean `seconds` of the world's time. */
    pass: (seconds: number) => clock.runFor(seconds * 1_000),
  };
}

type Parts = {
  api: Needs["api"];
  clock: VirtualClock;
  cloud: FakeCloud;
  events: EventRecord[];
  metrics: Needs["metrics"];
  memory: ActMemory;
};

function startControllers({ api, clock, cloud, events, metrics, memory }: Parts) {
  const random = new Random(2);
  const log = silentLog;
  const mirror = startMirror({ api, clock, random, log, nodeClasses: cloud.nodeClasses });
  const record = (event: EventRecord): void => void events.push(event);
  const settings = defaultSettings();
  const needs: Needs = {
    api,
    clock,
    provider: cloud,
    events: { record },
    metrics,
    memory,
    mirror,
    random,
    log,
    settings,
  };
  const finalization: Controller = {
    name: "nodeclaim.lifecycle",
    workers: 10,
    keysFor: ({ kind, key }) =>
      kind === NODE_CLAIMS ? [key] : kind === NODES ? [...mirror.live.nodeClaims.keys()] : [],
    async reconcile(key) {
      const claim = mirror.live.nodeClaims.get(key);
      return claim?.metadata.deletionTimestamp === undefined ? onChange : finalizeNodeClaim(needs, claim);
    },
  };
  const manager = startManager({
    controllers: [
      disruptionController(needs),
      nodeTerminationController(needs),
      nodeClaimDisruptionController(needs),
      podEventsController(needs),
      expirationController(needs),
      garbageCollectionController(needs),
      nodeRepairController(needs),
      finalization,
    ],
    subscribe: (listener) => mirror.subscribe(listener),
    isSynced: () => mirror.isSynced(),
    whenSynced: () => mirror.whenSynced(),
    clock,
    random,
    log,
    metrics,
    onFatal: (error) => assert.fail(error),
  });
  return {
    mirror,
    async stop(): Promise<void> {
      await manager.stop();
      await mirror.stop();
    },
  };
}

/** Refuses some calls, and loses the answer of others after they have taken effect. */
function faulty(api: Needs["api"], random: Random): Needs["api"] {
  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    if (random.chance(0.05)) throw new ApiError(REFUSED);
    const result = await run();
    if (random.chance(0.05)) throw new RetryError("the answer is lost");
    return result;
  };
  return {
    get: (kind, ref) => call(() => api.get(kind, ref)),
    list: (kind, options) => call(() => api.list(kind, options)),
    watch: (kind, options, onEvent) => api.watch(kind, options, onEvent),
    create: (kind, object, options) => call(() => api.create(kind, object, options)),
    update: (kind, object, options) => call(() => api.update(kind, object, options)),
    updateStatus: (kind, object, options) => call(() => api.updateStatus(kind, object, options)),
    patch: (kind, ref, patch, options) => call(() => api.patch(kind, ref, patch, options)),
    delete: (kind, ref, options) => call(() => api.delete(kind, ref, options)),
    act: (kind, ref, subresource, body) => call(() => api.act(kind, ref, subresource, body)),
  };
}
const REFUSED: Status = {
  kind: "Status",
  apiVersion: "v1",
  metadata: {},
  status: "Failure",
  message: "the server is busy",
  reason: "InternalError",
  code: 500,
};

async function find(api: Needs["api"], kind: Kind, name: string): Promise<KubeObject | undefined> {
  try {
    return await api.get(kind, { name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function addPool({ api }: World, disruption: NodePool["spec"]["disruption"] = {}): Promise<void> {
  const spec = {
    template: { spec: { nodeClassRef, requirements: [] } },
    disruption: { budgets: [{ nodes: "100%" }], ...disruption },
  };
  await api.create(NODE_POOLS, {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name: "default" },
    spec,
  });
}

/** An initialized claim with its node and its instance. */
async function addNode(
  { api, cloud, clock }: World,
  name: string,
  spec: Partial<NodeClaim["spec"]> = {},
): Promise<void> {
  const providerID = `fake://${name}`;
  const labels = {
    "karpenter.sh/nodepool": "default",
    "karpenter.kwok.sh/kwoknodeclass": "default",
    "node.kubernetes.io/instance-type": "small",
  };
  const finalizers = ["karpenter.sh/termination"];
  cloud.add(providerID, `claim-${name}`);
  const claim = await api.create(NODE_CLAIMS, {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: { name: `claim-${name}`, labels, finalizers },
    spec: { nodeClassRef, requirements: [], ...spec },
  });
  const node = await api.create(NODES, {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      finalizers,
      labels: { ...labels, "karpenter.sh/registered": "true", "karpenter.sh/initialized": "true" },
    },
    spec: { providerID },
  });
  // A new node is tainted as not ready; the controller that takes that off is not part of this world.
  const joined = await api.update(NODES, { ...node, spec: { providerID } });
  await api.updateStatus(NODES, { ...joined, status: { conditions: [{ type: "Ready", status: "True" }] } });
  const lastTransitionTime = formatTime(clock.nowMs());
  const conditions = ["Launched", "Registered", "Initialized"].map((type) => ({
    type,
    status: "True" as const,
    reason: type,
    message: "",
    lastTransitionTime,
  }));
  await api.updateStatus(NODE_CLAIMS, { ...claim, status: { providerID, nodeName: name, conditions } });
}

async function addPod(
  { api }: World,
  name: string,
  nodeName: string,
  spec: Partial<PodSpec> = {},
  metadata: Partial<Pod["metadata"]> = {},
): Promise<void> {
  const draft: Draft<Pod> = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", ...metadata },
    spec: { containers: [{ name: "c", image: "pause" }], nodeName, ...spec },
  };
  const pod = await api.create(PODS, draft);
  await api.updateStatus(PODS, {
    ...pod,
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  });
}
const daemon = { ownerReferences: [{ apiVersion: "apps/v1", kind: "DaemonSet", name: "d", uid: "d" }] };

describe("taking nodes away", () => {
  let world: World;
  const started = async (disruption?: NodePool["spec"]["disruption"]): Promise<World> => {
    world = startWorld();
    await addPool(world, disruption);
    return world;
  };
  afterEach(() => world.stop());

  it("an empty node goes 15 s after it was found, with its claim and its instance", async () => {
    await started();
    await addNode(world, "a");
    await world.pass(14);
    assert.ok(isTrue(await world.get(NODE_CLAIMS, "claim-a"), "Consolidatable"));
    assert.equal((await world.get(NODES, "a")).spec.taints, undefined);
    await world.pass(3);
    const claim = await world.get(NODE_CLAIMS, "claim-a");
    assert.notEqual(claim.metadata.deletionTimestamp, undefined);
    assert.equal(findCondition(claim, "DisruptionReason")?.reason, "Empty");
    const node = await world.get(NODES, "a");
    assert.deepEqual(node.spec.taints, [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" }]);
    assert.equal(node.metadata.labels?.["node.kubernetes.io/exclude-from-external-load-balancers"], "karpenter");
    await world.pass(20);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(await world.exists(NODE_CLAIMS, "claim-a"), false);
    assert.equal(world.cloud.instances.size, 0);
    assert.ok(world.reasons("Node").includes("DisruptionTerminating"));
    const labels = {
      reason: "empty",
      nodepool: "default",
      capacity_type: "",
      consolidation_policy: "when_empty_or_underutilized",
      termination_mode: "graceful",
    };
    assert.equal(world.metrics.read("karpenter_nodeclaims_disrupted_total", labels), 1);
    assert.equal(world.metrics.read("karpenter_nodes_terminated_total", { nodepool: "default", zone: "" }), 1);
  });

  it("a pod that comes before the check keeps its node, untouched", async () => {
    await started();
    await addNode(world, "a");
    await world.pass(10);
    await addPod(world, "p", "a");
    await world.pass(60);
    const node = await world.get(NODES, "a");
    assert.equal(node.metadata.deletionTimestamp, undefined);
    assert.equal(node.spec.taints, undefined);
    assert.equal(
      world.metrics.read("karpenter_voluntary_disruption_failed_validations_total", { consolidation_type: "empty" }),
      1,
    );
  });

  it("budgets hold over several commands, until nodes are gone", async () => {
    await started({ budgets: [{ nodes: "1" }] });
    for (const name of ["a", "b", "c"]) await addNode(world, name);
    let most = 0;
    for (let second = 0; second < 150; second += 1) {
      await world.pass(1);
      const { items } = await world.api.list(NODE_CLAIMS);
      const going = items.filter(
        (claim) => claim.metadata.deletionTimestamp !== undefined && !isTrue(claim, "InstanceTerminating"),
      );
      most = Math.max(most, going.length);
    }
    assert.equal(most, 1);
    assert.equal((await world.api.list(NODES)).items.length, 0);
  });

  it("a closed budget keeps every node and says so", async () => {
    await started({ budgets: [{ nodes: "0" }] });
    await addNode(world, "a");
    await world.pass(120);
    assert.equal((await world.get(NODES, "a")).metadata.deletionTimestamp, undefined);
    assert.deepEqual(world.reasons("NodePool"), ["DisruptionBlocked"]);
  });

  it("why nodes stay is told on node, claim and pod", async () => {
    await started();
    await addNode(world, "a");
    await addNode(world, "b");
    await addPod(world, "p", "a", {}, { ...daemon, annotations: { "karpenter.sh/do-not-disrupt": "true" } });
    await addPod(world, "q", "b", {}, { annotations: { "karpenter.sh/do-not-disrupt": "for ever" } });
    await world.pass(120);
    assert.deepEqual(
      world.events
        .filter(({ reason }) => reason === "DisruptionBlocked")
        .map(({ object, message }) => `${object.kind}: ${message}`)
        .slice(-2),
      ["Node", "NodeClaim"].map((kind) => `${kind}: Pod default/p has the annotation "karpenter.sh/do-not-disrupt"`),
    );
    assert.deepEqual(world.reasons("Pod"), ["InvalidDoNotDisruptAnnotation"]);
    const labels = { nodepool: "default", reason: "Empty" };
    assert.equal(world.metrics.read("karpenter_nodepools_allowed_disruptions", labels), 2);
    assert.equal(world.metrics.read("karpenter_nodepools_nodes_consuming_budgets", labels), 0);
  });

  it("what a controller left behind when it died is taken back by the next", async () => {
    await started({ consolidateAfter: "Never" });
    await addNode(world, "a");
    const node = await world.get(NODES, "a");
    await world.api.update(NODES, {
      ...node,
      spec: { ...node.spec, taints: [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" }] },
    });
    const claim = await world.get(NODE_CLAIMS, "claim-a");
    const reason = {
      type: "DisruptionReason",
      status: "True" as const,
      reason: "Empty",
      message: "",
      lastTransitionTime: formatTime(START),
    };
    await world.api.updateStatus(NODE_CLAIMS, {
      ...claim,
      status: { ...claim.status, conditions: [...(claim.status?.conditions ?? []), reason] },
    });
    await world.restart();
    await world.pass(5);
    assert.deepEqual((await world.get(NODES, "a")).spec.taints ?? [], []);
    assert.equal(findCondition(await world.get(NODE_CLAIMS, "claim-a"), "DisruptionReason"), undefined);
  });

  /** Node a is closed, and b says that it was bought in its place together with others. */
  const halfDone = async (replacements: string[]): Promise<void> => {
    await started({ consolidateAfter: "Never" });
    await addNode(world, "a");
    await addPod(world, "p", "a");
    await addNode(world, "b");
    const node = await world.get(NODES, "a");
    const taints = [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" as const }];
    await world.api.update(NODES, { ...node, spec: { ...node.spec, taints } });
    const claim = await world.get(NODE_CLAIMS, "claim-a");
    const lastTransitionTime = formatTime(START);
    const reason = {
      type: "DisruptionReason",
      status: "True" as const,
      reason: "Drifted",
      message: "",
      lastTransitionTime,
    };
    const conditions = [...(claim.status?.conditions ?? []), reason];
    await world.api.updateStatus(NODE_CLAIMS, { ...claim, status: { ...claim.status, conditions } });
    const record = JSON.stringify({ reason: "Drifted", candidates: ["claim-a"], replacements });
    const body = { metadata: { annotations: { "karpenter.sh/disruption-command": record } } };
    await world.api.patch(NODE_CLAIMS, { name: "claim-b" }, { type: "merge", body });
    await world.restart();
    await world.pass(20);
  };

  it("a command whose replacements are there is gone on with by the next controller", async () => {
    await halfDone(["claim-b"]);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(await world.exists(NODES, "b"), true);
    const labels = {
      reason: "drifted",
      nodepool: "default",
      capacity_type: "",
      consolidation_policy: "",
      termination_mode: "graceful",
    };
    assert.equal(world.metrics.read("karpenter_nodeclaims_disrupted_total", labels), 1);
  });

  it("a command of which a replacement is missing is void: its node goes back to work", async () => {
    await halfDone(["claim-b", "claim-c"]);
    const node = await world.get(NODES, "a");
    assert.deepEqual([node.metadata.deletionTimestamp, node.spec.taints ?? []], [undefined, []]);
    assert.equal(findCondition(await world.get(NODE_CLAIMS, "claim-a"), "DisruptionReason"), undefined);
  });

  it("pods leave tier by tier, a budget is respected, and nothing is lost when the controller dies meanwhile", async () => {
    await started();
    await addNode(world, "a");
    await addPod(world, "web", "a", {}, { labels: { app: "web" } });
    await addPod(world, "agent", "a", {}, daemon);
    await addPod(world, "dns", "a", { priorityClassName: "system-cluster-critical" });
    await addPod(world, "proxy", "a", { priorityClassName: "system-node-critical" }, daemon);
    const pdb = await world.api.create(POD_DISRUPTION_BUDGETS, {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "web", namespace: "default" },
      spec: { selector: { matchLabels: { app: "web" } }, maxUnavailable: 1 },
    });
    await world.api.updateStatus(POD_DISRUPTION_BUDGETS, {
      ...pdb,
      status: {
        disruptionsAllowed: 0,
        currentHealthy: 1,
        desiredHealthy: 1,
        expectedPods: 1,
        observedGeneration: pdb.metadata.generation ?? 1,
      },
    });
    await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
    await world.pass(60);
    assert.deepEqual(world.gone, []);
    assert.ok(world.reasons("Node").includes("FailedDraining"));
    const refusals = world.metrics.read("karpenter_pods_eviction_requests_total", { code: "429" }) ?? 0;
    assert.ok(refusals >= 5 && refusals <= 15, `${refusals} refused evictions in a minute: the questions back off`);
    await world.restart();
    const held = await world.api.get(POD_DISRUPTION_BUDGETS, { name: "web", namespace: "default" });
    await world.api.updateStatus(POD_DISRUPTION_BUDGETS, {
      ...held,
      status: { ...held.status, disruptionsAllowed: 1 },
    });
    await world.pass(60);
    assert.deepEqual(world.gone, ["web", "agent", "dns", "proxy"]);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(await world.exists(NODE_CLAIMS, "claim-a"), false);
    assert.equal(world.metrics.read("karpenter_pods_drained_total", { reason: "Forceful Termination" }), 4);
  });

  it("a protected pod holds a drain, but not beyond the claim's grace period", async () => {
    await started();
    await addNode(world, "a", { terminationGracePeriod: "2m" });
    await addPod(world, "p", "a", {}, { annotations: { "karpenter.sh/do-not-disrupt": "true" } });
    await world.api.delete(NODES, { name: "a" });
    await world.pass(80);
    assert.deepEqual(world.gone, []);
    assert.equal(
      (await world.get(NODE_CLAIMS, "claim-a")).metadata.annotations?.["karpenter.sh/nodeclaim-termination-timestamp"],
      "2026-03-04T12:02:00Z",
    );
    await world.pass(60);
    assert.deepEqual(world.gone, ["p"]);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.ok(world.reasons("Pod").includes("Disrupted"));
  });

  for (const { terminationGracePeriod, goes } of [
    { terminationGracePeriod: undefined, goes: false },
    { terminationGracePeriod: "1m", goes: true },
  ]) {
    it(`an attached volume holds the instance, ${goes ? "but not beyond the grace period" : "until it is detached"}`, async () => {
      await started();
      await addNode(world, "a", terminationGracePeriod === undefined ? {} : { terminationGracePeriod });
      await world.api.create(VOLUME_ATTACHMENTS, {
        apiVersion: "storage.k8s.io/v1",
        kind: "VolumeAttachment",
        metadata: { name: "attachment" },
        spec: { attacher: "ebs.csi.aws.com", nodeName: "a", source: { persistentVolumeName: "pv" } },
      });
      await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
      await world.pass(50);
      const claim = await world.get(NODE_CLAIMS, "claim-a");
      assert.equal(findCondition(claim, "Drained")?.status, "True");
      assert.equal(findCondition(claim, "VolumesDetached")?.reason, "AwaitingVolumeDetachment");
      assert.ok(world.reasons("Node").includes("AwaitingVolumeDetachment"));
      await world.pass(50);
      assert.equal(await world.exists(NODES, "a"), !goes);
      await world.api.delete(VOLUME_ATTACHMENTS, { name: "attachment" });
      await world.pass(20);
      assert.equal(await world.exists(NODE_CLAIMS, "claim-a"), false);
    });
  }

  it("the node of a dead instance goes without a drain", async () => {
    await started();
    await addNode(world, "a");
    await addPod(world, "p", "a");
    world.cloud.instances.clear();
    const node = await world.get(NODES, "a");
    await world.api.updateStatus(NODES, { ...node, status: { conditions: [{ type: "Ready", status: "Unknown" }] } });
    await world.pass(260);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(await world.exists(NODE_CLAIMS, "claim-a"), false);
    assert.deepEqual(world.gone, []);
  });

  it("an instance without a claim is collected, but not one whose claim does not know it yet", async () => {
    await started();
    world.cloud.add("fake://lost", "claim-lost");
    world.cloud.add("fake://young", "claim-young");
    await world.api.create(NODE_CLAIMS, {
      apiVersion: "karpenter.sh/v1",
      kind: "NodeClaim",
      metadata: { name: "claim-young", labels: {} },
      spec: { nodeClassRef, requirements: [] },
    });
    await world.pass(300);
    assert.deepEqual([...world.cloud.instances.keys()], ["fake://young"]);
  });

  it("a claim that is deleted before it knows its instance takes it along", async () => {
    await started();
    world.cloud.add("fake://a", "claim-a");
    await world.api.create(NODE_CLAIMS, {
      apiVersion: "karpenter.sh/v1",
      kind: "NodeClaim",
      metadata: { name: "claim-a", finalizers: ["karpenter.sh/termination"] },
      spec: { nodeClassRef, requirements: [] },
    });
    await world.api.delete(NODE_CLAIMS, { name: "claim-a" });
    await world.pass(20);
    assert.equal(world.cloud.instances.size, 0);
    assert.equal(await world.exists(NODE_CLAIMS, "claim-a"), false);
  });

  it("the node of a collected instance, left alone, is collected too", async () => {
    await started();
    const labels = { "karpenter.sh/nodepool": "default" };
    const node: Draft<Node> = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "x", labels },
      spec: { providerID: "fake://x" },
    };
    await world.api.create(NODES, node);
    await world.pass(260);
    assert.equal(await world.exists(NODES, "x"), false);
  });

  it("pods that come and go start the quiet time anew; a restart of the controller does not", async () => {
    await started({ consolidateAfter: "2m" });
    await addNode(world, "a");
    await world.pass(60);
    await addPod(world, "p", "a");
    await world.pass(30);
    const bound = (await world.get(NODE_CLAIMS, "claim-a")).status?.lastPodEventTime;
    assert.equal(bound, "2026-03-04T12:01:00Z");
    await world.restart();
    await world.pass(30);
    assert.equal((await world.get(NODE_CLAIMS, "claim-a")).status?.lastPodEventTime, bound);
    await world.api.delete(PODS, { name: "p", namespace: "default" });
    await world.pass(100);
    assert.equal(isTrue(await world.get(NODE_CLAIMS, "claim-a"), "Consolidatable"), false);
    await world.pass(30);
    assert.equal(isTrue(await world.get(NODE_CLAIMS, "claim-a"), "Consolidatable"), true);
  });

  it("a claim expires at its age, also when its pods have no other place", async () => {
    await started({ consolidateAfter: "Never" });
    await addNode(world, "a", { expireAfter: "1h" });
    await addPod(world, "p", "a");
    await world.pass(3_590);
    assert.equal(await world.exists(NODES, "a"), true);
    assert.ok(world.reasons("Node").includes("DisruptionBlocked"));
    await world.pass(40);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(world.cloud.instances.size, 0);
  });

  const makeSick = async (name: string, type: string, status: "True" | "False"): Promise<void> => {
    const node = await world.get(NODES, name);
    const lastTransitionTime = formatTime(world.clock.nowMs());
    const others = (node.status?.conditions ?? []).filter((condition) => condition.type !== type);
    const conditions = [...others, { type, status, lastTransitionTime }];
    await world.api.updateStatus(NODES, { ...node, status: { ...node.status, conditions } });
  };

  it("a sick node is deleted when it has been sick for too long, with all its pods", async () => {
    await started({ consolidateAfter: "Never", budgets: [{ nodes: "0" }] });
    for (const name of ["a", "b", "c", "d"]) await addNode(world, name);
    await addPod(world, "p", "a", {}, { annotations: { "karpenter.sh/do-not-disrupt": "true" } });
    await makeSick("a", "Ready", "False");
    await world.pass(590);
    assert.equal(await world.exists(NODES, "a"), true);
    await world.pass(60);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(world.cloud.instances.size, 3);
    const labels = { condition: "ready", nodepool: "default", capacity_type: "", image_id: "" };
    assert.equal(world.metrics.read("karpenter_nodeclaims_unhealthy_disrupted_total", labels), 1);
  });

  it("a node that gets well in time stays, and one of several policies that is due first counts", async () => {
    await started({ consolidateAfter: "Never" });
    for (const name of ["a", "b"]) await addNode(world, name);
    await makeSick("a", "Ready", "False");
    await makeSick("b", "DiskIsBroken", "True");
    await makeSick("a", "Ready", "True");
    await world.pass(50);
    assert.equal((await world.get(NODES, "b")).metadata.deletionTimestamp, undefined);
    await world.pass(700);
    assert.equal(await world.exists(NODES, "b"), false);
    assert.equal((await world.get(NODES, "a")).metadata.deletionTimestamp, undefined);
  });

  it("when more than a fifth of a pool is sick none is deleted, and the events say so", async () => {
    await started({ consolidateAfter: "Never" });
    for (const name of ["a", "b", "c", "d", "e"]) await addNode(world, name);
    for (const name of ["a", "b"]) await makeSick(name, "DiskIsBroken", "True");
    await world.pass(500);
    for (const name of ["a", "b"]) assert.equal((await world.get(NODES, name)).metadata.deletionTimestamp, undefined);
    assert.ok(world.reasons("Node").includes("NodeRepairBlocked"));
    await makeSick("b", "DiskIsBroken", "False");
    await world.pass(400);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(await world.exists(NODES, "b"), true);
  });

  it("an empty node goes a little before its hour", async () => {
    await started({ consolidateAfter: "Never" });
    await addNode(world, "a", { expireAfter: "1h" });
    await world.pass(53 * 60);
    assert.equal(await world.exists(NODES, "a"), true);
    await world.pass(3 * 60);
    assert.equal(await world.exists(NODES, "a"), false);
    const labels = {
      reason: "expired",
      nodepool: "default",
      capacity_type: "",
      consolidation_policy: "",
      termination_mode: "graceful",
    };
    assert.equal(world.metrics.read("karpenter_nodeclaims_disrupted_total", labels), 1);
  });

  it("a paused pool keeps its empty nodes, says until when, and goes on by itself", async () => {
    await started();
    await addNode(world, "a");
    const pause = `${formatTime(START + 600_000)} # ann: under repair`;
    const body = { metadata: { annotations: { "karpenter.sh/disruption-pause": pause } } };
    await world.api.patch(NODE_POOLS, { name: "default" }, { type: "merge", body });
    await world.pass(590);
    assert.equal((await world.get(NODES, "a")).metadata.deletionTimestamp, undefined);
    const paused = findCondition(await world.get(NODE_POOLS, "default"), "DisruptionPaused");
    assert.equal(paused?.message, "Disruption is paused until 2026-03-04T12:10:00Z: ann: under repair");
    await world.pass(60);
    assert.equal(await world.exists(NODES, "a"), false);
    assert.equal(findCondition(await world.get(NODE_POOLS, "default"), "DisruptionPaused"), undefined);
    assert.deepEqual(world.reasons("NodePool"), ["DisruptionPaused", "DisruptionResumed"]);
  });

  it("while watches are cut off nothing is disrupted", async () => {
    await started();
    world.setDeaf(true);
    await world.restart();
    await world.pass(2);
    await addNode(world, "a");
    for (const kind of [NODES, NODE_CLAIMS] as Kind[])
      for (const one of (await world.api.list(kind)).items) world.tellMirror(one);
    await world.pass(200);
    assert.equal((await world.get(NODES, "a")).metadata.deletionTimestamp, undefined);
    assert.ok(world.events.some(({ message }) => message.startsWith("Nothing is disrupted")));
    world.setDeaf(false);
    await world.pass(90);
    assert.equal(await world.exists(NODES, "a"), false);
  });
});

/** Eight nodes; those returned have a pod that never goes, some of the others have one that will. */
async function addSomeNodes(world: World, random: Random): Promise<ReadonlySet<string>> {
  const busy = new Set<string>();
  for (let i = 0; i < 8; i += 1) {
    const name = `n${i}`;
    await addNode(world, name);
    if (random.chance(0.6)) await addPod(world, `p${i}`, name);
    if (random.chance(0.3)) busy.add(name);
  }
  for (const name of busy) await addPod(world, `stays-${name}`, name);
  return busy;
}

/** Deletes pods that may go, so many at most. */
async function removePods({ api }: World, most: number): Promise<void> {
  const { items } = await api.list(PODS);
  const leavers = items.filter(({ metadata }) => !metadata.name.startsWith("stays")).slice(0, most);
  for (const { metadata } of leavers) await api.delete(PODS, { name: metadata.name, namespace: "default" });
}

async function nodesGoing({ api }: World): Promise<number> {
  const { items } = await api.list(NODE_CLAIMS);
  const isGoing = (claim: NodeClaim): boolean =>
    claim.metadata.deletionTimestamp !== undefined && !isTrue(claim, "InstanceTerminating");
  return items.filter(isGoing).length;
}

describe("taking nodes away while calls fail and controllers die", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    it(`budgets hold, busy nodes stay, and nothing is left of empty ones [SEED=${seed}]`, async () => {
      const random = new Random(seed);
      const world = startWorld(random.fork("faults"));
      const allowed = random.between(1, 3);
      await addPool(world, { budgets: [{ nodes: String(allowed) }] });
      const busy = await addSomeNodes(world, random);
      for (let second = 0; second < 600; second += 1) {
        await world.pass(1);
        if (second < 300 && random.chance(0.03)) await world.restart();
        if (second < 300 && random.chance(0.03)) await removePods(world, 1);
        const going = await nodesGoing(world);
        assert.ok(going <= allowed, `${going} nodes go at once, ${allowed} may`);
      }
      await removePods(world, Number.POSITIVE_INFINITY);
      await world.pass(900);
      const nodes = (await world.api.list(NODES)).items;
      assert.deepEqual(
        nodes.map(({ metadata }) => metadata.name),
        [...busy].sort(),
      );
      assert.deepEqual(
        [...world.cloud.instances.keys()].sort(),
        nodes.map(({ spec }) => spec.providerID),
      );
      assert.ok(nodes.every(({ spec }) => (spec.taints ?? []).length === 0));
      assert.ok(world.gone.every((name) => !name.startsWith("stays")));
      await world.stop();
    });
  }
});
