import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { knownKinds, type StructType, typeOfKind } from "./schema-table.ts";
import { checkFields } from "./strict-fields.ts";

function typeAt(type: StructType, path: string): StructType {
  let at = type;
  for (const name of path.split(".")) {
    let of = at.fields.get(name)?.type;
    while (of?.kind === "list" || of?.kind === "map") of = of.of;
    assert.equal(of?.kind, "struct", path);
    if (of?.kind === "struct") at = of.type;
  }
  return at;
}

describe("the table of built-in kinds", () => {
  const pod = typeOfKind("v1", "Pod");
  assert.ok(pod);
  const spec = typeAt(pod, "spec");
  const container = typeAt(spec, "containers");

  for (const { type, field, mergeKey, strategies, list } of [
    { type: spec, field: "containers", mergeKey: "name", strategies: ["merge"], list: "map name" },
    { type: spec, field: "volumes", mergeKey: "name", strategies: ["merge", "retainKeys"], list: "map name" },
    { type: spec, field: "hostAliases", mergeKey: "ip", strategies: ["merge"], list: "map ip" },
    { type: spec, field: "tolerations", mergeKey: undefined, strategies: [], list: "atomic " },
    {
      type: spec,
      field: "topologySpreadConstraints",
      mergeKey: "topologyKey",
      strategies: ["merge"],
      list: "map topologyKey,whenUnsatisfiable",
    },
    {
      type: container,
      field: "ports",
      mergeKey: "containerPort",
      strategies: ["merge"],
      list: "map containerPort,protocol",
    },
    { type: container, field: "volumeMounts", mergeKey: "mountPath", strategies: ["merge"], list: "map mountPath" },
    { type: container, field: "args", mergeKey: undefined, strategies: [], list: "atomic " },
    {
      type: typeAt(pod, "metadata"),
      field: "ownerReferences",
      mergeKey: "uid",
      strategies: ["merge"],
      list: "map uid",
    },
    { type: typeAt(pod, "metadata"), field: "finalizers", mergeKey: undefined, strategies: ["merge"], list: "set " },
  ]) {
    it(`${type.goName}.${field}: patched by ${mergeKey ?? "nothing"}, applied as ${list}`, () => {
      const found = type.fields.get(field);
      assert.equal(found?.patch.mergeKey, mergeKey);
      assert.deepEqual(found?.patch.strategies, strategies);
      assert.equal(`${found?.list?.type} ${found?.list?.keys.join(",")}`, list);
    });
  }

  it("knows what is owned as a whole", () => {
    assert.ok(spec.fields.get("nodeSelector")?.isAtomic);
    assert.ok(typeOfKind("apps/v1", "Deployment")?.fields.get("spec"));
    const deployment = typeOfKind("apps/v1", "Deployment");
    assert.ok(deployment);
    assert.ok(typeAt(deployment, "spec.selector").isAtomic);
    assert.equal(container.fields.get("ports")?.type.kind, "list");
    assert.equal(typeAt(container, "ports").fields.get("protocol")?.default, "TCP");
  });

  it("flattens embedded structs for JSON and keeps them for protobuf", () => {
    const volume = typeAt(spec, "volumes");
    assert.ok(volume.fields.has("emptyDir"));
    assert.equal(volume.protoFields.get(2)?.isInline, true);
  });

  it("can be read whole: every type that it names is there", () => {
    const seen = new Set<string>();
    const visit = (type: StructType): void => {
      if (seen.has(type.name)) return;
      seen.add(type.name);
      for (const field of type.fields.values()) {
        let of = field.type;
        while (of.kind === "list" || of.kind === "map") of = of.of;
        if (of.kind === "struct") visit(of.type);
      }
    };
    for (const { type } of knownKinds()) visit(type);
    assert.ok(seen.size > 400, `${seen.size} types`);
  });
});

describe("strict reading of built-in kinds", () => {
  const deployment = typeOfKind("apps/v1", "Deployment");
  assert.ok(deployment);
  const withSpec = (spec: unknown): unknown => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "x" },
    spec,
  });
  for (const { given, object, unknown, wrongType } of [
    { given: "a good one", object: withSpec({ replicas: 1, paused: false }), unknown: [], wrongType: undefined },
    { given: "nulls", object: withSpec({ replicas: null, template: null }), unknown: [], wrongType: undefined },
    {
      given: "misspelt fields",
      object: withSpec({ replica: 1, template: { spec: { containers: [{ name: "a", imagee: "x" }] } } }),
      unknown: ["spec.replica", "spec.template.spec.containers[0].imagee"],
      wrongType: undefined,
    },
    {
      given: "a text for a number",
      object: withSpec({ replicas: "three" }),
      unknown: [],
      wrongType: "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    },
    {
      given: "a number for a map's text",
      object: { metadata: { labels: { a: 1 } } },
      unknown: [],
      wrongType: "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
    },
    {
      given: "an object for a list",
      object: withSpec({ template: { spec: { containers: {} } } }),
      unknown: [],
      wrongType:
        "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
    },
    {
      given: "quantities as numbers",
      object: { spec: { template: { spec: { overhead: { cpu: 1 } } } } },
      unknown: [],
      wrongType: undefined,
    },
  ]) {
    it(given, () => {
      const problems = checkFields(deployment, object);
      assert.deepEqual(problems.unknown, unknown);
      assert.equal(problems.wrongType, wrongType);
    });
  }
});

describe("values of the right type in a wrong form", () => {
  for (const { apiVersion, kind, object, want } of [
    {
      apiVersion: "v1",
      kind: "Secret",
      object: { data: { a: "YQ==", b: "Y!==" } },
      want: "illegal base64 data at input byte 1",
    },
    { apiVersion: "v1", kind: "Secret", object: { data: { a: "YQ=" } }, want: "illegal base64 data at input byte 0" },
    { apiVersion: "v1", kind: "Secret", object: { data: { a: "YQ==", b: "" } }, want: undefined },
    {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      object: { spec: { renewTime: "now" } },
      want: 'parsing time "now" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "now" as a time',
    },
    {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      object: { spec: { renewTime: "2026-01-01T00:00:00.000001Z", acquireTime: "2026-01-01T01:00:00.5+01:00" } },
      want: undefined,
    },
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      object: { spec: { minAvailable: 1.5 } },
      want: "json: cannot unmarshal number 1.5 into Go value of type int32",
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      object: { spec: { replicas: 3_000_000_000 } },
      want: "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32",
    },
  ]) {
    it(`${kind} ${JSON.stringify(object)}`, () => {
      const type = typeOfKind(apiVersion, kind);
      assert.ok(type);
      assert.equal(checkFields(type, object).wrongType, want);
    });
  }
});
