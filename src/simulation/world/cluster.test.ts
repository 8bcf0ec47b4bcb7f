import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import type { Pod } from "../../model/core.ts";
import { DAEMON_SETS, type Kind, NAMESPACES, NODES, POD_DISRUPTION_BUDGETS, PODS } from "../../model/kinds.ts";
import { type KubeObject, keyOf } from "../../model/object.ts";
import { type ApiServer, createApiServer } from "../api-server/api-server.ts";
import { ClusterWriter } from "../cache/cluster-writer.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { CRON_JOBS, DEPLOYMENTS, JOBS, REPLICA_SETS, STATEFUL_SETS } from "../workloads/kinds.ts";
import { isReady } from "../workloads/pods.ts";
import { type Cluster, startCluster } from "./cluster.ts";

const START_MS = 1_767_571_200_000;

type Bed = { clock: VirtualClock; server: ApiServer; cluster: Cluster; writer: ClusterWriter };

function bed(): Bed {
  const clock = new VirtualClock(START_MS);
  const random = new Random(7);
  const server = createApiServer({ clock, random: random.fork("api") });
  const cluster = startCluster({ server, clock, random: random.fork("cluster") });
  return { clock, server, cluster, writer: new ClusterWriter(server, "test") };
}

async function withBed(run: (bed: Bed) => Promise<void>): Promise<void> {
  const it = bed();
  try {
    await run(it);
  } finally {
    it.cluster.stop();
    it.server.close();
  }
}

function create(writer: ClusterWriter, kind: Kind, object: object): void {
  writer.create(kind, object as KubeObject);
}

function addNode(writer: ClusterWriter, name: string, cpu = "4", zone = "z1"): void {
  create(writer, NODES, {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: { "kwok.x-k8s.io/node": "fake", "topology.kubernetes.io/zone": zone, "kubernetes.io/hostname": name },
    },
    spec: { providerID: `fake://${name}` },
  });
  const amounts = { cpu, memory: "16Gi", pods: "20" };
  writer.patchStatus(NODES, { name }, { capacity: amounts, allocatable: amounts });
}

function deployment(name: string, replicas: number, more: { spec?: object; pod?: object } = {}): object {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu: "1" } } }], ...more.pod },
      },
      ...more.spec,
    },
  };
}

const podsOf = ({ cluster }: Bed, app: string): Pod[] =>
  [...cluster.state.of(PODS).values()].filter(({ metadata }) => metadata.labels?.["app"] === app);
const readyOf = (it: Bed, app: string): number => podsOf(it, app).filter(isReady).length;

describe("a simulated cluster", () => {
  it("runs the pods of a Deployment where they fit and says why the others wait", () =>
    withBed(async (it) => {
      addNode(it.writer, "n1");
      await it.clock.runFor(5 * SECOND_MS);
      create(it.writer, DEPLOYMENTS, deployment("web", 6));
      await it.clock.runFor(10 * SECOND_MS);
      assert.equal(readyOf(it, "web"), 4);
      const waiting = podsOf(it, "web").find(({ spec }) => spec.nodeName === undefined);
      const condition = waiting?.status?.conditions?.find(({ type }) => type === "PodScheduled");
      assert.equal(condition?.reason, "Unschedulable");
      assert.match(
        condition?.message ?? "",
        /^0\/3 nodes are available: 1 Insufficient cpu, 2 node\(s\) had untolerated taint \{CriticalAddonsOnly: true\}\./,
      );
      addNode(it.writer, "n2");
      await it.clock.runFor(20 * SECOND_MS);
      assert.equal(readyOf(it, "web"), 6);
      const status = it.cluster.state.of(DEPLOYMENTS).get("default/web")?.status;
      assert.equal(status?.availableReplicas, 6);
      assert.equal(status?.conditions?.find(({ type }) => type === "Progressing")?.reason, "NewReplicaSetAvailable");
      it.writer.patch(DEPLOYMENTS, { name: "web", namespace: "default" }, { spec: { replicas: 1 } });
      await it.clock.runFor(10 * SECOND_MS);
      assert.equal(podsOf(it, "web").length, 1);
    }));

  it("rolls out in steps that keep the promised pods available, and rolls back to the old ReplicaSet", () =>
    withBed(async (it) => {
      addNode(it.writer, "n1", "16");
      create(it.writer, DEPLOYMENTS, deployment("web", 8));
      await it.clock.runFor(10 * SECOND_MS);
      const template = (v: string) => ({ spec: { template: { metadata: { annotations: { v } } } } });
      let least = 8;
      let most = 8;
      it.cluster.state.of(PODS).onChange(() => {
        least = Math.min(least, readyOf(it, "web"));
      });
      it.cluster.state.of(REPLICA_SETS).onChange(() => {
        const sets = [...it.cluster.state.of(REPLICA_SETS).values()].filter(
          ({ metadata }) => metadata.labels?.["app"] === "web",
        );
        most = Math.max(
          most,
          sets.reduce((sum, { spec }) => sum + (spec.replicas ?? 0), 0),
        );
      });
      it.writer.patch(DEPLOYMENTS, { name: "web", namespace: "default" }, template("2"));
      await it.clock.runFor(30 * SECOND_MS);
      assert.equal(least >= 6, true, `at least 75 % stay, ${least} did`);
      assert.equal(most <= 10, true, `at most 125 % are asked for, ${most} were`);
      assert.equal(readyOf(it, "web"), 8);
      assert.deepEqual(new Set(podsOf(it, "web").map(({ metadata }) => metadata.annotations?.["v"])), new Set(["2"]));
      const undo = { spec: { template: { metadata: { annotations: null } } } };
      it.writer.patch(DEPLOYMENTS, { name: "web", namespace: "default" }, undo);
      await it.clock.runFor(30 * SECOND_MS);
      const sets = [...it.cluster.state.of(REPLICA_SETS).values()].filter(
        ({ metadata }) => metadata.labels?.["app"] === "web",
      );
      assert.equal(sets.length, 2);
      const revisions = sets.map(
        ({ metadata, spec }) => `${metadata.annotations?.["deployment.kubernetes.io/revision"]}:${spec.replicas}`,
      );
      assert.deepEqual(revisions.sort(), ["2:0", "3:8"]);
    }));

  it("puts one daemon on each node it tolerates and takes it away with the node", () =>
    withBed(async (it) => {
      addNode(it.writer, "n1");
      create(it.writer, DAEMON_SETS, {
        apiVersion: "apps/v1",
        kind: "DaemonSet",
        metadata: { name: "agent", namespace: "kube-system" },
        spec: {
          selector: { matchLabels: { app: "agent" } },
          template: { metadata: { labels: { app: "agent" } }, spec: { containers: [{ name: "c", image: "i" }] } },
        },
      });
      await it.clock.runFor(10 * SECOND_MS);
      assert.deepEqual(
        podsOf(it, "agent").map(({ spec }) => spec.nodeName),
        ["n1"],
      );
      addNode(it.writer, "n2");
      await it.clock.runFor(10 * SECOND_MS);
      assert.equal(readyOf(it, "agent"), 2);
      it.writer.delete(NODES, { name: "n1" });
      await it.clock.runFor(MINUTE_MS);
      assert.deepEqual(
        podsOf(it, "agent").map(({ spec }) => spec.nodeName),
        ["n2"],
      );
    }));

  it("keeps the status of a budget, and the eviction API keeps to it", () =>
    withBed(async (it) => {
      addNode(it.writer, "n1");
      create(it.writer, DEPLOYMENTS, deployment("web", 3));
      create(it.writer, POD_DISRUPTION_BUDGETS, {
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name: "web", namespace: "default" },
        spec: { maxUnavailable: 1, selector: { matchLabels: { app: "web" } } },
      });
      await it.clock.runFor(10 * SECOND_MS);
      const budget = () => it.cluster.state.of(POD_DISRUPTION_BUDGETS).get("default/web")?.status;
      assert.equal(budget()?.disruptionsAllowed, 1);
      const [first, second] = podsOf(it, "web");
      const evict = (pod: Pod | undefined): void => {
        const { name, namespace = "" } = pod!.metadata;
        const metadata = { name, namespace };
        it.writer.act(PODS, { name, namespace }, "eviction", { apiVersion: "policy/v1", kind: "Eviction", metadata });
      };
      evict(first);
      assert.throws(() => evict(second), /disruption budget/);
      await it.clock.runFor(10 * SECOND_MS);
      assert.equal(budget()?.disruptionsAllowed, 1);
      evict(second);
    }));

  it("moves pods off a node that falls silent, after their five minutes", () =>
    withBed(async (it) => {
      addNode(it.writer, "n1");
      addNode(it.writer, "n2");
      create(it.writer, DEPLOYMENTS, deployment("web", 2));
      await it.clock.runFor(10 * SECOND_MS);
      it.cluster.kubelets.kill("n1");
      await it.clock.runFor(2 * MINUTE_MS);
      const silent = it.cluster.state.of(NODES).get("n1");
      assert.equal(silent?.status?.conditions?.find(({ type }) => type === "Ready")?.status, "Unknown");
      assert.deepEqual(
        silent?.spec.taints?.map(({ key, effect }) => `${key}:${effect}`),
        ["node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"],
      );
      assert.equal(podsOf(it, "web").length, 2);
      await it.clock.runFor(6 * MINUTE_MS);
      assert.equal(podsOf(it, "web").filter((pod) => pod.spec.nodeName === "n2" && isReady(pod)).length, 2);
    }));

  it("runs Jobs to their end, CronJobs on time and StatefulSets in order", () =>
    withBed(async (it) => {
      addNode(it.writer, "n1", "8");
      const pod = { restartPolicy: "Never", containers: [{ name: "c", image: "i", command: ["sleep", "7"] }] };
      const jobSpec = { completions: 3, parallelism: 2, template: { metadata: { labels: { app: "job" } }, spec: pod } };
      create(it.writer, JOBS, {
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: { name: "j", namespace: "default" },
        spec: jobSpec,
      });
      create(it.writer, CRON_JOBS, {
        apiVersion: "batch/v1",
        kind: "CronJob",
        metadata: { name: "c", namespace: "default" },
        spec: { schedule: "*/5 * * * *", jobTemplate: { spec: jobSpec } },
      });
      create(it.writer, STATEFUL_SETS, {
        apiVersion: "apps/v1",
        kind: "StatefulSet",
        metadata: { name: "db", namespace: "default" },
        spec: {
          serviceName: "db",
          replicas: 3,
          selector: { matchLabels: { app: "db" } },
          template: { metadata: { labels: { app: "db" } }, spec: { containers: [{ name: "c", image: "i" }] } },
        },
      });
      await it.clock.runFor(11 * MINUTE_MS);
      const job = it.cluster.state.of(JOBS).get("default/j");
      assert.equal(job?.status?.succeeded, 3);
      assert.equal(
        job?.status?.conditions?.some(({ type }) => type === "Complete"),
        true,
      );
      const jobs = [...it.cluster.state.of(JOBS).values()].map(({ metadata }) => metadata.name.split("-")[0]);
      assert.deepEqual(jobs.sort(), ["c", "c", "j"]);
      assert.deepEqual(
        podsOf(it, "db")
          .map(({ metadata }) => metadata.name)
          .sort(),
        ["db-0", "db-1", "db-2"],
      );
      assert.equal(readyOf(it, "db"), 3);
    }));

  it("furnishes namespaces and empties the deleted ones", () =>
    withBed(async (it) => {
      addNode(it.writer, "n1");
      create(it.writer, NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
      const web = deployment("web", 2) as { metadata: { namespace: string } };
      web.metadata.namespace = "shop";
      create(it.writer, DEPLOYMENTS, web);
      await it.clock.runFor(10 * SECOND_MS);
      assert.equal(readyOf(it, "web"), 2);
      it.writer.delete(NAMESPACES, { name: "shop" });
      await it.clock.runFor(MINUTE_MS);
      assert.equal(it.cluster.state.of(NAMESPACES).get("shop"), undefined);
      assert.deepEqual([...it.cluster.state.of(PODS).values()].map(keyOf), []);
    }));
});
