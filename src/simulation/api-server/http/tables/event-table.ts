import { eventFromView } from "../../event-view.ts";
import { type JsonObject, numberAt, objectAt, textAt } from "../../json.ts";
import { type Cell, columnsOf, nameOf, plain, since, type TablePrinter } from "./cells.ts";

/** Events of both groups, as `kubectl get events` shows them. */
export const EVENT_TABLE: TablePrinter = {
  columns: columnsOf("Last_Seen Type Reason Object Subobject* Message Source* First_Seen* Count* Name*"),
  cells: eventCells,
};

function eventCells(shown: JsonObject, nowMs: number): Cell[] {
  const isView = textAt(shown, "apiVersion") === "events.k8s.io/v1";
  const event = isView ? (eventFromView(shown) as JsonObject) : shown;
  const object = objectAt(event, "involvedObject");
  const series = objectAt(event, "series");
  const first =
    textAt(event, "firstTimestamp") ??
    textAt(event, "eventTime") ??
    textAt(objectAt(event, "metadata"), "creationTimestamp");
  const last = textAt(series, "lastObservedTime") ?? textAt(event, "lastTimestamp") ?? first;
  const source = objectAt(event, "source");
  const component = textAt(source, "component") ?? textAt(event, "reportingComponent") ?? "";
  const host = textAt(source, "host");
  return [
    since(last, nowMs),
    plain(event, "type"),
    plain(event, "reason"),
    `${(textAt(object, "kind") ?? "").toLowerCase()}/${textAt(object, "name") ?? ""}`,
    plain(object, "fieldPath"),
    (textAt(event, "message") ?? "").trim(),
    host === undefined ? component : `${component}, ${host}`,
    since(first, nowMs),
    numberAt(series, "count") ?? numberAt(event, "count") ?? 1,
    nameOf(event),
  ];
}
