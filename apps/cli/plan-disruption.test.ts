import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Random } from "../../src/base/random.ts";
import type { InstanceType } from "../../src/model/instance-type.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { instanceTypesFromKwokFile } from "../../src/providers/kwok/instance-types.ts";
import { planCommand } from "./plan.ts";
import { type disruptionJson, type PlannedDisruption, timedDisruption } from "./plan-disruption.ts";

const ZONES = ["zone-a", "zone-b"];
const SIZES = [2, 4, 8, 16];
const TYPES_FILE = SIZES.flatMap((cpu) =>
  [2, 4, 8].map((ratio) => ({
    name: `t${cpu}-${ratio}`,
    architecture: "amd64",
    operatingSystems: ["linux"],
    resources: { cpu: String(cpu), memory: `${cpu * ratio}Gi`, pods: "60" },
    offerings: ZONES.flatMap((zone) =>
      ["on-demand", "spot"].map((capacity) => ({
        Price: Math.round(cpu * (0.02 + ratio * 0.003) * (capacity === "spot" ? 0.6 : 1) * 1e4) / 1e4,
        Available: true,
        Requirements: [
          { key: "karpenter.sh/capacity-type", operator: "In", values: [capacity] },
          { key: "topology.kubernetes.io/zone", operator: "In", values: [zone] },
        ],
      })),
    ),
  })),
);
const TYPES: readonly InstanceType[] = instanceTypesFromKwokFile(TYPES_FILE, "types.json");
const NOW = "2026-01-01T12:00:00Z";
/** What a server has written cannot have been made up by hand: its status counts. */
const PRINTED = { resourceVersion: "1", creationTimestamp: NOW };
const condition = (type: string) => ({ type, status: "True", reason: type, message: "", lastTransitionTime: NOW });

function pool(budget: string): KubeObject {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name: "default", uid: "pool", ...PRINTED },
    spec: {
      disruption: { budgets: [{ nodes: budget }] },
      template: {
        spec: {
          nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
          requirements: [{ key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand"] }],
        },
      },
    },
    status: { conditions: [condition("Ready")] },
  } as unknown as KubeObject;
}

function nodeOf(name: string, type: InstanceType): KubeObject[] {
  const labels = {
    "karpenter.sh/nodepool": "default",
    "karpenter.sh/registered": "true",
    "karpenter.sh/initialized": "true",
    "karpenter.sh/capacity-type": "on-demand",
    "node.kubernetes.io/instance-type": type.name,
    "topology.kubernetes.io/zone": "zone-a",
    "kubernetes.io/arch": "amd64",
    "kubernetes.io/os": "linux",
    "kubernetes.io/hostname": name,
  };
  const room = {
    cpu: `${type.allocatable["cpu"]}m`,
    memory: String(type.allocatable["memory"]),
    pods: String(type.allocatable["pods"]),
  };
  const amounts = { capacity: room, allocatable: room };
  const node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, uid: name, ...PRINTED, labels },
    spec: { providerID: `test://${name}` },
    status: { ...amounts, conditions: [condition("Ready")] },
  };
  const claim = {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: { name: `claim-${name}`, uid: `claim-${name}`, ...PRINTED, labels },
    spec: { nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" }, requirements: [] },
    status: { ...amounts, providerID: `test://${name}`, conditions: ["Initialized", "Consolidatable"].map(condition) },
  };
  return [node, claim] as unknown as KubeObject[];
}

function podOn(name: string, node: string, cpu: string, memory: string): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop", uid: name, ...PRINTED },
    spec: { nodeName: node, containers: [{ name: "app", resources: { requests: { cpu, memory } } }] },
    status: { phase: "Running" },
  } as unknown as KubeObject;
}

/** Nodes of any types with any pods that fit on them. */
function drawCluster(random: Random): KubeObject[] {
  const objects = [pool(random.chance(0.5) ? "100%" : "40%")];
  const nodes = random.between(2, 7);
  for (let n = 0; n < nodes; n += 1) {
    const type = TYPES[random.between(0, TYPES.length - 1)];
    if (type === undefined) continue;
    objects.push(...nodeOf(`n${n}`, type));
    let cpu = type.allocatable["cpu"] ?? 0;
    let memory = (type.allocatable["memory"] ?? 0) / 2 ** 20;
    for (let p = random.between(0, 8); p > 0; p -= 1) {
      const [needCpu, needMemory] = [random.between(1, 8) * 125, random.between(1, 8) * 256];
      if (needCpu > cpu || needMemory > memory) continue;
      cpu -= needCpu;
      memory -= needMemory;
      objects.push(podOn(`p${n}-${p}`, `n${n}`, `${needCpu}m`, `${needMemory}Mi`));
    }
  }
  return objects;
}

function steady(objects: readonly KubeObject[]): PlannedDisruption {
  const nowMs = Date.parse(NOW);
  const settings = { searchSteps: 100_000 };
  return timedDisruption({ objects, instanceTypes: TYPES, nowMs, settings, spotToSpot: false, steady: true });
}

describe("a cluster that is consolidated until nothing is left to do", () => {
  for (let seed = 1; seed <= 12; seed += 1) {
    it(`every command pays, all pods are still there, and the end is quiet [SEED=${seed}]`, () => {
      const objects = drawCluster(new Random(seed));
      const plan = steady(objects);
      let price = plan.initialPrice;
      for (const command of plan.commands) {
        assert.ok(command.savings > 0, `${command.reason} saves ${command.savings}`);
        price -= command.savings;
      }
      assert.ok(Math.abs(price - plan.finalPrice) < 1e-6, `${price} is not ${plan.finalPrice}`);
      const pods = objects.filter(({ kind }) => kind === "Pod").map(({ metadata }) => `shop/${metadata.name}`);
      assert.deepEqual((plan.finalNodes ?? []).flatMap((node) => node.pods).sort(), pods.sort());
      const moved = plan.commands.reduce((sum, { moves }) => sum + moves.size, 0);
      assert.ok(moved <= 2 * pods.length, `${moved} moves for ${pods.length} pods`);
    });
  }
});

describe("karpenter plan --disruption", () => {
  let cwd = "";
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), "disruption-"));
    const wide = TYPES.find(({ name }) => name === "t16-4");
    assert.ok(wide !== undefined);
    const objects = [pool("100%"), ...nodeOf("wide", wide), ...nodeOf("idle", wide), podOn("cart", "wide", "1", "1Gi")];
    await writeFile(join(cwd, "cluster.json"), JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    await writeFile(join(cwd, "types.json"), JSON.stringify(TYPES_FILE));
  });
  after(() => rm(cwd, { recursive: true }));

  async function run(...args: string[]): Promise<{ code: number; out: string }> {
    let out = "";
    const write = (text: string): void => {
      out += text;
    };
    const io = { cwd, out: write, err: () => undefined };
    const all = ["--disruption", "-f", "cluster.json", "--instance-types", "types.json", "--now", NOW, ...args];
    const code = await planCommand(all, io as unknown as Parameters<typeof planCommand>[1]);
    return { code, out };
  }

  it("prints commands, what stays and what it costs as JSON", async () => {
    const { code, out } = await run("-o", "json");
    assert.equal(code, 1);
    const plan = JSON.parse(out) as ReturnType<typeof disruptionJson> & { commands: Record<string, unknown>[] };
    assert.deepEqual(
      plan.commands.map(({ reason, decision, candidates, moves, podsEvicted }) => ({
        reason,
        decision,
        candidates,
        moves,
        podsEvicted,
      })),
      [
        { reason: "Empty", decision: "delete", candidates: ["idle"], moves: {}, podsEvicted: 0 },
        {
          reason: "Underutilized",
          decision: "replace",
          candidates: ["wide"],
          moves: { "shop/cart": "new" },
          podsEvicted: 1,
        },
      ],
    );
    assert.deepEqual([plan["kept"], plan["finalNodes"]], [[], undefined]);
    assert.equal(plan["initialPricePerHour"], 1.024);
    assert.equal(plan["finalPricePerHour"], 0.052);
  });
  it("lists the nodes at the end with --steady, and why they stay", async () => {
    const { out } = await run("--steady");
    assert.match(out, /^Take away 2 nodes for 1 new, moving 1 pod: \$1\.0240 per hour becomes \$0\.0520\./);
    assert.match(out, /Nodes at the end\n.*\n {2}default-\w+ +default +t2-2 +zone-[ab] +on-demand +1 +0\.0520\n/);
    assert.match(
      out,
      /Nodes that stay\n.*\n {2}default-\w+ +NotCheaper +its pods would cost \$0\.0620 per hour elsewhere at least, and it costs \$0\.0520\n/,
    );
  });
  it("refuses --steady without --disruption", async () => {
    const io = { cwd, out: () => undefined, err: () => undefined } as unknown as Parameters<typeof planCommand>[1];
    await assert.rejects(planCommand(["-f", "cluster.json", "--steady"], io), /--steady goes with --disruption only/);
  });
});
