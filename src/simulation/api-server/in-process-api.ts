import { RetryError } from "../../base/errors.ts";
import type { Kind } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  ApiError,
  type KubeApi,
  type ListOptions,
  type Patch,
  type Ref,
  type Watch,
  type WatchEnd,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from "../../ports/kube-api.ts";
import { VERSION } from "./http/discovery.ts";
import type {
  ApiRequest,
  ApiResponse,
  ObjectListBody,
  RawWatch,
  RawWatchEnd,
  RawWatchEvent,
  RequestQuery,
  Verb,
  WatchSink,
} from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";

export type ClientOptions = {
  /** The name under which fields are owned when a write names no field manager. Default "unknown". */
  user?: string;
  /** How long a request takes to the server, and an answer or event back, each. Default 0: on the microtask queue. */
  latencyMs?: number;
};

/** What of the server it needs. */
type Server = {
  handle(request: ApiRequest): ApiResponse;
  watch(request: ApiRequest, sink: WatchSink): RawWatch;
  resourceOfKind(kind: Kind): ResourceDefinition;
  isClosed(): boolean;
};
/** Sends one request and waits for the answer. */
type Send = (kind: Kind, request: Omit<ApiRequest, "resource">) => Promise<ApiResponse>;

/** The KubeApi port over function calls. */
export function inProcessApi(server: Server, clock: Clock, options: ClientOptions = {}): KubeApi {
  const send = sender(server, clock, options);
  const one = async <T>(kind: Kind, verb: Verb, ref: Partial<Ref>, more: Partial<ApiRequest> = {}): Promise<T> =>
    (await send(kind, { ...refOf(ref), ...more, verb })).body as unknown as T;
  return {
    get: (kind, ref) => one(kind, "get", ref),
    async list<T extends KubeObject>(kind: Kind<T>, listOptions: ListOptions = {}) {
      const { namespace, ...query } = listOptions;
      const request = { verb: "list" as const, query, ...(namespace === undefined ? {} : { namespace }) };
      const { metadata, items } = (await send(kind, request)).body as ObjectListBody;
      return { ...metadata, items: items as unknown as T[] };
    },
    watch: (kind, watchOptions, onEvent) => startWatch(server, clock, options, kind, watchOptions, onEvent),
    create: (kind, object, write) =>
      one(kind, "create", { ...namespaceOf(object.metadata) }, { body: object, query: queryOf(write) }),
    update: (kind, object, write) => one(kind, "update", object.metadata, { body: object, query: queryOf(write) }),
    updateStatus: (kind, object, write) =>
      one(kind, "update", object.metadata, { body: object, query: queryOf(write), subresource: "status" }),
    patch: (kind, ref, patch, write) => one(kind, "patch", ref, patchRequest(patch, write)),
    async delete(kind, ref, body) {
      await send(kind, { verb: "delete", ...refOf(ref), body });
    },
    version: async () => VERSION,
    act: (kind, ref, subresource, body) => one(kind, "create", ref, { subresource, body }),
  };
}

function sender(server: Server, clock: Clock, { user = "unknown", latencyMs = 0 }: ClientOptions): Send {
  return async (kind, request) => {
    if (latencyMs > 0) await clock.sleep(latencyMs);
    if (server.isClosed()) throw new RetryError("the API server is closed");
    let answer: { response: ApiResponse } | { error: unknown };
    try {
      answer = { response: server.handle({ user, ...request, resource: server.resourceOfKind(kind) }) };
    } catch (error) {
      answer = { error };
    }
    if (latencyMs > 0) await clock.sleep(latencyMs);
    if ("error" in answer) throw answer.error;
    return answer.response;
  };
}

function refOf({ name, namespace }: Partial<Ref>): Partial<Ref> {
  return { ...(name === undefined ? {} : { name }), ...namespaceOf({ namespace }) };
}

function namespaceOf({ namespace }: { namespace?: string | undefined }): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

function queryOf(write: WriteOptions = {}): RequestQuery {
  return { ...write };
}

function patchRequest(
  patch: Patch,
  { subresource, ...write }: WriteOptions & { subresource?: "status" | "scale" } = {},
): Partial<ApiRequest> {
  const applied = patch.type === "apply" ? { fieldManager: patch.fieldManager, force: patch.force === true } : {};
  return {
    patchType: patch.type,
    body: patch.body,
    query: { ...write, ...applied },
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function startWatch<T extends KubeObject>(
  server: Server,
  clock: Clock,
  { user = "unknown", latencyMs = 0 }: ClientOptions,
  kind: Kind<T>,
  { namespace, ...query }: WatchOptions,
  onEvent: (event: WatchEvent<T>) => void,
): Watch {
  const { promise: ended, resolve } = Promise.withResolvers<WatchEnd>();
  let isOver = false;
  let raw: RawWatch | undefined;
  const end = (reason: WatchEnd): void => {
    if (isOver) return;
    isOver = true;
    resolve(reason);
    raw?.stop();
  };
  // With latency the request and every event are on their way for that long; the clock keeps their order.
  const later = (run: () => void): void => {
    if (latencyMs > 0) clock.after(latencyMs, run);
    else run();
  };
  const sink = {
    onEvent: (event: RawWatchEvent) =>
      later(() => {
        if (!isOver) onEvent(eventOf<T>(event));
      }),
    onEnd: (reason: RawWatchEnd) => later(() => end(endOf(reason))),
  };
  const start = (): void => {
    if (isOver) return;
    try {
      if (server.isClosed()) throw new RetryError("the API server is closed");
      const resource = server.resourceOfKind(kind);
      raw = server.watch(
        {
          verb: "watch",
          resource,
          ...namespaceOf({ namespace }),
          query: { ...query, allowWatchBookmarks: true },
          user,
        },
        sink,
      );
    } catch (error) {
      queueMicrotask(() => end(failureOf(error)));
    }
  };
  later(start);
  return { ended, stop: () => end({ reason: "stopped" }) };
}

function eventOf<T extends KubeObject>({ type, object }: RawWatchEvent): WatchEvent<T> {
  if (type === "BOOKMARK") return { type, resourceVersion: object.metadata.resourceVersion };
  return { type, object: object as unknown as T };
}

function endOf(end: RawWatchEnd): WatchEnd {
  if (end.reason === "failed") return failureOf(end.error);
  return { reason: end.reason === "stopped" ? "stopped" : "closed" };
}

function failureOf(error: unknown): WatchEnd {
  return error instanceof ApiError && error.code === 410 ? { reason: "expired" } : { reason: "failed", error };
}
