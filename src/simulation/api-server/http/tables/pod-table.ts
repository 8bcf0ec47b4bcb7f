import { type JsonObject, listAt, numberAt, objectAt, objectsAt, textAt } from "../../json.ts";
import { ageOf, type Cell, columnsOf, NONE, nameOf, since, type TablePrinter } from "./cells.ts";

/** Pods as `kubectl get pods` shows them. @source kubernetes pkg/printers/internalversion, printPod */
export const POD_TABLE: TablePrinter = {
  columns: columnsOf("Name Ready Status Restarts Age IP* Node* Nominated_Node* Readiness_Gates*"),
  cells: podCells,
};

type Containers = {
  reason: string;
  ready: number;
  restarts: number;
  lastRestart: string | undefined;
  isInitializing: boolean;
};

function podCells(pod: JsonObject, nowMs: number): Cell[] {
  const spec = objectAt(pod, "spec");
  const status = objectAt(pod, "status");
  const seen = afterMain(pod, afterInit(pod));
  const sidecars = objectsAt(spec, "initContainers").filter(isSidecar).length;
  const total = objectsAt(spec, "containers").length + sidecars;
  const ip = textAt(objectsAt(status, "podIPs")[0], "ip") ?? textAt(status, "podIP");
  const restarts =
    seen.lastRestart === undefined || seen.restarts === 0
      ? String(seen.restarts)
      : `${seen.restarts} (${since(seen.lastRestart, nowMs)} ago)`;
  return [
    nameOf(pod),
    `${seen.ready}/${total}`,
    finalReason(pod, seen.reason),
    restarts,
    ageOf(pod, nowMs),
    ip ?? NONE,
    textAt(spec, "nodeName") ?? NONE,
    textAt(status, "nominatedNodeName") ?? NONE,
    readinessGates(pod),
  ];
}

function finalReason(pod: JsonObject, reason: string): string {
  const status = objectAt(pod, "status");
  if (textAt(objectAt(pod, "metadata"), "deletionTimestamp") === undefined) return reason;
  if (textAt(status, "reason") === "NodeLost") return "Unknown";
  const phase = textAt(status, "phase");
  return phase === "Failed" || phase === "Succeeded" ? reason : "Terminating";
}

function baseReason(pod: JsonObject): string {
  const status = objectAt(pod, "status");
  const isGated = objectsAt(status, "conditions").some(
    (condition) => condition["type"] === "PodScheduled" && condition["reason"] === "SchedulingGated",
  );
  if (isGated) return "SchedulingGated";
  return textAt(status, "reason") ?? textAt(status, "phase") ?? "Unknown";
}

const isSidecar = (container: JsonObject): boolean => container["restartPolicy"] === "Always";

function afterInit(pod: JsonObject): Containers {
  const inits = objectsAt(objectAt(pod, "spec"), "initContainers");
  const seen: Containers = {
    reason: baseReason(pod),
    ready: 0,
    restarts: 0,
    lastRestart: undefined,
    isInitializing: false,
  };
  for (const [i, status] of objectsAt(objectAt(pod, "status"), "initContainerStatuses").entries()) {
    countRestarts(seen, status);
    const spec = inits.find((container) => container["name"] === status["name"]);
    const terminated = stateOf(status, "terminated");
    if (terminated !== undefined && terminated["exitCode"] === 0) continue;
    if (spec !== undefined && isSidecar(spec) && status["started"] === true) {
      if (status["ready"] === true) seen.ready += 1;
      continue;
    }
    const waiting = textAt(stateOf(status, "waiting"), "reason");
    seen.isInitializing = true;
    if (terminated !== undefined) seen.reason = `Init:${ending(terminated)}`;
    else if (waiting !== undefined && waiting !== "PodInitializing") seen.reason = `Init:${waiting}`;
    else seen.reason = `Init:${i}/${inits.length}`;
    break;
  }
  return seen;
}

function afterMain(pod: JsonObject, before: Containers): Containers {
  const conditions = objectsAt(objectAt(pod, "status"), "conditions");
  const isTrue = (type: string): boolean => conditions.some((c) => c["type"] === type && c["status"] === "True");
  if (before.isInitializing && !isTrue("Initialized")) return before;
  const seen = { ...before };
  let isAnyRunning = false;
  for (const status of objectsAt(objectAt(pod, "status"), "containerStatuses").reverse()) {
    countRestarts(seen, status);
    const waiting = textAt(stateOf(status, "waiting"), "reason");
    const terminated = stateOf(status, "terminated");
    if (waiting !== undefined) seen.reason = waiting;
    else if (terminated !== undefined) seen.reason = ending(terminated);
    else if (status["ready"] === true && stateOf(status, "running") !== undefined) {
      isAnyRunning = true;
      seen.ready += 1;
    }
  }
  if (seen.reason === "Completed" && isAnyRunning) seen.reason = isTrue("Ready") ? "Running" : "NotReady";
  return seen;
}

function countRestarts(seen: Containers, status: JsonObject): void {
  seen.restarts += numberAt(status, "restartCount") ?? 0;
  const finished = textAt(objectAt(objectAt(status, "lastState"), "terminated"), "finishedAt");
  if (finished !== undefined && (seen.lastRestart === undefined || finished > seen.lastRestart)) {
    seen.lastRestart = finished;
  }
}

const stateOf = (status: JsonObject, state: string): JsonObject | undefined =>
  objectAt(objectAt(status, "state"), state);

function ending(terminated: JsonObject): string {
  const reason = textAt(terminated, "reason");
  if (reason !== undefined && reason !== "") return reason;
  const signal = numberAt(terminated, "signal") ?? 0;
  return signal !== 0 ? `Signal:${signal}` : `ExitCode:${numberAt(terminated, "exitCode") ?? 0}`;
}

function readinessGates(pod: JsonObject): string {
  const gates = listAt(objectAt(pod, "spec"), "readinessGates") as JsonObject[];
  if (gates.length === 0) return NONE;
  const conditions = objectsAt(objectAt(pod, "status"), "conditions");
  const open = gates.filter((gate) =>
    conditions.some((c) => c["type"] === gate["conditionType"] && c["status"] === "True"),
  );
  return `${open.length}/${gates.length}`;
}
