import type { KubeObject } from "../../model/object.ts";
import type { ApiError } from "../../ports/kube-api.ts";
import type { ResourceDefinition, Verb } from "./resource-definitions.ts";

export type { Verb };

/** An object as the server keeps and answers it. Never changed in place: it is shared with every reader. */
export type RawObject = KubeObject & { readonly [field: string]: unknown };

/** What the query of a request can say, already parsed. */
export type RequestQuery = {
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  resourceVersionMatch?: string;
  dryRun?: boolean;
  fieldManager?: string;
  fieldValidation?: "Strict" | "Warn" | "Ignore";
  /** Of a server-side apply: take over fields that others own. */
  force?: boolean;
  allowWatchBookmarks?: boolean;
  sendInitialEvents?: boolean;
  /** Of a watch: it ends by itself after this long. */
  timeoutMs?: number;
  gracePeriodSeconds?: number;
  propagationPolicy?: string;
};

export type PatchType = "json" | "merge" | "strategic" | "apply";

export type ApiRequest = {
  verb: Verb;
  resource: ResourceDefinition;
  /** Absent for kinds without namespace, and for lists and watches over all namespaces. */
  namespace?: string;
  name?: string;
  subresource?: string;
  query?: RequestQuery;
  /** Parsed JSON or YAML. The server copies what it keeps. */
  body?: unknown;
  /** Of a patch. */
  patchType?: PatchType;
  user?: string;
  /** True: answers carry metadata.managedFields (as over HTTP); they cost time, so readers in process go without. */
  managedFields?: boolean;
};

export type ObjectListBody = {
  apiVersion: string;
  kind: string;
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: RawObject[];
};

/** `code` is 200, 201 or 202; refusals are thrown as ApiError. Warnings are texts for the header of that name. */
export type ApiResponse = { code: number; body: RawObject | ObjectListBody | StatusBody; warnings: string[] };

/** The answer to a delete that left nothing behind. */
export type StatusBody = {
  apiVersion: "v1";
  kind: "Status";
  metadata: Record<string, never>;
  status: "Success";
  details?: { name: string; group?: string; kind: string; uid: string };
  code?: number;
};

export type RawWatchEvent =
  /** A BOOKMARK carries an object of the kind with nothing but metadata.resourceVersion (and its annotations). */
  { type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK"; object: RawObject };

export type RawWatchEnd = { reason: "timeout" | "stopped" | "closed" } | { reason: "failed"; error: ApiError };

/** What a watch tells: events in order, then one end. Nothing is told before `watch` has returned. */
export type WatchSink = {
  onEvent(event: RawWatchEvent): void;
  onEnd(end: RawWatchEnd): void;
};
export type RawWatch = { stop(): void };

/** A change of any object, told to observers in the server's own process while the write is being made. */
export type StoreChange = {
  resource: ResourceDefinition;
  /** Absent when it was created. */
  before?: RawObject;
  /** Absent when it was removed. */
  after?: RawObject;
};
