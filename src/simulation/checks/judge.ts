import type { Node } from "../../model/core.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import type { ProductCall } from "../faults/faulty-call.ts";

/** A broken promise of the product, with when it was noticed. */
export type Violation = { atMs: number; judge: string; what: string };

export type JudgeNeeds = {
  clock: Clock;
  state: ClusterState;
  /** Whether the product may hear of changes late, or lose watches. */
  watchesLag: boolean;
  /** How often something sold out or came back into stock. */
  stockChanges(): number;
  /** How often prices have changed. */
  priceChanges(): number;
  /** USD per hour of a node at this moment. */
  priceOf(node: Node): number;
  /** Reports once per text: a law that stays broken is one violation. */
  report(judge: string, what: string): void;
};

/** Watches the world apart from the workloads, and never acts. */
export type Judge = {
  /** Every simulated second. */
  onSecond?(nowMs: number): void;
  /** Before a call of the product takes effect. */
  onCall?(call: ProductCall): void;
};
