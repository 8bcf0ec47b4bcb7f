import { type JsonObject, numberAt, objectsAt, textAt } from "../../json.ts";
import { ageOf, type Cell, type Column, columnsOf, nameOf, since, type TablePrinter } from "./cells.ts";
import { firstAt } from "./json-path.ts";

const NAME_AND_AGE = columnsOf("Name Age");

/** For kinds without columns of their own. */
export const PLAIN_TABLE: TablePrinter = {
  columns: NAME_AND_AGE,
  cells: (object, nowMs) => [nameOf(object), ageOf(object, nowMs)],
};

/** How a CustomResourceDefinition wants the objects of one of its versions shown. */
export function customTable(definition: JsonObject, version: string): TablePrinter {
  const spec = definition["spec"] as JsonObject | undefined;
  const found = objectsAt(spec, "versions").find((v) => v["name"] === version);
  const extra = objectsAt(found, "additionalPrinterColumns");
  if (extra.length === 0) return PLAIN_TABLE;
  const columns: Column[] = extra.map((column) => ({
    name: textAt(column, "name") ?? "",
    type: (textAt(column, "type") ?? "string") as Column["type"],
    format: textAt(column, "format") ?? "",
    description: textAt(column, "description") ?? "",
    priority: numberAt(column, "priority") ?? 0,
  }));
  const paths = extra.map((column) => textAt(column, "jsonPath") ?? "");
  return {
    columns: [...columnsOf("Name"), ...columns],
    cells: (object, nowMs) => [
      nameOf(object),
      ...paths.map((path, i) => cellOf(columns[i]?.type ?? "string", firstAt(object, path), nowMs)),
    ],
  };
}

function cellOf(type: Column["type"], value: unknown, nowMs: number): Cell {
  if (value === undefined || value === null) return null;
  switch (type) {
    case "date":
      return since(value, nowMs);
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "string":
      return typeof value === "object" ? JSON.stringify(value) : String(value);
  }
}
