import { present } from "../../base/assert.ts";
import type { Random } from "../../base/random.ts";
import { MINUTE_MS } from "../../base/time.ts";
import type { Kind } from "../../model/kinds.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KubeApi } from "../../ports/kube-api.ts";
import { followDefinitions } from "./definition-removal.ts";
import type { Engine } from "./engine.ts";
import { type ClientOptions, inProcessApi } from "./in-process-api.ts";
import { refusal } from "./refusals.ts";
import type { ApiRequest, ApiResponse, RawObject, RawWatch, StoreChange, WatchSink } from "./requests.ts";
import { handleRequest } from "./requests-handler.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";
import { ResourceRegistry } from "./resource-registry.ts";
import { Store } from "./store.ts";
import { WatchHub } from "./watch.ts";
import { startWatch } from "./watch-requests.ts";

export type { StoreChange };

const HISTORY_EVENTS_MAX = 10_000;
const HISTORY_AGE_MAX_MS = 5 * MINUTE_MS;

/**
 * A simulated Kubernetes API server: one store behind the KubeApi port and behind requests at the level of resources
 * (which HTTP puts on the wire). All is done at once, in memory; time and chance come from the ports alone.
 */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { clock } = options;
  const engine = createEngine(options);
  let isClosed = false;
  const server: ApiServer = {
    api: (client) => inProcessApi({ ...server, isClosed: () => isClosed }, clock, client),
    handle(request) {
      if (isClosed) throw refusal(503, "ServiceUnavailable", "the API server is closed");
      return handleRequest(engine, served(engine, request));
    },
    watch(request, sink) {
      if (isClosed) throw refusal(503, "ServiceUnavailable", "the API server is closed");
      return startWatch(engine, served(engine, request), sink);
    },
    resources: () => engine.registry.all(),
    resource: (group, version, plural) => engine.registry.find(group, version, plural),
    resourceOfKind: (kind) => engine.registry.ofKind(kind),
    resourcesVersion: () => engine.registry.version(),
    customResourceDefinition: ({ customResourceDefinition: name }) =>
      name === undefined ? undefined : engine.store.table(definitionsOf(engine)).get(name)?.object,
    dependentsOf: (ownerUid) => engine.store.dependentsOf(ownerUid),
    objectOfUid: (uid) => engine.store.objectOfUid(uid),
    observe: (onChange) => engine.store.observe(onChange),
    resourceVersion: () => String(engine.store.version()),
    objectCount: (kind) => engine.store.table(engine.registry.ofKind(kind)).size,
    close() {
      isClosed = true;
      engine.hub.endAll({ reason: "closed" });
    },
  };
  for (const object of [...initialObjects(), ...(options.crds ?? [])]) createInitial(engine, object);
  return server;
}

/** The request as its resource is served now. @throws ApiError 404 when that has ended */
function served(engine: Engine, request: ApiRequest): ApiRequest {
  const resource = engine.registry.ofKind(request.resource);
  return resource === request.resource ? request : { ...request, resource };
}

function createEngine({ clock, random, history, freeze = false }: ApiServerOptions): Engine {
  const store = new Store({
    history: {
      eventsMax: history?.eventsMax ?? HISTORY_EVENTS_MAX,
      ageMaxMs: history?.ageMaxMs ?? HISTORY_AGE_MAX_MS,
    },
    nowMs: () => clock.nowMs(),
    freeze,
  });
  const hub = new WatchHub(clock, () => store.version());
  const engine: Engine = { clock, random: random.fork("api-server"), store, registry: new ResourceRegistry(), hub };
  for (const resource of engine.registry.all()) if (resource.viewOf === undefined) store.table(resource);
  store.observe(followDefinitions(engine));
  return engine;
}

function definitionsOf(engine: Engine): ResourceDefinition {
  return engine.registry.ofKind({ group: "apiextensions.k8s.io", version: "v1", plural: "customresourcedefinitions" });
}

function createInitial(engine: Engine, object: unknown): void {
  const { apiVersion = "", kind = "" } = object as { apiVersion?: string; kind?: string };
  const resource = present(
    engine.registry.ofApiVersion(apiVersion, kind),
    `a kind that is there from the start: ${kind}`,
  );
  handleRequest(engine, { verb: "create", resource, body: object, user: "kube-apiserver" });
}

/** What every cluster has before anybody does anything. */
function initialObjects(): unknown[] {
  const namespaces = ["default", "kube-node-lease", "kube-public", "kube-system"];
  const priorities = [
    [
      "system-node-critical",
      2_000_001_000,
      "Used for system critical pods that must not be moved from their current node.",
    ],
    [
      "system-cluster-critical",
      2_000_000_000,
      "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ],
  ] as const;
  return [
    ...namespaces.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    ...priorities.map(([name, value, description]) => ({
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name },
      value,
      description,
    })),
  ];
}

export type ApiServerOptions = {
  clock: Clock;
  /** Names and uids are drawn from a fork of it. */
  random: Random;
  /** How long a watch may lag behind: the events kept per resource, and their age. Default 10,000 and 5 minutes. */
  history?: { eventsMax?: number; ageMaxMs?: number };
  /** CustomResourceDefinition objects that are there from the start. */
  crds?: readonly unknown[];
  /** Freezes every stored object, so that a reader who changes one is found out. For tests: it costs time. */
  freeze?: boolean;
};

export type ApiServer = {
  /** The KubeApi port in process: what the product and the simulated components use. */
  api(options?: ClientOptions): KubeApi;
  /** One request at the level of resources, answered at once. @throws ApiError for a refusal */
  handle(request: ApiRequest): ApiResponse;
  /** @throws ApiError when the watch cannot start; later trouble comes as the end. */
  watch(request: ApiRequest, sink: WatchSink): RawWatch;

  /** What is served at the moment: built-in kinds and those of established CustomResourceDefinitions. */
  resources(): readonly ResourceDefinition[];
  /** @returns undefined when it is not served (any more) */
  resource(group: string, version: string, plural: string): ResourceDefinition | undefined;
  resourceOfKind(kind: Kind): ResourceDefinition;
  /** Grows whenever `resources()` changes: for caches of discovery and OpenAPI. */
  resourcesVersion(): number;
  /** The CustomResourceDefinition that a resource came from. */
  customResourceDefinition(resource: ResourceDefinition): RawObject | undefined;

  /** Objects whose metadata.ownerReferences name this uid, of any kind. */
  dependentsOf(ownerUid: string): readonly { resource: ResourceDefinition; object: RawObject }[];
  /** Whether an object of this uid is stored. */
  objectOfUid(uid: string): { resource: ResourceDefinition; object: RawObject } | undefined;
  /** Calls on every change, synchronously; it must not write from inside the call. The returned function ends it. */
  observe(onChange: (change: StoreChange) => void): () => void;
  resourceVersion(): string;
  objectCount(kind: Kind): number;

  /** Ends all watches and timers. Requests are refused from then on. */
  close(): void;
};
