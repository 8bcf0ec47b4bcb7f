import type { Kind } from "../model/kinds.ts";
import type { KubeObject } from "../model/object.ts";
import { isConflict, isNotFound, type Ref } from "../ports/kube-api.ts";
import { mergeDiff } from "./merge-diff.ts";
import type { Needs } from "./ports.ts";

/** For controllers that write one object beside others: a conflict among them is over at once. */
export const SHARED_OBJECT_BACKOFF_MS = { first: 100, max: 60_000 } as const;

type WriteNeeds = Pick<Needs, "api" | "mirror">;

/**
 * Writes what differs between `before` (as the mirror has it) and `after`, as a merge patch that only this very
 * version accepts: lists such as conditions, taints and finalizers are replaced whole, so another writer's change must
 * not be lost. The mirror knows of it at once. Without a difference nothing is sent.
 * @throws ApiError with reason Conflict when somebody wrote in between: back off and decide anew
 */
export async function patchObject<T extends KubeObject>(
  { api, mirror }: WriteNeeds,
  kind: Kind<T>,
  before: T,
  after: T,
  subresource?: "status",
): Promise<T> {
  const difference = mergeDiff(part(before, subresource), part(after, subresource));
  if (difference === undefined) return before;
  const { name, namespace, resourceVersion } = before.metadata;
  const { metadata, ...rest } = difference as { metadata?: Record<string, unknown> };
  const ref = namespace === undefined ? { name } : { name, namespace };
  const body = { ...rest, metadata: { ...metadata, resourceVersion } };
  try {
    const written = await api.patch(
      kind,
      ref,
      { type: "merge", body },
      subresource === undefined ? {} : { subresource },
    );
    mirror.remember(written);
    return written;
  } catch (error) {
    if (isConflict(error)) await lookAgain({ api, mirror }, kind, ref);
    throw error;
  }
}

/** The watch may be late: the next try shall not be made from the same old version. */
async function lookAgain<T extends KubeObject>({ api, mirror }: WriteNeeds, kind: Kind<T>, ref: Ref): Promise<void> {
  try {
    mirror.remember(await api.get(kind, ref));
  } catch {
    // The conflict is what the caller needs to hear of; the watch will tell the rest.
  }
}

/** Deletes this very object (not a later one of the same name). An object that is already gone is fine. */
export async function deleteObject({ api }: Pick<Needs, "api">, kind: Kind, object: KubeObject): Promise<void> {
  const { name, namespace, uid } = object.metadata;
  try {
    await api.delete(kind, namespace === undefined ? { name } : { name, namespace }, { preconditions: { uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function part(object: KubeObject, subresource: "status" | undefined): Record<string, unknown> {
  const { status, ...rest } = object as KubeObject & { status?: unknown };
  if (subresource === "status") return { status: status ?? {} };
  const { resourceVersion: _, generation: __, ...metadata } = rest.metadata;
  return { ...rest, metadata };
}
