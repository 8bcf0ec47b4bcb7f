import { byText } from "../../base/order.ts";
import type { Stored } from "./event-log.ts";
import { badRequest, expired, refusal } from "./refusals.ts";
import type { RequestQuery } from "./requests.ts";
import type { Selection } from "./selection.ts";
import type { Table } from "./store.ts";

export type Page = { items: Stored[]; version: number; continue?: string; remainingItemCount?: number };

/**
 * One page of what is selected, in order of key. The pages of one list show one moment: later ones are read back from
 * the history, as long as it reaches.
 * @throws ApiError 410 when the moment is forgotten, 400 for a token that is none, 504 for a version yet to come
 */
export function listPage(table: Table, selection: Selection, query: RequestQuery, nowVersion: number): Page {
  const token = query.continue === undefined || query.continue === "" ? undefined : readToken(query.continue);
  const version = token?.version ?? wantedVersion(query, nowVersion);
  if (version !== nowVersion && !table.log.remembers(version)) throw forgotten(query, version);
  const source = version === nowVersion ? presentKeys(table, selection) : pastKeys(table, selection, version);
  const limit = query.limit === undefined || query.limit <= 0 ? Number.POSITIVE_INFINITY : query.limit;
  const items: Stored[] = [];
  const { keys, at } = source;
  for (let i = token === undefined ? 0 : firstAfter(keys, token.after); i < keys.length; i += 1) {
    const key = keys[i] ?? "";
    const stored = at(key);
    if (stored === undefined || !selection.matches(stored.object)) continue;
    if (items.length === limit) {
      const lastKey = keyOfStored(table, items.at(-1));
      const rest = selection.isPlain ? { remainingItemCount: keys.length - i } : {};
      return { items, version, continue: writeToken({ version, after: lastKey }), ...rest };
    }
    items.push(stored);
  }
  return { items, version };
}

type Source = { keys: readonly string[]; at(key: string): Stored | undefined };

function presentKeys(table: Table, selection: Selection): Source {
  return { keys: selection.candidates(table), at: (key) => table.get(key) };
}

/** The table as it was at a version: what changed since is taken back. */
function pastKeys(table: Table, selection: Selection, version: number): Source {
  const undone = table.log.undoneTo(version);
  const keys = new Set(selection.namespace === undefined ? table.keys() : table.keysIn(selection.namespace));
  for (const [key, stored] of undone) {
    if (stored === undefined) keys.delete(key);
    else if (selection.namespace === undefined || stored.object.metadata.namespace === selection.namespace)
      keys.add(key);
  }
  return { keys: [...keys].sort(byText), at: (key) => (undone.has(key) ? undone.get(key) : table.get(key)) };
}

function wantedVersion(query: RequestQuery, nowVersion: number): number {
  const { resourceVersion: text = "", resourceVersionMatch: match } = query;
  if (match !== undefined && match !== "" && text === "") {
    throw badRequest("resourceVersionMatch is forbidden unless resourceVersion is provided");
  }
  if (match === "Exact" && text === "0") {
    throw badRequest('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"');
  }
  if (text === "" || text === "0") return nowVersion;
  const version = parseVersion(text);
  if (version > nowVersion) throw tooLarge(version, nowVersion);
  const isExact = match === "Exact" || (match === undefined && query.limit !== undefined && query.limit > 0);
  return isExact ? version : nowVersion;
}

/** @throws ApiError 400 when the text is no version */
export function parseVersion(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`invalid resource version "${text}"`);
  return Number(text);
}

function tooLarge(version: number, nowVersion: number): Error {
  return refusal(504, "Timeout", `Too large resource version: ${version}, current: ${nowVersion}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}

function forgotten(query: RequestQuery, version: number): Error {
  if (query.continue === undefined) return expired(`The resourceVersion for the provided list is too old: ${version}`);
  return expired(
    "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.",
  );
}

function keyOfStored(table: Table, stored: Stored | undefined): string {
  const { namespace, name } = stored?.object.metadata ?? { name: "" };
  return table.resource.namespaced ? `${namespace}/${name}` : name;
}

function firstAfter(keys: readonly string[], after: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? "") <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}

type Token = { version: number; after: string };

function writeToken({ version, after }: Token): string {
  return btoa(`${version} ${after}`).replaceAll("=", "");
}

function readToken(text: string): Token {
  const parts = /^(\d{1,15}) (.+)$/.exec(decoded(text));
  if (parts === null) throw badRequest("continue key is not valid");
  return { version: Number(parts[1]), after: parts[2] ?? "" };
}

function decoded(text: string): string {
  try {
    return atob(text);
  } catch {
    return "";
  }
}
