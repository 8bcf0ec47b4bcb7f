import assert from "node:assert/strict";
import { disruptionController } from "../../src/act/disruption/disruption.ts";
import { ActMemory } from "../../src/act/memory.ts";
import { nodeRepairController } from "../../src/act/node/node-repair.ts";
import { nodeTerminationController } from "../../src/act/node/node-termination.ts";
import { nodeClaimDisruptionController } from "../../src/act/nodeclaim/disruption.ts";
import { expirationController } from "../../src/act/nodeclaim/expiration.ts";
import { garbageCollectionController } from "../../src/act/nodeclaim/garbage-collection.ts";
import { nodeClaimLifecycleController } from "../../src/act/nodeclaim/lifecycle.ts";
import { podEventsController } from "../../src/act/pod/pod-events.ts";
import type { Needs } from "../../src/act/ports.ts";
import { RetryError } from "../../src/base/errors.ts";
import { Random } from "../../src/base/random.ts";
import { formatTime, parseTime } from "../../src/base/time.ts";
import type { Pod, PodSpec } from "../../src/model/core.ts";
import { type Kind, NODE_CLAIMS, NODE_POOLS, NODES, PODS } from "../../src/model/kinds.ts";
import type { Draft, KubeObject } from "../../src/model/object.ts";
import { crdOf } from "../../src/model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../src/model/resources/custom-resources.ts";
import type { NodeClaim } from "../../src/model/resources/node-claim.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import { defaultSettings } from "../../src/model/settings.ts";
import {
  type CloudProvider,
  CreateError,
  type Instance,
  InstanceNotFoundError,
} from "../../src/ports/cloud-provider.ts";
import { ApiError, isNotFound, type Status } from "../../src/ports/kube-api.ts";
import type { EventRecord } from "../../src/ports/telemetry.ts";
import { startManager } from "../../src/runtime/manager.ts";
import { type ApiServer, createApiServer } from "../../src/simulation/api-server/api-server.ts";
import { VirtualClock } from "../../src/simulation/clock/virtual-clock.ts";
import { silentLog } from "../../src/telemetry/log.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { startMirror } from "../../src/watch/mirror.ts";

export const START = parseTime("2026-03-04T12:00:00Z") ?? 0;
export const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };

/** A cloud whose instances take a while to go. */
export class FakeCloud implements CloudProvider {
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
    return Promise.reject(new CreateError("NothingToLaunch", "this cloud has only what tests put into it"));
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

export type World = ReturnType<typeof startWorld>;

/** An API server, a cloud, and the controllers that take nodes away. Kubelets end deleted pods after their grace. */
export function startWorld(faults?: Random) {
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
  const manager = startManager({
    controllers: [
      disruptionController(needs),
      nodeTerminationController(needs),
      nodeClaimDisruptionController(needs),
      podEventsController(needs),
      expirationController(needs),
      garbageCollectionController(needs),
      nodeRepairController(needs),
      nodeClaimLifecycleController(needs),
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
    version: () => call(() => api.version()),
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

export async function addPool({ api }: World, disruption: NodePool["spec"]["disruption"] = {}): Promise<void> {
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

/** A world that has begun, with a pool whose budgets allow everything. */
export async function startedWorld(disruption?: NodePool["spec"]["disruption"]): Promise<World> {
  const world = startWorld();
  await addPool(world, disruption);
  return world;
}

/** An initialized claim with its node and its instance. */
export async function addNode(
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
  await api.create(NODE_CLAIMS, {
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
  // The controllers are at work on the claim already.
  const body = { status: { providerID, nodeName: name, conditions } };
  await api.patch(NODE_CLAIMS, { name: `claim-${name}` }, { type: "merge", body }, { subresource: "status" });
}

export async function addPod(
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
export const daemon = { ownerReferences: [{ apiVersion: "apps/v1", kind: "DaemonSet", name: "d", uid: "d" }] };
