import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { UserError } from "../base/errors.ts";
import { serveProfile } from "./profiles.ts";

/** Whether all is well with one part. A check that throws is not well. */
export type Check = () => boolean;
export type EndpointsOptions = {
  /** Default: all addresses. */
  host?: string;
  /** 0: any free one. */
  metricsPort: number;
  healthProbePort: number;
  /** The text of /metrics. */
  expose(): string;
  /** JSON lines of /decisions: what was decided about the objects that the query names. */
  decisions?(query: URLSearchParams): string;
  /** Sub-checks of /readyz by name, beside "readyz" itself. */
  readyChecks: Readonly<Record<string, Check>>;
  /** Sub-checks of /healthz by name, beside "healthz" itself. */
  healthChecks?: Readonly<Record<string, Check>>;
  /** Serve profiles below /debug/pprof/. */
  isProfiling?: boolean;
};
export type Endpoints = { metricsPort: number; healthProbePort: number; close(): Promise<void> };

/**
 * Serves /metrics on one port, /healthz and /readyz on another.
 * @throws UserError KARP_PORT_IN_USE, naming the setting
 */
export async function serveEndpoints(options: EndpointsOptions): Promise<Endpoints> {
  const metrics = await listen((request, response) => answerMetrics(options, request, response), {
    port: options.metricsPort,
    setting: "metrics-port",
    host: options.host,
  });
  try {
    const health = await listen((request, response) => answerHealth(options, request, response), {
      port: options.healthProbePort,
      setting: "health-probe-port",
      host: options.host,
    });
    return {
      metricsPort: portOf(metrics),
      healthProbePort: portOf(health),
      async close() {
        await closed(metrics);
        await closed(health);
      },
    };
  } catch (error) {
    await closed(metrics);
    throw error;
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

function listen(
  handle: Handler,
  { port, setting, host }: { port: number; setting: string; host: string | undefined },
): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(handle);
    server.once("error", (cause: NodeJS.ErrnoException) =>
      reject(
        new UserError({
          code: "KARP_PORT_IN_USE",
          what: `port ${port} cannot be served on: ${cause.message}`,
          remedy: `give another one with --${setting}, or end the process that has it`,
          cause,
        }),
      ),
    );
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => resolve(server));
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function answerMetrics(
  { expose, decisions, isProfiling }: EndpointsOptions,
  request: IncomingMessage,
  response: ServerResponse,
) {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (url.pathname === "/metrics") {
    answer(response, 200, expose(), "text/plain; version=0.0.4; charset=utf-8");
  } else if (decisions !== undefined && url.pathname === "/decisions") {
    answer(response, 200, decisions(url.searchParams), "application/x-ndjson; charset=utf-8");
  } else if (isProfiling === true && url.pathname.startsWith("/debug/pprof")) serveProfile(url, response);
  else answer(response, 404, "404 page not found\n");
}

function answerHealth(options: EndpointsOptions, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const [, group = "", name] = url.pathname.split("/");
  const checks = new Map(Object.entries(checksOf(options, group)));
  if (checks.size === 0 || (name !== undefined && name !== "" && !checks.has(name))) {
    answer(response, 404, "404 page not found\n");
  } else if (name !== undefined && name !== "") {
    const isWell = holds(checks.get(name));
    answer(response, isWell ? 200 : 500, isWell ? "ok" : `internal server error: ${name} is not well\n`);
  } else answerGroup(group, checks, url.searchParams, response);
}

function checksOf(
  { readyChecks, healthChecks = {} }: EndpointsOptions,
  group: string,
): Readonly<Record<string, Check>> {
  if (group === "readyz") return { ...readyChecks, readyz: () => true };
  return group === "healthz" ? { ...healthChecks, healthz: () => true } : {};
}

/** All checks of a group: "ok", or line by line when asked for or when one fails. */
function answerGroup(
  group: string,
  checks: ReadonlyMap<string, Check>,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const excluded = new Set(query.getAll("exclude").flatMap((names) => names.split(",")));
  const lines: string[] = [];
  let isWell = true;
  for (const [name, check] of checks) {
    const isGood = excluded.has(name) || holds(check);
    isWell &&= isGood;
    lines.push(excluded.has(name) ? `[+]${name} excluded: ok` : isGood ? `[+]${name} ok` : `[-]${name} failed`);
  }
  const unknown = [...excluded].filter((name) => !checks.has(name));
  if (unknown.length > 0)
    lines.push(`warn: some health checks cannot be excluded: no matches for ${unknown.join(", ")}`);
  const report = `${lines.join("\n")}\n${group} check ${isWell ? "passed" : "failed"}\n`;
  answer(response, isWell ? 200 : 500, isWell && !query.has("verbose") ? "ok" : report);
}

function holds(check: Check | undefined): boolean {
  try {
    return check?.() === true;
  } catch {
    return false;
  }
}

function answer(response: ServerResponse, code: number, text: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(code, { "content-type": type, "x-content-type-options": "nosniff" });
  response.end(text);
}
