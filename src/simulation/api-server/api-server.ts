import { InvariantError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import type { Kind } from "../../model/kinds.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KubeApi } from "../../ports/kube-api.ts";
import type { ApiRequest, ApiResponse, RawObject, RawWatch, WatchSink } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";

/** A simulated Kubernetes API server: one store, in one process, without a clock or chance of its own. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  throw new InvariantError("the api server is being assembled", options);
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

export type ClientOptions = {
  /** The name under which fields are owned when a write names no field manager. Default "unknown". */
  user?: string;
  /** How long a request takes to the server, and an answer or event back, each. Default 0: on the microtask queue. */
  latencyMs?: number;
};

/** A change of any object, told to observers in the server's own process while the write is being made. */
export type StoreChange = {
  resource: ResourceDefinition;
  /** Absent when it was created. */
  before?: RawObject;
  /** Absent when it was removed. */
  after?: RawObject;
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
