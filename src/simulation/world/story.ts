import type { Random } from "../../base/random.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import { NODES } from "../../model/kinds.ts";
import { NODE_POOL_LABEL } from "../../model/labels.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import { type ClusterWriter, refOf } from "../cache/cluster-writer.ts";
import type { CloudControl } from "../cloud/cloud-control.ts";
import type { Kubelets } from "../kubelet/kubelets.ts";
import { DEPLOYMENTS, type Deployment } from "../workloads/kinds.ts";
import { type DrawnObject, drawPools, type NodeClassKind, type Offer } from "./draw-pools.ts";
import { type DrawnDeployment, drawDaemonSet, drawDeployment, drawJob, WORLD_NAMESPACE } from "./draw-workloads.ts";
import { SMALL_ZONES } from "./small-catalogue.ts";

/** What happens in a world, apart from the product. */
export type Tale = {
  begin(): void;
  /** Nothing happens any more but what already does. */
  end(): void;
  /** Every Deployment goes to zero. */
  leave(): void;
};

export type StoryNeeds = {
  clock: Clock;
  random: Random;
  state: ClusterState;
  writer: ClusterWriter;
  kubelets: Kubelets;
  cloud: CloudControl;
  /** The node class that drawn pools name. */
  nodeClassKind: NodeClassKind;
  /** 1: what 5 to 20 nodes hold; 10: ten times that. */
  scale: number;
  tell(line: string): void;
};

const DEPLOYMENTS_MAX = 10;
/** About what 5 to 20 nodes hold. */
const CPU_MILLI_MAX = 90_000;

/** What the users of a world do, and what befalls its machines: drawn from the seed, deed by deed. */
export class Story implements Tale {
  readonly #needs: StoryNeeds;
  readonly #offer: Offer;
  readonly #pools: DrawnObject[];
  readonly #deployments = new Map<string, DrawnDeployment>();
  /** Half of the worlds have machines that die, half have offerings that sell out. */
  readonly #machinesDie: boolean;
  readonly #offeringsSellOut: boolean;
  #number = 0;
  #isOver = false;

  constructor(needs: StoryNeeds) {
    this.#needs = needs;
    const { objects, offer } = drawPools(needs.random, needs.nodeClassKind);
    this.#pools = objects;
    this.#offer = offer;
    this.#machinesDie = needs.random.chance(0.5);
    this.#offeringsSellOut = needs.random.chance(0.5);
  }

  /** Creates pools, daemons and the first workloads, then goes on by itself until `end`. */
  begin(): void {
    const { random } = this.#needs;
    for (const drawn of this.#pools) this.#create(drawn);
    for (let i = random.between(0, 2); i > 0; i -= 1) this.#create(drawDaemonSet(random, `daemon-${i}`));
    for (let i = Math.ceil(random.between(2, 6) * this.#needs.scale); i > 0; i -= 1) this.#addDeployment();
    this.#next();
  }

  /** Nothing happens any more but what already does. */
  end(): void {
    this.#isOver = true;
    this.#needs.cloud.restockAll();
    this.#needs.cloud.loseNext(0);
    this.#needs.tell("story: ends, everything can be bought again");
  }

  /** Every Deployment goes to zero. */
  leave(): void {
    this.#needs.tell("story: every deployment goes to zero");
    for (const name of this.#deployments.keys()) this.#setReplicas(name, 0);
  }

  #next(): void {
    const { clock, random } = this.#needs;
    clock.after((random.between(30, 480) * SECOND_MS) / Math.sqrt(this.#needs.scale), () => {
      if (this.#isOver) return;
      this.#deed();
      this.#next();
    });
  }

  #deed(): void {
    const { random } = this.#needs;
    const draw = random.between(1, 100);
    if (draw <= 45) this.#scaleOne();
    else if (draw <= 55) this.#replicasOfOne(0);
    else if (draw <= 68) this.#rollOut();
    else if (draw <= 80) this.#addJob();
    else if (draw <= 84) this.#addDeployment();
    else if (draw <= 87) this.#removeDeployment();
    else if (draw <= 92) this.#killMachine();
    else if (draw <= 94) this.#loseMachines();
    else this.#sellOut();
  }

  #create({ kind, object }: DrawnObject): void {
    this.#needs.tell(`story: creates ${kind.kind} ${object.metadata.name}`);
    this.#needs.writer.create(kind, object);
  }

  #cpuLeftMilli(except?: string): number {
    let usedMilli = 0;
    for (const [name, { cpuMilli }] of this.#deployments) {
      if (name !== except) usedMilli += cpuMilli * (this.#deployment(name)?.spec.replicas ?? 0);
    }
    return Math.max(0, CPU_MILLI_MAX * this.#needs.scale - usedMilli);
  }

  #deployment(name: string): Deployment | undefined {
    return this.#needs.state.of(DEPLOYMENTS).get(`${WORLD_NAMESPACE}/${name}`);
  }

  #addDeployment(): void {
    if (this.#deployments.size >= DEPLOYMENTS_MAX * this.#needs.scale) return;
    this.#number += 1;
    const drawn = drawDeployment(
      this.#needs.random,
      `app-${this.#number}`,
      this.#offer,
      Math.min(30_000, this.#cpuLeftMilli()),
    );
    this.#deployments.set(drawn.name, drawn);
    for (const object of drawn.objects) this.#create(object);
  }

  #addJob(): void {
    this.#number += 1;
    this.#create(drawJob(this.#needs.random, `job-${this.#number}`, this.#offer));
  }

  #removeDeployment(): void {
    const name = this.#pickName();
    if (name === undefined || this.#deployments.size <= 2) return;
    this.#needs.tell(`story: removes ${name}`);
    for (const { kind, object } of this.#deployments.get(name)?.objects ?? []) {
      this.#needs.writer.delete(kind, refOf(object), { propagationPolicy: "Background" });
    }
    this.#deployments.delete(name);
  }

  #pickName(): string | undefined {
    return this.#deployments.size === 0 ? undefined : this.#needs.random.pick([...this.#deployments.keys()]);
  }

  #scaleOne(): void {
    const name = this.#pickName();
    const drawn = name === undefined ? undefined : this.#deployments.get(name);
    if (name === undefined || drawn === undefined) return;
    const room = Math.floor(this.#cpuLeftMilli(name) / drawn.cpuMilli);
    this.#setReplicas(name, Math.min(room, this.#needs.random.between(0, drawn.replicasMax)));
  }

  #replicasOfOne(replicas: number): void {
    const name = this.#pickName();
    if (name !== undefined) this.#setReplicas(name, replicas);
  }

  #setReplicas(name: string, replicas: number): void {
    const deployment = this.#deployment(name);
    if (deployment === undefined || deployment.spec.replicas === replicas) return;
    this.#needs.tell(`story: scales ${name} from ${deployment.spec.replicas} to ${replicas}`);
    this.#needs.writer.patch(DEPLOYMENTS, refOf(deployment), { spec: { replicas } });
  }

  #rollOut(): void {
    const name = this.#pickName();
    const deployment = name === undefined ? undefined : this.#deployment(name);
    if (deployment === undefined) return;
    this.#number += 1;
    this.#needs.tell(`story: rolls out ${name}`);
    const annotations = { revision: String(this.#number) };
    this.#needs.writer.patch(DEPLOYMENTS, refOf(deployment), { spec: { template: { metadata: { annotations } } } });
  }

  #killMachine(): void {
    const { state, random, cloud, kubelets, writer, tell } = this.#needs;
    if (!this.#machinesDie) return;
    const ours = [...state.of(NODES).values()].filter(
      ({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] !== undefined,
    );
    if (ours.length === 0) return;
    const { name } = random.pick(ours).metadata;
    tell(`story: the machine of ${name} dies`);
    cloud.kill(name, { kubelets, writer, state });
  }

  #loseMachines(): void {
    const { random, cloud, tell } = this.#needs;
    if (!this.#machinesDie) return;
    const count = random.between(1, 3);
    tell(`story: the next ${count} machines never come up`);
    cloud.loseNext(count);
  }

  #sellOut(): void {
    const { random, cloud, clock, tell } = this.#needs;
    if (!this.#offeringsSellOut) return;
    this.#number += 1;
    const id = String(this.#number);
    const what = random.pick([{ capacityType: "spot" }, { zone: random.pick(SMALL_ZONES), capacityType: "spot" }]);
    tell(`story: sold out: ${JSON.stringify(what)}`);
    cloud.sellOut(id, what);
    clock.after(random.between(2, 20) * MINUTE_MS, () => {
      tell(`story: restocked: ${JSON.stringify(what)}`);
      cloud.restock(id);
    });
  }
}

/** How long a story goes on unless told otherwise. */
export const STORY_MS = 2 * HOUR_MS;
