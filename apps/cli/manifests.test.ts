import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import { manifestsIn, readManifests } from "./manifests.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples");

const POD = `apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: web
      resources:
        requests:
          cpu: 500m
`;
const POOL = `apiVersion: karpenter.sh/v1
kind: NodePool
metadata:
  name: default
spec:
  template:
    spec:
      nodeClassRef: { group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default }
      requirements: []
`;

/** Each line of the error that names a place. */
function mistakesIn(text: string): string[] {
  try {
    manifestsIn(text, "x.yaml");
  } catch (error) {
    assert.ok(error instanceof UserError && error.code === "KARP_BAD_MANIFEST", String(error));
    return error.what
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

describe("manifests that are wrong", () => {
  const rows: readonly [name: string, text: string, ...mistakes: RegExp[]][] = [
    ["a tab", POD.replace("  name: web", "\tname: web"), /^x\.yaml:4: a tab indents this line: YAML wants spaces/],
    ["bad YAML", POD.replace("name: web\nspec", 'name: "web\nspec'), /^x\.yaml:\d+: this is no YAML: /],
    ["bad JSON", '{"apiVersion": "v1",\n "kind": "Pod"', /^x\.yaml:\d: this is no YAML: /],
    ["a field twice", POD.replace("kind: Pod", "kind: Pod\nkind: Pod"), /^x\.yaml:3: a field is there twice/],
    ["no kind", POD.replace("kind: Pod\n", ""), /^x\.yaml:1: kind is missing/],
    ["no apiVersion", POD.replace("apiVersion: v1\n", ""), /^x\.yaml:1: Pod "web": apiVersion is missing/],
    ["no name", POD.replace("  name: web\n", "  labels: {}\n"), /^x\.yaml:3: Pod: metadata\.name is missing/],
    ["no object", "just a sentence", /^x\.yaml:1: this is no Kubernetes object/],
    [
      "the same object twice",
      `${POD}---\n${POD}`,
      /^x\.yaml:12: Pod "default\/web" is here a second time, after x\.yaml:1: keep one/,
    ],
    [
      "an unknown field",
      POD.replace("cpu: 500m", "cpu: 500m\n      imagee: x"),
      /^x\.yaml:11: Pod "web": there is no field "spec\.containers\[0\]\.imagee": did you mean "image"\?/,
    ],
    [
      "a wrong type",
      POD.replace("name: web\n      res", "name: 5\n      res"),
      /^x\.yaml:\d: Pod "web": json: cannot unmarshal number into/,
    ],
    [
      "no amount",
      POD.replace("500m", "500mm"),
      /^x\.yaml:10: Pod "web": spec\.containers\[0\]\.resources\.requests\.cpu: "500mm" is no amount/,
    ],
    ["less than nothing", POD.replace("500m", "-1"), /^x\.yaml:10: .* -1 is less than nothing/],
    [
      "more than the limit",
      POD.replace("cpu: 500m", "cpu: 500m\n        limits:\n          cpu: 100m"),
      /^x\.yaml:10: .* 500m is more than the limit of 100m/,
    ],
    [
      "a label value",
      POD.replace("name: web\nspec", "name: web\n  labels: { a: two words }\nspec"),
      /^x\.yaml:5: .*"a: two words"/,
    ],
    [
      "a label that is no text",
      POD.replace("name: web\nspec", "name: web\n  labels: { a: 1 }\nspec"),
      /metadata\.labels\.a in body must be of type string: "integer"/,
    ],
    [
      "a kind misspelt",
      POD.replace("kind: Pod", "kind: Podd"),
      /^x\.yaml:2: .*there is no kind "Podd" in v1: did you mean "Pod"\?/,
    ],
    ["our kind misspelt", POOL.replace("kind: NodePool", "kind: Nodepol"), /^x\.yaml:2: .*did you mean "NodePool"\?/],
    [
      "an old version",
      POOL.replace("karpenter.sh/v1", "karpenter.sh/v1beta1"),
      /^x\.yaml:1: .*version "v1beta1" is not known: write apiVersion: karpenter\.sh\/v1/,
    ],
    [
      "a field of ours",
      `${POOL}  wieght: 3\n`,
      /^x\.yaml:10: NodePool "default": there is no field "spec\.wieght": did you mean "weight"\?/,
    ],
    ["a schema error", `${POOL}  weight: 200\n`, /^x\.yaml:10: .*should be less than or equal to 100/],
    [
      "a missing field",
      POOL.replace("      requirements: []\n", ""),
      /^x\.yaml:7: .*spec\.template\.spec\.requirements: Required value/,
    ],
    [
      "a rule",
      POOL.replace("requirements: []", "requirements: [{ key: kubernetes.io/hostname, operator: Exists }]"),
      /^x\.yaml:9: .*hostname/,
    ],
    [
      "mistakes in two documents",
      `${POD.replace("500m", "x")}---\n${POOL}  weight: 0\n`,
      /^x\.yaml:10: Pod/,
      /^x\.yaml:21: NodePool/,
    ],
    [
      "an item of a list",
      `kind: List\napiVersion: v1\nitems:\n- ${POD.replaceAll("\n", "\n  ").replace("500m", "x")}`,
      /^x\.yaml:13: Pod "web"/,
    ],
    [
      "no YAML in one document, and a slip in another: both are told",
      `${POD.replace("500m", "x")}---\nkind: [\n---\n${POD.replaceAll("web", "other").replace("500m", "y")}`,
      /^x\.yaml:\d+: this is no YAML/,
      /Pod "web"/,
      /Pod "other"/,
    ],
  ];
  for (const [name, text, ...mistakes] of rows) {
    it(name, () => {
      const found = mistakesIn(text);
      assert.equal(found.length, mistakes.length, found.join("\n"));
      for (const [i, mistake] of mistakes.entries()) assert.match(found[i] ?? "", mistake);
    });
  }
});

describe("manifests that are right", () => {
  it("disruption budgets as guides write them", () => {
    const budget = (name: string, namespace: string, rule: string) =>
      `apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec:\n  ${rule}\n  selector: { matchLabels: { app: ${name} } }\n`;
    const text = [
      budget("redis", "cache", "minAvailable: 2"),
      budget("orders-api", "orders", "maxUnavailable: 25%"),
    ].join("---\n");
    assert.deepEqual(
      manifestsIn(text, "x.yaml").map(({ object }) => object.metadata.name),
      ["redis", "orders-api"],
    );
    assert.match(mistakesIn(budget("redis", "cache", "minAvailabe: 2")).join(), /did you mean "minAvailable"\?/);
  });
  it("several documents, comments and empty ones", () => {
    const read = manifestsIn(`# nothing\n---\n${POD}---\n---\n${POOL}`, "x.yaml");
    assert.deepEqual(
      read.map(({ object, origin }) => [object.kind, object.metadata.namespace, origin.line, origin.document]),
      [
        ["Pod", "default", 3, 1],
        ["NodePool", undefined, 15, 3],
      ],
    );
  });
  it("get their defaults", () => {
    const [pool] = manifestsIn(POOL, "x.yaml");
    assert.deepEqual((pool!.object as never as { spec: { disruption: object } }).spec.disruption, {
      consolidateAfter: "0s",
      consolidationPolicy: "WhenEmptyOrUnderutilized",
      budgets: [{ nodes: "10%" }],
    });
  });
  it("lists, also typed ones whose items do not repeat their kind, in JSON", () => {
    const items = [{ metadata: { name: "a" } }, { metadata: { name: "b", namespace: "n" } }];
    const read = manifestsIn(JSON.stringify({ kind: "PodList", apiVersion: "v1", items }), "pods.json");
    assert.deepEqual(
      read.map(
        ({ object }) => `${object.apiVersion} ${object.kind} ${object.metadata.namespace}/${object.metadata.name}`,
      ),
      ["v1 Pod default/a", "v1 Pod n/b"],
    );
  });
  it("what a newer server printed may hold fields nobody knows here", () => {
    const printed = POD.replace("  name: web\n", '  name: web\n  resourceVersion: "7"\n').replace(
      "spec:",
      "spec:\n  fromTheFuture: 1",
    );
    assert.equal(manifestsIn(printed, "x.yaml").length, 1);
    const pool = POOL.replace("  name: default\nspec", '  name: default\n  resourceVersion: "7"\nspec');
    const [read] = manifestsIn(`${pool}  fromTheFuture: 1\n`, "x.yaml");
    assert.ok(!("fromTheFuture" in (read!.object as never as { spec: object }).spec));
  });
  it("kinds of other operators", () => {
    assert.equal(
      manifestsIn(POD.replace("apiVersion: v1", "apiVersion: example.com/v1").replace("Pod", "Thing"), "x.yaml").length,
      1,
    );
  });
});

describe("reading files", () => {
  const io = (cwd: string, stdin = "") => ({ cwd, stdin: async () => stdin, env: {} });
  it("a folder, in order of names, and standard input", async () => {
    const folder = await mkdtemp(join(tmpdir(), "karpenter-manifests-"));
    try {
      await writeFile(join(folder, "b.yaml"), POD);
      await writeFile(
        join(folder, "a.json"),
        JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } }),
      );
      await writeFile(join(folder, "notes.txt"), "no manifest");
      const { objects } = await readManifests([".", "-"], io(folder, POOL));
      assert.deepEqual(
        objects.map(({ object, origin }) => `${object.kind} ${origin.file}`),
        ["Namespace a.json", "Pod b.yaml", "NodePool -"],
      );
      await assert.rejects(readManifests(["missing.yaml"], io(folder)), { code: "KARP_NO_SUCH_FILE" });
      await assert.rejects(readManifests(["notes.txt"], io(folder)), { code: "KARP_BAD_MANIFEST" });
      await assert.rejects(readManifests("-", io(folder, "# nothing\n")), { code: "KARP_NO_MANIFEST" });
      await writeFile(join(folder, "c.yaml"), POD);
      await assert.rejects(
        readManifests(["b.yaml", "c.yaml"], io(folder)),
        /c\.yaml:1: Pod "default\/web" is here a second time, after b\.yaml:1/,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("the examples", () => {
  for (const file of ["inflate.yaml", "nginx.yaml", "kwok.yaml"]) {
    it(`${file} is taken as it is`, async () => {
      const { objects } = await readManifests([file], { cwd: EXAMPLES, stdin: async () => "", env: {} });
      assert.ok(objects.length > 0);
    });
  }
  it("the template is taken once its names are filled in", async () => {
    const names = {
      EKS_CLUSTER_NAME: "demo",
      KARPENTER_ROLE: "KarpenterNodeRole-demo",
      AMI_ID: "ami-0123456789abcdef0",
      ALIAS_VERSION: "v20250101",
    };
    const read = (env: Readonly<Record<string, string>>) =>
      readManifests(["karpenter.yaml.template"], { cwd: EXAMPLES, stdin: async () => "", env });
    const { objects } = await read(names);
    assert.deepEqual(
      objects.map(({ object }) => `${object.kind} ${object.metadata.name}`),
      ["EC2NodeClass default", "EC2NodeClass pinned", "NodePool default"],
    );
    assert.match(JSON.stringify(objects[0]?.object), /"role":"KarpenterNodeRole-demo"/);
    const { AMI_ID: _, ...rest } = names;
    await assert.rejects(read(rest), /karpenter\.yaml\.template:\d+: the variable AMI_ID is not set/);
  });
});
