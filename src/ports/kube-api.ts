import type { Kind } from "../model/kinds.ts";
import type { Draft, KubeObject } from "../model/object.ts";

/** Which object: a name, and the namespace for kinds that have one. */
export type Ref = { name: string; namespace?: string };

export type ListOptions = {
  /** All namespaces when absent. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Page size; the answer then carries `continue` while there is more. */
  limit?: number;
  continue?: string;
};
export type ObjectList<T> = { items: T[]; resourceVersion: string; continue?: string; remainingItemCount?: number };

export type WatchOptions = {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Events after this version; absent: what exists comes first, as ADDED. */
  resourceVersion?: string;
  /** Ends by itself after this long (the server's choice when absent). */
  timeoutMs?: number;
};
export type WatchEvent<T> =
  | { type: "ADDED" | "MODIFIED" | "DELETED"; object: T }
  /** Nothing happened up to this version: go on from here after a disconnect. */
  | { type: "BOOKMARK"; resourceVersion: string };
/** Why a watch ended. After "expired" (410) only a new list helps; after the others, watch again from the last version. */
export type WatchEnd = { reason: "closed" | "stopped" | "expired" } | { reason: "failed"; error: unknown };
export type Watch = {
  /** Never rejects. No event is delivered once it has resolved. */
  readonly ended: Promise<WatchEnd>;
  stop(): void;
};

export type Patch =
  | { type: "merge"; body: unknown }
  | { type: "strategic"; body: unknown }
  | { type: "json"; body: { op: string; path: string; from?: string; value?: unknown }[] }
  | { type: "apply"; body: unknown; fieldManager: string; force?: boolean };

export type WriteOptions = { dryRun?: boolean; fieldManager?: string; fieldValidation?: "Strict" | "Warn" | "Ignore" };
export type DeleteOptions = {
  gracePeriodSeconds?: number;
  propagationPolicy?: "Background" | "Foreground" | "Orphan";
  preconditions?: { uid?: string; resourceVersion?: string };
};

/**
 * The Kubernetes API, as the product needs it. Implemented over HTTP (src/kube) and in process (src/simulation);
 * one conformance suite runs on both. Every method rejects with ApiError for an answer of the server, and with
 * RetryError when there was no answer (the write may or may not have happened).
 * Objects returned must not be changed by the caller: they may be shared.
 */
export interface KubeApi {
  get<T extends KubeObject>(kind: Kind<T>, ref: Ref): Promise<T>;
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<ObjectList<T>>;
  /** Events arrive in order, one call each, never before this method has returned. */
  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions, onEvent: (event: WatchEvent<T>) => void): Watch;

  create<T extends KubeObject>(kind: Kind<T>, object: Draft<T>, options?: WriteOptions): Promise<T>;
  /** Replaces the object; with metadata.resourceVersion set, only that version (else 409). */
  update<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  updateStatus<T extends KubeObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    kind: Kind<T>,
    ref: Ref,
    patch: Patch,
    options?: WriteOptions & { subresource?: "status" | "scale" },
  ): Promise<T>;
  /** Resolves also when the object only got its deletionTimestamp. */
  delete(kind: Kind, ref: Ref, options?: DeleteOptions): Promise<void>;
  /** POST to a subresource that does something: "binding", "eviction", "token". */
  act(kind: Kind, ref: Ref, subresource: string, body: unknown): Promise<unknown>;
  /** Of the server, as it tells it: minor may be "34" or "34+". */
  version(): Promise<{ major: string; minor: string }>;
  /** By how much the server's clock was ahead of ours when it last answered, to about a second; absent: nobody knows. */
  clockSkewMs?(): number | undefined;
}

/** metav1.Status of a refused request. */
export type Status = {
  kind: "Status";
  apiVersion: "v1";
  metadata: Record<string, never>;
  status: "Failure" | "Success";
  message: string;
  reason: string;
  code: number;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    causes?: { reason?: string; message?: string; field?: string }[];
    retryAfterSeconds?: number;
  };
};

/** The server answered, and said no. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: number;
  readonly reason: string;
  readonly status: Status;
  constructor(status: Status) {
    super(status.message);
    this.code = status.code;
    this.reason = status.reason;
    this.status = status;
  }
}

export const isNotFound = (e: unknown): boolean => e instanceof ApiError && e.code === 404;
export const isConflict = (e: unknown): boolean => e instanceof ApiError && e.reason === "Conflict";
export const isAlreadyExists = (e: unknown): boolean => e instanceof ApiError && e.reason === "AlreadyExists";
export const isTooManyRequests = (e: unknown): boolean => e instanceof ApiError && e.code === 429;
/** A resourceVersion or continue token older than the server remembers. */
export const isExpired = (e: unknown): boolean => e instanceof ApiError && e.code === 410;
