import assert from "node:assert/strict";
import { Random } from "../../src/base/random.ts";
import { realClock } from "../../src/kube/real-clock.ts";
import type { Node, Pod } from "../../src/model/core.ts";
import {
  type Kind,
  KWOK_NODE_CLASSES,
  NODE_CLAIMS,
  NODE_POOLS,
  NODES,
  POD_DISRUPTION_BUDGETS,
  PODS,
} from "../../src/model/kinds.ts";
import { NODE_POOL_LABEL } from "../../src/model/labels.ts";
import type { Draft } from "../../src/model/object.ts";
import type { KwokNodeClass } from "../../src/model/resources/kwok-node-class.ts";
import type { NodeClaim } from "../../src/model/resources/node-claim.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import type { KubeApi } from "../../src/ports/kube-api.ts";
import { listAll } from "../../src/ports/list-all.ts";
import { PRICE_LABEL } from "../../src/providers/kwok/labels.ts";
import { DEPLOYMENTS, type Deployment } from "../../src/simulation/workloads/kinds.ts";
import { pause } from "../conformance/side.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { applyDefinitions } from "./definitions.ts";
import { type RemoteKubelets, startRemoteKubelets } from "./remote-kubelets.ts";

export type PoolWanted = {
  /** Sizes of nodes in CPUs; default: any. */
  cpus?: readonly string[];
  disruption?: object;
  /** Of template.spec. */
  template?: object;
};
export type PodsWanted = {
  cpu?: string;
  memory?: string;
  pod?: Partial<Pod["spec"]>;
  /** Of a PodDisruptionBudget for the pods. */
  budget?: Record<string, unknown>;
};

/** A real control plane with simulated kubelets, our kinds, and a node class: all but the product. */
export class ClusterWorld {
  readonly plane: ControlPlane;
  readonly api: KubeApi;
  readonly #machines: RemoteKubelets;

  static async start(): Promise<ClusterWorld> {
    const plane = await startControlPlane();
    await applyDefinitions(plane.connection.api);
    return new ClusterWorld(plane);
  }

  private constructor(plane: ControlPlane) {
    this.plane = plane;
    this.api = plane.connection.api;
    this.#machines = startRemoteKubelets(this.api, realClock(), new Random(41), {
      joinDelayMs: { min: 1_000, max: 1_000 },
    });
  }

  async stop(): Promise<void> {
    await this.#machines.stop();
    await this.plane.stop();
  }

  async addPool({ cpus, disruption = {}, template = {} }: PoolWanted = {}, name = "default"): Promise<NodePool> {
    if (name === "default") await this.api.create(KWOK_NODE_CLASSES, NODE_CLASS);
    const requirements = [
      { key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand"] },
      ...(cpus === undefined ? [] : [{ key: "karpenter.kwok.sh/instance-cpu", operator: "In", values: cpus }]),
    ];
    const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };
    return await this.api.create(NODE_POOLS, {
      apiVersion: "karpenter.sh/v1",
      kind: "NodePool",
      metadata: { name },
      spec: { disruption, template: { spec: { nodeClassRef, requirements, ...template } } },
    } as unknown as Draft<NodePool>);
  }

  async deploy(name: string, replicas: number, wanted: PodsWanted = {}): Promise<void> {
    const labels = { app: name };
    const { cpu = "1", memory = "1Gi", pod = {}, budget } = wanted;
    const containers = [{ name: "app", image: "example.com/app:1", resources: { requests: { cpu, memory } } }];
    const metadata = { name, namespace: "default" };
    if (budget !== undefined) {
      const spec = { ...budget, selector: { matchLabels: labels } };
      await this.api.create(POD_DISRUPTION_BUDGETS, {
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata,
        spec,
      });
    }
    await this.api.create(DEPLOYMENTS, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers, terminationGracePeriodSeconds: 5, ...pod } },
      },
    } as unknown as Draft<Deployment>);
  }

  async scale(name: string, replicas: number): Promise<void> {
    const body = { spec: { replicas } };
    await this.api.patch(DEPLOYMENTS, { name, namespace: "default" }, { type: "merge", body });
  }

  /** Of the kubelets' own watch: at most a moment old. */
  pods(app?: string): Pod[] {
    return [...this.#machines.state.of(PODS).values()].filter(
      ({ metadata }) =>
        metadata.namespace === "default" &&
        metadata.deletionTimestamp === undefined &&
        (app === undefined || metadata.labels?.["app"] === app),
    );
  }

  nodes(): Node[] {
    return [...this.#machines.state.of(NODES).values()].filter(
      ({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] !== undefined,
    );
  }

  async claims(): Promise<NodeClaim[]> {
    return await listAll(this.api, NODE_CLAIMS);
  }

  pricePerHour(): number {
    return this.nodes().reduce((sum, { metadata }) => sum + Number(metadata.labels?.[PRICE_LABEL] ?? 0), 0);
  }

  async untilBound(app: string, count: number, withinMs = 120_000): Promise<void> {
    const bound = (): number => this.pods(app).filter(({ spec }) => (spec.nodeName ?? "") !== "").length;
    await this.until(
      () => this.pods(app).length === count && bound() === count,
      () => `${count} pods of ${app} to be bound: ${bound()} of ${this.pods(app).length} are`,
      withinMs,
    );
  }

  /** Every pod runs, and no node comes or goes for so long. @returns when the last one did, as performance.now() */
  async untilQuiet(app: string, count: number, { quietMs, withinMs }: { quietMs: number; withinMs: number }) {
    let last = "";
    let sinceMs = performance.now();
    await this.until(
      () => {
        const names = this.nodes().map(({ metadata }) => `${metadata.name} ${metadata.deletionTimestamp ?? ""}`);
        const bound = this.pods(app).filter(({ spec }) => (spec.nodeName ?? "") !== "");
        const now = names.sort().join();
        if (now !== last || bound.length !== count) sinceMs = performance.now();
        last = now;
        return performance.now() - sinceMs >= quietMs;
      },
      () => `${count} pods of ${app} and quiet: ${this.pods(app).length} pods, nodes ${last}`,
      withinMs,
    );
    return sinceMs;
  }

  async until(holds: () => boolean | Promise<boolean>, what: () => string, withinMs = 60_000): Promise<void> {
    const untilMs = performance.now() + withinMs;
    while (!(await holds())) {
      assert.ok(performance.now() < untilMs, `waited in vain for ${what()}`);
      await pause(50);
    }
  }

  /** Takes everything away that tests put there; resolves when the last node has gone. */
  async clear(): Promise<void> {
    const all = { namespace: "default" };
    for (const kind of [DEPLOYMENTS, POD_DISRUPTION_BUDGETS] as Kind[]) {
      for (const { metadata } of await listAll(this.api, kind, all)) await this.api.delete(kind, metadata);
    }
    const foreground = { propagationPolicy: "Foreground" } as const;
    for (const { metadata } of await listAll(this.api, NODE_POOLS)) {
      await this.api.delete(NODE_POOLS, metadata, foreground);
    }
    const isEmpty = async (): Promise<boolean> =>
      (await listAll(this.api, NODE_POOLS)).length + (await this.claims()).length + this.nodes().length === 0;
    await this.until(isEmpty, () => `an empty cluster: ${this.nodes().map(({ metadata }) => metadata.name)}`, 120_000);
    for (const { metadata } of await listAll(this.api, KWOK_NODE_CLASSES)) {
      await this.api.delete(KWOK_NODE_CLASSES, metadata);
    }
  }
}

const NODE_CLASS: Draft<KwokNodeClass> = {
  apiVersion: "karpenter.kwok.sh/v1alpha1",
  kind: "KWOKNodeClass",
  metadata: { name: "default" },
  spec: {},
};
