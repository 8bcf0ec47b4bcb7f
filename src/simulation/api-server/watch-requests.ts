import { apiVersionOf } from "../../model/kinds.ts";
import type { Engine } from "./engine.ts";
import type { Stored } from "./event-log.ts";
import { listPage, parseVersion } from "./list.ts";
import { badRequest, expired } from "./refusals.ts";
import type { ApiRequest, RawObject, RawWatch, RequestQuery, WatchSink } from "./requests.ts";
import { selectionFor, showerFor } from "./requests-handler.ts";

const TIMEOUT_MIN_MS = 30 * 60_000;

/** Starts a watch. @throws ApiError 400; a version that is forgotten ends the watch right after its start */
export function startWatch(engine: Engine, request: ApiRequest, sink: WatchSink): RawWatch {
  const { resource, query = {} } = request;
  const table = engine.store.table(resource);
  const selection = selectionFor(engine, request);
  const { fromVersion, wantsInitial } = startingPoint(engine, query);
  table.log.forgetOld(engine.clock.nowMs());
  const initial: readonly Stored[] = wantsInitial ? listPage(table, selection, {}, engine.store.version()).items : [];
  return engine.hub.start({
    table,
    selection,
    fromVersion,
    initial,
    announceInitialEnd: query.sendInitialEvents === true && query.allowWatchBookmarks === true,
    bookmarks: query.allowWatchBookmarks === true,
    timeoutMs: query.timeoutMs ?? TIMEOUT_MIN_MS * (1 + engine.random.fraction()),
    show: showerFor(engine, request),
    bookmarkAt: (version, isInitialEnd) => bookmark(request, version, isInitialEnd),
    sink,
  });
}

function startingPoint(engine: Engine, query: RequestQuery): { fromVersion: number; wantsInitial: boolean } {
  const { resourceVersion: text = "", resourceVersionMatch: match = "", sendInitialEvents } = query;
  const now = engine.store.version();
  if (sendInitialEvents !== undefined && match !== "NotOlderThan") {
    throw badRequest('resourceVersionMatch "NotOlderThan" is required with sendInitialEvents');
  }
  if (sendInitialEvents === undefined && match !== "") {
    throw badRequest("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  }
  const version = text === "" || text === "0" ? undefined : parseVersion(text);
  if (version !== undefined && version > now) throw expired(`too large resource version: ${version} (${now})`);
  if (sendInitialEvents === true) return { fromVersion: now, wantsInitial: true };
  if (version !== undefined) return { fromVersion: version, wantsInitial: false };
  return { fromVersion: now, wantsInitial: sendInitialEvents !== false };
}

function bookmark({ resource }: ApiRequest, version: number, isInitialEnd: boolean): RawObject {
  const metadata = {
    resourceVersion: String(version),
    ...(isInitialEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}),
  };
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata } as unknown as RawObject;
}
