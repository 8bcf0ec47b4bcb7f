import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ApiError } from "../../../ports/kube-api.ts";
import { BUILT_IN_RESOURCES } from "../resource-definitions.ts";
import { readAccept } from "./accept.ts";
import { aggregatedDiscovery, byVersion, groupList, resourceList } from "./discovery.ts";
import { readProtobuf } from "./protobuf.ts";
import { patchTypeOf, readObject, readPatch } from "./request-body.ts";
import { readResourcePath } from "./request-path.ts";
import { readQuery } from "./request-query.ts";

const refusedWith =
  (code: number) =>
  (error: unknown): boolean =>
    error instanceof ApiError && error.code === code;

describe("paths of resources", () => {
  for (const [path, want] of [
    ["/api/v1/nodes", { group: "", version: "v1", plural: "nodes" }],
    ["/api/v1/namespaces", { group: "", version: "v1", plural: "namespaces" }],
    ["/api/v1/namespaces/a", { group: "", version: "v1", plural: "namespaces", name: "a" }],
    [
      "/api/v1/namespaces/a/status",
      { group: "", version: "v1", plural: "namespaces", name: "a", subresource: "status" },
    ],
    [
      "/api/v1/namespaces/a/pods/p/log",
      { group: "", version: "v1", plural: "pods", namespace: "a", name: "p", subresource: "log" },
    ],
    ["/apis/apps/v1/deployments", { group: "apps", version: "v1", plural: "deployments" }],
    [
      "/apis/karpenter.sh/v1/nodepools/x/status",
      { group: "karpenter.sh", version: "v1", plural: "nodepools", name: "x", subresource: "status" },
    ],
    ["/apis/apps/v1", undefined],
    ["/apis", undefined],
    ["/version", undefined],
  ] as const) {
    it(path, () => {
      const found = readResourcePath(path.split("/").filter((s) => s !== ""));
      assert.deepEqual(found, want === undefined ? undefined : { ...want, rest: [] });
    });
  }
});

describe("the Accept header", () => {
  const nothing = { takesJson: true, wantsTable: false, wantsMetadataOnly: false, wantsAggregatedDiscovery: false };
  for (const { header, want } of [
    { header: undefined, want: nothing },
    { header: "application/json", want: nothing },
    { header: "text/html, */*", want: nothing },
    { header: "application/vnd.kubernetes.protobuf", want: { ...nothing, takesJson: false } },
    {
      header:
        "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
      want: { ...nothing, wantsTable: true },
    },
    { header: "application/vnd.kubernetes.protobuf,application/json", want: nothing },
    {
      header:
        "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
      want: { ...nothing, wantsMetadataOnly: true },
    },
    {
      header:
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
      want: { ...nothing, wantsAggregatedDiscovery: true },
    },
    {
      header: "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
      want: nothing,
    },
  ]) {
    it(String(header), () => assert.deepEqual(readAccept(header), want));
  }
});

describe("queries", () => {
  it("reads what the core knows", () => {
    const query = readQuery(
      new URLSearchParams(
        "limit=500&dryRun=All&timeoutSeconds=7&force=false&fieldValidation=Strict&labelSelector=a%3Db&unknown=1",
      ),
    );
    assert.deepEqual(query, {
      labelSelector: "a=b",
      limit: 500,
      force: false,
      timeoutMs: 7_000,
      fieldValidation: "Strict",
      dryRun: true,
    });
  });
  for (const text of ["limit=many", "dryRun=Some", "fieldValidation=strict", "force=perhaps"]) {
    it(`refuses ${text}`, () => assert.throws(() => readQuery(new URLSearchParams(text)), refusedWith(400)));
  }
});

describe("bodies", () => {
  const bytes = (text: string): Buffer => Buffer.from(text);
  it("reads JSON with and without a content type, and YAML", () => {
    assert.deepEqual(readObject(bytes('{"a":1}'), undefined), { a: 1 });
    assert.deepEqual(readObject(bytes('{"a":1}'), "application/json; charset=utf-8"), { a: 1 });
    assert.deepEqual(readObject(bytes("a: 1\n"), "application/yaml"), { a: 1 });
    assert.equal(readObject(bytes(""), "application/json"), undefined);
  });
  it("refuses what it cannot read", () => {
    assert.throws(() => readObject(bytes("{"), "application/json"), refusedWith(400));
    assert.throws(() => readObject(bytes("a:\n\t- b"), "application/yaml"), refusedWith(400));
    assert.throws(() => readObject(bytes("x"), "text/plain"), refusedWith(415));
    assert.throws(() => patchTypeOf("application/json"), refusedWith(415));
  });
  it("reads an apply that is JSON under the name of YAML", () => {
    assert.deepEqual(readPatch(bytes('{"a":[1]}'), patchTypeOf("application/apply-patch+yaml")), { a: [1] });
  });
});

describe("protobuf bodies", () => {
  const field = (number: number, body: Buffer | string): Buffer => {
    const bytes = Buffer.from(body as string);
    assert.ok(bytes.length < 128);
    return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  };
  const number = (at: number, value: number): Buffer => Buffer.from([at << 3, value]);
  const message = (apiVersion: string, kind: string, raw: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from("k8s\0"),
      field(1, Buffer.concat([field(1, apiVersion), field(2, kind)])),
      field(2, raw),
    ]);

  it("reads texts, maps, bytes and nested messages, and leaves out what stands for nothing", () => {
    const entry = Buffer.concat([field(1, "k"), field(2, "v")]);
    const meta = Buffer.concat([field(1, "c1"), field(2, ""), field(11, entry)]);
    const body = message("v1", "ConfigMap", Buffer.concat([field(1, meta), field(2, entry)]));
    assert.deepEqual(readProtobuf(body), {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "c1", labels: { k: "v" } },
      data: { k: "v" },
    });
  });

  it("keeps a zero that was set on purpose: fields behind a pointer", () => {
    const spec = Buffer.concat([number(1, 0), number(5, 0)]);
    const body = message("apps/v1", "Deployment", field(2, spec));
    assert.deepEqual(readProtobuf(body), { apiVersion: "apps/v1", kind: "Deployment", spec: { replicas: 0 } });
  });

  it("reads percentages and numbers of a budget", () => {
    const percent = Buffer.concat([number(1, 1), number(2, 0), field(3, "50%")]);
    const two = Buffer.concat([number(1, 0), number(2, 2), field(3, "")]);
    const body = message(
      "policy/v1",
      "PodDisruptionBudget",
      field(2, Buffer.concat([field(1, percent), field(3, two)])),
    );
    assert.deepEqual(readProtobuf(body)["spec"], { minAvailable: "50%", maxUnavailable: 2 });
  });

  it("reads DeleteOptions under the version of what is deleted", () => {
    const body = message("policy/v1", "DeleteOptions", Buffer.concat([number(1, 0), field(4, "Background")]));
    assert.deepEqual(readProtobuf(body), {
      apiVersion: "policy/v1",
      kind: "DeleteOptions",
      gracePeriodSeconds: 0,
      propagationPolicy: "Background",
    });
  });

  it("reads or refuses any bytes, and never does anything else", () => {
    const good = message("apps/v1", "Deployment", field(2, Buffer.concat([number(1, 3), field(2, field(1, "x"))])));
    const damage = fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { maxLength: 6 });
    fc.assert(
      fc.property(damage, fc.uint8Array({ maxLength: 20 }), (changes, tail) => {
        const bytes = Buffer.concat([good, tail]);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          readProtobuf(bytes);
        } catch (error) {
          assert.ok(error instanceof ApiError, String(error));
        }
      }),
      { seed: 1, numRuns: 2_000 },
    );
  });

  it("refuses bytes that are no such message, cut ones, and kinds that nobody knows", () => {
    assert.throws(() => readProtobuf(Buffer.from("{}")), refusedWith(400));
    assert.throws(() => readProtobuf(message("v1", "ConfigMap", field(1, "abc")).subarray(0, -2)), refusedWith(400));
    assert.throws(() => readProtobuf(message("v1", "Nothing", Buffer.alloc(0))), refusedWith(400));
  });
});

describe("discovery", () => {
  it("says the same in both forms", () => {
    const aggregated = aggregatedDiscovery(BUILT_IN_RESOURCES, false) as {
      items: { metadata: { name: string }; versions: { version: string; resources: { resource: string }[] }[] }[];
    };
    const classic = groupList(BUILT_IN_RESOURCES) as { groups: { name: string; versions: { version: string }[] }[] };
    assert.deepEqual(
      aggregated.items.map((g) => g.metadata.name),
      classic.groups.map((g) => g.name),
    );
    for (const { metadata, versions } of aggregated.items) {
      for (const { version, resources } of versions) {
        const list = resourceList(BUILT_IN_RESOURCES, metadata.name, version) as { resources: { name: string }[] };
        assert.deepEqual(
          resources.map((r) => r.resource),
          list.resources.map((r) => r.name).filter((name) => !name.includes("/")),
        );
      }
    }
  });
  it("puts stable and newer versions first", () => {
    assert.deepEqual(["v1alpha1", "v1", "v2beta1", "v2", "v1beta2"].sort(byVersion), [
      "v2",
      "v1",
      "v2beta1",
      "v1beta2",
      "v1alpha1",
    ]);
  });
  it("refuses a group that is not served", () => {
    assert.throws(() => resourceList(BUILT_IN_RESOURCES, "no.such", "v1"), refusedWith(404));
  });
});
