import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settled } from "../clock/virtual-clock.ts";
import type { JsonObject } from "./json.ts";
import type { ObjectListBody } from "./requests.ts";
import { serverUnderTest } from "./server-under-test.ts";

const schema = {
  type: "object",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["size"],
      properties: {
        size: { type: "integer", maximum: 10 },
        colour: {
          type: "string",
          default: "blue",
          "x-kubernetes-validations": [{ rule: "self != 'red'", message: "not red" }],
        },
        parts: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            required: ["name"],
            properties: { name: { type: "string" }, weight: { type: "integer" } },
          },
        },
      },
    },
    status: { type: "object", properties: { parts: { type: "integer" }, selector: { type: "string" } } },
  },
};
const version = {
  name: "v1",
  served: true,
  storage: true,
  schema: { openAPIV3Schema: schema },
  subresources: { status: {}, scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.parts" } },
  selectableFields: [{ jsonPath: ".spec.colour" }],
};
const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "toys.shop.example" },
  spec: {
    group: "shop.example",
    scope: "Cluster",
    names: { kind: "Toy", plural: "toys", shortNames: ["ty"], categories: ["all"] },
    versions: [version],
  },
};
const toy = (spec: JsonObject, more: JsonObject = {}) => ({
  apiVersion: "shop.example/v1",
  kind: "Toy",
  metadata: { name: "t", ...more },
  spec,
});
const at = { of: "toys.shop.example", name: "t" };
const withToys = () => serverUnderTest({ crds: [definition] });

describe("custom resources", () => {
  it("are served as soon as they are defined", () => {
    const world = serverUnderTest();
    const before = world.server.resourcesVersion();
    const stored = world.create(definition);
    const { conditions } = stored["status"] as { conditions: { type: string; status: string }[] };
    assert.ok(conditions.some(({ type, status }) => type === "Established" && status === "True"));
    assert.ok(world.server.resourcesVersion() > before);
    const toys = world.server.resource("shop.example", "v1", "toys");
    assert.deepEqual(
      [toys?.kind, toys?.listKind, toys?.shortNames, toys?.namespaced],
      ["Toy", "ToyList", ["ty"], false],
    );
    assert.equal(toys && world.server.customResourceDefinition(toys)?.metadata.name, "toys.shop.example");
  });

  it("are defaulted, pruned and counted", () => {
    const { create, ask } = withToys();
    const created = create(toy({ size: 1, shape: "round" }));
    assert.deepEqual(created["spec"], { size: 1, colour: "blue" });
    assert.equal(created.metadata.generation, 1);
    const patched = ask({ verb: "patch", patchType: "merge", ...at, body: { spec: { size: 2 } } });
    assert.equal(patched.metadata.generation, 2);
    const status = ask({
      verb: "patch",
      patchType: "merge",
      ...at,
      subresource: "status",
      body: { status: { parts: 1 } },
    });
    assert.equal(status.metadata.generation, 2);
  });

  for (const [given, spec, code, message] of [
    ["a value out of range", { size: 11 }, 422, /^Toy.shop.example "t" is invalid: spec.size: Invalid value: 11/],
    ["a broken rule", { size: 1, colour: "red" }, 422, /spec.colour: Invalid value: "string": not red/],
    ["a missing field", {}, 422, /spec.size: Required value/],
    [
      "an unknown field under Strict",
      { size: 1, shape: "x" },
      400,
      /^Toy in version "v1" cannot be handled as a Toy: strict decoding error: unknown field "spec.shape"$/,
    ],
  ] as const) {
    it(`are refused for ${given}`, () => {
      const { refusal } = withToys();
      const query = { fieldValidation: "Strict" as const };
      const status = refusal({ verb: "create", of: at.of, body: toy(spec), query });
      assert.equal(status.code, code, status.message);
      assert.match(status.message, message);
    });
  }

  it("need their version for a put, and take no strategic patch", () => {
    const { create, refusal } = withToys();
    create(toy({ size: 1 }));
    const put = refusal({ verb: "update", ...at, body: toy({ size: 2 }) });
    assert.match(put.message, /metadata.resourceVersion: Invalid value: 0: must be specified for an update/);
    assert.equal(refusal({ verb: "patch", patchType: "strategic", ...at, body: {} }).code, 415);
  });

  it("scale, and are selected, as their definition says", () => {
    const { create, ask, refusal } = withToys();
    create(toy({ size: 1 }));
    const scale = ask({
      verb: "patch",
      patchType: "merge",
      ...at,
      subresource: "scale",
      body: { spec: { replicas: 4 } },
    });
    assert.deepEqual(scale["spec"], { replicas: 4 });
    assert.match(
      refusal({ verb: "patch", patchType: "merge", ...at, subresource: "scale", body: { spec: { replicas: 40 } } })
        .message,
      /spec.size: Invalid value: 40/,
    );
    const query = { fieldSelector: "spec.colour=blue" };
    const { items } = ask({ verb: "list", of: at.of, query }) as unknown as ObjectListBody;
    assert.equal(items.length, 1);
  });

  it("are merged by their list keys in server-side apply", () => {
    const { ask } = withToys();
    const apply = (fieldManager: string, parts: JsonObject[]) =>
      ask({ verb: "patch", patchType: "apply", ...at, query: { fieldManager }, body: toy({ size: 1, parts }) });
    apply("a", [{ name: "wheel", weight: 1 }]);
    const merged = apply("b", [{ name: "door", weight: 2 }]);
    assert.deepEqual((merged["spec"] as JsonObject)["parts"], [
      { name: "wheel", weight: 1 },
      { name: "door", weight: 2 },
    ]);
  });

  it("go with their definition, after their finalizers", async () => {
    const { create, send, refusal, server, watch } = withToys();
    create(toy({ size: 1 }, { finalizers: ["shop.example/keep"] }));
    const watched = watch({ of: at.of });
    const definitionAt = { of: "customresourcedefinitions.apiextensions.k8s.io", name: "toys.shop.example" };
    send({ verb: "delete", ...definitionAt });
    await settled();
    assert.ok(server.resource("shop.example", "v1", "toys"), "still served while one is left");
    send({ verb: "patch", patchType: "merge", ...at, body: { metadata: { finalizers: null } } });
    await settled();
    assert.equal(server.resource("shop.example", "v1", "toys"), undefined);
    assert.equal(refusal({ verb: "get", ...definitionAt }).code, 404);
    assert.deepEqual(watched.seen(), ["ADDED t", "MODIFIED t", "MODIFIED t", "DELETED t"]);
    assert.deepEqual(watched.ends, [{ reason: "closed" }]);
  });
});
