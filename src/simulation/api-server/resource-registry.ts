import { type Kind, resourceOf } from "../../model/kinds.ts";
import type { Schema } from "../../model/schema/schema.ts";
import { sharedSchema } from "./changed-schema.ts";
import { listAt, objectAt, objectsAt, textAt } from "./json.ts";
import { refusal } from "./refusals.ts";
import type { RawObject } from "./requests.ts";
import {
  BUILT_IN_RESOURCES,
  CUSTOM_RESOURCE_VERBS,
  type ResourceDefinition,
  SCALE_SUBRESOURCE,
  type ScalePaths,
  statusSubresource,
} from "./resource-definitions.ts";
import { type TypeView, viewOfSchema } from "./type-view.ts";

/** What a version of a CustomResourceDefinition says about its objects. */
export type CustomType = {
  schema: Schema;
  view: TypeView;
  selectableFields: readonly string[];
  storageVersion: string;
};

/** What is served: the built-in kinds, and those that CustomResourceDefinitions add. */
export class ResourceRegistry {
  readonly #served = new Map<string, ResourceDefinition>();
  readonly #customTypes = new Map<string, CustomType>();
  /** What was found for a kind since the last change of what is served: every request asks several times. */
  #found = new WeakMap<object, ResourceDefinition>();
  #foundTypes = new WeakMap<ResourceDefinition, CustomType>();
  #all: readonly ResourceDefinition[] | undefined;
  #version = 1;

  constructor() {
    for (const resource of BUILT_IN_RESOURCES) this.#served.set(servedKey(resource), resource);
  }

  all(): readonly ResourceDefinition[] {
    this.#all ??= [...this.#served.values()];
    return this.#all;
  }

  version(): number {
    return this.#version;
  }

  find(group: string, version: string, plural: string): ResourceDefinition | undefined {
    return this.#served.get(servedKey({ group, version, plural }));
  }

  /** @throws ApiError 404 when it is not served */
  ofKind(kind: Pick<Kind, "group" | "version" | "plural">): ResourceDefinition {
    const known = this.#found.get(kind);
    if (known !== undefined) return known;
    const found = this.find(kind.group, kind.version, kind.plural);
    if (found === undefined) throw notServed(kind);
    this.#found.set(kind, found);
    return found;
  }

  /** The resource of an apiVersion and kind, as owner references name it. */
  ofApiVersion(apiVersion: string, kind: string): ResourceDefinition | undefined {
    const [first = "", second] = apiVersion.split("/");
    const [group, version] = second === undefined ? ["", first] : [first, second];
    return this.all().find((r) => r.kind === kind && r.group === group && r.version === version);
  }

  /** Undefined for built-in kinds. */
  customType(resource: ResourceDefinition): CustomType | undefined {
    if (resource.customResourceDefinition === undefined) return undefined;
    const known = this.#foundTypes.get(resource);
    if (known !== undefined) return known;
    const found = this.#customTypes.get(servedKey(resource));
    if (found !== undefined) this.#foundTypes.set(resource, found);
    return found;
  }

  /** Serves what the definition says, in place of what its former version said. */
  serve(definition: RawObject): void {
    const schemas = new Map<string, CustomType>();
    const wanted = customResources(definition, schemas);
    this.#removeOf(definition.metadata.name);
    for (const resource of wanted) {
      this.#served.set(servedKey(resource), resource);
      const type = schemas.get(resource.version);
      if (type !== undefined) this.#customTypes.set(servedKey(resource), type);
    }
    this.#changed();
  }

  withdraw(definitionName: string): void {
    this.#removeOf(definitionName);
    this.#changed();
  }

  #removeOf(definitionName: string): void {
    for (const [key, resource] of this.#served) {
      if (resource.customResourceDefinition !== definitionName) continue;
      this.#served.delete(key);
      this.#customTypes.delete(key);
    }
  }

  #changed(): void {
    this.#all = undefined;
    this.#found = new WeakMap();
    this.#foundTypes = new WeakMap();
    this.#version += 1;
  }
}

export function notServed(kind: Pick<Kind, "group" | "plural">): Error {
  return refusal(404, "NotFound", "the server could not find the requested resource", {
    ...(kind.group === "" ? {} : { group: kind.group }),
    kind: resourceOf(kind).split(".")[0] ?? kind.plural,
  });
}

function servedKey({ group, version, plural }: Pick<Kind, "group" | "version" | "plural">): string {
  return `${group}/${version}/${plural}`;
}

function customResources(definition: RawObject, types: Map<string, CustomType>): ResourceDefinition[] {
  const spec = objectAt(definition, "spec");
  const names = objectAt(spec, "names");
  const kind = textAt(names, "kind") ?? "";
  const plural = textAt(names, "plural") ?? "";
  const versions = objectsAt(spec, "versions");
  const storageVersion = textAt(
    versions.find((v) => v["storage"] === true),
    "name",
  );
  const texts = (field: string): string[] => listAt(names, field).filter((n) => typeof n === "string");
  return versions
    .filter((version) => version["served"] === true)
    .map((version) => {
      const name = textAt(version, "name") ?? "";
      const written = objectAt(objectAt(version, "schema"), "openAPIV3Schema") ?? { type: "object" };
      const schema = sharedSchema(written as Schema);
      types.set(name, {
        schema,
        view: viewOfSchema(schema),
        selectableFields: objectsAt(version, "selectableFields").map((f) => (textAt(f, "jsonPath") ?? "").slice(1)),
        storageVersion: storageVersion ?? name,
      });
      const subresources = objectAt(version, "subresources");
      const scale = objectAt(subresources, "scale") as ScalePaths | undefined;
      const hasStatus = objectAt(subresources, "status") !== undefined;
      return {
        group: textAt(spec, "group") ?? "",
        version: name,
        kind,
        plural,
        namespaced: textAt(spec, "scope") === "Namespaced",
        listKind: textAt(names, "listKind") ?? `${kind}List`,
        singular: textAt(names, "singular") ?? kind.toLowerCase(),
        shortNames: texts("shortNames"),
        categories: texts("categories"),
        verbs: CUSTOM_RESOURCE_VERBS,
        subresources: [
          ...(scale === undefined ? [] : [SCALE_SUBRESOURCE]),
          ...(hasStatus ? [statusSubresource(kind)] : []),
        ],
        hasStatus,
        hasGeneration: true,
        ...(scale === undefined ? {} : { scale }),
        customResourceDefinition: definition.metadata.name,
      };
    });
}
