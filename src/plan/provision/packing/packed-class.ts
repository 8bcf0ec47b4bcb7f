import type { Pod } from "../../../model/core.ts";
import type { ClassStage, NumberedClass } from "../stages.ts";

/** Pods that go to nodes one by one, or in bundles that share a node, with their domains decided. */
export type PackedClass = NumberedClass & {
  /** Pods of a bundle; 1 for pods that go alone. `pods` lists bundle after bundle. */
  readonly unit: number;
  /** The classes that a bundle is made of; for pods that go alone just their own. */
  readonly parts: readonly NumberedClass[];
  /** Labels (numbers of the topology's) on which the node's value was decided: a claim is pinned to it. */
  readonly pinned: readonly number[];
  /** Where they may go now. */
  readonly stages: readonly ClassStage[];
  /** Where they might have gone before any domain was decided. */
  readonly openStages: readonly ClassStage[];
};

/** The pods of some of the class's bundles. */
export function podsOfUnits({ pods, unit }: PackedClass, from: number, count: number): readonly Pod[] {
  return pods.slice(from * unit, (from + count) * unit);
}
