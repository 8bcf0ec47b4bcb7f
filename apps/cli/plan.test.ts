import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { UserError } from "../../src/base/errors.ts";
import { planCommand } from "./plan.ts";
import { runCommand } from "./test-cli.ts";

const TYPES = [type("small", "2", "4Gi", 0.1), type("large", "8", "16Gi", 0.4)];
const POOL = `
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: { name: default }
spec:
  template:
    spec:
      nodeClassRef: { group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default }
      requirements: []
`;
const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [{ name: web, image: web, resources: { requests: { cpu: "1", memory: 1Gi } } }]
`;
const CONTAINERS = "containers: [{ name: c, image: c, resources: { requests: { cpu: 1 } } }]";
const BATCH = `
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec: { parallelism: 5, completions: 2, template: { spec: { restartPolicy: Never, ${CONTAINERS} } } }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: paused }
spec: { schedule: "0 3 * * *", suspend: true, jobTemplate: { spec: { template: { spec: { restartPolicy: Never, ${CONTAINERS} } } } } }
---
apiVersion: batch/v1
kind: Job
metadata: { name: over }
spec: { template: { spec: { restartPolicy: Never, ${CONTAINERS} } } }
status: { conditions: [{ type: Complete, status: "True" }] }
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: roll }
spec: { replicas: 2, template: { spec: { ${CONTAINERS} } } }
`;
const SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
`;
const SPREAD = `
podTopologySpread:
  defaultConstraints:
    - { maxSkew: 1, topologyKey: example.com/rack, whenUnsatisfiable: DoNotSchedule }
`;
const POD = `
apiVersion: v1
kind: Pod
metadata: { name: huge, namespace: shop }
spec:
  containers: [{ name: huge, image: huge, resources: { requests: { cpu: "64" } } }]
`;

function type(name: string, cpu: string, memory: string, Price: number) {
  const requirement = (key: string, value: string) => ({ key, operator: "In", values: [value] });
  const Requirements = [
    requirement("karpenter.sh/capacity-type", "on-demand"),
    requirement("topology.kubernetes.io/zone", "zone-a"),
  ];
  return {
    name,
    architecture: "amd64",
    operatingSystems: ["linux"],
    resources: { cpu, memory },
    offerings: [{ Price, Available: true, Requirements }],
  };
}

describe("karpenter plan", () => {
  let cwd = "";
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), "plan-"));
    await writeFile(join(cwd, "types.json"), JSON.stringify(TYPES));
    await writeFile(join(cwd, "pool.yaml"), POOL);
    await writeFile(join(cwd, "web.yaml"), DEPLOYMENT);
    await writeFile(join(cwd, "huge.yaml"), POD);
    await writeFile(join(cwd, "batch.yaml"), BATCH);
    await writeFile(join(cwd, "service.yaml"), SERVICE);
    await writeFile(join(cwd, "spread.yaml"), SPREAD);
    await writeFile(join(cwd, "slip.yaml"), DEPLOYMENT.replace("replicas: 3", "replicas: 3000000"));
  });
  after(() => rm(cwd, { recursive: true }));

  const run = (...args: string[]) => runCommand(planCommand, cwd, args, POD);

  it("plans a workload from files and prints a table", async () => {
    const { code, out } = await run("-f", "pool.yaml", "web.yaml", "--instance-types", "types.json");
    assert.equal(code, 0);
    assert.match(out, /^Buy \d nodes? for 3 pods: \$0\.\d{4} per hour/);
    assert.match(out, /NODES +NODEPOOL +CHEAPEST TYPE/);
  });

  it("plans one run of a CronJob, nothing for a Job that is over, and says what it does not plan", async () => {
    const { out, err } = await run("-f", "pool.yaml", "batch.yaml", "--instance-types", "types.json", "-o", "json");
    const { newNodeClaims } = JSON.parse(out) as { newNodeClaims: { pods: string[] }[] };
    assert.deepEqual(newNodeClaims.flatMap(({ pods }) => pods).sort(), ["default/nightly-1", "default/nightly-2"]);
    assert.equal(
      err,
      'karpenter plan: the pods of Rollout "default/roll" are not planned: its kind is not known here\n',
    );
  });

  it("takes the controller's settings of the search", async () => {
    const args = ["-f", "pool.yaml", "web.yaml", "--instance-types", "types.json", "-o", "json"];
    const typesWith = async (...more: string[]): Promise<string> => {
      const { out } = await run(...args, ...more);
      const plan = JSON.parse(out) as { newNodeClaims: { instanceTypes: string[] }[] };
      return plan.newNodeClaims.map(({ instanceTypes }) => instanceTypes.join("|")).join();
    };
    assert.equal(await typesWith("--node-surcharge", "1"), "large");
    assert.equal(await typesWith("--node-surcharge", "1", "--node-cpu-max", "2000"), "small,small,small");
    assert.equal(await typesWith("--node-surcharge", "1", "--workload-share-max", "0.34"), "small,small,small");
    assert.match(await typesWith("--launch-price-factor", "9"), /small\|large/);
    await assert.rejects(run(...args, "--node-surcharge", "much"), /--node-surcharge is "much", not a number/);
  });

  it("tells on request what each phase of the search came to", async () => {
    const args = ["-f", "pool.yaml", "web.yaml", "--instance-types", "types.json"];
    const { out } = await run(...args, "--explain-price");
    assert.match(out, /How the price came about\n +PHASE +NODES +PODS LEFT +\$\/H +GAINED/);
    assert.match(out, /nodes taken apart and rebuilt +\d +0 +\$0\.\d{4}/);
    assert.doesNotMatch((await run(...args)).out, /How the price/);
    const json = JSON.parse((await run(...args, "--explain-price", "-o", "json")).out) as { pricePhases: unknown[] };
    assert.equal(json.pricePhases.length, 4);
  });

  it("spreads pods as the cluster's scheduler would: here over racks, which no node has", async () => {
    const args = ["-f", "pool.yaml", "web.yaml", "service.yaml", "--instance-types", "types.json", "-o", "json"];
    const nodes = async (...more: string[]): Promise<number> => {
      const { out } = await run(...args, ...more);
      return (JSON.parse(out) as { newNodeClaims: unknown[] }).newNodeClaims.length;
    };
    assert.ok((await nodes()) > 0);
    assert.equal(await nodes("--scheduler-config", "spread.yaml"), 0);
    await assert.rejects(run(...args, "--scheduler-config", "web.yaml"), /there is no field apiVersion/);
    await assert.rejects(run(...args, "--scheduler-config", "none.yaml"), /cannot be used: ENOENT/);
  });

  it("answers 1 and says why when a pod has no place; standard input is a file like any other", async () => {
    const { code, out } = await run("-f", "pool.yaml", "-", "--instance-types", "types.json");
    assert.equal(code, 1);
    assert.match(out, /Nothing to buy; 1 pod cannot be placed\./);
    assert.match(out, /shop\/huge +NoInstanceTypeFits +needs 64 cpu; the largest of 2 types has 7900m cpu for pods/);
  });

  for (const [format, read] of [
    ["json", (text: string) => JSON.parse(text) as unknown],
    ["yaml", (text: string) => parse(text) as unknown],
  ] as const) {
    it(`prints ${format} for machines`, async () => {
      const { out } = await run(
        "-f",
        "pool.yaml",
        "-f",
        "web.yaml",
        "huge.yaml",
        "--instance-types",
        "types.json",
        "-o",
        format,
      );
      const plan = read(out) as Record<string, unknown>;
      const claims = plan["newNodeClaims"] as { pods: string[]; instanceTypes: string[] }[];
      assert.deepEqual(claims.flatMap(({ pods }) => pods).sort(), ["default/web-1", "default/web-2", "default/web-3"]);
      assert.deepEqual(
        (plan["unschedulable"] as { code: string }[]).map(({ code }) => code),
        ["NoInstanceTypeFits"],
      );
      assert.equal(typeof plan["solveMs"], "number");
      assert.equal(typeof plan["lowerBoundPerHour"], "number");
    });
  }

  it("says how many rows a long table leaves out", async () => {
    const pods = Array.from({ length: 60 }, (_, i) =>
      POD.replace("name: huge", `name: h${i}`).replace('"64"', `"${64 + i}"`),
    );
    await writeFile(join(cwd, "many.yaml"), pods.join("---"));
    const { out } = await run("-f", "pool.yaml", "many.yaml", "--instance-types", "types.json");
    assert.match(out, /shop\/h\d+ .*\n {2}and 10 more: see -o json\n/);
  });

  it("prints Markdown for pull requests", async () => {
    const { out } = await run("-f", "pool.yaml", "web.yaml", "--instance-types", "types.json", "-o", "markdown");
    assert.match(out, /\*\*To buy\*\*\n\n\| NODES \| NODEPOOL \|/);
  });

  it("plans scenarios into a folder", async () => {
    const pool = { ...(parse(POOL) as object), status: { conditions: [{ type: "Ready", status: "True" }] } };
    const waiting = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "a", namespace: "x", uid: "u" },
      spec: { containers: [{ name: "a", resources: { requests: { cpu: "1" } } }] },
      status: { conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] },
    };
    const scenario = { instanceTypes: "types.json", now: "2026-01-01T00:00:00Z", objects: [pool, waiting] };
    await writeFile(join(cwd, "one.json"), JSON.stringify({ ...scenario, name: "first" }));
    await writeFile(join(cwd, "two.json"), JSON.stringify({ ...scenario, kind: "disruption" }));
    const { code, err } = await run("--scenario", "one.json", "two.json", "--catalogs", ".", "--out", "plans");
    assert.equal(code, 0);
    assert.match(err, /^first: 1 nodes, \$0\.1000\/h, 0 pods refused/);
    const plan = JSON.parse(await readFile(join(cwd, "plans", "first.json"), "utf8")) as { pricePerHour: number };
    assert.equal(plan.pricePerHour, 0.1);
    const fleet: unknown = JSON.parse(await readFile(join(cwd, "plans", "two.json"), "utf8"));
    const { solveMs, ...rest } = fleet as Record<string, unknown>;
    assert.equal(typeof solveMs, "number");
    assert.deepEqual(rest, {
      commands: [],
      kept: [],
      initialPricePerHour: 0,
      finalPricePerHour: 0,
      finalNodes: [],
    });
  });

  const wrong: [string, string[], string][] = [
    ["no file, and no cluster", [], "KARP_NO_CLUSTER"],
    ["an unknown flag", ["--colour"], "KARP_BAD_FLAG"],
    ["an unknown format", ["-f", "pool.yaml", "-o", "xml"], "KARP_BAD_FLAG"],
    ["a time that is none", ["-f", "pool.yaml", "--now", "soon"], "KARP_BAD_FLAG"],
    ["an unknown region", ["-f", "pool.yaml", "--region", "mars-1"], "KARP_UNKNOWN_REGION"],
    ["types that are not there", ["-f", "pool.yaml", "--instance-types", "none.json"], "KARP_NO_SUCH_FILE"],
    ["types that are none", ["-f", "pool.yaml", "--instance-types", "pool.yaml"], "KARP_BAD_INSTANCE_TYPES"],
    ["a file that is not there", ["-f", "none.yaml", "--instance-types", "types.json"], "KARP_NO_SUCH_FILE"],
    ["a slip in a replica count", ["-f", "slip.yaml", "--instance-types", "types.json"], "KARP_BAD_MANIFEST"],
    ["scenarios without a folder to write to", ["--scenario", "one.json"], "KARP_BAD_FLAG"],
    ["a scenario that is none", ["--scenario", "types.json", "--catalogs", ".", "--out", "plans"], "KARP_BAD_SCENARIO"],
  ];
  for (const [given, args, code] of wrong) {
    it(`${given}: ${code}`, async () => {
      await assert.rejects(run(...args), (error) => error instanceof UserError && error.code === code);
    });
  }
});
