import { MINUTE_MS } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { NODES } from "../../model/kinds.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import type { ClusterWriter } from "../cache/cluster-writer.ts";
import type { Kubelets } from "../kubelet/kubelets.ts";
import type { CloudControl } from "./cloud-control.ts";

export type TakeBackNeeds = {
  clock: Clock;
  state: ClusterState;
  writer: ClusterWriter;
  kubelets: Kubelets;
  cloud: CloudControl;
  tell(line: string): void;
};

/** So long after its notice a spot instance is taken. */
const NOTICE_MS = 2 * MINUTE_MS;

/** The cloud announces that it takes the instance of this node, and does so two minutes later. */
export function takeBack({ clock, cloud, kubelets, writer, state, tell }: TakeBackNeeds, node: Node): void {
  const { name } = node.metadata;
  tell(`cloud: will take ${name}`);
  cloud.announce("spot_interrupted", node.spec.providerID ?? "");
  clock.after(NOTICE_MS, () => {
    if (state.of(NODES).get(name)?.metadata.uid !== node.metadata.uid) return;
    tell(`cloud: takes ${name}`);
    cloud.kill(name, { kubelets, writer, state });
  });
}
