import { RetryError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { apiVersionOf, type Kind } from "../model/kinds.ts";
import type { KubeObject } from "../model/object.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeleteOptions, KubeApi, ListOptions, ObjectList, Patch, Ref, WriteOptions } from "../ports/kube-api.ts";
import type { Metrics } from "../ports/telemetry.ts";
import { refusalOf } from "./answers.ts";
import { httpWatch } from "./http-watch.ts";
import { limits } from "./limits.ts";
import { collectionPath, createPath, objectPath, type Query } from "./paths.ts";
import type { ApiCall, Transport } from "./transport.ts";

export type HttpKubeApiOptions = {
  transport: Transport;
  clock: Clock;
  random: Random;
  metrics?: Metrics | undefined;
};

/** The KubeApi port over HTTP. */
export function httpKubeApi(given: HttpKubeApiOptions): KubeApi {
  const { transport, random } = given;
  let skewMs: number | undefined;
  const options: CallOptions = {
    ...given,
    onSkew: (ms) => {
      skewMs = ms;
    },
  };
  const read = <T>(kind: Kind, verb: string, path: string, timeoutMs: number): Promise<T> =>
    call<T>(options, { kind, verb }, { method: "GET", path, timeoutMs });
  const write = <T>(kind: Kind, verb: Verb, path: string, body: unknown, subresource = ""): Promise<T> =>
    call<T>(
      options,
      { kind, verb, subresource },
      {
        method: METHODS[verb],
        path,
        body: { text: JSON.stringify(body), contentType: "application/json" },
        timeoutMs: limits.requestTimeoutMs,
      },
    );
  return {
    get: async (kind, ref) => await read(kind, "GET", objectPath(kind, ref), limits.requestTimeoutMs),
    async list<T extends KubeObject>(kind: Kind<T>, listOptions: ListOptions = {}): Promise<ObjectList<T>> {
      const { namespace, ...query } = listOptions;
      const raw = await read<RawList<T>>(kind, "LIST", collectionPath(kind, namespace, query), limits.listTimeoutMs);
      return listOf(kind, raw);
    },
    watch(kind, { namespace, timeoutMs, ...query }, onEvent) {
      const { shortest, longest } = limits.watchTimeoutMs;
      const timeoutSeconds = Math.ceil((timeoutMs ?? random.between(shortest, longest)) / 1_000);
      const path = collectionPath(kind, namespace, {
        ...query,
        watch: true,
        allowWatchBookmarks: true,
        timeoutSeconds,
      });
      return httpWatch(transport, path, onEvent);
    },
    create: async (kind, object, writeOptions) =>
      await write(kind, "CREATE", createPath(kind, object.metadata.namespace, writeQuery(writeOptions)), object),
    update: async (kind, object, writeOptions) =>
      await write(kind, "UPDATE", objectPath(kind, object.metadata, "", writeQuery(writeOptions)), object),
    updateStatus: async (kind, object, writeOptions) =>
      await write(
        kind,
        "UPDATE",
        objectPath(kind, object.metadata, "status", writeQuery(writeOptions)),
        object,
        "status",
      ),
    patch: async (kind, ref, patch, patchOptions = {}) => {
      const { subresource = "", ...writeOptions } = patchOptions;
      const path = objectPath(kind, ref, subresource, { ...writeQuery(writeOptions), ...patchQuery(patch) });
      const body = { text: JSON.stringify(patch.body), contentType: PATCH_TYPES[patch.type] };
      const timeoutMs = limits.requestTimeoutMs;
      return await call(options, { kind, verb: "PATCH", subresource }, { method: "PATCH", path, body, timeoutMs });
    },
    async delete(kind: Kind, ref: Ref, deleteOptions: DeleteOptions = {}): Promise<void> {
      const body = { apiVersion: "v1", kind: "DeleteOptions", ...deleteOptions };
      await write(kind, "DELETE", objectPath(kind, ref), body);
    },
    version: () =>
      call(
        options,
        { kind: { group: "", version: "", plural: "version" }, verb: "GET" },
        { method: "GET", path: "/version", timeoutMs: limits.requestTimeoutMs },
      ),
    clockSkewMs: () => skewMs,
    act: (kind, ref, subresource, body) => write(kind, "CREATE", objectPath(kind, ref, subresource), body, subresource),
  };
}

type Verb = "CREATE" | "UPDATE" | "DELETE";
type RawList<T> = {
  items?: T[] | null;
  metadata?: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
};
type What = { kind: Pick<Kind, "group" | "version" | "plural">; verb: string; subresource?: string };

const METHODS = { CREATE: "POST", UPDATE: "PUT", DELETE: "DELETE" } as const;
const PATCH_TYPES: Readonly<Record<Patch["type"], string>> = {
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  json: "application/json-patch+json",
  apply: "application/apply-patch+yaml",
};

/** Told after every answer by how much the server's clock is ahead. */
type CallOptions = HttpKubeApiOptions & { onSkew(ms: number): void };

/** @throws ApiError for a refusal, RetryError when there was no answer */
async function call<T>({ transport, clock, metrics, onSkew }: CallOptions, what: What, request: ApiCall): Promise<T> {
  const { group, version, plural } = what.kind;
  const startMs = clock.nowMs();
  const answer = await transport.send(request);
  if (answer.dateMs !== undefined) onSkew(skewOf(answer.dateMs, startMs, clock.nowMs()));
  metrics?.count("client_go_request_total", { code: String(answer.code), method: request.method });
  metrics?.observe("client_go_request_duration_seconds", (clock.nowMs() - startMs) / 1_000, {
    verb: what.verb,
    group,
    version,
    kind: plural,
    subresource: what.subresource ?? "",
  });
  if (answer.code < 200 || answer.code > 299) throw refusalOf(answer);
  try {
    return JSON.parse(answer.text) as T;
  } catch (cause) {
    throw new RetryError(`the answer to ${request.method} ${request.path} is not JSON`, 0, cause);
  }
}

/** The answer was written at some time between; only what lies outside of it, and is more than a second, is a difference. */
function skewOf(dateMs: number, startMs: number, endMs: number): number {
  if (dateMs > endMs) return dateMs - endMs;
  return dateMs + 1_000 < startMs ? dateMs - startMs : 0;
}

/** Items of a list do not say what they are: their list does. */
function listOf<T extends KubeObject>(kind: Kind<T>, { items, metadata = {} }: RawList<T>): ObjectList<T> {
  const apiVersion = apiVersionOf(kind);
  for (const item of items ?? []) {
    item.apiVersion ??= apiVersion;
    item.kind ??= kind.kind;
  }
  const { resourceVersion = "", continue: next, remainingItemCount } = metadata;
  return {
    items: items ?? [],
    resourceVersion,
    ...(next === undefined || next === "" ? {} : { continue: next }),
    ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
  };
}

function writeQuery({ dryRun, fieldManager, fieldValidation }: WriteOptions = {}): Query {
  return { dryRun: dryRun === true ? "All" : undefined, fieldManager, fieldValidation };
}

function patchQuery(patch: Patch): Query {
  return patch.type === "apply" ? { fieldManager: patch.fieldManager, force: patch.force } : {};
}
