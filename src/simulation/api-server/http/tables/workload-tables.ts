import { parseTime } from "../../../../base/time.ts";
import { type JsonObject, listAt, numberAt, objectAt, objectsAt, textAt } from "../../json.ts";
import {
  ageOf,
  type Cell,
  columnsOf,
  containerCells,
  humanDuration,
  labelText,
  NONE,
  nameOf,
  plain,
  selectorText,
  since,
  type TablePrinter,
  UNKNOWN,
} from "./cells.ts";

const podSpecOf = (object: JsonObject): JsonObject | undefined =>
  objectAt(objectAt(objectAt(object, "spec"), "template"), "spec");
const statusNumber = (object: JsonObject, key: string): number => numberAt(objectAt(object, "status"), key) ?? 0;
const specNumber = (object: JsonObject, key: string, absent: number): number =>
  numberAt(objectAt(object, "spec"), key) ?? absent;
const selectorOf = (object: JsonObject): JsonObject | undefined => objectAt(objectAt(object, "spec"), "selector");

const REPLICAS_COLUMNS = columnsOf("Name Desired Current Ready Age Containers* Images* Selector*");
const replicasCells =
  (selector: (object: JsonObject) => string) =>
  (object: JsonObject, nowMs: number): Cell[] => [
    nameOf(object),
    specNumber(object, "replicas", 1),
    statusNumber(object, "replicas"),
    statusNumber(object, "readyReplicas"),
    ageOf(object, nowMs),
    ...containerCells(podSpecOf(object)),
    selector(object),
  ];

/** Kinds that make pods, by "Kind.group". */
export const WORKLOAD_TABLES: Readonly<Record<string, TablePrinter>> = {
  "Deployment.apps": {
    columns: columnsOf("Name Ready Up-to-date Available Age Containers* Images* Selector*"),
    cells: (object, nowMs) => [
      nameOf(object),
      `${statusNumber(object, "readyReplicas")}/${specNumber(object, "replicas", 1)}`,
      statusNumber(object, "updatedReplicas"),
      statusNumber(object, "availableReplicas"),
      ageOf(object, nowMs),
      ...containerCells(podSpecOf(object)),
      selectorText(selectorOf(object)),
    ],
  },
  "ReplicaSet.apps": { columns: REPLICAS_COLUMNS, cells: replicasCells((object) => selectorText(selectorOf(object))) },
  "ReplicationController.": {
    columns: REPLICAS_COLUMNS,
    cells: replicasCells((object) => labelText(selectorOf(object))),
  },
  "StatefulSet.apps": {
    columns: columnsOf("Name Ready Age Containers* Images*"),
    cells: (object, nowMs) => [
      nameOf(object),
      `${statusNumber(object, "readyReplicas")}/${specNumber(object, "replicas", 1)}`,
      ageOf(object, nowMs),
      ...containerCells(podSpecOf(object)),
    ],
  },
  "DaemonSet.apps": {
    columns: columnsOf(
      "Name Desired Current Ready Up-to-date Available Node_Selector Age Containers* Images* Selector*",
    ),
    cells: (object, nowMs) => [
      nameOf(object),
      statusNumber(object, "desiredNumberScheduled"),
      statusNumber(object, "currentNumberScheduled"),
      statusNumber(object, "numberReady"),
      statusNumber(object, "updatedNumberScheduled"),
      statusNumber(object, "numberAvailable"),
      labelText(objectAt(podSpecOf(object), "nodeSelector")),
      ageOf(object, nowMs),
      ...containerCells(podSpecOf(object)),
      selectorText(selectorOf(object)),
    ],
  },
  "Job.batch": {
    columns: columnsOf("Name Status Completions Duration Age Containers* Images* Selector*"),
    cells: (object, nowMs) => [
      nameOf(object),
      jobStatus(object),
      jobCompletions(object),
      jobDuration(object, nowMs),
      ageOf(object, nowMs),
      ...containerCells(podSpecOf(object)),
      selectorText(selectorOf(object)),
    ],
  },
  "CronJob.batch": {
    columns: columnsOf("Name Schedule Timezone Suspend Active Last_Schedule Age Containers* Images* Selector*"),
    cells: cronJobCells,
  },
  "ControllerRevision.apps": {
    columns: columnsOf("Name Controller Revision Age"),
    cells: (object, nowMs) => [
      nameOf(object),
      controllerOf(object),
      plain(object, "revision", 0),
      ageOf(object, nowMs),
    ],
  },
  "PodTemplate.": {
    columns: columnsOf("Name Containers Images Pod_Labels"),
    cells: (object) => [
      nameOf(object),
      ...containerCells(objectAt(objectAt(object, "template"), "spec")),
      labelText(objectAt(objectAt(objectAt(object, "template"), "metadata"), "labels")),
    ],
  },
};

function jobStatus(job: JsonObject): string {
  const isTrue = (type: string): boolean =>
    objectsAt(objectAt(job, "status"), "conditions").some((c) => c["type"] === type && c["status"] === "True");
  if (isTrue("Complete")) return "Complete";
  if (isTrue("Failed")) return "Failed";
  if (textAt(objectAt(job, "metadata"), "deletionTimestamp") !== undefined) return "Terminating";
  if (isTrue("Suspended")) return "Suspended";
  return isTrue("FailureTarget") ? "FailureTarget" : isTrue("SuccessCriteriaMet") ? "SuccessCriteriaMet" : "Running";
}

function jobCompletions(job: JsonObject): string {
  const succeeded = statusNumber(job, "succeeded");
  const spec = objectAt(job, "spec");
  const completions = numberAt(spec, "completions");
  if (completions !== undefined) return `${succeeded}/${completions}`;
  const parallelism = numberAt(spec, "parallelism") ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function jobDuration(job: JsonObject, nowMs: number): string {
  const status = objectAt(job, "status");
  const started = parseTime(textAt(status, "startTime") ?? "");
  if (started === undefined) return "";
  const ended = parseTime(textAt(status, "completionTime") ?? "");
  return humanDuration((ended ?? nowMs) - started);
}

function cronJobCells(object: JsonObject, nowMs: number): Cell[] {
  const spec = objectAt(object, "spec");
  const last = textAt(objectAt(object, "status"), "lastScheduleTime");
  const jobSpec = objectAt(objectAt(spec, "jobTemplate"), "spec");
  return [
    nameOf(object),
    textAt(spec, "schedule") ?? "",
    textAt(spec, "timeZone") ?? NONE,
    spec?.["suspend"] === true ? "True" : "False",
    listAt(objectAt(object, "status"), "active").length,
    last === undefined ? NONE : since(last, nowMs),
    ageOf(object, nowMs),
    ...containerCells(objectAt(objectAt(jobSpec, "template"), "spec")),
    selectorText(objectAt(jobSpec, "selector")),
  ];
}

function controllerOf(object: JsonObject): string {
  const owner = objectsAt(objectAt(object, "metadata"), "ownerReferences").find((o) => o["controller"] === true);
  if (owner === undefined) return NONE;
  const group = (textAt(owner, "apiVersion") ?? "").split("/");
  const kind = (textAt(owner, "kind") ?? UNKNOWN).toLowerCase();
  return `${kind}${group.length === 2 ? `.${group[0]}` : ""}/${textAt(owner, "name") ?? ""}`;
}
