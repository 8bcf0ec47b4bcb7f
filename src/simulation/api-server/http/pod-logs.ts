import type { ServerResponse } from "node:http";
import { parseTime } from "../../../base/time.ts";
import { objectAt, objectsAt, textAt } from "../json.ts";
import { badRequest } from "../refusals.ts";
import type { RawObject } from "../requests.ts";
import { count, flag } from "./request-query.ts";
import type { LogLine, LogSource, LogTarget } from "./sources.ts";

const PENDING_BYTES_MAX = 16 * 1024 * 1024;

/**
 * GET pods/NAME/log: the lines so far, and with `follow` those to come until the container ends or the client goes.
 * @throws ApiError 400 when there is nothing to show, saying why
 */
export function servePodLog(
  source: LogSource,
  pod: RawObject,
  params: URLSearchParams,
  nowMs: number,
  response: ServerResponse,
): void {
  const container = containerOf(pod, params.get("container"));
  const { name, namespace = "", uid } = pod.metadata;
  const target: LogTarget = { namespace, pod: name, podUid: uid, container };
  const isPrevious = flag(params, "previous") === true;
  const written = source.read(target, isPrevious);
  if (written === undefined) throw badRequest(whyNone(pod, container, isPrevious));
  const print = printer(params);
  response.writeHead(200, { "content-type": "text/plain", "cache-control": "no-cache, private" });
  const bytesMax = count(params, "limitBytes");
  const text = selected(written, params, nowMs).map(print).join("");
  response.write(bytesMax === undefined ? text : Buffer.from(text).subarray(0, bytesMax));
  if (flag(params, "follow") !== true || isPrevious) {
    response.end();
    return;
  }
  response.flushHeaders();
  const stop = source.follow(
    target,
    (line) => {
      response.write(print(line));
      if (response.writableLength > PENDING_BYTES_MAX) response.destroy();
    },
    () => response.end(),
  );
  response.on("close", stop);
}

function containerOf(pod: RawObject, asked: string | null): string {
  const spec = objectAt(pod, "spec");
  const all = [...objectsAt(spec, "containers"), ...objectsAt(spec, "initContainers")].map(
    (c) => textAt(c, "name") ?? "",
  );
  const first = objectsAt(spec, "containers");
  const fallback = first.length === 1 ? textAt(first[0], "name") : undefined;
  const chosen = asked === null || asked === "" ? fallback : asked;
  const { name } = pod.metadata;
  if (chosen === undefined) {
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${all.join(" ")}]`);
  }
  if (!all.includes(chosen)) throw badRequest(`container ${chosen} is not valid for pod ${name}`);
  return chosen;
}

function whyNone(pod: RawObject, container: string, isPrevious: boolean): string {
  const { name } = pod.metadata;
  if (isPrevious) return `previous terminated container "${container}" in pod "${name}" not found`;
  const statuses = objectsAt(objectAt(pod, "status"), "containerStatuses");
  const state = objectAt(
    statuses.find((status) => status["name"] === container),
    "state",
  );
  const waiting = textAt(objectAt(state, "waiting"), "reason");
  const isScheduled = textAt(objectAt(pod, "spec"), "nodeName") !== undefined;
  const reason = waiting ?? (isScheduled ? "ContainerCreating" : "the pod has no node yet");
  return `container "${container}" in pod "${name}" is waiting to start: ${reason}`;
}

function selected(lines: readonly LogLine[], params: URLSearchParams, nowMs: number): readonly LogLine[] {
  const sinceSeconds = count(params, "sinceSeconds");
  const sinceTime = params.get("sinceTime");
  const fromMs =
    sinceSeconds !== undefined ? nowMs - sinceSeconds * 1000 : sinceTime !== null ? parseTime(sinceTime) : undefined;
  const recent = fromMs === undefined ? lines : lines.filter((line) => line.atMs >= fromMs);
  const tail = count(params, "tailLines");
  if (tail === undefined || tail < 0) return recent;
  return tail === 0 ? [] : recent.slice(-tail);
}

function printer(params: URLSearchParams): (line: LogLine) => string {
  if (flag(params, "timestamps") !== true) return ({ text }) => `${text}\n`;
  return ({ atMs, text }) => `${new Date(atMs).toISOString().slice(0, -1)}000000Z ${text}\n`;
}
