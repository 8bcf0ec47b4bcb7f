import { badRequest } from "../refusals.ts";
import type { RequestQuery } from "../requests.ts";

/** The parameters of a request that the core knows; others are nobody's. @throws ApiError 400 */
export function readQuery(params: URLSearchParams): RequestQuery {
  const text = (name: string): string | undefined => params.get(name) ?? undefined;
  const query: RequestQuery = {};
  set(query, "labelSelector", text("labelSelector"));
  set(query, "fieldSelector", text("fieldSelector"));
  set(query, "continue", text("continue"));
  set(query, "resourceVersion", text("resourceVersion"));
  set(query, "resourceVersionMatch", text("resourceVersionMatch"));
  set(query, "fieldManager", text("fieldManager"));
  set(query, "propagationPolicy", text("propagationPolicy"));
  set(query, "limit", count(params, "limit"));
  set(query, "gracePeriodSeconds", count(params, "gracePeriodSeconds"));
  set(query, "force", flag(params, "force"));
  set(query, "allowWatchBookmarks", flag(params, "allowWatchBookmarks"));
  set(query, "sendInitialEvents", flag(params, "sendInitialEvents"));
  const timeoutSeconds = count(params, "timeoutSeconds");
  if (timeoutSeconds !== undefined && timeoutSeconds > 0) query.timeoutMs = timeoutSeconds * 1000;
  const validation = text("fieldValidation");
  if (validation !== undefined) {
    if (validation !== "Strict" && validation !== "Warn" && validation !== "Ignore") {
      throw badRequest(
        `fieldValidation: Unsupported value: "${validation}": supported values: "Ignore", "Strict", "Warn"`,
      );
    }
    query.fieldValidation = validation;
  }
  readDryRun(params, query);
  return query;
}

function readDryRun(params: URLSearchParams, query: RequestQuery): void {
  for (const value of params.getAll("dryRun")) {
    if (value !== "All") throw badRequest(`dryRun: Unsupported value: "${value}": supported values: "All"`);
    query.dryRun = true;
  }
}

/** Whether a query parameter is on: present and empty counts, as in Go. @throws ApiError 400 */
export function flag(params: URLSearchParams, name: string): boolean | undefined {
  const value = params.get(name);
  if (value === null) return undefined;
  if (value === "" || value === "true" || value === "1" || value === "True" || value === "TRUE") return true;
  if (value === "false" || value === "0" || value === "False" || value === "FALSE") return false;
  throw badRequest(`${name}: "${value}" is neither true nor false`);
}

/** @throws ApiError 400 */
export function count(params: URLSearchParams, name: string): number | undefined {
  const value = params.get(name);
  if (value === null || value === "") return undefined;
  if (!/^-?\d{1,15}$/.test(value)) throw badRequest(`${name}: "${value}" is not a whole number`);
  return Number(value);
}

function set<K extends keyof RequestQuery>(query: RequestQuery, key: K, value: RequestQuery[K] | undefined): void {
  if (value !== undefined) query[key] = value;
}
