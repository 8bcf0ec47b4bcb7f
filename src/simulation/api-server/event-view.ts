import { isObject, type JsonObject, setMember } from "./json.ts";
import type { RawObject } from "./requests.ts";

/** Members that events.k8s.io/v1 and core/v1 name differently. */
const NAMES: readonly (readonly [view: string, core: string])[] = [
  ["regarding", "involvedObject"],
  ["note", "message"],
  ["reportingController", "reportingComponent"],
  ["deprecatedSource", "source"],
  ["deprecatedCount", "count"],
  ["deprecatedFirstTimestamp", "firstTimestamp"],
  ["deprecatedLastTimestamp", "lastTimestamp"],
];
const TO_CORE = new Map(NAMES);
const TO_VIEW = new Map(NAMES.map(([view, core]) => [core, view]));

/** A core event as events.k8s.io/v1 shows it. */
export function eventAsView(event: RawObject): RawObject {
  return renamed(event as JsonObject, TO_VIEW, "events.k8s.io/v1") as unknown as RawObject;
}

/** What a client of events.k8s.io/v1 wrote, as it is stored. */
export function eventFromView(body: unknown): unknown {
  return isObject(body) ? renamed(body, TO_CORE, "v1") : body;
}

function renamed(event: JsonObject, names: ReadonlyMap<string, string>, apiVersion: string): JsonObject {
  const out: JsonObject = {};
  for (const [key, value] of Object.entries(event)) setMember(out, names.get(key) ?? key, value);
  return { ...out, apiVersion };
}
