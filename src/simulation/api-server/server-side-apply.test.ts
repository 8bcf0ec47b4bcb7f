import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { JsonObject } from "./json.ts";
import { deploymentNamed, type ServerUnderTest, serverUnderTest, type TestRequest } from "./server-under-test.ts";

const at = { of: "deployments.apps", namespace: "default", name: "d", managedFields: true };

function applyRequest(manager: string, spec: JsonObject, more: JsonObject = {}): TestRequest {
  const body = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d", ...more }, spec };
  return { verb: "patch", patchType: "apply", ...at, query: { fieldManager: manager }, body };
}

const base = deploymentNamed("d").spec;
type Owner = { manager: string; operation: string; subresource?: string; fieldsV1: JsonObject };
const ownersIn = ({ ask }: Pick<ServerUnderTest, "ask">): Owner[] =>
  ask({ verb: "get", ...at }).metadata.managedFields as Owner[];
const specIn = ({ ask }: Pick<ServerUnderTest, "ask">) => ask({ verb: "get", ...at })["spec"] as JsonObject;

describe("server-side apply", () => {
  it("creates what is not there, and owns what it named", () => {
    const world = serverUnderTest();
    assert.equal(world.send(applyRequest("me", base)).code, 201);
    const [owner, ...others] = ownersIn(world);
    assert.deepEqual(others, []);
    assert.deepEqual(owner, {
      manager: "me",
      operation: "Apply",
      apiVersion: "apps/v1",
      time: "2026-09-21T14:13:20Z",
      fieldsType: "FieldsV1",
      fieldsV1: {
        "f:spec": {
          "f:replicas": {},
          "f:selector": {},
          "f:template": {
            "f:metadata": { "f:labels": { "f:app": {} } },
            "f:spec": { "f:containers": { 'k:{"name":"main"}': { ".": {}, "f:image": {}, "f:name": {} } } },
          },
        },
      },
    });
  });

  it("changes nothing the second time", () => {
    const world = serverUnderTest();
    world.send(applyRequest("me", base));
    const version = world.server.resourceVersion();
    assert.equal(world.send(applyRequest("me", base)).code, 200);
    assert.equal(world.server.resourceVersion(), version);
  });

  it("takes away what its manager no longer names", () => {
    const world = serverUnderTest();
    world.send(applyRequest("me", base, { labels: { a: "1", b: "2" } }));
    world.send(applyRequest("me", base, { labels: { a: "1" } }));
    assert.deepEqual(world.ask({ verb: "get", ...at }).metadata.labels, { a: "1" });
  });

  it("keeps what another applier owns too", () => {
    const world = serverUnderTest();
    world.send(applyRequest("me", base));
    world.send(applyRequest("you", { replicas: 1 }));
    const { replicas: _, ...rest } = base;
    world.send(applyRequest("me", rest));
    assert.equal(specIn(world)["replicas"], 1);
    const template = {
      ...base.template,
      spec: { containers: [...base.template.spec.containers, { name: "side", image: "s" }] },
    };
    world.send(
      applyRequest("you", { replicas: 1, template: { spec: { containers: [{ name: "side", image: "s" }] } } }),
    );
    const containers = () => (specIn(world)["template"] as typeof template).spec.containers.map(({ name }) => name);
    assert.deepEqual(containers(), ["main", "side"]);
    world.send(applyRequest("you", { replicas: 1 }));
    assert.deepEqual(containers(), ["main"]);
  });

  it("refuses to change what others own, and takes it over by force", () => {
    const world = serverUnderTest();
    world.create(deploymentNamed("d"), { user: "kubectl-create" });
    const scale = { verb: "patch", patchType: "merge", ...at, subresource: "scale" } as const;
    world.send({ ...scale, user: "kubectl", body: { spec: { replicas: 4 } } });
    const status = world.refusal(applyRequest("me", { replicas: 2 }));
    assert.deepEqual(
      [status.code, status.reason, status.message],
      [
        409,
        "Conflict",
        'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas',
      ],
    );
    assert.deepEqual(status.details?.causes, [
      {
        reason: "FieldManagerConflict",
        message: 'conflict with "kubectl" with subresource "scale" using apps/v1',
        field: ".spec.replicas",
      },
    ]);
    assert.equal(specIn(world)["replicas"], 4);
    const request = applyRequest("me", { replicas: 2 });
    world.send({ ...request, query: { ...request.query, force: true } });
    assert.equal(specIn(world)["replicas"], 2);
    assert.deepEqual(
      ownersIn(world).map(({ manager }) => manager),
      ["me", "kubectl-create"],
    );
  });

  it("lists several conflicts", () => {
    const world = serverUnderTest();
    world.create(deploymentNamed("d"), { user: "creator" });
    const template = { spec: { containers: [{ name: "main", image: "other" }] } };
    const status = world.refusal(applyRequest("me", { replicas: 2, template }));
    assert.equal(
      status.message,
      'Apply failed with 2 conflicts: conflicts with "creator" using apps/v1:\n- .spec.replicas\n- .spec.template.spec.containers[name="main"].image',
    );
  });

  it("needs a manager, and no managedFields in the body", () => {
    const world = serverUnderTest();
    const request = applyRequest("me", base);
    assert.equal(world.refusal({ ...request, query: {} }).code, 422);
    assert.equal(world.refusal(applyRequest("me", base, { managedFields: [{}] })).code, 400);
  });
});

describe("owners of fields after other writes", () => {
  it("are whoever wrote last", () => {
    const world = serverUnderTest();
    world.create(deploymentNamed("d"), { user: "creator" });
    const patch = { verb: "patch", patchType: "merge", ...at } as const;
    world.send({ ...patch, body: { spec: { replicas: 7 } }, user: "second" });
    world.send({ ...patch, body: { status: { replicas: 7 } }, subresource: "status", user: "controller" });
    const owners = ownersIn(world);
    assert.deepEqual(
      owners.map(({ manager, subresource }) => [manager, subresource]),
      [
        ["controller", "status"],
        ["creator", undefined],
        ["second", undefined],
      ],
    );
    assert.deepEqual(owners[2]?.fieldsV1, { "f:spec": { "f:replicas": {} } });
    assert.equal(Object.hasOwn(owners[1]!.fieldsV1["f:spec"] as JsonObject, "f:replicas"), false);
  });

  it("stay right over many writes by turns", () => {
    const world = serverUnderTest();
    world.create(deploymentNamed("d"), { user: "creator" });
    for (let i = 0; i < 50; i += 1) {
      const user = `writer-${i % 3}`;
      const body = { metadata: { annotations: { [`at-${i % 5}`]: String(i) } } };
      world.send({ verb: "patch", patchType: "merge", ...at, body, user });
    }
    const fields = ownersIn(world)
      .filter(({ manager }) => manager.startsWith("writer"))
      .map(({ manager, fieldsV1 }) => {
        const { "f:annotations": annotations } = fieldsV1["f:metadata"] as { "f:annotations": JsonObject };
        return `${manager} ${Object.keys(annotations).join(" ")}`;
      });
    assert.deepEqual(fields.sort(), ["writer-0 . f:at-0 f:at-3", "writer-1 f:at-1 f:at-4", "writer-2 f:at-2"]);
  });

  it("can be written by a client, as kubectl does when it moves to server-side apply", () => {
    const world = serverUnderTest();
    world.create(deploymentNamed("d"), { user: "kubectl-client-side-apply" });
    const [owner] = ownersIn(world);
    const value = [{ ...owner, manager: "kubectl", operation: "Apply" }];
    const body = [{ op: "replace", path: "/metadata/managedFields", value }];
    world.send({ verb: "patch", patchType: "json", ...at, body });
    assert.deepEqual(
      ownersIn(world).map(({ manager, operation }) => [manager, operation]),
      [["kubectl", "Apply"]],
    );
    world.send(applyRequest("kubectl", { ...base, replicas: 3 }));
    assert.equal(specIn(world)["replicas"], 3);
  });
});
