import { UserError } from "../../src/base/errors.ts";
import type { Kind } from "../../src/model/kinds.ts";
import type { Draft, KubeObject } from "../../src/model/object.ts";
import type { KubeApi } from "../../src/ports/kube-api.ts";
import { ApiError } from "../../src/ports/kube-api.ts";
import type { ReadObject } from "../cli/manifests.ts";

/**
 * Creates the objects in the given order.
 * @throws UserError KARP_BAD_MANIFEST with file and line when the server refuses one
 */
export async function applyManifests(
  api: KubeApi,
  objects: readonly ReadObject[],
  kindOf: (object: KubeObject) => Kind | undefined,
): Promise<void> {
  for (const { object, origin } of objects) {
    const place = `${origin.file}:${origin.line}`;
    const kind = kindOf(object);
    if (kind === undefined) {
      throw refused(
        place,
        `the cluster has no kind ${object.kind} in ${object.apiVersion}`,
        "check apiVersion and kind",
      );
    }
    const namespaced: Draft<KubeObject> =
      kind.namespaced && object.metadata.namespace === undefined
        ? { ...object, metadata: { ...object.metadata, namespace: "default" } }
        : object;
    try {
      await api.create(kind, namespaced, { fieldValidation: "Strict" });
    } catch (error) {
      if (error instanceof ApiError) throw refused(place, error.message, "mend the manifest; nothing else is started");
      throw error;
    }
  }
}

function refused(place: string, what: string, remedy: string): UserError {
  return new UserError({ code: "KARP_BAD_MANIFEST", what: `${place}: ${what}`, remedy });
}
