import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { stringify } from "yaml";
import { UserError } from "../../../src/base/errors.ts";
import { EC2_NODE_CLASSES, NAMESPACES, NODE_POOLS, PODS } from "../../../src/model/kinds.ts";
import type { KubeObject } from "../../../src/model/object.ts";
import { planCommand } from "../plan.ts";
import { runCommand, startTestServer } from "../test-cli.ts";
import { snapshotCommand } from "./snapshot.ts";

const SECRET = "hunter2";
const meta = (name: string, more: object = {}) => ({ name, namespace: "shop", ...more });
const POOL = {
  apiVersion: "karpenter.sh/v1",
  kind: "NodePool",
  metadata: { name: "payments-pool" },
  spec: {
    template: {
      metadata: { labels: { "acme.example/team": "payments" } },
      spec: {
        nodeClassRef: { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name: "acme-class" },
        requirements: [{ key: "karpenter.k8s.aws/instance-category", operator: "In", values: ["c", "m"] }],
        taints: [{ key: "acme.example/dedicated", value: "payments", effect: "NoSchedule" }],
      },
    },
  },
};
const CLASS = {
  apiVersion: "karpenter.k8s.aws/v1",
  kind: "EC2NodeClass",
  metadata: { name: "acme-class" },
  spec: {
    role: "acme-role",
    amiSelectorTerms: [{ alias: "al2023@latest" }],
    subnetSelectorTerms: [{ tags: { "karpenter.sh/discovery": "acme" } }],
    securityGroupSelectorTerms: [{ tags: { "karpenter.sh/discovery": "acme" } }],
    userData: `#!/bin/sh\nexport TOKEN=${SECRET}\n`,
  },
};
const CONTAINER = {
  name: "checkout",
  image: "registry.acme.example/checkout:1",
  env: [{ name: "PASSWORD", value: SECRET }],
  command: ["run", SECRET],
  args: [SECRET],
  livenessProbe: { httpGet: { path: `/${SECRET}`, port: 80 } },
  resources: { requests: { cpu: "3", memory: "2Gi" } },
};
const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: meta("checkout-1", {
    labels: { "acme.example/app": "checkout" },
    annotations: { "vault.example/secret": SECRET, "karpenter.sh/do-not-disrupt": "true" },
  }),
  spec: {
    containers: [CONTAINER],
    initContainers: [{ ...CONTAINER, name: "init" }],
    nodeSelector: { "acme.example/team": "payments", "topology.kubernetes.io/zone": "us-east-1b" },
    tolerations: [{ key: "acme.example/dedicated", operator: "Equal", value: "payments", effect: "NoSchedule" }],
    volumes: [{ name: "config", configMap: { name: "checkout", items: [{ key: SECRET, path: "x" }] } }],
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "topology.kubernetes.io/zone",
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector: { matchLabels: { "acme.example/app": "checkout" } },
      },
    ],
  },
};
const SECRETS = [
  { apiVersion: "v1", kind: "Secret", metadata: meta("s"), stringData: { password: SECRET } },
  { apiVersion: "v1", kind: "ConfigMap", metadata: meta("c"), data: { password: SECRET } },
];

describe("karpenter snapshot", () => {
  let cwd = "";
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), "snapshot-"));
    await writeFile(join(cwd, "all.yaml"), [POOL, CLASS, POD, ...SECRETS].map((one) => stringify(one)).join("---\n"));
  });
  after(() => rm(cwd, { recursive: true }));
  const run = (...args: string[]) => runCommand(snapshotCommand, cwd, args);
  const plan = async (file: string) => {
    const { out } = await runCommand(planCommand, cwd, ["-f", file, "-o", "json"]);
    return JSON.parse(out) as { newNodeClaims: { instanceTypes: string[]; pods: string[] }[]; pricePerHour: number };
  };

  it("keeps what plans are made of, and no secret of any sort", async () => {
    const { code, out } = await run("-f", "all.yaml");
    assert.equal(code, 0);
    assert.doesNotMatch(out, new RegExp(SECRET));
    const kinds = out.split("\n").map((line) => (line === "" ? "" : (JSON.parse(line) as KubeObject).kind));
    assert.deepEqual(kinds, ["ClusterSnapshot", "NodePool", "EC2NodeClass", "Pod", "ClusterSnapshotEnd", ""]);
    assert.match(out, /"karpenter.sh\/do-not-disrupt":"true"/);
    assert.match(out, /"userData":"sha256:[0-9a-f]{64}"/);
    await writeFile(join(cwd, "same.jsonl"), out);
    assert.deepEqual((await plan("same.jsonl")).newNodeClaims, (await plan("all.yaml")).newNodeClaims);
    assert.equal(
      (await run("-f", "same.jsonl", "--out", "-")).out.split("\n").slice(1).join(),
      out.split("\n").slice(1).join(),
    );
  });

  it("scrambles every name, and plans the same", async () => {
    const { out } = await run("-f", "all.yaml", "--scramble");
    assert.doesNotMatch(out, /acme|payments|checkout|shop|al2023-x/i);
    assert.match(out, /us-east-1b/);
    await writeFile(join(cwd, "scrambled.jsonl"), out);
    const [mine, theirs] = [await plan("all.yaml"), await plan("scrambled.jsonl")];
    assert.equal(theirs.pricePerHour, mine.pricePerHour);
    assert.deepEqual(
      theirs.newNodeClaims.map(({ instanceTypes }) => instanceTypes),
      mine.newNodeClaims.map(({ instanceTypes }) => instanceTypes),
    );
    assert.notEqual((await run("-f", "all.yaml", "--scramble")).out, out, "with another key each time");
  });

  it("compresses where the name asks for it, and leaves no half file", async () => {
    const { err } = await run("-f", "all.yaml", "--out", "c.jsonl.gz");
    assert.match(err, /^3 objects of all.yaml in c.jsonl.gz, 0.0 MB\n$/);
    assert.match(
      gunzipSync(await readFile(join(cwd, "c.jsonl.gz"))).toString(),
      /^\{"apiVersion":"karpenter.sh\/snapshot/,
    );
    assert.equal((await plan("c.jsonl.gz")).newNodeClaims.length, 1);
    await assert.rejects(run("-f", "all.yaml", "--out", "no/such/folder"), { code: "KARP_CANNOT_WRITE" });
    assert.deepEqual(
      (await readdir(cwd)).filter((name) => name.includes(".part")),
      [],
    );
  });

  it("says what of a broken file is wrong, and takes nothing of it", async () => {
    const { out } = await run("-f", "all.yaml");
    const lines = out.split("\n");
    const change = (i: number, edit: (object: never) => void): string => {
      const object: unknown = JSON.parse(lines[i] ?? "");
      edit(object as never);
      return lines.map((line, at) => (at === i ? JSON.stringify(object) : line)).join("\n");
    };
    const broken: [string, string | Buffer, RegExp][] = [
      ["cut off", lines.slice(0, 3).join("\n"), /breaks off after line 2/],
      ["half a line", `${lines.slice(0, 2).join("\n")}\n{"kind":\n`, /line 3 is no JSON/],
      ["a line less", [...lines.slice(0, 2), ...lines.slice(3)].join("\n"), /should hold 3 objects and holds 2/],
      ["twice", out + out, /two snapshots were joined/],
      ["another version", out.replace("snapshot/v1", "snapshot/v9"), /is of version "karpenter.sh\/snapshot\/v9"/],
      ["no time", out.replace(/"takenAt":"[^"]*"/, '"takenAt":"soon"'), /does not say when/],
      [
        "no name",
        change(1, (o: { metadata: object }) => Object.assign(o.metadata, { name: 7 })),
        /line 2: metadata.name/,
      ],
      [
        "a number for a text",
        change(3, (o: { spec: object }) => Object.assign(o.spec, { nodeName: 7 })),
        /line 4: json/,
      ],
      [
        "no containers",
        change(3, (o: { spec: object }) => Object.assign(o.spec, { containers: null })),
        /no containers/,
      ],
      ["no spec", change(3, (o: { spec?: object }) => delete o.spec), /line 4: Pod has no spec/],
      ["a pool that is none", change(1, (o: { spec: object }) => Object.assign(o, { spec: [] })), /line 2: spec/],
      ["a broken gzip", gzipSync(out).subarray(0, 400), /unexpected end of file/],
    ];
    for (const [given, bytes, want] of broken) {
      await writeFile(join(cwd, "broken.jsonl"), bytes);
      await assert.rejects(plan("broken.jsonl"), (error) => {
        assert.ok(error instanceof UserError, `${given}: ${String(error)}`);
        assert.equal(error.code, "KARP_BAD_SNAPSHOT");
        assert.match(error.message, want, given);
        return true;
      });
    }
  });

  it("reads the live cluster, and names what it may not see", async () => {
    let refused: Record<string, number> = {};
    const { server, kubeconfig, close } = await startTestServer(cwd, (path) => refused[path.split("?")[0] ?? ""]);
    try {
      const api = server.api();
      await api.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
      await api.create(NODE_POOLS, POOL as never);
      await api.create(EC2_NODE_CLASSES, CLASS as never);
      await api.create(PODS, POD as never);
      const whole = await run("--kubeconfig", kubeconfig);
      assert.equal(whole.code, 0);
      assert.doesNotMatch(whole.out, new RegExp(SECRET));
      assert.match(whole.out, /"kind":"CustomResourceDefinition"/);

      refused = { "/api/v1/events": 403, "/apis/apps/v1/daemonsets": 502 };
      const half = await run("--kubeconfig", kubeconfig, "--out", "half.jsonl");
      assert.equal(half.code, 1);
      assert.match(
        half.err,
        /without events: the API server at http:\S+ does not let you list events: events is forbidden/,
      );
      assert.match(
        half.err,
        /without daemonsets.apps: the API server at http:\S+ gave no answer to "list daemonsets.apps"/,
      );
      assert.match(await readFile(join(cwd, "half.jsonl"), "utf8"), /"notRead":\[\{"resource":"daemonsets.apps"/);

      refused = { "/api/v1/pods": 403 };
      await assert.rejects(run("--kubeconfig", kubeconfig), { code: "KARP_API_REFUSED" });
      refused = { "/api/v1/pods": 503 };
      await assert.rejects(run("--kubeconfig", kubeconfig), { code: "KARP_API_UNREACHABLE" });
    } finally {
      await close();
    }
    await assert.rejects(run("--kubeconfig", kubeconfig), { code: "KARP_API_UNREACHABLE" });
    await assert.rejects(run("--kubeconfig", kubeconfig, "-f", "all.yaml"), { code: "KARP_BAD_FLAG" });
  });
});
