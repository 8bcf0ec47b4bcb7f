import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Schema } from "../schema/schema.ts";
import { crdOf } from "./crd.ts";
import { CUSTOM_RESOURCES } from "./custom-resources.ts";

/** What an API server takes in a structural schema, as far as ours use it. */
const KEYWORDS = new Set([
  ...["type", "description", "format", "default", "enum", "properties", "required", "additionalProperties", "items"],
  ...["minItems", "maxItems", "maxProperties", "pattern", "minLength", "maxLength", "minimum", "maximum", "anyOf"],
  ...["x-kubernetes-validations", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"],
  ...["x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"],
]);

describe("CustomResourceDefinitions", () => {
  for (const resource of CUSTOM_RESOURCES) {
    const crd = crdOf(resource);
    const [version] = crd.spec.versions;
    it(`${crd.metadata.name} has a structural schema`, () => {
      assert.equal(crd.spec.versions.length, 1);
      walk(version!.schema.openAPIV3Schema, "", (schema, path) => {
        for (const keyword of Reflect.ownKeys(schema))
          assert.ok(KEYWORDS.has(String(keyword)), `${path}: ${String(keyword)}`);
        if (schema["x-kubernetes-int-or-string"] === true) assert.equal(schema.type, undefined, path);
        else assert.notEqual(schema.type, undefined, `${path} has no type`);
        for (const name of schema.required ?? []) assert.ok(schema.properties?.[name], `${path} requires ${name}`);
        assert.ok(
          path.startsWith(".metadata") || !/\.(spec|status)\b/.test(path) || isDescribed(schema, path),
          `${path} has no description`,
        );
      });
    });
    it(`${crd.metadata.name} is text and back the same`, () => {
      assert.deepEqual(JSON.parse(JSON.stringify(crd)), crd);
    });
  }

  it("requires a spec where upstream does", () => {
    const required = CUSTOM_RESOURCES.map(({ kind, schema }) => [kind.kind, schema.required ?? []]);
    assert.deepEqual(Object.fromEntries(required), {
      EC2NodeClass: [],
      KWOKNodeClass: [],
      NodeClaim: ["spec"],
      NodePool: ["spec"],
    });
  });

  it("lets a NodePool be scaled and listed", () => {
    const [crd] = CUSTOM_RESOURCES.filter(({ singular }) => singular === "nodepool").map(crdOf);
    const [version] = crd!.spec.versions;
    assert.deepEqual(version!.subresources, {
      scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.nodes" },
      status: {},
    });
    assert.deepEqual(crd!.spec.names, {
      categories: ["karpenter"],
      kind: "NodePool",
      listKind: "NodePoolList",
      plural: "nodepools",
      singular: "nodepool",
    });
    const columns = version!.additionalPrinterColumns!.map(({ name, priority = 0 }) => `${name} ${priority}`);
    assert.deepEqual(columns, ["NodeClass 0", "Nodes 0", "Ready 0", "Age 0", "Weight 1", "CPU 1", "Memory 1"]);
  });
});

/** Items and values are described by their list or map. */
function isDescribed(schema: Schema, path: string): boolean {
  return schema.description !== undefined || path.endsWith("[]") || path.endsWith("{}");
}

function walk(schema: Schema, path: string, visit: (schema: Schema, path: string) => void): void {
  visit(schema, path);
  for (const [name, property] of Object.entries(schema.properties ?? {})) walk(property, `${path}.${name}`, visit);
  if (schema.items !== undefined) walk(schema.items, `${path}[]`, visit);
  if (typeof schema.additionalProperties === "object") walk(schema.additionalProperties, `${path}{}`, visit);
}
