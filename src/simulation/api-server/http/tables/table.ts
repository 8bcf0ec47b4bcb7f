import type { JsonObject } from "../../json.ts";
import type { ObjectListBody, RawObject } from "../../requests.ts";
import type { ResourceDefinition } from "../../resource-definitions.ts";
import type { TablePrinter } from "./cells.ts";
import { CLUSTER_TABLES, POLICY_TABLES } from "./cluster-tables.ts";
import { EVENT_TABLE } from "./event-table.ts";
import { POD_TABLE } from "./pod-table.ts";
import { customTable, PLAIN_TABLE } from "./printer-columns.ts";
import { WORKLOAD_TABLES } from "./workload-tables.ts";

/** How much of each object its row carries. */
export type IncludeObject = "None" | "Metadata" | "Object";

const BUILT_IN: Readonly<Record<string, TablePrinter>> = {
  "Pod.": POD_TABLE,
  ...WORKLOAD_TABLES,
  ...CLUSTER_TABLES,
  ...POLICY_TABLES,
};

/** @param definition the CustomResourceDefinition of a custom kind */
export function printerOf(resource: ResourceDefinition, definition: JsonObject | undefined): TablePrinter {
  if (definition !== undefined) return customTable(definition, resource.version);
  if (resource.kind === "Event") return EVENT_TABLE;
  return BUILT_IN[`${resource.kind}.${resource.group}`] ?? PLAIN_TABLE;
}

/** A Table of one object, or of the objects of a list. */
export function tableOf(
  printer: TablePrinter,
  body: RawObject | ObjectListBody,
  nowMs: number,
  include: IncludeObject,
): Record<string, unknown> {
  const isList = "items" in body && Array.isArray(body.items);
  const items = isList ? (body as ObjectListBody).items : [body as RawObject];
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: isList ? body.metadata : { resourceVersion: body.metadata.resourceVersion },
    columnDefinitions: printer.columns,
    rows: items.map((item) => rowOf(printer, item, nowMs, include)),
  };
}

/** The Table in one event of a watch; only the first one names the columns. */
export function eventTable(
  printer: TablePrinter,
  object: RawObject,
  nowMs: number,
  include: IncludeObject,
  isFirst: boolean,
): Record<string, unknown> {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion: object.metadata.resourceVersion },
    columnDefinitions: isFirst ? printer.columns : null,
    rows: [rowOf(printer, object, nowMs, include)],
  };
}

function rowOf(printer: TablePrinter, object: RawObject, nowMs: number, include: IncludeObject): unknown {
  const cells = printer.cells(object as unknown as JsonObject, nowMs);
  if (include === "None") return { cells };
  return { cells, object: include === "Object" ? object : metadataOnly(object) };
}

/** An object without what its kind adds to the metadata. */
export function metadataOnly(object: RawObject): Record<string, unknown> {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}
