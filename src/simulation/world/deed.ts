import type { Random } from "../../base/random.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import type { ClusterWriter } from "../cache/cluster-writer.ts";
import type { CloudControl } from "../cloud/cloud-control.ts";
import type { Kubelets } from "../kubelet/kubelets.ts";

/** Something that users, operators or the cloud do now and then. Many do nothing when nothing is there to do it to. */
export type Deed = {
  /** How often it comes up beside the others. */
  weight: number;
  /** Half of the worlds do without it; default: every world has it. */
  isOptional?: true;
  /** @param number of this deed in its world: names come from it */
  happen(random: Random, number: number): void;
};

/** What deeds are done with. */
export type DeedNeeds = {
  clock: Clock;
  state: ClusterState;
  writer: ClusterWriter;
  kubelets: Kubelets;
  cloud: CloudControl;
  /** 1: what 5 to 20 nodes hold; 10: ten times that. */
  scale: number;
  tell(line: string): void;
  /** The clocks of the product's machines go so far ahead from now on. */
  setClocksAhead(ms: number): void;
};

/** Ends a state of affairs after a while, at the latest when the story ends. */
export type Lasting = (ms: number, end: () => void) => void;
