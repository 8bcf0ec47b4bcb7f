import { createHash } from "node:crypto";
import type { ApiServer } from "../api-server.ts";
import { isObject, type JsonObject, objectsAt } from "../json.ts";
import type { ResourceDefinition } from "../resource-definitions.ts";
import { typeOfKind } from "../schemas/schema-table.ts";
import { groupVersion } from "./discovery.ts";
import { META_TYPE, refTo, schemaName, typeSchemas } from "./openapi-schemas.ts";

export type OpenApiDocument = { json: string; hash: string };

/** The OpenAPI v3 documents, one per group version; made when asked for, kept until what is served changes. */
export type OpenApi = {
  /** GET /openapi/v3 */
  index(): unknown;
  /** @param path "api/v1" or "apis/apps/v1" */
  document(path: string): OpenApiDocument | undefined;
};

export function openApiOf(server: ApiServer, virtual: readonly ResourceDefinition[]): OpenApi {
  let madeFor = -1;
  let documents = new Map<string, OpenApiDocument>();
  const current = (): Map<string, OpenApiDocument> => {
    if (madeFor !== server.resourcesVersion()) {
      madeFor = server.resourcesVersion();
      documents = allDocuments(server, [...server.resources(), ...virtual]);
    }
    return documents;
  };
  return {
    index: () => ({
      paths: Object.fromEntries(
        [...current()].map(([path, { hash }]) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]),
      ),
    }),
    document: (path) => current().get(path),
  };
}

function allDocuments(server: ApiServer, all: readonly ResourceDefinition[]): Map<string, OpenApiDocument> {
  const byPath = new Map<string, ResourceDefinition[]>();
  for (const resource of all) {
    const path = apiPath(resource);
    byPath.set(path, [...(byPath.get(path) ?? []), resource]);
  }
  const documents = new Map<string, OpenApiDocument>();
  for (const [path, resources] of byPath) {
    const json = JSON.stringify(documentOf(server, resources));
    documents.set(path, { json, hash: createHash("sha256").update(json).digest("hex").toUpperCase() });
  }
  return documents;
}

const apiPath = ({ group, version }: ResourceDefinition): string =>
  group === "" ? `api/${version}` : `apis/${groupVersion(group, version)}`;

function documentOf(server: ApiServer, resources: readonly ResourceDefinition[]): unknown {
  const schemas: JsonObject = {};
  const paths: JsonObject = {};
  for (const resource of resources) {
    const definition = server.customResourceDefinition(resource);
    const name = addKindSchema(schemas, resource, definition);
    Object.assign(paths, pathsOf(resource, name));
  }
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "v1.34.1" },
    paths,
    components: { schemas },
  };
}

function addKindSchema(schemas: JsonObject, resource: ResourceDefinition, definition: unknown): string {
  const gvk = [{ group: resource.group, kind: resource.kind, version: resource.version }];
  const type = typeOfKind(groupVersion(resource.group, resource.version), resource.kind);
  if (type !== undefined) {
    typeSchemas(schemas, type);
    (schemas[type.name] as JsonObject)["x-kubernetes-group-version-kind"] = gvk;
    return type.name;
  }
  const name = schemaName(resource);
  const versions = isObject(definition) ? objectsAt(definition["spec"], "versions") : [];
  const version = versions.find((v) => v["name"] === resource.version);
  const schema = isObject(version?.["schema"]) ? version["schema"]["openAPIV3Schema"] : undefined;
  if (META_TYPE !== undefined) typeSchemas(schemas, META_TYPE);
  const own = isObject(schema) ? schema : { type: "object" };
  const properties = isObject(own["properties"]) ? own["properties"] : {};
  schemas[name] = {
    ...own,
    properties: {
      ...properties,
      apiVersion: { type: "string", description: "The group and version of this object's schema." },
      kind: { type: "string", description: "The kind of this object." },
      metadata: { ...refTo(META_TYPE), description: "The metadata that every object has." },
    },
    "x-kubernetes-group-version-kind": gvk,
  };
  return name;
}

/** The requests of a kind: just enough for clients to see which there are and that the server validates fields. */
function pathsOf(resource: ResourceDefinition, schema: string): JsonObject {
  const scope = resource.namespaced ? "/namespaces/{namespace}" : "";
  const collection = `/${apiPath(resource)}${scope}/${resource.plural}`;
  const operation = (action: string, contentTypes: readonly string[], isWrite: boolean): JsonObject => ({
    operationId: `${action}${resource.kind}`,
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group: resource.group, kind: resource.kind, version: resource.version },
    ...(isWrite
      ? {
          parameters: WRITE_PARAMETERS,
          requestBody: {
            content: Object.fromEntries(
              contentTypes.map((type) => [type, { schema: { $ref: `#/components/schemas/${schema}` } }]),
            ),
          },
        }
      : {}),
    responses: {
      "200": {
        description: "OK",
        content: { "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } },
      },
    },
  });
  const can = (verb: string): boolean => (resource.verbs as readonly string[]).includes(verb);
  return {
    [collection]: {
      ...(can("list") ? { get: operation("list", [], false) } : {}),
      ...(can("create") ? { post: operation("post", ["application/json"], true) } : {}),
    },
    [`${collection}/{name}`]: {
      ...(can("get") ? { get: operation("get", [], false) } : {}),
      ...(can("update") ? { put: operation("put", ["application/json"], true) } : {}),
      ...(can("patch") ? { patch: operation("patch", PATCH_TYPES, true) } : {}),
      ...(can("delete") ? { delete: operation("delete", [], false) } : {}),
    },
  };
}

// Strategic merge is understood but not announced: clients then use the merge keys that they were built with.
const PATCH_TYPES = ["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
const WRITE_PARAMETERS = ["dryRun", "fieldManager", "fieldValidation"].map((name) => ({
  name,
  in: "query",
  schema: { type: "string", uniqueItems: true },
}));
