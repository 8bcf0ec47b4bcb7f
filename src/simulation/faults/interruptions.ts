import type { Random } from "../../base/random.ts";
import { MINUTE_MS } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { NODES } from "../../model/kinds.ts";
import { CAPACITY_TYPE_LABEL, NODE_POOL_LABEL } from "../../model/labels.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import type { ClusterWriter } from "../cache/cluster-writer.ts";
import type { CloudControl } from "../cloud/cloud-control.ts";
import type { Kubelets } from "../kubelet/kubelets.ts";

type InterruptionNeeds = {
  clock: Clock;
  random: Random;
  state: ClusterState;
  writer: ClusterWriter;
  kubelets: Kubelets;
  cloud: CloudControl;
  tell(line: string): void;
};

/** So long after its notice a spot instance is taken. */
const NOTICE_MS = 2 * MINUTE_MS;

/** The cloud takes spot instances back, in half of the worlds: each is announced, and gone two minutes later. */
export class InterruptionFault {
  readonly #needs: InterruptionNeeds;
  readonly #isOn: boolean;
  #isOver = false;

  constructor(needs: InterruptionNeeds) {
    this.#needs = needs;
    this.#isOn = needs.random.chance(0.5);
  }

  /** Goes on by itself until `end`. */
  begin(): void {
    if (this.#isOn) this.#next();
  }

  end(): void {
    this.#isOver = true;
  }

  /** Announces that the instance of this node is taken, and takes it. */
  takeBack(node: Node): void {
    const { clock, cloud, kubelets, writer, state, tell } = this.#needs;
    const { name } = node.metadata;
    tell(`cloud: will take ${name}`);
    cloud.announce("spot_interrupted", node.spec.providerID ?? "");
    clock.after(NOTICE_MS, () => {
      if (state.of(NODES).get(name)?.metadata.uid !== node.metadata.uid) return;
      tell(`cloud: takes ${name}`);
      cloud.kill(name, { kubelets, writer, state });
    });
  }

  #next(): void {
    const { clock, random } = this.#needs;
    clock.after(random.between(4, 30) * MINUTE_MS, () => {
      if (this.#isOver) return;
      this.#strike();
      this.#next();
    });
  }

  #strike(): void {
    const { random, state, cloud, tell } = this.#needs;
    const ours = [...state.of(NODES).values()].filter(
      ({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] !== undefined,
    );
    if (ours.length === 0) return;
    const node = random.pick(ours);
    if (node.metadata.labels?.[CAPACITY_TYPE_LABEL] === "spot") {
      if (random.chance(0.8)) this.takeBack(node);
      else cloud.announce("rebalance_recommendation", node.spec.providerID ?? "");
    } else if (random.chance(0.3)) {
      tell(`cloud: work on the machine of ${node.metadata.name} is scheduled`);
      cloud.announce("scheduled_change", node.spec.providerID ?? "");
    }
  }
}
