import type { OwnerReference } from "../../model/object.ts";
import type { Clock } from "../../ports/clock.ts";
import { ApiError } from "../../ports/kube-api.ts";
import type { ApiServer } from "./api-server.ts";
import type { ApiRequest, ObjectListBody, RawObject, StoreChange } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";
const USER = "generic-garbage-collector";

export type GarbageCollectorNeeds = {
  server: Pick<ApiServer, "handle" | "observe" | "resources" | "dependentsOf" | "objectOfUid">;
  clock: Clock;
  /** Between a change and what follows from it. Default 20 ms. */
  delayMs?: number;
};
export type GarbageCollector = { start(): void; stop(): void };

/**
 * Deletes objects whose owners are gone, lets owners that are deleted in the foreground wait for their dependents, and
 * frees the dependents of orphaning ones: what Kubernetes' garbage collector does.
 */
export function createGarbageCollector({ server, clock, delayMs = 20 }: GarbageCollectorNeeds): GarbageCollector {
  /** Uids to look at, of objects that are stored and of such that are gone. */
  const queue = new Set<string>();
  let cancelTimer: (() => void) | undefined;
  let stopObserving: (() => void) | undefined;
  const look = (uid: string): void => {
    queue.add(uid);
    cancelTimer ??= clock.after(delayMs, () => {
      cancelTimer = undefined;
      const uids = [...queue];
      queue.clear();
      for (const next of uids) if (collect(server, next) === "again") look(next);
    });
  };
  return {
    start() {
      stopObserving ??= server.observe((change) => noteChange(change, look));
      for (const uid of uidsToLookAt(server)) look(uid);
    },
    stop() {
      stopObserving?.();
      stopObserving = undefined;
      cancelTimer?.();
      cancelTimer = undefined;
      queue.clear();
    },
  };
}

/** Which objects a change makes worth a look. */
function noteChange({ before, after }: StoreChange, look: (uid: string) => void): void {
  if (after === undefined) {
    if (before === undefined) return;
    look(before.metadata.uid);
    for (const owner of before.metadata.ownerReferences ?? []) look(owner.uid);
    return;
  }
  const { metadata } = after;
  const hasNewOwners = metadata.ownerReferences !== before?.metadata.ownerReferences;
  if ((hasNewOwners && metadata.ownerReferences !== undefined) || isWaitingOwner(after)) look(metadata.uid);
}

function isWaitingOwner({ metadata }: RawObject): boolean {
  if (metadata.deletionTimestamp === undefined) return false;
  return metadata.finalizers?.some((finalizer) => finalizer === FOREGROUND || finalizer === ORPHAN) ?? false;
}

function uidsToLookAt(server: GarbageCollectorNeeds["server"]): string[] {
  return server.resources().flatMap((resource) => {
    if (resource.viewOf !== undefined) return [];
    const { items } = server.handle({ verb: "list", resource, user: USER }).body as ObjectListBody;
    return items
      .filter((object) => object.metadata.ownerReferences !== undefined || isWaitingOwner(object))
      .map((object) => object.metadata.uid);
  });
}

type Server = GarbageCollectorNeeds["server"];
type Found = { resource: ResourceDefinition; object: RawObject };

function collect(server: Server, uid: string): "done" | "again" {
  try {
    const found = server.objectOfUid(uid);
    if (found === undefined) for (const dependent of server.dependentsOf(uid)) collectDependent(server, dependent);
    else if (isWaitingOwner(found.object)) collectOwner(server, found);
    else if (found.object.metadata.ownerReferences !== undefined) collectDependent(server, found);
    return "done";
  } catch (error) {
    // Somebody was faster: a look at the new state tells what is left to do.
    if (error instanceof ApiError && (error.code === 404 || error.code === 409)) return "again";
    throw error;
  }
}

function collectOwner(server: Server, owner: Found): void {
  const { uid, finalizers = [] } = owner.object.metadata;
  const dependents = server.dependentsOf(uid);
  if (finalizers.includes(ORPHAN)) {
    for (const dependent of dependents) dropOwners(server, dependent, (reference) => reference.uid === uid);
    dropFinalizer(server, owner, ORPHAN);
    return;
  }
  for (const dependent of dependents) collectDependent(server, dependent);
  const isBlocked = server.dependentsOf(uid).some(({ object }) => isBlocking(object, uid));
  if (!isBlocked) dropFinalizer(server, owner, FOREGROUND);
}

function isBlocking(dependent: RawObject, ownerUid: string): boolean {
  return (dependent.metadata.ownerReferences ?? []).some((r) => r.uid === ownerUid && r.blockOwnerDeletion === true);
}

function collectDependent(server: Server, dependent: Found): void {
  const { metadata } = dependent.object;
  if (metadata.deletionTimestamp !== undefined && !isWaitingOwner(dependent.object)) return;
  const states = (metadata.ownerReferences ?? []).map((reference) => ownerState(server, dependent.object, reference));
  if (states.length === 0 || metadata.deletionTimestamp !== undefined) return;
  if (states.includes("alive")) {
    if (states.some((state) => state !== "alive")) {
      dropOwners(server, dependent, (reference) => ownerState(server, dependent.object, reference) !== "alive");
    }
    return;
  }
  const inForeground = states.includes("waiting") && server.dependentsOf(metadata.uid).length > 0;
  request(server, dependent, {
    verb: "delete",
    body: {
      propagationPolicy: policyFor(dependent.object, inForeground),
      preconditions: { uid: metadata.uid },
    },
  });
}

function policyFor({ metadata }: RawObject, inForeground: boolean): string {
  if (metadata.finalizers?.includes(ORPHAN)) return "Orphan";
  return inForeground || metadata.finalizers?.includes(FOREGROUND) === true ? "Foreground" : "Background";
}

/** An owner counts only in the dependent's own namespace, or when it has none. */
function ownerState(server: Server, dependent: RawObject, reference: OwnerReference): "alive" | "waiting" | "gone" {
  const owner = server.objectOfUid(reference.uid);
  if (owner === undefined || owner.object.metadata.name !== reference.name) return "gone";
  const { namespace } = owner.object.metadata;
  if (namespace !== undefined && namespace !== dependent.metadata.namespace) return "gone";
  const isWaiting = isWaitingOwner(owner.object) && owner.object.metadata.finalizers?.includes(FOREGROUND);
  return isWaiting === true ? "waiting" : "alive";
}

function dropOwners(server: Server, dependent: Found, isDropped: (reference: OwnerReference) => boolean): void {
  const { uid, ownerReferences = [] } = dependent.object.metadata;
  const kept = ownerReferences.filter((reference) => !isDropped(reference));
  request(server, dependent, {
    verb: "patch",
    patchType: "merge",
    body: { metadata: { uid, ownerReferences: kept.length === 0 ? null : kept } },
  });
}

function dropFinalizer(server: Server, owner: Found, finalizer: string): void {
  const { uid, finalizers = [] } = owner.object.metadata;
  const kept = finalizers.filter((f) => f !== finalizer);
  request(server, owner, {
    verb: "patch",
    patchType: "merge",
    body: { metadata: { uid, finalizers: kept.length === 0 ? null : kept } },
  });
}

function request(
  server: Server,
  { resource, object }: Found,
  more: Pick<ApiRequest, "verb" | "patchType" | "body">,
): void {
  const { name, namespace } = object.metadata;
  server.handle({ ...more, resource, name, ...(namespace === undefined ? {} : { namespace }), user: USER });
}
