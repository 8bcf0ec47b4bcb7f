import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { KubeObject } from "../../src/model/object.ts";
import type { Finding } from "../../src/plan/doctor/finding.ts";
import { doctorCommand } from "./doctor.ts";
import { runCommand, startTestServer } from "./test-cli.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const [HEADER = "", ...LINES] = readFileSync(`${ROOT}docs/commands/shop.jsonl`, "utf8").trim().split("\n");

// biome-ignore lint/suspicious/noExplicitAny: what a break does to an object is known to the break alone
type Loose = any;

/** The shop without what is wrong with it: a pod that no machine can hold, and a budget that keeps its only pod. */
function healthyShop(): Loose[] {
  const objects = LINES.map((line) => JSON.parse(line) as Loose).filter(({ kind }) => kind !== "ClusterSnapshotEnd");
  return objects.filter(
    ({ kind, metadata }) =>
      !metadata.name.startsWith("search") && !(kind === "PodDisruptionBudget" && metadata.name === "checkout"),
  );
}

/** The first object of the kind, or that of the name; a break changes it in place. */
function find(objects: Loose[], kind: string, name?: string): Loose {
  const found = objects.find((o) => o.kind === kind && (name === undefined || o.metadata.name === name));
  assert.ok(found, `${kind} ${name} is in the shop`);
  return found;
}

const copy = (object: Loose, name: string): Loose => {
  const made = structuredClone(object);
  made.metadata = { ...made.metadata, name, uid: name };
  return made;
};
const without = (objects: Loose[], wrong: (object: Loose) => boolean): Loose[] => objects.filter((o) => !wrong(o));
const pool = (objects: Loose[]): Loose => find(objects, "NodePool", "default");
const setCondition = (object: Loose, type: string, change: object): void =>
  Object.assign(
    object.status.conditions.find((one: Loose) => one.type === type),
    change,
  );
const webPod = (objects: Loose[]): Loose => objects.find((o) => o.kind === "Pod" && o.metadata.labels?.app === "web");
const claimOf = (objects: Loose[], { spec }: Loose): Loose =>
  objects.find((o) => o.kind === "NodeClaim" && o.status.nodeName === spec.nodeName);

/** What is done to the healthy shop; what is found then, each as "severity code object", and words of the evidence. */
type Broken = { what: string; breaks(objects: Loose[]): Loose[] | undefined; finds: string[]; says: RegExp };

const BROKEN: readonly Broken[] = [
  {
    what: "a node class that is misspelt",
    breaks: (all) => void Object.assign(pool(all).spec.template.spec.nodeClassRef, { name: "defualt" }),
    finds: ["error NodeClassMissing NodePool default"],
    says: /names EC2NodeClass defualt, which is not there; there is default/,
  },
  {
    what: "a node class without subnets",
    breaks(all) {
      const message = "no subnet matches the selector terms";
      setCondition(pool(all), "NodeClassReady", { status: "False", reason: "SubnetsNotFound", message });
      setCondition(pool(all), "Ready", { status: "False", message: "NodeClassReady=False" });
      return undefined;
    },
    finds: ["error NodePoolNotReady NodePool default"],
    says: /not ready.*NodeClassReady: no subnet matches/,
  },
  {
    what: "a pod that is larger than any machine",
    breaks(all) {
      const large = copy(webPod(all), "large");
      delete large.spec.nodeName;
      large.spec.containers[0].resources = { requests: { cpu: "400" } };
      large.status = {
        phase: "Pending",
        conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }],
      };
      return [...all, large];
    },
    finds: ["error NoInstanceTypeFits Pod shop/large"],
    says: /needs 400 cpu/,
  },
  {
    what: "requirements that rule out every type",
    breaks(all) {
      const gpu = copy(pool(all), "gpu");
      gpu.spec.template.spec.requirements = [
        { key: "karpenter.k8s.aws/instance-family", operator: "In", values: ["m99"] },
      ];
      return [...all, gpu];
    },
    finds: ["error NoInstanceTypesMatch NodePool gpu"],
    says: /nothing can be bought from it.*instance-family/,
  },
  {
    what: "a limit that is used up, and a pool without any",
    breaks(all) {
      pool(all).spec.limits = { cpu: pool(all).status.resources.cpu, "nvidia.com/gpu": "0" };
      delete find(all, "NodePool", "batch").spec.limits;
      return undefined;
    },
    finds: ["warning LimitReached NodePool default", "warning NoLimits NodePool batch"],
    says: /of its limit of .* cpu is used.*it has no limits/s,
  },
  {
    what: "budgets that let nothing go, or not what drifted",
    breaks(all) {
      pool(all).spec.disruption.budgets = [{ nodes: "0" }];
      find(all, "NodePool", "batch").spec.disruption.budgets = [{ nodes: "0%", reasons: ["Drifted"] }];
      return undefined;
    },
    finds: ["warning BudgetsClosed NodePool default", "note BudgetsClosed NodePool batch"],
    says: /Underutilized, Empty, Drifted, for the next 7 days.*is Drifted, for/s,
  },
  {
    what: "a budget whose schedule cannot be read",
    breaks: (all) =>
      void Object.assign(pool(all).spec.disruption, {
        budgets: [{ nodes: "1", schedule: "61 9 * * *", duration: "8h" }],
      }),
    finds: ["error UnreadableBudget NodePool default"],
    says: /nothing of it is disrupted.*61/,
  },
  {
    what: "spot capacity of one family",
    breaks(all) {
      const { requirements } = find(all, "NodePool", "batch").spec.template.spec;
      requirements.push({ key: "karpenter.k8s.aws/instance-family", operator: "In", values: ["c7g"] });
      return undefined;
    },
    finds: ["warning FewSpotFamilies NodePool batch"],
    says: /of 1 families only \(c7g\)/,
  },
  {
    what: "a PodDisruptionBudget that never allows, and two that select the same pods",
    breaks(all) {
      find(all, "PodDisruptionBudget", "cache").spec = {
        maxUnavailable: 0,
        selector: { matchLabels: { app: "cache" } },
      };
      return [...all, copy(find(all, "PodDisruptionBudget", "web"), "web-too")];
    },
    finds: [
      "error SeveralPdbs PodDisruptionBudgets shop/web, shop/web-too",
      "warning PdbNeverAllows PodDisruptionBudget shop/cache",
    ],
    says: /never evicted.*cannot be drained/s,
  },
  {
    what: "a pod that has kept its node for a month",
    breaks(all) {
      const { metadata } = webPod(all);
      metadata.annotations = { "karpenter.sh/do-not-disrupt": "true" };
      metadata.creationTimestamp = "2025-12-01T00:00:00Z";
      return undefined;
    },
    finds: ["note HeldNode Node *"],
    says: /of 2025-12-01T00:00:00Z has karpenter.sh\/do-not-disrupt: the node, \$\d+ a month/,
  },
  {
    what: "a machine that does not join",
    breaks(all) {
      const late = copy(claimOf(all, webPod(all)), "late");
      late.status = { ...late.status, providerID: "aws:///us-east-1a/i-late", nodeName: undefined };
      const message = "Node not registered with cluster";
      setCondition(late, "Registered", { status: "Unknown", message });
      setCondition(pool(all), "NodeRegistrationHealthy", { status: "False", message: "machines fail to register" });
      return [...all, late];
    },
    finds: ["error NodeClaimNotRegistered NodeClaim late", "error NodesDoNotJoin NodePool default"],
    says: /min old and not registered: Node not registered.*do not join/s,
  },
  {
    what: "a claim that has been going for hours, and a node without one",
    breaks(all) {
      const claims = all.filter(({ kind }) => kind === "NodeClaim");
      const going = find(all, "NodeClaim", claims[0].metadata.name);
      going.metadata.deletionTimestamp = "2026-01-01T01:00:00Z";
      const orphan = claimOf(all, webPod(all));
      assert.notEqual(going, orphan);
      return without(all, (object) => object === orphan);
    },
    finds: ["warning NodeClaimStuckGoing NodeClaim *", "warning OrphanNode Node *"],
    says: /deleted 180 min ago.*no NodeClaim stands for it/s,
  },
  {
    what: "a careless node class",
    breaks(all) {
      const { spec } = find(all, "EC2NodeClass");
      spec.metadataOptions = { httpTokens: "optional", httpPutResponseHopLimit: 2 };
      spec.blockDeviceMappings = [{ deviceName: "/dev/xvda", ebs: { encrypted: false } }];
      return undefined;
    },
    finds: [
      "warning ImdsTokensOptional EC2NodeClass default",
      "warning UnencryptedVolume EC2NodeClass default",
      "note ImdsHopLimit EC2NodeClass default",
    ],
    says: /httpTokens.*encrypted: false.*HopLimit is 2/s,
  },
  {
    what: "definitions that are missing or old",
    breaks(all) {
      find(all, "CustomResourceDefinition", "nodepools.karpenter.sh").status.storedVersions = ["v1beta1", "v1"];
      return without(all, ({ metadata }) => metadata.name === "nodeclaims.karpenter.sh");
    },
    finds: [
      "error CrdMissing CustomResourceDefinition nodeclaims.karpenter.sh",
      "warning CrdStoredVersion CustomResourceDefinition nodepools.karpenter.sh",
    ],
    says: /not installed.*stored as v1beta1/s,
  },
  {
    what: "definitions of the beta alone",
    breaks: (all) =>
      void Object.assign(find(all, "CustomResourceDefinition", "nodepools.karpenter.sh").spec.versions[0], {
        name: "v1beta1",
      }),
    finds: ["error CrdVersion CustomResourceDefinition nodepools.karpenter.sh"],
    says: /does not serve version v1/,
  },
  {
    what: "a controller that is down, beside Cluster Autoscaler",
    breaks(all) {
      const rival = copy(find(all, "Deployment", "web"), "cluster-autoscaler");
      rival.spec.template.spec.containers[0].image = "registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.0";
      const up = without(all, ({ kind, metadata }) => kind === "Pod" && metadata.namespace === "karpenter");
      return [...up, rival];
    },
    finds: ["error ControllerDown Karpenter", "warning ClusterAutoscaler Deployment shop/cluster-autoscaler"],
    says: /no running pod.*beside Karpenter/s,
  },
  {
    what: "a controller on a node of its own",
    breaks(all) {
      const controller = all.find(({ kind, metadata }) => kind === "Pod" && metadata.namespace === "karpenter");
      controller.spec.nodeName = webPod(all).spec.nodeName;
      return undefined;
    },
    finds: ["warning ControllerOnOwnNode Pod karpenter/*"],
    says: /a node of NodePool default/,
  },
  {
    what: "no NodePool at all",
    breaks: (all) => without(all, ({ kind }) => kind === "NodePool"),
    finds: ["error NoNodePools cluster"],
    says: /no node is ever bought/,
  },
];

describe("karpenter doctor", () => {
  let cwd = "";
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), "doctor-"));
  });
  after(() => rm(cwd, { recursive: true }));

  const run = (...args: string[]) => runCommand(doctorCommand, cwd, args);

  async function examined(objects: readonly KubeObject[], ...more: string[]) {
    const end = { kind: "ClusterSnapshotEnd", objects: objects.length, notRead: [] };
    const lines = [HEADER, ...[...objects, end].map((object) => JSON.stringify(object))];
    await writeFile(join(cwd, "cluster.jsonl"), `${lines.join("\n")}\n`);
    return run("--snapshot", "cluster.jsonl", ...more);
  }
  const findingsOf = (out: string): Finding[] => (JSON.parse(out) as { findings: Finding[] }).findings;

  it("finds nothing in a healthy cluster", async () => {
    const { code, out } = await examined(healthyShop());
    assert.match(out, /^Nothing is wrong, as far as the cluster's objects tell\.\n/);
    assert.equal(code, 0);
  });

  for (const { what, breaks, finds, says } of BROKEN) {
    it(`finds ${what}, and nothing else`, async () => {
      const shop = healthyShop();
      const { code, out } = await examined(breaks(shop) ?? shop, "-o", "json");
      const findings = findingsOf(out);
      const found = findings.map(({ severity, code: is, object }, index) => {
        const line = `${severity} ${is} ${object}`;
        const want = finds[index] ?? "";
        return want.endsWith("*") && line.startsWith(want.slice(0, -1)) ? want : line;
      });
      assert.deepEqual(found, finds);
      assert.match(findings.map(({ evidence }) => evidence).join("\n"), says);
      for (const { fix, docs } of findings) {
        assert.notEqual(fix, "");
        assert.ok(existsSync(ROOT + docs), docs);
      }
      assert.equal(code, finds.every((line) => line.startsWith("note")) ? 0 : 1);
    });
  }

  it("finds nothing in files that are well, and leaves be what files do not hold", async () => {
    const { code, out } = await run("-f", join(ROOT, "examples/kwok.yaml"), join(ROOT, "examples/inflate.yaml"));
    assert.match(out, /^Nothing is wrong/);
    assert.equal(code, 0);
  });

  it("names held nodes only after so many days", async () => {
    const shop = healthyShop();
    Object.assign(webPod(shop).metadata, { annotations: { "karpenter.sh/do-not-disrupt": "true" } });
    assert.deepEqual(findingsOf((await examined(shop, "-o", "json")).out), []);
    const [found] = findingsOf((await examined(shop, "-o", "json", "--protected-days", "0")).out);
    assert.equal(found?.code, "HeldNode");
  });

  it("speaks SARIF and JUnit", async () => {
    const shop = healthyShop();
    find(shop, "EC2NodeClass").spec.metadataOptions = { httpTokens: "optional", httpPutResponseHopLimit: 2 };
    const { runs } = JSON.parse((await examined(shop, "-o", "sarif")).out) as Loose;
    assert.deepEqual(
      runs[0].results.map(({ ruleId, level }: Loose) => `${level} ${ruleId}`),
      ["warning ImdsTokensOptional", "note ImdsHopLimit"],
    );
    assert.deepEqual(runs[0].tool.driver.rules, [{ id: "ImdsTokensOptional" }, { id: "ImdsHopLimit" }]);
    const { out, err } = await examined(shop, "-o", "junit");
    assert.match(out, /<testsuite name="karpenter doctor" tests="2" failures="1">/);
    assert.match(out, /<failure message="metadataOptions.httpTokens is optional.*&quot;required&quot;/);
    assert.match(err, /asked of cluster.jsonl/);
    assert.match((await examined(healthyShop(), "-o", "junit")).out, /tests="1" failures="0"/);
  });

  it("refuses a format that it does not have, and names all that it has", async () => {
    await assert.rejects(run("-f", "x.yaml", "-o", "xml"), /KARP_BAD_FLAG.*markdown, sarif, junit/);
  });

  it("asks the live cluster", async () => {
    const { kubeconfig, close } = await startTestServer(cwd);
    try {
      const { code, out } = await run("--kubeconfig", kubeconfig, "-o", "json");
      assert.deepEqual(
        findingsOf(out).map((one) => one.code),
        ["NoNodePools"],
      );
      assert.equal(code, 1);
    } finally {
      await close();
    }
  });
});
