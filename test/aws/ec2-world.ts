import assert from "node:assert/strict";
import { kindIn, type PlaygroundCluster, startPlaygroundCluster } from "../../apps/playground/cluster.ts";
import { Random } from "../../src/base/random.ts";
import { MINUTE_MS } from "../../src/base/time.ts";
import type { Node, Pod } from "../../src/model/core.ts";
import { EC2_NODE_CLASSES, EVENTS, NODE_CLAIMS, NODE_POOLS, NODES, PODS } from "../../src/model/kinds.ts";
import type { Condition, Draft } from "../../src/model/object.ts";
import type { Ec2NodeClass } from "../../src/model/resources/ec2-node-class.ts";
import type { NodeClaim } from "../../src/model/resources/node-claim.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import type { Loose } from "../../src/model/resources/test-objects.ts";
import type { Settings } from "../../src/model/settings.ts";
import { ApiError } from "../../src/ports/kube-api.ts";
import { VirtualClock } from "../../src/simulation/clock/virtual-clock.ts";
import type { Account } from "../../src/simulation/ec2/account.ts";
import type { Machine } from "../../src/simulation/ec2/machine.ts";
import { DEPLOYMENTS } from "../../src/simulation/workloads/kinds.ts";

type ClassSpec = NonNullable<Ec2NodeClass["spec"]>;
type Requirement = NodePool["spec"]["template"]["spec"]["requirements"][number];

const DISCOVERY = [{ tags: { "karpenter.sh/discovery": "shop" } }];
const CLASS: ClassSpec = {
  amiSelectorTerms: [{ alias: "al2023@latest" }],
  role: "KarpenterNodeRole-shop",
  subnetSelectorTerms: DISCOVERY,
  securityGroupSelectorTerms: DISCOVERY,
};

/** Where a world is; default: a cluster "shop" in us-east-1 with the types of KEPT_TYPES. */
export type Place = { region: string; clusterName: string; startMs?: number };
/** 2026-01-01T00:00:00Z, a Thursday. */
const START_MS = 1_767_225_600_000;
const KEPT_TYPES = /^([cmr][56]|m6g|t3|g4dn)\.(metal|medium|large|2?xlarge|12xlarge)$/;

/** A cluster in a simulated account, with the whole product at work, on virtual time. */
export class Ec2World {
  readonly clock: VirtualClock;
  readonly playground: PlaygroundCluster;
  readonly account: Account;

  constructor(settings: Partial<Settings> = {}, place?: Place) {
    this.clock = new VirtualClock(place?.startMs ?? START_MS);
    this.playground = startPlaygroundCluster({
      clock: this.clock,
      random: new Random(7),
      ...(place ?? { region: "us-east-1", clusterName: "shop" }),
      settings: { logLevel: "error", ...settings },
    });
    this.account = this.playground.ec2.account;
    this.account.hasWhateverIsNamed = false;
    // Enough to choose from, and few enough for many tests.
    if (place !== undefined) return;
    for (const name of this.account.types.keys()) if (!KEPT_TYPES.test(name)) this.account.types.delete(name);
  }

  /** As kubectl apply sends it. Where it is refused: with the server's message. */
  async apply(object: Loose): Promise<void> {
    const kind = kindIn(this.playground.server, object) ?? assert.fail(`the cluster has no kind ${object.kind}`);
    await this.playground.api.create(kind, object, { fieldValidation: "Strict" });
  }

  /** What the server says against it. */
  async refusal(object: Loose): Promise<string> {
    const refused = await this.apply(object).then(
      () => undefined,
      (error: unknown) => error,
    );
    return refused instanceof ApiError ? refused.message : assert.fail("it is taken");
  }

  async nodeClass(change: Partial<ClassSpec> = {}, name = "default"): Promise<void> {
    const spec = { ...CLASS, ...change };
    if (change.instanceProfile !== undefined) delete spec.role;
    const metadata = { name };
    const object = { apiVersion: "karpenter.k8s.aws/v1", kind: "EC2NodeClass", metadata, spec } as Draft<Ec2NodeClass>;
    await this.playground.api.create(EC2_NODE_CLASSES, object);
  }

  async changeClass(spec: Record<string, unknown>, name = "default"): Promise<void> {
    await this.playground.api.patch(EC2_NODE_CLASSES, { name }, { type: "merge", body: { spec } });
  }

  /** All pools and classes, and the workloads: as somebody does who takes the cluster down. */
  async deleteAll(): Promise<void> {
    const { api } = this.playground;
    for (const { metadata } of this.#all<Node>(DEPLOYMENTS as never)) {
      if (metadata.namespace === "default")
        await api.delete(DEPLOYMENTS, { namespace: "default", name: metadata.name });
    }
    for (const { metadata } of this.pools()) await api.delete(NODE_POOLS, { name: metadata.name });
    for (const { metadata } of this.#all<Ec2NodeClass>(EC2_NODE_CLASSES))
      await api.delete(EC2_NODE_CLASSES, { name: metadata.name });
  }

  async changePool(spec: Record<string, unknown>, name = "default"): Promise<void> {
    await this.playground.api.patch(NODE_POOLS, { name }, { type: "merge", body: { spec } });
  }

  async pool(requirements: Requirement[] = [], name = "default", className = "default"): Promise<void> {
    const nodeClassRef = { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name: className };
    const spec = {
      template: { spec: { nodeClassRef, requirements, expireAfter: "Never" } },
      disruption: { consolidationPolicy: "WhenEmpty", consolidateAfter: "10s", budgets: [{ nodes: "100%" }] },
    };
    const object = { apiVersion: "karpenter.sh/v1", kind: "NodePool", metadata: { name }, spec };
    await this.playground.api.create(NODE_POOLS, object as unknown as Draft<NodePool>);
  }

  /** A Deployment of pods that ask for so much. */
  async deploy(
    replicas: number,
    requests: Record<string, string> = { cpu: "1" },
    name = "web",
    nodeSelector: Record<string, string> = {},
    podSpec: Loose = {},
    namespace = "default",
  ): Promise<void> {
    const labels = { app: name };
    const resources = { requests, limits: extended(requests) };
    const spec = { ...podSpec, nodeSelector, containers: [{ name: "web", image: "web:1", resources }] };
    await this.playground.api.create(DEPLOYMENTS, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace },
      spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    } as never);
  }

  async scale(replicas: number, name = "web"): Promise<void> {
    const ref = { namespace: "default", name };
    await this.playground.api.patch(DEPLOYMENTS, ref, { type: "merge", body: { spec: { replicas } } });
  }

  /** Lets time pass until that holds. */
  async until(what: string, holds: () => boolean, atMostMs = 10 * MINUTE_MS): Promise<void> {
    const held = await this.clock.runFor(atMostMs, holds);
    if (!held) assert.fail(`${what} within ${atMostMs / 1_000} s; ${JSON.stringify(this.picture(), undefined, 1)}`);
  }

  async podsRun(count: number, namespace = "default"): Promise<void> {
    await this.until(`${count} pods run`, () => this.runningPods(namespace).length === count);
  }

  runningPods(namespace = "default"): Pod[] {
    return this.#all<Pod>(PODS).filter(
      ({ metadata, status }) =>
        metadata.namespace === namespace && status?.phase === "Running" && metadata.deletionTimestamp === undefined,
    );
  }
  /** Tells after every change of a pod how many run. @returns what ends it */
  watchPods(namespace: string, tell: (running: number) => void): () => void {
    let isOver = false;
    this.playground.cluster.state.of(PODS).onChange(() => {
      if (!isOver) tell(this.runningPods(namespace).length);
    });
    return () => {
      isOver = true;
    };
  }
  pools(): NodePool[] {
    return this.#all<NodePool>(NODE_POOLS);
  }
  hasDrifted(): boolean {
    return this.claims().some(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === "Drifted" && is === "True"),
    );
  }
  claims(): NodeClaim[] {
    return this.#all<NodeClaim>(NODE_CLAIMS);
  }
  /** Of the product. */
  nodes(): Node[] {
    return this.#all<Node>(NODES).filter(({ metadata }) => metadata.labels?.["karpenter.sh/nodepool"] !== undefined);
  }
  machines(...states: string[]): Machine[] {
    return this.playground.ec2
      .machines()
      .filter(({ instance }) => states.length === 0 || states.includes(instance.state));
  }
  alive(): Machine[] {
    return this.machines("pending", "running");
  }
  classOf(name = "default"): Ec2NodeClass | undefined {
    return this.#all<Ec2NodeClass>(EC2_NODE_CLASSES).find(({ metadata }) => metadata.name === name);
  }
  condition(type: string, name = "default"): Condition | undefined {
    return this.classOf(name)?.status?.conditions?.find((condition) => condition.type === type) as
      | Condition
      | undefined;
  }
  events(reason: string): string[] {
    return this.#all<{ reason?: string; message?: string } & Node>(EVENTS as never)
      .filter((event) => event.reason === reason)
      .map(({ message = "" }) => message);
  }
  calls(action: string): number {
    return this.playground.ec2.quotas.calls.get(action) ?? 0;
  }

  /** What there is, for whoever has to find out why a test fails. */
  picture(): unknown {
    return {
      pods: this.#all<Pod>(PODS)
        .filter(({ metadata }) => metadata.namespace === "default")
        .map(({ metadata, status }) => `${metadata.name} ${status?.phase}`)
        .slice(0, 5),
      claims: this.claims()
        .slice(0, 5)
        .map(({ metadata, status }) => [
          metadata.name,
          metadata.deletionTimestamp,
          status?.conditions?.map(({ type, status: is, reason, message }) => `${type}=${is} ${reason} ${message}`),
        ]),
      machines: this.machines()
        .slice(0, 5)
        .map(({ instance }) => `${instance.id} ${instance.state}`),
      classes: this.#all<Ec2NodeClass>(EC2_NODE_CLASSES).map(({ metadata, status }) => [
        metadata.name,
        status?.conditions?.map(({ type, status: is, reason, message }) => `${type}=${is} ${reason} ${message}`),
      ]),
    };
  }

  async stop(): Promise<void> {
    const stopped = this.playground.stop();
    await this.clock.runFor(MINUTE_MS);
    await stopped;
  }

  #all<T>(kind: typeof NODES | typeof PODS | typeof NODE_CLAIMS | typeof NODE_POOLS | typeof EC2_NODE_CLASSES): T[] {
    return [...this.playground.cluster.state.of(kind as typeof NODES).values()] as unknown as T[];
  }
}

/** Devices must be limited, too. */
function extended(requests: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(requests).filter(([name]) => name.includes(".com/") || name.includes(".ai/")),
  );
}

/** Runs a test in a world of its own. */
export function inWorld(
  use: (world: Ec2World) => Promise<void>,
  settings: Partial<Settings> = {},
  place?: Place,
): () => Promise<void> {
  return async () => {
    const world = new Ec2World(settings, place);
    try {
      await use(world);
    } finally {
      await world.stop();
    }
  };
}
