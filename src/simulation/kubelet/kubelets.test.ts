import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import { LEASES, NODES, PODS } from "../../model/kinds.ts";
import { createApiServer } from "../api-server/api-server.ts";
import { ClusterWriter } from "../cache/cluster-writer.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { startCluster } from "../world/cluster.ts";
import { containerUsage } from "./container-usage.ts";

const START_MS = 1_767_571_200_000;

async function withNode(run: (node: ReturnType<typeof bed>) => Promise<void>): Promise<void> {
  const it = bed();
  try {
    await run(it);
  } finally {
    it.cluster.stop();
    it.server.close();
  }
}

function bed() {
  const clock = new VirtualClock(START_MS);
  const random = new Random(5);
  const server = createApiServer({ clock, random: random.fork("api") });
  const cluster = startCluster({ server, clock, random, systemNodes: { count: 0 } });
  const writer = new ClusterWriter(server, "test");
  writer.create(NODES, {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n", labels: { "kwok.x-k8s.io/node": "fake" } },
    spec: {},
  });
  const amounts = { cpu: "4", memory: "8Gi", pods: "10" };
  writer.patchStatus(NODES, { name: "n" }, { capacity: amounts, allocatable: amounts });
  const addPod = (name: string, spec: object = {}, annotations: Record<string, string> = {}): void => {
    const containers = [{ name: "c", image: "i", resources: { requests: { cpu: "1", memory: "1Gi" } } }];
    const metadata = { name, namespace: "default", annotations };
    writer.create(PODS, { apiVersion: "v1", kind: "Pod", metadata, spec: { containers, ...spec } });
  };
  const pod = (name: string) => cluster.state.of(PODS).get(`default/${name}`);
  return { clock, server, cluster, writer, addPod, pod };
}

describe("simulated kubelets", () => {
  it("join one to three seconds after their node appears, and keep their lease", () =>
    withNode(async ({ clock, cluster }) => {
      const ready = () =>
        cluster.state
          .of(NODES)
          .get("n")
          ?.status?.conditions?.find(({ type }) => type === "Ready");
      await clock.runFor(999);
      assert.equal(ready(), undefined);
      await clock.runFor(2_100);
      assert.equal(ready()?.status, "True");
      const renewed = () => cluster.state.of(LEASES).get("kube-node-lease/n")?.spec.renewTime ?? "";
      const first = renewed();
      await clock.runFor(MINUTE_MS);
      assert.ok(renewed() > first);
      assert.equal(ready()?.status, "True");
    }));

  it("run pods, give them addresses, and end them within their grace", () =>
    withNode(async ({ clock, writer, addPod, pod }) => {
      addPod("a");
      addPod("slow", { terminationGracePeriodSeconds: 20 }, { "simulation/stop-seconds": "60" });
      await clock.runFor(5 * SECOND_MS);
      const { phase, podIP, startTime, containerStatuses } = pod("a")?.status ?? {};
      assert.deepEqual([phase, containerStatuses?.[0]?.ready], ["Running", true]);
      assert.match(podIP ?? "", /^10\./);
      assert.ok(startTime !== undefined);
      for (const name of ["a", "slow"]) writer.delete(PODS, { name, namespace: "default" });
      await clock.runFor(SECOND_MS);
      assert.equal(pod("a"), undefined);
      await clock.runFor(18 * SECOND_MS);
      assert.notEqual(pod("slow"), undefined);
      await clock.runFor(2 * SECOND_MS);
      assert.equal(pod("slow"), undefined);
    }));

  it("end pods that are done, well or badly", () =>
    withNode(async ({ clock, addPod, pod }) => {
      addPod("good", { restartPolicy: "Never" }, { "simulation/run-seconds": "3" });
      addPod("bad", { restartPolicy: "Never" }, { "simulation/run-seconds": "3", "simulation/exit-code": "1" });
      await clock.runFor(10 * SECOND_MS);
      assert.deepEqual([pod("good")?.status?.phase, pod("bad")?.status?.phase], ["Succeeded", "Failed"]);
    }));

  it("keep what containers write, for readers now and later", () =>
    withNode(async ({ clock, cluster, addPod, pod, writer }) => {
      addPod("a");
      await clock.runFor(5 * SECOND_MS);
      const { uid: podUid = "" } = pod("a")?.metadata ?? {};
      const target = { namespace: "default", pod: "a", podUid, container: "c" };
      const followed: string[] = [];
      cluster.logs.follow(
        target,
        ({ text }) => followed.push(text),
        () => followed.push("(end)"),
      );
      cluster.logs.write(podUid, "c", "hello");
      assert.deepEqual(
        cluster.logs.read(target, false)?.map(({ text }) => text),
        ["hello"],
      );
      writer.delete(PODS, { name: "a", namespace: "default" });
      await clock.runFor(5 * SECOND_MS);
      assert.deepEqual(followed, ["hello", "(end)"]);
    }));

  it("measure a share of the requests", () =>
    withNode(async ({ clock, cluster, addPod }) => {
      addPod("a");
      await clock.runFor(5 * SECOND_MS);
      const usage = containerUsage(cluster.state);
      assert.deepEqual(usage.ofPod("default", "a"), [
        { container: "c", cpuMilli: 700, memoryBytes: Math.round(0.7 * 2 ** 30) },
      ]);
      assert.equal(usage.ofNode("n")?.cpuMilli, 740);
      assert.equal(usage.ofNode("other"), undefined);
    }));
});
