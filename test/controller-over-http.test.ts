import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Product, startProduct } from "../apps/controller/product.ts";
import { Random } from "../src/base/random.ts";
import { connect } from "../src/kube/connect.ts";
import { realClock } from "../src/kube/real-clock.ts";
import type { Pod } from "../src/model/core.ts";
import { EVENTS, KWOK_NODE_CLASSES, LEASES, NODE_CLAIMS, NODE_POOLS, NODES, PODS } from "../src/model/kinds.ts";
import type { Draft } from "../src/model/object.ts";
import { crdOf } from "../src/model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../src/model/resources/custom-resources.ts";
import type { KwokNodeClass } from "../src/model/resources/kwok-node-class.ts";
import type { NodePool } from "../src/model/resources/node-pool.ts";
import { parseSettings } from "../src/model/settings.ts";
import type { KubeApi } from "../src/ports/kube-api.ts";
import { catalogueInstanceTypes } from "../src/providers/kwok/catalogue.ts";
import { kwokProvider } from "../src/providers/kwok/provider.ts";
import { createApiServer } from "../src/simulation/api-server/api-server.ts";
import { serveApi } from "../src/simulation/api-server/http/serve-api.ts";
import { eventually } from "./conformance/side.ts";

const CLASS = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };
const nodeClass = {
  apiVersion: "karpenter.kwok.sh/v1alpha1",
  kind: "KWOKNodeClass",
  metadata: { name: "default" },
  spec: {},
} as unknown as Draft<KwokNodeClass>;
const pool = {
  apiVersion: "karpenter.sh/v1",
  kind: "NodePool",
  metadata: { name: "default" },
  spec: {
    template: {
      spec: {
        requirements: [{ key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand"] }],
        nodeClassRef: CLASS,
      },
    },
  },
} as unknown as Draft<NodePool>;

/** One process of the product on its own connection, and the server that all of them share. */
async function withProducts(
  count: number,
  use: (products: Product[], api: KubeApi, logs: string[]) => Promise<void>,
): Promise<void> {
  const clock = realClock();
  const random = new Random(21);
  const server = createApiServer({ clock, random, crds: CUSTOM_RESOURCES.map(crdOf), freeze: true });
  const served = await serveApi({ server, clock });
  const settings = parseSettings({
    argv: ["--batch-idle-duration=20ms", "--lease-retry=100ms"],
    env: {},
  });
  const logs: string[] = [];
  const connections = [];
  const products: Product[] = [];
  for (let i = 0; i < count; i += 1) {
    const connection = await connect({ env: {}, serverUrl: served.url, clock, random: random.fork(`kube ${i}`) });
    connections.push(connection);
    products.push(
      startProduct({
        settings,
        api: connection.api,
        provider: (api) => kwokProvider({ api, clock, instanceTypes: catalogueInstanceTypes("us-east-1") }),
        clock,
        random: random.fork(`product ${i}`),
        writeLog: (line) => logs.push(line),
        identity: `host_${i}`,
        namespace: "kube-system",
        onFatal: (why) => assert.fail(String(why)),
      }),
    );
  }
  try {
    await use(products, server.api(), logs);
  } finally {
    for (const product of products) await product.stop();
    for (const { close } of connections) await close();
    await served.close();
    server.close();
  }
}

async function createUnschedulablePod(api: KubeApi, name: string): Promise<void> {
  const draft = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { containers: [{ name: "main", image: "example.com/app:1", resources: { requests: { cpu: "1" } } }] },
  } as Draft<Pod>;
  const made = await api.create(PODS, draft);
  const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }];
  await api.updateStatus(PODS, { ...made, status: { phase: "Pending", conditions } } as Pod);
}

describe("the product over HTTP", () => {
  it("takes the Lease, buys a node for a pod that waits, and tells of it; a standby takes over what is left", async () => {
    await withProducts(2, async ([first, second], api, logs) => {
      await api.create(KWOK_NODE_CLASSES, nodeClass);
      await api.create(NODE_POOLS, pool);
      await eventually(
        () => first?.isReady() === true && first.isLeader() !== second?.isLeader(),
        () => "a leader",
      );
      const [leader, standby] = first?.isLeader() === true ? [first, second] : [second, first];
      await createUnschedulablePod(api, "one");
      await eventually(
        async () => (await api.list(NODES)).items.length === 1,
        () => `a node\n${logs.join("\n")}`,
      );
      const isLaunched = async (): Promise<boolean> => {
        const { items } = await api.list(NODE_CLAIMS);
        return items[0]?.status?.conditions?.find(({ type }) => type === "Launched")?.status === "True";
      };
      await eventually(isLaunched, () => "the launch to be noted");
      await eventually(
        async () => (await api.list(EVENTS)).items.some(({ reason }) => reason === "Nominated"),
        () => "the event",
      );
      assert.match(leader?.metrics.expose() ?? "", /karpenter_nodeclaims_created_total\{.*nodepool="default".*\} 1\n/);
      assert.equal((await api.list(NODE_CLAIMS)).items.length, 1);

      assert.equal(await leader?.stop(), true);
      await eventually(
        () => standby?.isLeader() === true && standby.isReady(),
        () => "the standby to lead",
      );
      const lease = await api.get(LEASES, { name: "karpenter-leader-election", namespace: "kube-system" });
      assert.equal(lease.spec.leaseTransitions, 1);
      assert.equal((await api.list(NODE_CLAIMS)).items.length, 1, "nothing is bought twice for one pod");
    });
  });
});
