import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { HOUR_MS, SECOND_MS } from "../../base/time.ts";
import { NODES, PODS } from "../../model/kinds.ts";
import { createApiServer } from "../api-server/api-server.ts";
import { ClusterWriter } from "../cache/cluster-writer.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { startCluster } from "../world/cluster.ts";
import { CloudControl } from "./cloud-control.ts";
import { PriceMeter } from "./price-meter.ts";

function bed() {
  const clock = new VirtualClock(1_767_571_200_000);
  const random = new Random(5);
  const server = createApiServer({ clock, random: random.fork("api") });
  const cluster = startCluster({ server, clock, random, systemNodes: { count: 0 } });
  const writer = new ClusterWriter(server, "test");
  const addNode = (name: string, price: string): void => {
    const labels = { "kwok.x-k8s.io/node": "fake", "eks-node-viewer/instance-price": price };
    writer.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels, finalizers: ["karpenter.sh/termination"] },
      spec: {},
    });
    const amounts = { cpu: "4", memory: "8Gi", pods: "10" };
    writer.patchStatus(NODES, { name }, { capacity: amounts, allocatable: amounts });
  };
  const stop = (): void => {
    cluster.stop();
    server.close();
  };
  return { clock, cluster, writer, addNode, stop };
}

describe("the simulated cloud", () => {
  it("bills nodes from their first to their last second", async () => {
    const { clock, cluster, writer, addNode, stop } = bed();
    const meter = new PriceMeter(clock, cluster.state);
    addNode("a", "0.5");
    await clock.runFor(HOUR_MS);
    addNode("b", "0.25");
    assert.equal(meter.usdPerHour(), 0.75);
    await clock.runFor(HOUR_MS);
    new CloudControl(clock).kill("a", { kubelets: cluster.kubelets, writer, state: cluster.state });
    await clock.runFor(2 * HOUR_MS);
    stop();
    assert.equal(Math.round(meter.totalUsd() * 1e6) / 1e6, 0.5 + 0.75 + 0.5);
  });

  it("takes a dead machine's node away in spite of finalizers, and its pods after that", async () => {
    const { clock, cluster, writer, addNode, stop } = bed();
    addNode("a", "1");
    await clock.runFor(5 * SECOND_MS);
    const metadata = { name: "p", namespace: "default" };
    writer.create(PODS, { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [{ name: "c", image: "i" }] } });
    await clock.runFor(5 * SECOND_MS);
    assert.equal(cluster.state.of(PODS).get("default/p")?.status?.phase, "Running");
    new CloudControl(clock).kill("a", { kubelets: cluster.kubelets, writer, state: cluster.state });
    assert.equal(cluster.state.of(NODES).size, 0);
    await clock.runFor(60 * SECOND_MS);
    stop();
    assert.equal(cluster.state.of(PODS).size, 0);
  });

  it("sells out what it is told to, until it is restocked", () => {
    const cloud = new CloudControl(new VirtualClock(0));
    const spot = { instanceType: "m7i.2cpu", zone: "z1", capacityType: "spot" };
    cloud.sellOut("1", { capacityType: "spot", zone: "z1" });
    assert.equal(cloud.isSoldOut(spot), true);
    assert.equal(cloud.isSoldOut({ ...spot, zone: "z2" }), false);
    assert.equal(cloud.isSoldOut({ ...spot, capacityType: "on-demand" }), false);
    cloud.restock("1");
    assert.equal(cloud.isSoldOut(spot), false);
  });

  it("loses as many machines at birth as it is told to", () => {
    const cloud = new CloudControl(new VirtualClock(0));
    cloud.loseNext(2);
    assert.deepEqual([cloud.takeStillborn(), cloud.takeStillborn(), cloud.takeStillborn()], [true, true, false]);
  });
});
