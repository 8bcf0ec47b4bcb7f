import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startProduct } from "../../apps/controller/product.ts";
import { Random } from "../../src/base/random.ts";
import { connect } from "../../src/kube/connect.ts";
import { realClock } from "../../src/kube/real-clock.ts";
import { parseSettings } from "../../src/model/settings.ts";
import { instanceTypesFromKwokFile } from "../../src/providers/kwok/instance-types.ts";
import { kwokProvider } from "../../src/providers/kwok/provider.ts";
import { pause } from "../conformance/side.ts";
import { ClusterWorld } from "./cluster-world.ts";
import { whyNoControlPlane } from "./control-plane.ts";
import { startController } from "./controller.ts";
import { upstreamKwokTypes } from "./kwok-types.ts";

/**
 * What upstream did on the same kind of control plane, pods and types: every pod bound, the bill for it, the controller's
 * processor time and memory; and how long after the order to shrink to a tenth the last node went.
 */
const UPSTREAM = {
  1000: { boundSeconds: 10.9, usdPerHour: 28.67, cpuSeconds: 2.9, rssMiB: 127, shrunkSeconds: 65 },
  2000: { boundSeconds: 24, usdPerHour: 54.73, cpuSeconds: 6.4, rssMiB: 191, shrunkSeconds: 56 },
} as const;
const RSS_MIB_MAX = 250;

describe("many pods on a real control plane", { skip: whyNoControlPlane() }, () => {
  let world: ClusterWorld;
  before(async () => {
    world = await ClusterWorld.start();
  });
  after(() => world?.stop());

  for (const pods of [1_000, 2_000] as const) {
    it(`${pods} pods are bound at a lower price than upstream's; a tenth of them then keeps a tenth of the nodes`, async (t) => {
      const upstream = UPSTREAM[pods];
      const controller = await startController(world.plane);
      try {
        await controller.whenReady();
        await world.addPool();
        // The pool is ready, and the start's own work done.
        await pause(3_000);
        const before = controller.usage();
        const beganMs = performance.now();
        await world.deploy("load", pods);
        await world.untilBound("load", pods);
        const boundSeconds = (performance.now() - beganMs) / 1_000;
        const bought = world.nodes().length;
        const { cpuSeconds, rssMiB95th } = controller.usage();
        const usdPerHour = world.pricePerHour();
        t.diagnostic(
          `${pods} pods bound in ${boundSeconds.toFixed(1)} s (upstream ${upstream.boundSeconds}), ${bought} nodes at ` +
            `$${usdPerHour.toFixed(2)}/h (${upstream.usdPerHour}), ${(cpuSeconds - before.cpuSeconds).toFixed(1)} CPU s ` +
            `(${upstream.cpuSeconds}), RSS ${rssMiB95th.toFixed(0)} MiB (${upstream.rssMiB})`,
        );
        assert.ok(usdPerHour <= upstream.usdPerHour, `$${usdPerHour}/h`);
        assert.ok(rssMiB95th <= RSS_MIB_MAX, `${rssMiB95th} MiB`);
        await pause(15_000);
        assert.equal(world.nodes().length, bought, "no node comes or goes once every pod is bound");
        assert.equal((await world.claims()).length, bought);
        assert.deepEqual(emptyNodes(world), []);

        const shrunkMs = performance.now();
        await world.scale("load", pods / 10);
        const quietMs = await world.untilQuiet("load", pods / 10, { quietMs: 60_000, withinMs: 420_000 });
        t.diagnostic(
          `shrunk to a tenth: settled after ${((quietMs - shrunkMs) / 1_000).toFixed(1)} s (upstream ` +
            `${upstream.shrunkSeconds}), ${world.nodes().length} nodes at $${world.pricePerHour().toFixed(2)}/h`,
        );
        assert.ok(world.pricePerHour() <= usdPerHour / 5, `$${world.pricePerHour()}/h for a tenth of the pods`);
        await world.clear();
      } finally {
        await controller.stop();
      }
    });
  }

  it("kube-scheduler binds every pod of a mixed lot on what was planned, and needs nothing more", async (t) => {
    const { product, close } = await productInProcess(world);
    try {
      await world.until(
        () => product.isReady() && product.isLeader(),
        () => "a leader",
      );
      await world.addPool();
      await pause(2_000);
      await deployMixedLot(world);
      const planned = new Map<string, string>();
      const claims = new Set<string>();
      await world.until(
        () => {
          for (const [uid, claim] of product.operator?.memory.snapshot(realClock().nowMs()).expectedOn ?? []) {
            planned.set(uid, claim);
            claims.add(claim);
          }
          const all = world.pods();
          return all.length === MIXED_PODS && all.every(({ spec }) => (spec.nodeName ?? "") !== "");
        },
        () => `${MIXED_PODS} pods to be bound`,
        120_000,
      );
      const nodeOf = new Map((await world.claims()).map(({ metadata, status }) => [metadata.name, status?.nodeName]));
      const hits = world
        .pods()
        .filter(({ metadata, spec }) => nodeOf.get(planned.get(metadata.uid) ?? "") === spec.nodeName);
      t.diagnostic(
        `${hits.length} of ${MIXED_PODS} pods are on the node that was planned for them, ${claims.size} nodes`,
      );
      await pause(10_000);
      assert.equal(world.nodes().length, claims.size, "no node is bought beyond the plan");
      assert.deepEqual(emptyNodes(world), []);
      await world.clear();
    } finally {
      await close();
    }
  });
});

function emptyNodes(world: ClusterWorld): string[] {
  const used = new Set(world.pods().map(({ spec }) => spec.nodeName));
  return world
    .nodes()
    .map(({ metadata }) => metadata.name)
    .filter((name) => !used.has(name));
}

const MIXED_PODS = 300;

/** Spread over zones, apart by host, near each other, large and small. */
async function deployMixedLot(world: ClusterWorld): Promise<void> {
  const alike = (app: string) => ({ labelSelector: { matchLabels: { app } } });
  await world.deploy("plain", 120, { cpu: "700m", memory: "900Mi" });
  await world.deploy("large", 20, { cpu: "7", memory: "20Gi" });
  await world.deploy("spread", 90, {
    cpu: "500m",
    pod: {
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "topology.kubernetes.io/zone",
          whenUnsatisfiable: "DoNotSchedule",
          ...alike("spread"),
        },
      ],
    },
  });
  await world.deploy("apart", 10, {
    cpu: "250m",
    pod: {
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: "kubernetes.io/hostname", ...alike("apart") },
          ],
        },
      },
    },
  });
  await world.deploy("near", 60, {
    cpu: "300m",
    pod: {
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: "topology.kubernetes.io/zone", ...alike("near") },
          ],
        },
      },
    },
  });
}

/** The product in this process, which shows what it has planned. */
async function productInProcess(world: ClusterWorld) {
  const clock = realClock();
  const random = new Random(51);
  const connection = await connect({
    env: {},
    kubeconfig: world.plane.adminKubeconfig,
    clock,
    random: random.fork("kube"),
  });
  const product = startProduct({
    settings: parseSettings({ argv: [], env: {} }),
    api: connection.api,
    provider: (api) => kwokProvider({ api, clock, instanceTypes: instanceTypesFromKwokFile(upstreamKwokTypes()) }),
    clock,
    random,
    writeLog: () => undefined,
    identity: "in-process",
    namespace: "kube-system",
    onFatal: (why) => assert.fail(String(why)),
  });
  const close = async (): Promise<void> => {
    await product.stop();
    await connection.close();
  };
  return { product, close };
}
