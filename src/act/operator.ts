import type { Mirror } from "../watch/mirror.ts";
import type { Needs } from "./ports.ts";

/** Everything Karpenter does, on the given ports. */
export type OperatorOptions = Omit<Needs, "mirror" | "memory">;

export type Operator = {
  readonly mirror: Mirror;
  /** Ends watches and controllers; resolves when nothing is in flight. */
  stop(): Promise<void>;
};

/** Starts the mirror and all controllers. */
export function startOperator(_options: OperatorOptions): Operator {
  throw new RangeError("the assembly follows with the controllers");
}
