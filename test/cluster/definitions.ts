import type { Kind } from "../../src/model/kinds.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { type CustomResourceDefinition, crdOf } from "../../src/model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../src/model/resources/custom-resources.ts";
import type { KubeApi } from "../../src/ports/kube-api.ts";
import { eventually } from "../conformance/side.ts";

type Stored = KubeObject & { status?: { conditions?: { type: string; status: string; message?: string }[] } };
export const DEFINITIONS: Kind<Stored> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
};

/** Installs our kinds, and waits until they are served. */
export async function applyDefinitions(api: KubeApi): Promise<void> {
  const definitions = CUSTOM_RESOURCES.map(crdOf);
  for (const { metadata, ...rest } of definitions) await applyDefinition(api, { ...rest, metadata });
  for (const { metadata } of definitions) {
    let last: Stored | undefined;
    await eventually(
      async () => {
        last = await api.get(DEFINITIONS, metadata);
        const isTrue = (type: string) => last?.status?.conditions?.some((c) => c.type === type && c.status === "True");
        return isTrue("Established") === true && isTrue("NonStructuralSchema") !== true;
      },
      () => `${metadata.name} to be served: ${JSON.stringify(last?.status?.conditions)}`,
    );
  }
}

async function applyDefinition(api: KubeApi, definition: CustomResourceDefinition): Promise<void> {
  await api.patch(
    DEFINITIONS,
    definition.metadata,
    { type: "apply", body: definition, fieldManager: "tests", force: true },
    { fieldValidation: "Strict" },
  );
}
