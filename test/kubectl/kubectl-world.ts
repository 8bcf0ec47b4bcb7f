import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Random } from "../../src/base/random.ts";
import { crdOf } from "../../src/model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../src/model/resources/custom-resources.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { type ApiServer, createApiServer } from "../../src/simulation/api-server/api-server.ts";
import { type ServedApi, serveApi } from "../../src/simulation/api-server/http/serve-api.ts";
import type { LogLine, LogSource, UsageSource } from "../../src/simulation/api-server/http/sources.ts";
import type { RawObject } from "../../src/simulation/api-server/requests.ts";
import { startPuppets } from "./puppets.ts";
import { WORLD_OBJECTS } from "./world-objects.ts";

export type KubectlWorld = {
  server: ApiServer;
  served: ServedApi;
  /** Creates, or with `subresource` updates, an object as if a component of the cluster had done it. */
  put(object: object, subresource?: string): RawObject;
  get(apiVersion: string, plural: string, name: string, namespace?: string): RawObject | undefined;
  close(): Promise<void>;
};

/**
 * A small cluster at rest behind HTTP: two nodes, a deployment with two revisions, a pool, the controller's own pod.
 * Nothing schedules; puppets end pods that are being deleted and keep the status of workloads.
 * @param puppetDelayMs how long the puppets take; 0: before the next request can come
 */
export async function startKubectlWorld(puppetDelayMs: number): Promise<KubectlWorld> {
  const clock = realClock();
  const server = createApiServer({ clock, random: new Random(7), crds: CUSTOM_RESOURCES.map(crdOf) });
  const put = putter(server);
  for (const object of WORLD_OBJECTS) put(object);
  const stopPuppets = startPuppets(server, clock, puppetDelayMs);
  const metrics = await startMetrics();
  const port = (metrics.address() as AddressInfo).port;
  const served = await serveApi({
    server,
    clock,
    logs: LOGS,
    usage: USAGE,
    forward: { addressOf: (_pod, asked) => (asked === 8080 ? { host: "127.0.0.1", port } : undefined) },
  });
  return {
    server,
    served,
    put,
    get: (apiVersion, plural, name, namespace) => read(server, apiVersion, plural, name, namespace),
    async close() {
      stopPuppets();
      await served.close();
      server.close();
      metrics.closeAllConnections();
      await new Promise((resolve) => metrics.close(resolve));
    },
  };
}

function realClock(): Clock {
  return {
    nowMs: () => Date.now(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        signal?.addEventListener("abort", () => {
          clearTimeout(timer);
          resolve();
        });
      }),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  };
}

function splitVersion(apiVersion: string): { group: string; version: string } {
  const [a = "", b] = apiVersion.split("/");
  return b === undefined ? { group: "", version: a } : { group: a, version: b };
}

function putter(server: ApiServer) {
  const uids = new Map<string, string>();
  /** Fills in the uids of owners and of what an event is about. */
  const withUids = (object: object): object => {
    const { metadata, involvedObject } = object as RawObject & { involvedObject?: { kind: string; name: string } };
    const uidOf = (of: { kind: string; name: string }): string => uids.get(`${of.kind}/${of.name}`) ?? "";
    const ownerReferences = metadata.ownerReferences?.map((of) => ({ ...of, uid: uidOf(of) }));
    return {
      ...object,
      ...(ownerReferences === undefined ? {} : { metadata: { ...metadata, ownerReferences } }),
      ...(involvedObject === undefined ? {} : { involvedObject: { ...involvedObject, uid: uidOf(involvedObject) } }),
    };
  };
  return (object: object, subresource?: string): RawObject => {
    const { apiVersion, kind, metadata } = object as RawObject;
    const { group, version } = splitVersion(apiVersion);
    const resource = server.resources().find((r) => r.group === group && r.version === version && r.kind === kind);
    if (resource === undefined) throw new TypeError(`${apiVersion} ${kind} is not served`);
    const where = metadata.namespace === undefined ? {} : { namespace: metadata.namespace };
    const hasStatus = resource.hasStatus && "status" in object;
    if (subresource === undefined) {
      const made = server.handle({ verb: "create", resource, ...where, body: withUids(object) }).body as RawObject;
      uids.set(`${kind}/${metadata.name}`, made.metadata.uid);
      if (!hasStatus) return made;
    }
    const { name } = metadata;
    const now = server.handle({ verb: "get", resource, ...where, name }).body as RawObject;
    const body = { ...now, status: (object as { status?: unknown }).status };
    return server.handle({ verb: "update", resource, ...where, name, subresource: "status", body }).body as RawObject;
  };
}

function read(server: ApiServer, apiVersion: string, plural: string, name: string, namespace?: string) {
  const { group, version } = splitVersion(apiVersion);
  const resource = server.resource(group, version, plural);
  if (resource === undefined) return undefined;
  try {
    const where = namespace === undefined ? {} : { namespace };
    return server.handle({ verb: "get", resource, ...where, name }).body as RawObject;
  } catch {
    return undefined;
  }
}

async function startMetrics(): Promise<Server> {
  const metrics = createServer((_request, response) => {
    response.end("karpenter_build_info 1\n");
  });
  await new Promise<void>((resolve) => metrics.listen(0, "127.0.0.1", resolve));
  return metrics;
}

const WRITTEN: readonly LogLine[] = [
  { atMs: Date.parse("2026-01-01T00:00:00Z"), text: '{"level":"INFO","message":"starting"}' },
  { atMs: Date.parse("2026-01-01T00:00:01Z"), text: '{"level":"INFO","message":"found provisionable pod(s)"}' },
];
const LOGS: LogSource = {
  read: (target, previous) => (previous || target.pod === "pending" ? undefined : WRITTEN),
  follow(_target, onLine, onEnd) {
    const timer = setTimeout(() => {
      onLine({ atMs: Date.now(), text: "and one more" });
      onEnd();
    }, 20);
    return () => clearTimeout(timer);
  },
};

const USAGE: UsageSource = {
  ofNode: () => ({ cpuMilli: 250, memoryBytes: 512 * 1024 * 1024 }),
  ofPod: (_namespace, name) =>
    name === "pending" ? undefined : [{ container: "c", cpuMilli: 10, memoryBytes: 16 * 1024 * 1024 }],
};
