import type { ServerResponse } from "node:http";
import { Session } from "node:inspector/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { getHeapSnapshot, getHeapStatistics } from "node:v8";

const SECONDS_MAX = 300;
let isProfiling = false;

/**
 * /debug/pprof/profile?seconds=30: a CPU profile; /debug/pprof/heap: a heap snapshot. Both open in the browser's
 * developer tools (Go's format means nothing to this runtime). One profile at a time.
 */
export function serveProfile(url: URL, response: ServerResponse): void {
  const name = url.pathname.replace(/^\/debug\/pprof\/?/, "");
  if (name === "profile") void serveCpuProfile(Number(url.searchParams.get("seconds") ?? 30), response);
  else if (name === "heap") serveHeap(response);
  else if (name === "") {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(`${JSON.stringify({ profiles: ["profile?seconds=30", "heap"], memory: getHeapStatistics() })}\n`);
  } else {
    response.writeHead(404, { "content-type": "text/plain" });
    response.end(`there is no profile "${name}" here; there are profile and heap\n`);
  }
}

/** Never rejects. */
async function serveCpuProfile(seconds: number, response: ServerResponse): Promise<void> {
  if (isProfiling || !(seconds > 0 && seconds <= SECONDS_MAX)) {
    response.writeHead(isProfiling ? 409 : 400, { "content-type": "text/plain" });
    response.end(isProfiling ? "a profile is being taken already\n" : `seconds must be 1 to ${SECONDS_MAX}\n`);
    return;
  }
  isProfiling = true;
  const session = new Session();
  try {
    session.connect();
    await session.post("Profiler.enable");
    await session.post("Profiler.start");
    const ended = new AbortController();
    response.once("close", () => ended.abort());
    await sleep(seconds * 1_000, undefined, { signal: ended.signal }).catch(() => undefined);
    const { profile } = await session.post("Profiler.stop");
    response.writeHead(200, attachment("karpenter.cpuprofile"));
    response.end(JSON.stringify(profile));
  } catch (error) {
    response.destroy(error instanceof Error ? error : undefined);
  } finally {
    session.disconnect();
    isProfiling = false;
  }
}

function serveHeap(response: ServerResponse): void {
  response.writeHead(200, attachment("karpenter.heapsnapshot"));
  getHeapSnapshot().pipe(response);
}

function attachment(file: string): Record<string, string> {
  return { "content-type": "application/json", "content-disposition": `attachment; filename="${file}"` };
}
