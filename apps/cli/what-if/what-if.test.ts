import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { UserError } from "../../../src/base/errors.ts";
import { planCommand } from "../plan.ts";
import { runCommand } from "../test-cli.ts";

const SHOP = fileURLToPath(new URL("../../../docs/commands/shop.jsonl", import.meta.url));
const SHOP_YAML = fileURLToPath(new URL("../../../docs/commands/shop.yaml", import.meta.url));

type Leaving = { node: string; code: string; reason: string };
type WhatIfJson = {
  changes: { object: string; field: string; effect: string; nodesReplaced: number }[];
  gone: Leaving[];
  drifted: Leaving[];
  held: Leaving[];
  emptied: Leaving[];
  newNodeClaims: { pods: string[]; instanceTypes: string[]; requirements: { key: string; values?: string[] }[] }[];
  moved: { pod: string; from: string; to: string }[];
  placed: { pod: string }[];
  unschedulable: { pod: string; code: string }[];
  unschedulableAnyway: { pod: string }[];
  pricePerHour: { before: number; after: number };
  nodes: { before: number; after: number };
  rollout: { seconds: number | null; pools: { nodePool: string; slowedBy: string; atOnce: number }[] };
  failed: string[];
};

const pool = (spec: string): string => `
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: { name: batch }
spec:
  template:
    spec:
      nodeClassRef: { group: karpenter.k8s.aws, kind: EC2NodeClass, name: default }
      taints: [{ key: batch, effect: NoSchedule }]
      requirements:
        - { key: karpenter.sh/capacity-type, operator: In, values: [spot] }
        - { key: karpenter.k8s.aws/instance-category, operator: In, values: [c, m, r] }
        - { key: karpenter.k8s.aws/instance-generation, operator: Gt, values: ["5"] }
        - { key: karpenter.k8s.aws/instance-cpu, operator: Lt, values: ["17"] }
${spec}`;
const SAME = pool(`  limits: { cpu: 200 }
  disruption: { consolidateAfter: 1m, consolidationPolicy: WhenEmptyOrUnderutilized, budgets: [{ nodes: 20% }] }
`);
const deployment = (name: string, replicas: number, cpu: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name}, team: storefront } }
    spec:
      nodeSelector: { karpenter.sh/capacity-type: on-demand }
      containers: [{ name: ${name}, image: "registry.example/${name}:1", resources: { requests: { cpu: ${cpu}, memory: 12Gi } } }]
`;

describe("karpenter plan of a change", () => {
  let cwd = "";
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), "what-if-"));
    const files: Record<string, string> = {
      "same.yaml": SAME,
      "label.yaml": SAME.replace("  template:\n", "  template:\n    metadata: { labels: { tier: low } }\n"),
      "limits.yaml": SAME.replace("200", "20"),
      "closed.yaml": SAME.replace("  template:\n", "  template:\n    metadata: { labels: { tier: low } }\n").replace(
        "20%",
        '"0"',
      ),
      "cache-9.yaml": deployment("cache", 9, "500m"),
      "cache-2.yaml": deployment("cache", 2, "500m"),
      "cache-bigger.yaml": deployment("cache", 6, "750m"),
      "new.yaml": deployment("new", 3, "1"),
      "huge.yaml": deployment("huge", 1, "500"),
      "pdb.yaml":
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: reports, namespace: batch }\nspec: { maxUnavailable: 0, selector: { matchLabels: { app: reports } } }\n",
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, name), text);
  });
  after(() => rm(cwd, { recursive: true }));

  const run = (...args: string[]) => runCommand(planCommand, cwd, ["--snapshot", SHOP, ...args]);
  const ask = async (...args: string[]): Promise<WhatIfJson & { code: number }> => {
    const { out, code } = await run(...args, "-o", "json");
    return { ...(JSON.parse(out) as WhatIfJson), code };
  };

  it("without an effect says so: a manifest that is there already changes nothing", async () => {
    const { code, changes, drifted, newNodeClaims, moved, pricePerHour, unschedulableAnyway } = await ask(
      "-f",
      "same.yaml",
    );
    assert.equal(code, 0);
    assert.deepEqual([changes, drifted, newNodeClaims, moved], [[], [], [], []]);
    assert.equal(pricePerHour.after, pricePerHour.before);
    assert.deepEqual(unschedulableAnyway.length, 1);
    assert.match((await run("-f", "same.yaml")).out, /^No node goes, none is bought\. 11 nodes for/);
    // All that the cluster was made of, once more.
    assert.deepEqual((await ask("-f", SHOP_YAML)).changes, []);
  });

  it("tells which edited field replaces nodes, and which does not", async () => {
    const label = await ask("-f", "label.yaml");
    const pools = label.drifted.map(({ code }) => code);
    assert.deepEqual(new Set(pools), new Set(["NodePoolDrifted"]));
    assert.deepEqual(label.changes, [
      {
        object: "NodePool batch",
        field: "spec.template.metadata",
        effect: `replaces ${pools.length} nodes`,
        nodesReplaced: pools.length,
      },
    ]);
    assert.equal(label.moved.length, 8, "all pods of the pool");
    assert.equal(label.rollout.pools[0]?.nodePool, "batch");
    assert.ok((label.rollout.seconds ?? 0) > 60);
    const limits = await ask("-f", "limits.yaml");
    assert.deepEqual(
      limits.changes.map(({ field, effect }) => [field, effect]),
      [["spec.limits.cpu", "replaces no node"]],
    );
    assert.deepEqual(limits.drifted, []);
  });

  it("says that a closed budget stops a roll-out, and a budget that allows no eviction holds nodes", async () => {
    const closed = await ask("-f", "closed.yaml");
    assert.equal(closed.rollout.seconds, null);
    assert.equal(closed.rollout.pools[0]?.slowedBy, "the budgets of NodePool batch");
    assert.match((await run("-f", "closed.yaml")).out, /more than two weeks +the budgets of NodePool batch/);
    const held = await ask("-f", "label.yaml", "pdb.yaml", "--fail-on", "held");
    assert.deepEqual([held.drifted.length, new Set(held.held.map(({ code }) => code))], [0, new Set(["PdbBlocks"])]);
    assert.deepEqual([held.code, held.failed], [1, ["held"]]);
  });

  it("scales, replaces and adds pods as their controllers would", async () => {
    const more = await ask("-f", "cache-9.yaml");
    assert.deepEqual(
      more.changes.map(({ object, field, effect }) => [object, field, effect]),
      [["Deployment shop/cache", "spec.replicas", "6 becomes 9"]],
    );
    assert.equal(more.placed.length, 3);
    assert.deepEqual(more.moved, []);
    assert.ok(more.pricePerHour.after > more.pricePerHour.before);
    const fewer = await ask("-f", "cache-2.yaml");
    assert.deepEqual([fewer.placed, fewer.moved], [[], []]);
    assert.ok(fewer.pricePerHour.after <= fewer.pricePerHour.before);
    const none = await ask("--remove", "deployment/shop/cache");
    assert.ok(none.emptied.length > 0 && none.pricePerHour.after < none.pricePerHour.before);
    const bigger = await ask("-f", "cache-bigger.yaml");
    assert.equal(bigger.placed.length, 6, "all of the new template");
    assert.equal((await ask("-f", "new.yaml")).placed.length, 3);
  });

  it("loses zones, spot capacity and objects", async () => {
    const zone = await ask("--lose-zone", "b");
    assert.deepEqual(new Set(zone.gone.map(({ code }) => code)), new Set(["ZoneLost"]));
    for (const { requirements } of zone.newNodeClaims) {
      const zones = requirements.find(({ key }) => key === "topology.kubernetes.io/zone")?.values ?? [];
      assert.ok(!zones.includes("us-east-1b"));
    }
    const spot = await ask("--lose-spot");
    assert.equal(spot.unschedulable.length, 8, "the pool batch has nothing else");
    assert.equal(spot.code, 1);
    const [first] = zone.gone;
    const node = await ask("--remove", `node/${first?.node}`);
    assert.deepEqual(
      node.gone.map(({ node: name, code }) => [name, code]),
      [[first?.node, "Removed"]],
    );
    const removed = await ask("--remove", "nodepool/batch");
    assert.equal(removed.unschedulable.length, 8);
    const workload = await ask("--remove", "deployment/batch/reports");
    assert.deepEqual([workload.moved, workload.unschedulable], [[], []]);
    assert.ok(workload.emptied.length > 0);
  });

  it("reckons with other prices", async () => {
    const dearer = await ask("--price-change", "on-demand=+100%");
    const { before: was, after: is } = dearer.pricePerHour;
    assert.ok(is > was && is < 2 * was);
    const { out } = await run("--price-change", "on-demand=+100%", "--disruption", "-o", "json");
    assert.ok((JSON.parse(out) as { initialPricePerHour: number }).initialPricePerHour > was);
  });

  it("fails for what is asked, and for nothing else", async () => {
    const code = async (failOn: string, ...args: string[]): Promise<number> =>
      (await ask(...args, "--fail-on", failOn)).code;
    assert.equal(await code("unschedulable", "-f", "huge.yaml"), 1);
    assert.equal(await code("drift>10%,cost>5%", "-f", "huge.yaml"), 0);
    assert.equal(await code("drift>10%", "-f", "label.yaml"), 1);
    assert.equal(await code("drift>90%,moved>8", "-f", "label.yaml"), 0);
    assert.equal(await code("moved>7", "-f", "label.yaml"), 1);
    assert.equal(await code("cost>0.01", "-f", "new.yaml"), 1);
    assert.equal(await code("cost>1000%", "-f", "new.yaml"), 0);
  });

  it("prints Markdown for a pull request", async () => {
    const { out } = await run("-f", "label.yaml", "-o", "markdown", "--fail-on", "drift");
    assert.match(out, /\*\*Nodes that drift\*\*\n\n\| NODES \| NODEPOOL \|/);
    assert.match(out, /- over the bound of --fail-on: drift\n/);
  });

  const wrong: [string[], string, RegExp][] = [
    [["--remove", "node/nobody"], "KARP_NO_SUCH_OBJECT", /there is no node "nobody"/],
    [["--remove", "nodepool/batsh"], "KARP_NO_SUCH_OBJECT", /did you mean "batch"/],
    [["--price-change", "spot"], "KARP_BAD_FLAG", /--price-change is "spot"/],
    [["--fail-on", "weather"], "KARP_BAD_FLAG", /--fail-on has "weather"/],
    [["--lose-spot", "--node-ready", "soon"], "KARP_BAD_FLAG", /--node-ready is "soon"/],
    [["--lose-spot", "--explain-price"], "KARP_BAD_FLAG", /--explain-price/],
    [["--live"], "KARP_BAD_FLAG", /exclude each other/],
  ];
  for (const [args, code, words] of wrong) {
    it(`${args.join(" ")}: ${code}`, async () => {
      await assert.rejects(run(...args), (error) => {
        return error instanceof UserError && error.code === code && words.test(error.message);
      });
    });
  }
});
