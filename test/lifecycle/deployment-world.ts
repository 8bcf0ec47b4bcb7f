import type { Product } from "../../apps/controller/product.ts";
import type { Node, Pod } from "../../src/model/core.ts";
import { EVENTS, KWOK_NODE_CLASSES, NODE_POOLS, NODES, POD_DISRUPTION_BUDGETS, PODS } from "../../src/model/kinds.ts";
import { NODE_POOL_LABEL } from "../../src/model/labels.ts";
import type { Draft } from "../../src/model/object.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import { NO_FAULTS } from "../../src/simulation/faults/fault-mix.ts";
import { DEPLOYMENTS, type Deployment, STATEFUL_SETS, type StatefulSet } from "../../src/simulation/workloads/kinds.ts";
import type { World } from "../../src/simulation/world/world.ts";
import { type WorldOptions, worldOf } from "../simulated-world.ts";

/** What a test wants to have in the cluster besides pods of one container. */
export type Wanted = {
  replicas?: number;
  cpu?: string;
  annotations?: Record<string, string>;
  pod?: Partial<Pod["spec"]>;
  /** Of a PodDisruptionBudget for the pods. */
  budget?: Record<string, unknown>;
};

/** What of a NodePool differs from one whose nodes never go by themselves. */
export type PoolWanted = {
  disruption?: object;
  /** Of template.spec. */
  template?: Record<string, unknown>;
  annotations?: Record<string, string>;
  /** Capacity types; default on-demand. */
  values?: string[];
  /** Sizes of nodes in CPUs; default 2. */
  cpus?: string[];
};

/** A whole cluster with the whole product in it, and nothing that a test has not put there. No story, no faults. */
export class DeploymentWorld {
  readonly world: World;
  readonly api;
  #product: Product | undefined;

  constructor(options: Partial<WorldOptions> = {}) {
    const onProduct = (product: Product): void => {
      this.#product = product;
    };
    this.world = worldOf({ seed: 1, faults: NO_FAULTS, processes: 1, onProduct, ...options });
    this.api = this.world.server.api({ user: "user" });
  }

  async addPool(wanted: PoolWanted = {}, name = "default"): Promise<void> {
    const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };
    if (name === "default") {
      await this.api.create(KWOK_NODE_CLASSES, {
        apiVersion: "karpenter.kwok.sh/v1alpha1",
        kind: "KWOKNodeClass",
        metadata: { name: "default" },
        spec: { nodeRegistrationDelay: "20s" },
      });
    }
    const requirements = [
      { key: "karpenter.sh/capacity-type", operator: "In", values: wanted.values ?? ["on-demand"] },
      { key: "karpenter.kwok.sh/instance-cpu", operator: "In", values: wanted.cpus ?? ["2"] },
    ];
    const pool = {
      apiVersion: "karpenter.sh/v1",
      kind: "NodePool",
      metadata: { name, ...(wanted.annotations === undefined ? {} : { annotations: wanted.annotations }) },
      spec: {
        disruption: { consolidateAfter: "Never", budgets: [{ nodes: "100%" }], ...(wanted.disruption as object) },
        template: { spec: { expireAfter: "Never", nodeClassRef, requirements, ...wanted.template } },
      },
    };
    await this.api.create(NODE_POOLS, pool as unknown as Draft<NodePool>);
  }

  async deploy(name: string, { replicas = 1, cpu = "1", annotations = {}, pod = {}, budget }: Wanted): Promise<void> {
    const labels = { app: name };
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: "default" },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels, annotations },
          spec: { containers: [{ name: "main", image: "main", resources: { requests: { cpu } } }], ...pod },
        },
      },
    };
    await this.api.create(DEPLOYMENTS, deployment as unknown as Draft<Deployment>);
    if (budget !== undefined) await this.#addBudget(name, budget);
  }

  /** A StatefulSet without volumes. */
  async addStatefulSet(name: string, { annotations = {}, budget }: Wanted): Promise<void> {
    const labels = { app: name };
    const containers = [{ name: "main", image: "main", resources: { requests: { cpu: "1" } } }];
    const set = {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name, namespace: "default" },
      spec: {
        replicas: 1,
        serviceName: name,
        selector: { matchLabels: labels },
        template: { metadata: { labels, annotations }, spec: { containers } },
      },
    };
    await this.api.create(STATEFUL_SETS, set as unknown as Draft<StatefulSet>);
    if (budget !== undefined) await this.#addBudget(name, budget);
  }

  async #addBudget(name: string, budget: Record<string, unknown>): Promise<void> {
    await this.api.create(POD_DISRUPTION_BUDGETS, {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name, namespace: "default" },
      spec: { selector: { matchLabels: { app: name } }, ...budget },
    });
  }

  /** Every pool's template gets a label that its nodes do not have. */
  async changeTemplate(value = "next", pool = "default"): Promise<void> {
    const body = { spec: { template: { metadata: { labels: { generation: value } } } } };
    await this.api.patch(NODE_POOLS, { name: pool }, { type: "merge", body });
  }

  /** Nodes that the product bought, in order of arrival. */
  nodes(): Node[] {
    const all = [...this.world.cluster.state.of(NODES).values()];
    return all.filter(({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] !== undefined);
  }

  /** Pods of a Deployment. */
  pods(app: string): Pod[] {
    const all = [...this.world.cluster.state.of(PODS).values()];
    return all.filter(({ metadata }) => metadata.labels?.["app"] === app);
  }

  /** Reasons of the events on objects of a kind, each once. */
  async reasons(kind: string): Promise<string[]> {
    const { items } = await this.api.list(EVENTS);
    return [
      ...new Set(items.filter(({ involvedObject }) => involvedObject.kind === kind).map(({ reason }) => reason ?? "")),
    ];
  }

  /** The lines of /metrics. */
  metrics(): string[] {
    return (this.#product?.metrics.expose() ?? "").split("\n");
  }

  pass(seconds: number): Promise<unknown> {
    return this.world.clock.runFor(seconds * 1_000);
  }

  stop(): void {
    this.world.stop();
  }
}
