import type { Random } from "../../base/random.ts";
import { MINUTE_MS } from "../../base/time.ts";
import { type Kind, STORAGE_CLASSES } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import { refOf } from "../cache/cluster-writer.ts";
import { DEPLOYMENTS, STATEFUL_SETS } from "../workloads/kinds.ts";
import type { Deed, DeedNeeds, Lasting } from "./deed.ts";
import type { Offer } from "./draw-pools.ts";
import {
  type DrawnWorkload,
  drawDaemonSet,
  drawDeployment,
  drawJob,
  drawStatefulSet,
  STORAGE_CLASS,
  WORLD_NAMESPACE,
} from "./draw-workloads.ts";

const DEPLOYMENTS_MAX = 10;
const STATEFUL_SETS_MAX = 3;
/** About what 5 to 20 nodes hold. */
const CPU_MILLI_MAX = 90_000;
const ONE_DEPLOYMENT_CPU_MILLI_MAX = 30_000;

type Scalable = KubeObject & { spec: { replicas?: number } };

/** What users do with their workloads. */
export class UserDeeds {
  readonly daemon: Deed = { weight: 0, happen: (random, number) => this.#addDaemon(random, number) };
  readonly deployment: Deed = { weight: 4, happen: (random, number) => this.#addDeployment(random, number) };
  readonly deeds: readonly Deed[] = [
    this.deployment,
    { weight: 30, happen: (random) => this.#scale(random, undefined) },
    { weight: 10, happen: (random) => this.#scale(random, 0) },
    { weight: 12, happen: (random, number) => this.#rollOut(random, number) },
    { weight: 12, happen: (random, number) => this.#addJob(random, number) },
    { weight: 3, happen: (random) => this.#remove(random) },
    { weight: 8, isOptional: true, happen: (random) => this.#spike(random) },
    { weight: 8, isOptional: true, happen: (random, number) => this.#addStatefulSet(random, number) },
  ];
  readonly #needs: DeedNeeds;
  readonly #offer: Offer;
  readonly #lasting: Lasting;
  /** By "kind/name". */
  readonly #workloads = new Map<string, DrawnWorkload>();

  constructor(needs: DeedNeeds, offer: Offer, lasting: Lasting) {
    this.#needs = needs;
    this.#offer = offer;
    this.#lasting = lasting;
  }

  /** Every workload goes to zero. */
  leave(): void {
    for (const drawn of this.#workloads.values()) this.#setReplicas(drawn, 0);
  }

  #create(kind: Kind, object: KubeObject): void {
    this.#needs.tell(`story: creates ${kind.kind} ${object.metadata.name}`);
    this.#needs.writer.create(kind, object);
  }

  #add(drawn: DrawnWorkload): void {
    this.#workloads.set(drawn.name, drawn);
    for (const { kind, object } of drawn.objects) this.#create(kind, object);
  }

  #addDaemon(random: Random, number: number): void {
    const { kind, object } = drawDaemonSet(random, `daemon-${number}`);
    this.#create(kind, object);
  }

  #count(kind: Kind): number {
    return [...this.#workloads.values()].filter((drawn) => drawn.kind.kind === kind.kind).length;
  }

  #addDeployment(random: Random, number: number): void {
    if (this.#count(DEPLOYMENTS) >= DEPLOYMENTS_MAX * this.#needs.scale) return;
    const roomMilli = Math.min(ONE_DEPLOYMENT_CPU_MILLI_MAX, this.#cpuLeftMilli());
    this.#add(drawDeployment(random, `app-${number}`, this.#offer, roomMilli));
  }

  #addStatefulSet(random: Random, number: number): void {
    if (this.#count(STATEFUL_SETS) >= STATEFUL_SETS_MAX) return;
    if (this.#needs.state.of(STORAGE_CLASSES).size === 0) this.#create(STORAGE_CLASS.kind, STORAGE_CLASS.object);
    this.#add(drawStatefulSet(random, `data-${number}`));
  }

  #addJob(random: Random, number: number): void {
    const { kind, object } = drawJob(random, `job-${number}`, this.#offer);
    this.#create(kind, object);
  }

  #cpuLeftMilli(except?: DrawnWorkload): number {
    let usedMilli = 0;
    for (const drawn of this.#workloads.values()) {
      if (drawn !== except) usedMilli += drawn.cpuMilli * (this.#present(drawn)?.spec.replicas ?? 0);
    }
    return Math.max(0, CPU_MILLI_MAX * this.#needs.scale - usedMilli);
  }

  #present({ kind, name }: DrawnWorkload): Scalable | undefined {
    return this.#needs.state.of<Scalable>(kind as Kind<Scalable>).get(`${WORLD_NAMESPACE}/${name}`);
  }

  #pick(random: Random): DrawnWorkload | undefined {
    return this.#workloads.size === 0 ? undefined : random.pick([...this.#workloads.values()]);
  }

  /** @param replicas default: drawn, as many as there is room for */
  #scale(random: Random, replicas: number | undefined): void {
    const drawn = this.#pick(random);
    if (drawn === undefined) return;
    const room = Math.floor(this.#cpuLeftMilli(drawn) / drawn.cpuMilli);
    this.#setReplicas(drawn, replicas ?? Math.min(room, random.between(0, drawn.replicasMax)));
  }

  /** Three times as many pods for a few minutes. */
  #spike(random: Random): void {
    const drawn = this.#pick(random);
    const now = drawn === undefined ? undefined : this.#present(drawn)?.spec.replicas;
    if (drawn === undefined || now === undefined || drawn.kind.kind !== "Deployment") return;
    const room = Math.floor(this.#cpuLeftMilli(drawn) / drawn.cpuMilli);
    this.#setReplicas(drawn, Math.min(room, now * 3 + 1));
    this.#lasting(random.between(2, 20) * MINUTE_MS, () => this.#setReplicas(drawn, now));
  }

  #setReplicas(drawn: DrawnWorkload, replicas: number): void {
    const workload = this.#present(drawn);
    if (workload === undefined || workload.spec.replicas === replicas) return;
    this.#needs.tell(`story: scales ${drawn.name} from ${workload.spec.replicas} to ${replicas}`);
    this.#needs.writer.patch(drawn.kind, refOf(workload), { spec: { replicas } });
  }

  #rollOut(random: Random, number: number): void {
    const drawn = this.#pick(random);
    const workload = drawn === undefined ? undefined : this.#present(drawn);
    if (drawn === undefined || workload === undefined) return;
    this.#needs.tell(`story: rolls out ${drawn.name}`);
    const annotations = { revision: String(number) };
    this.#needs.writer.patch(drawn.kind, refOf(workload), { spec: { template: { metadata: { annotations } } } });
  }

  #remove(random: Random): void {
    const drawn = this.#pick(random);
    if (drawn === undefined || this.#workloads.size <= 2) return;
    this.#needs.tell(`story: removes ${drawn.name}`);
    for (const { kind, object } of drawn.objects) {
      this.#needs.writer.delete(kind, refOf(object), { propagationPolicy: "Background" });
    }
    this.#workloads.delete(drawn.name);
  }
}
