import { parseTime } from "../../../../base/time.ts";
import { type JsonObject, listAt, objectAt, objectsAt, textAt } from "../../json.ts";

/** A cell as kubectl prints it. */
export type Cell = string | number | boolean | null;

export type Column = {
  name: string;
  type: "string" | "integer" | "number" | "boolean" | "date";
  format: string;
  description: string;
  /** 1: shown by `-o wide` only. */
  priority: number;
};

/** How `kubectl get` shows objects of one kind. */
export type TablePrinter = { columns: readonly Column[]; cells(object: JsonObject, nowMs: number): Cell[] };

/** Columns from their names: "Name Ready Age IP*", where "*" marks those of `-o wide` and "_" stands for a blank. */
export function columnsOf(names: string): Column[] {
  return names.split(" ").map((written) => {
    const name = written.replace("*", "").replaceAll("_", " ");
    return {
      name,
      type: "string",
      format: name === "Name" ? "name" : "",
      description: "",
      priority: written.endsWith("*") ? 1 : 0,
    };
  });
}

export const NONE = "<none>";
export const UNKNOWN = "<unknown>";

export const nameOf = (object: JsonObject): string => textAt(objectAt(object, "metadata"), "name") ?? "";

/** The time since an RFC 3339 text, as short as kubectl prints it; "<unknown>" without one. */
export function since(time: unknown, nowMs: number): string {
  const ms = typeof time === "string" ? parseTime(time) : undefined;
  return ms === undefined ? UNKNOWN : humanDuration(nowMs - ms);
}
export const ageOf = (object: JsonObject, nowMs: number): string =>
  since(textAt(objectAt(object, "metadata"), "creationTimestamp"), nowMs);

/**
 * A duration in the one or two units that matter: "119s", "5m30s", "7h59m", "47h", "7d23h", "2y1d".
 * @source k8s.io/apimachinery/pkg/util/duration
 */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1_000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return twoUnits(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return twoUnits(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return twoUnits(days, "d", hours % 24, "h");
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return days < 2_920 ? twoUnits(years, "y", days % 365, "d") : `${years}y`;
}
const twoUnits = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;

/** "a=b,c=d" in order of the keys; "<none>" when empty. */
export function labelText(labels: JsonObject | undefined): string {
  const pairs = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? NONE : pairs.map(([key, value]) => `${key}=${String(value)}`).join(",");
}

/** A label selector as text: "app=web,tier in (a,b)". */
export function selectorText(selector: JsonObject | undefined): string {
  const parts = Object.entries(objectAt(selector, "matchLabels") ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${String(value)}`);
  for (const expression of objectsAt(selector, "matchExpressions")) {
    const key = textAt(expression, "key") ?? "";
    const values = listAt(expression, "values").join(",");
    const operator = textAt(expression, "operator");
    if (operator === "Exists") parts.push(key);
    else if (operator === "DoesNotExist") parts.push(`!${key}`);
    else parts.push(`${key} ${operator === "In" ? "in" : "notin"} (${values})`);
  }
  return parts.length === 0 ? NONE : parts.join(",");
}

/** The two cells CONTAINERS and IMAGES of a pod template. */
export function containerCells(podSpec: JsonObject | undefined): [string, string] {
  const containers = objectsAt(podSpec, "containers");
  return [
    containers.map((container) => textAt(container, "name") ?? "").join(","),
    containers.map((container) => textAt(container, "image") ?? "").join(","),
  ];
}

const SHORT_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};
export const accessModes = (modes: readonly unknown[]): string =>
  modes.map((mode) => SHORT_MODES[String(mode)] ?? String(mode)).join(",");

/** A member that is a text, number or boolean; else what stands for its absence. */
export function plain(parent: JsonObject | undefined, key: string, absent: Cell = ""): Cell {
  const value = parent?.[key];
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : absent;
}
