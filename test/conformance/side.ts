import assert from "node:assert/strict";
import type { Pod } from "../../src/model/core.ts";
import type { Kind } from "../../src/model/kinds.ts";
import type { Draft, KubeObject, ObjectMeta } from "../../src/model/object.ts";
import { ApiError, type KubeApi, type Watch, type WatchEvent, type WatchOptions } from "../../src/ports/kube-api.ts";

/** One implementation of the KubeApi port with a server behind it, under test. */
export type Side = {
  api: KubeApi;
  /** A namespace of the case's own, in which pods may be created. */
  namespace: string;
  /** Lets the server's time pass: at once where it is simulated. */
  passTime(ms: number): Promise<void>;
  /** How many events the server remembers at least, where it can be made to forget within a test. */
  historyEventsMax?: number;
};

/** What an implementation must do, whatever is behind it. It must leave no cluster-scoped object behind. */
export type Case = { name: string; run(side: Side): Promise<void> };

export type ConfigMap = KubeObject & { data?: Record<string, string> };
export const CONFIG_MAPS: Kind<ConfigMap> = {
  group: "",
  version: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  namespaced: true,
};
export type Deployment = KubeObject & { spec: Record<string, unknown>; status?: Record<string, unknown> };
export const DEPLOYMENTS: Kind<Deployment> = {
  group: "apps",
  version: "v1",
  kind: "Deployment",
  plural: "deployments",
  namespaced: true,
};
export const NO_SUCH_KIND: Kind = {
  group: "nothing.example.com",
  version: "v1",
  kind: "Nothing",
  plural: "nothings",
  namespaced: true,
};

export function configMap({ namespace }: Side, name: string, over: Partial<ObjectMeta> = {}): Draft<ConfigMap> {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, ...over }, data: { a: "1" } };
}

export function pod({ namespace }: Side, name: string, over: Partial<ObjectMeta> = {}): Draft<Pod> {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, ...over },
    spec: {
      containers: [{ name: "main", image: "example.com/app:1", resources: { requests: { cpu: "100m" } } }],
      terminationGracePeriodSeconds: 30,
      automountServiceAccountToken: false,
    },
  } as Draft<Pod>;
}

export function deployment({ namespace }: Side, name: string): Draft<Deployment> {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas: 1,
      paused: true,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: "main", image: "example.com/app:1" }] },
      },
    },
  };
}

/** The refusal that the promise ends with. */
export async function refusalOf(
  promise: Promise<unknown>,
  want: { code: number; reason: string; message?: RegExp },
): Promise<ApiError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ApiError, `an ApiError, not ${error}`);
    assert.deepEqual(
      { code: error.code, reason: error.reason },
      { code: want.code, reason: want.reason },
      error.message,
    );
    if (want.message !== undefined) assert.match(error.message, want.message);
    assert.equal(error.status.kind, "Status");
    assert.equal(error.status.status, "Failure");
    return error;
  }
  assert.fail(`not refused with ${want.code} ${want.reason}`);
}

export type Watched<T> = {
  watch: Watch;
  events: WatchEvent<T>[];
  /** "ADDED a", in order; bookmarks are left out. */
  names(): string[];
  /** Resolves when so many events other than bookmarks have come. @throws as eventually */
  atLeast(count: number): Promise<void>;
};

export function watched<T extends KubeObject>(api: KubeApi, kind: Kind<T>, options: WatchOptions): Watched<T> {
  const events: WatchEvent<T>[] = [];
  const watch = api.watch(kind, options, (event) => events.push(event));
  assert.equal(events.length, 0, "no event comes before the call has returned");
  const names = (): string[] =>
    events.flatMap((event) => (event.type === "BOOKMARK" ? [] : [`${event.type} ${event.object.metadata.name}`]));
  return {
    watch,
    events,
    names,
    atLeast: (count) =>
      eventually(
        () => names().length >= count,
        () => `${count} events, not ${names().join(", ")}`,
      ),
  };
}

/** Waits until it holds. @throws after 20 s: far more than it takes, for busy machines */
export async function eventually(holds: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const untilMs = performance.now() + 20_000;
  while (!(await holds())) {
    assert.ok(performance.now() < untilMs, `waited in vain for ${what()}`);
    await pause(2);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
