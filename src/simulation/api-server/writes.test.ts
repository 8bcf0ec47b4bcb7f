import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { JsonObject } from "./json.ts";
import { configMapNamed, deploymentNamed, podNamed, serverUnderTest } from "./server-under-test.ts";

const inDefault = { namespace: "default" };

describe("creating objects", () => {
  it("fills in what the server says", () => {
    const { create } = serverUnderTest();
    const created = create(configMapNamed("c1", { a: "1" }));
    assert.match(created.metadata.uid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(created.metadata.creationTimestamp, "2026-09-21T14:13:20Z");
    assert.ok(Number(created.metadata.resourceVersion) > 0);
    assert.equal(created.metadata.generation, undefined);
    assert.equal(create(deploymentNamed("d1")).metadata.generation, 1);
  });

  it("draws the same names and uids from the same seed", () => {
    const names = [serverUnderTest(), serverUnderTest()].map(({ create }) => {
      const { metadata } = create({ ...podNamed(""), metadata: { generateName: "web-", namespace: "default" } });
      return `${metadata.name} ${metadata.uid}`;
    });
    assert.equal(names[0], names[1]);
    assert.match(names[0] ?? "", /^web-[bcdfghjklmnpqrstvwxz2456789]{5} /);
  });

  it("keeps its own copy", () => {
    const { create, ask } = serverUnderTest();
    const data = { a: "1" };
    create(configMapNamed("c1", data));
    data.a = "2";
    assert.deepEqual(ask({ verb: "get", of: "configmaps", ...inDefault, name: "c1" })["data"], { a: "1" });
  });

  it("stores nothing in a dry run", () => {
    const { create, refusal, server } = serverUnderTest();
    const before = server.resourceVersion();
    assert.equal(create(configMapNamed("c1"), { query: { dryRun: true } }).metadata.name, "c1");
    assert.equal(refusal({ verb: "get", of: "configmaps", ...inDefault, name: "c1" }).code, 404);
    assert.equal(server.resourceVersion(), before);
  });

  const refused: { given: string; object: JsonObject; code: number; message: RegExp }[] = [
    {
      given: "a namespace that is not there",
      object: { ...configMapNamed("c1"), metadata: { name: "c1", namespace: "nowhere" } },
      code: 404,
      message: /^namespaces "nowhere" not found$/,
    },
    {
      given: "a name that is none",
      object: configMapNamed("Not_A_Name"),
      code: 422,
      message: /^ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123 /,
    },
    {
      given: "a label value that is none",
      object: podNamed("p", { labels: { app: "a b" } }),
      code: 422,
      message: /metadata.labels: Invalid value: "a b": a valid label must be/,
    },
    {
      given: "a selector that does not select the template",
      object: deploymentNamed("d", { selector: { matchLabels: { app: "other" } } }),
      code: 422,
      message:
        /^Deployment.apps "d" is invalid: spec.template.metadata.labels: Invalid value: \{"app":"d"\}: `selector` does not match template `labels`$/,
    },
    {
      given: "negative replicas",
      object: deploymentNamed("d", { replicas: -1 }),
      code: 422,
      message: /spec.replicas: Invalid value: -1: must be greater than or equal to 0/,
    },
    {
      given: "a rolling update of a strategy that is none",
      object: deploymentNamed("d", { strategy: { type: "Recreate", rollingUpdate: { maxSurge: 1 } } }),
      code: 422,
      message: /spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'/,
    },
    {
      given: "no containers",
      object: podNamed("p", { spec: { containers: [] } }),
      code: 422,
      message: /^Pod "p" is invalid: spec.containers: Required value$/,
    },
    {
      given: "an amount that is none",
      object: podNamed("p", {
        spec: { containers: [{ name: "a", image: "b", resources: { requests: { cpu: "1x" } } }] },
      }),
      code: 422,
      message: /quantities must match the regular expression/,
    },
    {
      given: "a resource that containers do not have",
      object: podNamed("p", {
        spec: { containers: [{ name: "a", image: "b", resources: { requests: { cpus: "1" } } }] },
      }),
      code: 422,
      message: /requests\[cpus\]: Invalid value: "cpus": must be a standard resource for containers/,
    },
    {
      given: "an extended resource without a limit",
      object: podNamed("p", {
        spec: { containers: [{ name: "a", image: "b", resources: { requests: { "nvidia.com/gpu": 1 } } }] },
      }),
      code: 422,
      message: /resources.limits: Required value: Limit must be set for non overcommitable resources/,
    },
    {
      given: "a request above its limit",
      object: podNamed("p", {
        spec: { containers: [{ name: "a", image: "b", resources: { requests: { cpu: 2 }, limits: { cpu: "1" } } }] },
      }),
      code: 422,
      message:
        /spec.containers\[0\].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1/,
    },
    {
      given: "a priority class that is not there",
      object: podNamed("p", { spec: { priorityClassName: "vip" } }),
      code: 403,
      message: /^pods "p" is forbidden: no PriorityClass with name vip was found$/,
    },
    {
      given: "an event in another namespace than its object",
      object: {
        apiVersion: "v1",
        kind: "Event",
        metadata: { name: "e", namespace: "kube-public" },
        involvedObject: { kind: "Node", name: "n" },
      },
      code: 422,
      message: /involvedObject.namespace: Invalid value: "": does not match event.namespace/,
    },
  ];
  for (const { given, object, code, message } of refused) {
    it(`refuses ${given}`, () => {
      const world = serverUnderTest();
      const { kind, metadata } = object as { kind: string; metadata: { namespace: string } };
      const of = { ConfigMap: "configmaps", Pod: "pods", Deployment: "deployments.apps", Event: "events" }[kind] ?? "";
      const status = world.refusal({ verb: "create", of, namespace: metadata.namespace, body: object });
      assert.equal(status.code, code, status.message);
      assert.match(status.message, message);
      if (code === 422) assert.ok((status.details?.causes ?? []).length > 0);
    });
  }

  it("refuses a second one, and anything new in a namespace that ends", () => {
    const { create, refusal, send } = serverUnderTest();
    create(configMapNamed("c1"));
    const again = refusal({ verb: "create", of: "configmaps", ...inDefault, body: configMapNamed("c1") });
    assert.deepEqual([again.reason, again.message], ["AlreadyExists", 'configmaps "c1" already exists']);
    create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "gone" } });
    send({ verb: "delete", of: "namespaces", name: "gone" });
    const late = { ...configMapNamed("c2"), metadata: { name: "c2", namespace: "gone" } };
    const status = refusal({ verb: "create", of: "configmaps", namespace: "gone", body: late });
    assert.equal(status.code, 403);
    assert.match(status.message, /because it is being terminated/);
  });

  it("gives pods what clients and controllers rely on", () => {
    const { create } = serverUnderTest();
    const limits = { cpu: "1000m", memory: "1Gi" };
    const pod = create(podNamed("p", { spec: { containers: [{ name: "a", image: "a", resources: { limits } }] } }));
    const spec = pod["spec"] as JsonObject;
    const { restartPolicy, terminationGracePeriodSeconds, schedulerName, dnsPolicy, priority } = spec;
    assert.deepEqual(
      [restartPolicy, terminationGracePeriodSeconds, schedulerName, dnsPolicy, priority],
      ["Always", 30, "default-scheduler", "ClusterFirst", 0],
    );
    assert.deepEqual((spec["containers"] as JsonObject[])[0]?.["resources"], {
      limits: { cpu: "1", memory: "1Gi" },
      requests: { cpu: "1", memory: "1Gi" },
    });
    assert.equal((spec["tolerations"] as JsonObject[]).length, 2);
    assert.deepEqual(pod["status"], { phase: "Pending", qosClass: "Guaranteed" });
  });
});

describe("changing objects", () => {
  it("counts generations of the spec, not of the rest", () => {
    const { create, ask } = serverUnderTest();
    create(deploymentNamed("d"));
    const patch = (body: JsonObject, subresource?: string) =>
      ask({
        verb: "patch",
        patchType: "merge",
        of: "deployments.apps",
        ...inDefault,
        name: "d",
        body,
        ...(subresource === undefined ? {} : { subresource }),
      }).metadata.generation;
    assert.equal(patch({ metadata: { labels: { a: "b" } } }), 1);
    assert.equal(patch({ spec: { replicas: 3 } }), 2);
    assert.equal(patch({ status: { replicas: 3 } }, "status"), 2);
  });

  it("keeps status and spec apart", () => {
    const { create, ask } = serverUnderTest();
    create(deploymentNamed("d"));
    const base = { verb: "patch", patchType: "merge", of: "deployments.apps", ...inDefault, name: "d" } as const;
    ask({ ...base, body: { spec: { replicas: 3 }, status: { replicas: 9 } } });
    const after = ask({ ...base, body: { spec: { replicas: 5 }, status: { replicas: 2 } }, subresource: "status" });
    assert.equal((after["spec"] as JsonObject)["replicas"], 3);
    assert.deepEqual(after["status"], { replicas: 2 });
  });

  it("writes nothing when nothing changes", () => {
    const { create, ask, server } = serverUnderTest();
    const created = create(deploymentNamed("d"));
    const version = server.resourceVersion();
    ask({ verb: "update", of: "deployments.apps", ...inDefault, name: "d", body: created });
    assert.equal(server.resourceVersion(), version);
  });

  it("refuses an older version, another uid and an immutable field", () => {
    const { create, ask, refusal } = serverUnderTest();
    const created = create(configMapNamed("c1", { a: "1" }));
    const put = { verb: "update", of: "configmaps", ...inDefault, name: "c1" } as const;
    ask({ ...put, body: { ...created, data: { a: "2" } } });
    const stale = refusal({ ...put, body: { ...created, data: { a: "3" } } });
    assert.equal(stale.reason, "Conflict");
    assert.equal(
      stale.message,
      'Operation cannot be fulfilled on configmaps "c1": the object has been modified; please apply your changes to the latest version and try again',
    );
    const foreign = { ...configMapNamed("c1"), metadata: { name: "c1", uid: "another" } };
    assert.match(refusal({ ...put, body: foreign }).message, /Precondition failed: UID in precondition: another/);
    create(deploymentNamed("d"));
    const status = refusal({
      verb: "patch",
      patchType: "merge",
      of: "deployments.apps",
      ...inDefault,
      name: "d",
      body: { spec: { selector: { matchLabels: { app: "e" } }, template: { metadata: { labels: { app: "e" } } } } },
    });
    assert.match(status.message, /spec.selector: Invalid value: .*: field is immutable/);
  });

  it("takes nothing back from a failed request", () => {
    const { create, ask, refusal } = serverUnderTest();
    create(deploymentNamed("d"));
    const at = { of: "deployments.apps", ...inDefault, name: "d" };
    refusal({ verb: "patch", patchType: "merge", ...at, body: { spec: { replicas: -1 } } });
    assert.equal((ask({ verb: "get", ...at })["spec"] as JsonObject)["replicas"], 1);
  });
});

describe("unknown fields of built-in kinds", () => {
  const body = deploymentNamed("d", { replica: 3 });
  it("are an error, a warning or nothing, and are never stored", () => {
    const world = serverUnderTest();
    const request = { verb: "create", of: "deployments.apps", ...inDefault, body } as const;
    const strict = world.refusal({ ...request, query: { fieldValidation: "Strict" } });
    assert.deepEqual(
      [strict.code, strict.message],
      [
        400,
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replica"',
      ],
    );
    const warned = world.send({ ...request, query: { fieldValidation: "Warn" } });
    assert.deepEqual(warned.warnings, ['unknown field "spec.replica"']);
    assert.equal(((warned.body as unknown as JsonObject)["spec"] as JsonObject)["replica"], undefined);
  });

  it("of a wrong type say so", () => {
    const { refusal } = serverUnderTest();
    const wrong = deploymentNamed("d", { replicas: "three" });
    const query = { fieldValidation: "Strict" as const };
    const status = refusal({ verb: "create", of: "deployments.apps", ...inDefault, body: wrong, query });
    assert.equal(status.code, 400);
    assert.match(
      status.message,
      /json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32/,
    );
  });
});
