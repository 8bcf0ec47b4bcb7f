import { Random } from "../../base/random.ts";
import { ApiError, type Status } from "../../ports/kube-api.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { type ApiServer, type ApiServerOptions, createApiServer } from "./api-server.ts";
import type { JsonObject } from "./json.ts";
import type { ApiRequest, RawObject, RawWatchEnd, RawWatchEvent } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";

const START_MS = 1_790_000_000_000;

/** What a request in a test says; the resource by its "plural" or "plural.group". */
export type TestRequest = Omit<ApiRequest, "resource"> & { of: string };

/** A frozen, seeded server on a virtual clock, with short ways to ask it. */
export function serverUnderTest(options: Partial<ApiServerOptions> = {}) {
  const clock = new VirtualClock(START_MS);
  const server = createApiServer({ clock, random: new Random(7), freeze: true, ...options });
  const resource = (of: string): ResourceDefinition => {
    const found = server.resources().find((r) => of === (r.group === "" ? r.plural : `${r.plural}.${r.group}`));
    if (found === undefined) throw new RangeError(`no resource ${of}`);
    return found;
  };
  const send = ({ of, ...request }: TestRequest) => server.handle({ ...request, resource: resource(of) });
  const ask = (request: TestRequest) => send(request).body as RawObject & JsonObject;
  return {
    clock,
    server,
    send,
    ask,
    /** Creates an object in its own namespace, whatever its kind. */
    create(object: JsonObject, more: Partial<ApiRequest> = {}) {
      const found = server
        .resources()
        .find((r) => r.kind === object["kind"] && apiVersionOf(r) === object["apiVersion"]);
      if (found === undefined) throw new RangeError(`no kind ${object["kind"]}`);
      const { namespace } = object["metadata"] as { namespace?: string };
      const scope = namespace === undefined ? {} : { namespace };
      return server.handle({ verb: "create", resource: found, body: object, ...scope, ...more }).body as RawObject &
        JsonObject;
    },
    /** The Status that a request is refused with. */
    refusal: (request: TestRequest) => refusalOf(() => send(request)),
    watch({ of, ...request }: Omit<TestRequest, "verb">) {
      const events: RawWatchEvent[] = [];
      const ends: RawWatchEnd[] = [];
      const sink = { onEvent: (e: RawWatchEvent) => events.push(e), onEnd: (e: RawWatchEnd) => ends.push(e) };
      const watch = server.watch({ ...request, verb: "watch", resource: resource(of) }, sink);
      return {
        events,
        ends,
        stop: () => watch.stop(),
        /** "TYPE name" of what came so far. */
        seen: () =>
          events.map(({ type, object }) => `${type} ${object.metadata.name ?? object.metadata.resourceVersion}`),
      };
    },
  };
}

export type ServerUnderTest = ReturnType<typeof serverUnderTest> & { server: ApiServer };

/** The Status of a refusal. */
export function refusalOf(run: () => unknown): Status {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error.status;
    throw error;
  }
  throw new RangeError("the request was not refused");
}

function apiVersionOf({ group, version }: ResourceDefinition): string {
  return group === "" ? version : `${group}/${version}`;
}

export function podNamed(
  name: string,
  more: { labels?: Record<string, string>; spec?: JsonObject; metadata?: JsonObject } = {},
) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", labels: more.labels ?? {}, ...more.metadata },
    spec: { containers: [{ name: "main", image: "registry.example/app:1" }], ...more.spec },
  };
}

export function deploymentNamed(name: string, spec: JsonObject = {}) {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: "main", image: "registry.example/app:1" }] },
      },
      ...spec,
    },
  };
}

export function configMapNamed(name: string, data: Record<string, string> = {}) {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data };
}
