import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { InvariantError, UserError } from "../../../base/errors.ts";
import type { Clock } from "../../../ports/clock.ts";
import { ApiError } from "../../../ports/kube-api.ts";
import type { ApiServer } from "../api-server.ts";
import { internalError } from "../refusals.ts";
import { readAccept } from "./accept.ts";
import { AUTOSCALING_V1 } from "./autoscaling-v1.ts";
import { type Answered, answerBytes, answerJson, answerText, type Call, type Served } from "./call.ts";
import {
  AGGREGATED_DISCOVERY,
  aggregatedDiscovery,
  coreVersions,
  groupList,
  oneGroup,
  resourceList,
  VERSION,
} from "./discovery.ts";
import { methodNotAllowedOnPath, unknownPath } from "./http-refusals.ts";
import { METRICS_RESOURCES } from "./metrics-api.ts";
import { openApiOf } from "./openapi.ts";
import { openApiV2 } from "./openapi-v2.ts";
import { answerFromPod, proxyPathOf } from "./pod-proxy.ts";
import { readResourcePath } from "./request-path.ts";
import { resourceCall } from "./resource-call.ts";
import { REVIEW_RESOURCES } from "./reviews.ts";
import type { ForwardSource, LogSource, UsageSource } from "./sources.ts";
import { refuseStrangers } from "./strangers.ts";
import { upgrade } from "./upgrades.ts";

export type ServeOptions = {
  server: ApiServer;
  /** Loopback only: "127.0.0.1" (default) or "::1". */
  host?: "127.0.0.1" | "::1";
  /** 0 (default): any free one. */
  port?: number;
  /** The world's time, for ages. */
  clock: Pick<Clock, "nowMs">;
  logs?: LogSource;
  /** Without it metrics.k8s.io is not served. */
  usage?: UsageSource;
  /** Without it port-forward is refused. */
  forward?: ForwardSource;
};

export type ServedApi = {
  /** "http://127.0.0.1:PORT" */
  url: string;
  port: number;
  /** Ends every connection; resolves when nothing is left open. */
  close(): Promise<void>;
};

/**
 * Serves the simulated API server over plain HTTP on loopback, so that kubectl works.
 * @throws UserError when the port cannot be had
 */
export async function serveApi(options: ServeOptions): Promise<ServedApi> {
  const host = options.host ?? "127.0.0.1";
  const virtual = [AUTOSCALING_V1, ...REVIEW_RESOURCES, ...(options.usage === undefined ? [] : METRICS_RESOURCES)];
  const served: Served = {
    server: options.server,
    clock: options.clock,
    logs: options.logs,
    usage: options.usage,
    forward: options.forward,
    openApi: openApiOf(options.server, virtual),
    texts: new Map(),
    virtual,
  };
  const http = createServer({ keepAliveTimeout: IDLE_MS, headersTimeout: IDLE_MS + 5_000 }, (request, response) => {
    answer(served, request, response).catch((error: unknown) => response.destroy(asError(error)));
  });
  const upgraded = new Set<Duplex>();
  http.on("upgrade", (request, socket, head) => {
    upgraded.add(socket);
    socket.on("close", () => upgraded.delete(socket));
    upgrade(served, request, socket, head).catch(() => socket.destroy());
  });
  const port = await listen(http, host, options.port ?? 0);
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    close: () => close(http, upgraded),
  };
}

/** Clients keep connections for a minute and more; one that the server closes first costs them a failed write. */
const IDLE_MS = 120_000;

function listen(http: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once("error", (cause: NodeJS.ErrnoException) => {
      const what =
        cause.code === "EADDRINUSE" ? `port ${port} is in use` : `cannot listen on ${host}:${port}: ${cause.message}`;
      reject(
        new UserError({ code: "KARP_PORT_IN_USE", what, remedy: "choose another port, or 0 for any free one", cause }),
      );
    });
    http.listen({ host, port }, () => resolve((http.address() as AddressInfo).port));
  });
}

function close(http: Server, upgraded: ReadonlySet<Duplex>): Promise<void> {
  return new Promise((resolve) => {
    http.close(() => resolve());
    for (const socket of upgraded) socket.destroy();
    http.closeAllConnections();
  });
}

async function answer(served: Served, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const call = callOf(served, request, response);
  try {
    refuseStrangers(request);
    await route(call);
  } catch (error) {
    const refused = error instanceof ApiError ? error : internalError(asError(error).message);
    if (response.headersSent) response.destroy(asError(error));
    else refuse(call, refused);
  }
}

function refuse(call: Call, { code, status }: ApiError): void {
  const retryAfter = status.details?.retryAfterSeconds;
  answerJson(
    call,
    code,
    status,
    retryAfter === undefined || retryAfter <= 0 ? {} : { "retry-after": String(retryAfter) },
  );
}

function callOf(served: Served, request: IncomingMessage, response: ServerResponse): Call {
  const url = new URL(request.url ?? "/", "http://localhost");
  return {
    served,
    request,
    response,
    method: request.method ?? "GET",
    url,
    segments: url.pathname
      .split("/")
      .filter((segment) => segment !== "")
      .map(decode),
    accept: readAccept(request.headers.accept),
  };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

async function route(call: Call): Promise<Answered> {
  const proxied = call.method === "GET" ? proxyPathOf(call) : undefined;
  if (proxied !== undefined) return answerFromPod(call, proxied);
  const path = readResourcePath(call.segments);
  if (path !== undefined) return resourceCall(call, path);
  if (call.method !== "GET" && call.method !== "HEAD") throw methodNotAllowedOnPath();
  const [first, ...rest] = call.segments;
  switch (first) {
    case "api":
    case "apis":
      return discover(call);
    case "version":
      return answerJson(call, 200, VERSION);
    case "healthz":
    case "livez":
    case "readyz":
      return answerText(call, 200, "ok");
    case "openapi":
      return describeSchemas(call, rest);
    case undefined:
      return answerJson(call, 200, {
        paths: ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"],
      });
    default:
      throw unknownPath();
  }
}

function discover(call: Call): Answered {
  const [root, group, version] = call.segments;
  const all = [...call.served.server.resources(), ...call.served.virtual];
  const isCore = root === "api";
  if (group === undefined) {
    if (call.accept.wantsAggregatedDiscovery) {
      return answerJson(call, 200, aggregatedDiscovery(all, isCore), {
        "content-type": AGGREGATED_DISCOVERY,
        vary: "Accept",
      });
    }
    return answerJson(call, 200, isCore ? coreVersions(call.request.headers.host ?? "") : groupList(all), {
      vary: "Accept",
    });
  }
  if (isCore) return answerJson(call, 200, resourceList(all, "", group));
  return answerJson(call, 200, version === undefined ? oneGroup(all, group) : resourceList(all, group, version));
}

/** The OpenAPI documents: with the right hash an answer may be kept for ever, a wrong one leads to the right one. */
function describeSchemas(call: Call, [kind, ...path]: readonly string[]): Answered {
  if (kind === "v2" && path.length === 0) {
    const { type, body } = openApiV2(call.request.headers.accept?.includes("spec.v2@v1.0+protobuf") === true);
    return answerBytes(call, 200, body, { "content-type": type });
  }
  if (kind !== "v3") throw unknownPath();
  if (path.length === 0) return answerJson(call, 200, call.served.openApi.index());
  const document = call.served.openApi.document(path.join("/"));
  if (document === undefined) throw unknownPath();
  const hash = call.url.searchParams.get("hash");
  if (hash !== null && hash !== document.hash) {
    const location = `${call.url.pathname}?hash=${document.hash}`;
    return answerText(call, 301, "", { location });
  }
  return answerText(call, 200, document.json, {
    "content-type": "application/json",
    etag: `"${document.hash}"`,
    ...(hash === null ? {} : { "cache-control": "public, immutable, max-age=31536000" }),
  });
}

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new InvariantError("only errors are thrown", error);
