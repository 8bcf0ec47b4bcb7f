import { formatTime, parseTime } from "../../base/time.ts";
import type { Write } from "./engine.ts";
import { type JsonObject, listAt, numberAt, objectAt, textAt } from "./json.ts";
import { badRequest, conflict, forbidden } from "./refusals.ts";
import type { ApiResponse, RawObject, StatusBody } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";
import { storedOf, storeVersion, uidConflict } from "./writes.ts";

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";
const POLICIES = ["Background", "Foreground", "Orphan"];

export type DeletionOptions = {
  gracePeriodSeconds?: number;
  propagationPolicy?: string;
  preconditions?: { uid?: string; resourceVersion?: string };
  dryRun: boolean;
};

/** The options in the body of a delete, or else in its query. @throws ApiError 400 */
export function deletionOptions(write: Write, body: unknown): DeletionOptions {
  const { query } = write;
  const preconditions = objectAt(body, "preconditions") as DeletionOptions["preconditions"];
  const propagationPolicy = textAt(body, "propagationPolicy") ?? query.propagationPolicy;
  const grace = numberAt(body, "gracePeriodSeconds") ?? query.gracePeriodSeconds;
  if (propagationPolicy !== undefined && !POLICIES.includes(propagationPolicy)) {
    throw badRequest(
      `invalid DeleteOptions: propagationPolicy: Unsupported value: "${propagationPolicy}": supported values: ${POLICIES.map((p) => `"${p}"`).join(", ")}`,
    );
  }
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(preconditions === undefined ? {} : { preconditions }),
    dryRun: query.dryRun === true || listAt(body, "dryRun").includes("All"),
  };
}

/**
 * Deletes an object at once, or marks it for deletion while its grace period or finalizers hold it back.
 * @throws ApiError 404, 409 (preconditions), 403 (namespaces that must stay)
 */
export function deleteObject(write: Write, name: string, options: DeletionOptions): ApiResponse {
  const { engine, resource, table } = write;
  const current = storedOf(write, name);
  const { object } = current;
  checkPreconditions(resource, object, options);
  if (resource.plural === "namespaces" && resource.group === "" && KEPT_NAMESPACES.has(name)) {
    throw forbidden(resource, name, "this namespace may not be deleted");
  }
  const marked = markedForDeletion(write, object, options);
  const isGone = marked === undefined;
  if (options.dryRun)
    return { code: 200, body: isGone ? successOf(resource, object) : marked, warnings: write.warnings };
  if (isGone) {
    engine.store.remove(table, keyOfObject(resource, object));
    return { code: 200, body: successOf(resource, object), warnings: write.warnings };
  }
  const stored = marked === object ? object : storeVersion(write, current, marked, () => current.owners);
  const isSlow = hasFinalizer(stored, FOREGROUND) || hasFinalizer(stored, ORPHAN);
  return { code: isSlow ? 202 : 200, body: stored, warnings: write.warnings };
}

const KEPT_NAMESPACES = new Set(["default", "kube-system", "kube-public"]);

function keyOfObject(resource: ResourceDefinition, { metadata }: RawObject): string {
  return resource.namespaced ? `${metadata.namespace}/${metadata.name}` : metadata.name;
}

function checkPreconditions(resource: ResourceDefinition, object: RawObject, options: DeletionOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { metadata } = object;
  if (uid !== undefined && uid !== metadata.uid) throw uidConflict(resource, metadata.name, uid, metadata.uid);
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      resource,
      metadata.name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`,
    );
  }
}

/** The object under its mark, the same object when it was marked so before, or undefined: nothing holds it back. */
function markedForDeletion(write: Write, object: RawObject, options: DeletionOptions): RawObject | undefined {
  const grace = gracePeriodSeconds(write.resource, object, options);
  const finalizers = finalizersFor(object, options);
  const isHeld = finalizers.length > 0 || listAt(heldSpec(write.resource, object), "finalizers").length > 0;
  if (grace === 0 && !isHeld) return undefined;
  const { metadata } = object;
  const sameFinalizers = finalizers.join() === (metadata.finalizers ?? []).join();
  if (metadata.deletionTimestamp !== undefined && sameFinalizers && grace === metadata.deletionGracePeriodSeconds) {
    return object;
  }
  const { finalizers: _, ...rest } = metadata;
  const marked: RawObject = {
    ...object,
    metadata: {
      ...rest,
      ...(finalizers.length > 0 ? { finalizers } : {}),
      ...(metadata.deletionTimestamp === undefined && metadata.generation !== undefined
        ? { generation: metadata.generation + 1 }
        : {}),
      deletionTimestamp: deletionTime(write, object, grace),
      deletionGracePeriodSeconds: grace,
    },
  };
  return write.resource.plural === "namespaces" && write.resource.group === ""
    ? { ...marked, status: { ...(objectAt(marked, "status") ?? {}), phase: "Terminating" } }
    : marked;
}

/** Namespaces have finalizers in their spec too. */
function heldSpec(resource: ResourceDefinition, object: RawObject): JsonObject | undefined {
  return resource.plural === "namespaces" && resource.group === "" ? objectAt(object, "spec") : undefined;
}

function deletionTime(write: Write, object: RawObject, grace: number): string {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata;
  if (deletionTimestamp === undefined) return formatTime(write.engine.clock.nowMs() + grace * 1_000);
  if (grace >= deletionGracePeriodSeconds) return deletionTimestamp;
  const askedAtMs = (parseTime(deletionTimestamp) ?? 0) - deletionGracePeriodSeconds * 1_000;
  return formatTime(askedAtMs + grace * 1_000);
}

/** Pods alone are stopped with grace, and only where a kubelet runs them. A later request can only shorten it. */
function gracePeriodSeconds(resource: ResourceDefinition, object: RawObject, options: DeletionOptions): number {
  if (resource.plural !== "pods" || resource.group !== "") return 0;
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata;
  const asked = options.gracePeriodSeconds === undefined ? undefined : atLeastOneIfNegative(options.gracePeriodSeconds);
  if (deletionTimestamp !== undefined) {
    return asked === undefined ? deletionGracePeriodSeconds : Math.min(asked, deletionGracePeriodSeconds);
  }
  const spec = objectAt(object, "spec");
  const phase = textAt(objectAt(object, "status"), "phase");
  if ((textAt(spec, "nodeName") ?? "") === "" || phase === "Succeeded" || phase === "Failed") return 0;
  return asked ?? atLeastOneIfNegative(numberAt(spec, "terminationGracePeriodSeconds") ?? 30);
}

function atLeastOneIfNegative(seconds: number): number {
  return seconds < 0 ? 1 : seconds;
}

function finalizersFor(object: RawObject, options: DeletionOptions): string[] {
  const present = object.metadata.finalizers ?? [];
  const { propagationPolicy } = options;
  if (propagationPolicy === undefined) return present;
  const others = present.filter((finalizer) => finalizer !== FOREGROUND && finalizer !== ORPHAN);
  if (propagationPolicy === "Foreground") return [...others, FOREGROUND];
  return propagationPolicy === "Orphan" ? [...others, ORPHAN] : others;
}

function hasFinalizer(object: RawObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false;
}

function successOf(resource: ResourceDefinition, { metadata }: RawObject): StatusBody {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: {
      name: metadata.name,
      ...(resource.group === "" ? {} : { group: resource.group }),
      kind: resource.plural,
      uid: metadata.uid,
    },
  };
}
