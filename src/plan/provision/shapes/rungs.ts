import type { PackingProblem } from "../packing/packing-problem.ts";

type Shapes = Pick<PackingProblem, "shapesOf" | "capacity" | "price">;

/** A kind with no more shapes than this is looked at whole. */
const WHOLE_MAX = 64;
/** A shape is left out for one that has as much of everything, and at most so many times its price and room. */
const STEP = 1.08;

/**
 * Per kind the shapes that nodes are opened as while a plan is made: not two of nearly the same size, but always one that
 * holds what the others hold. Little is lost, as in the end every node becomes the cheapest shape of all for its pods.
 */
export function rungsOf({ shapesOf, capacity, price }: Shapes, dims: number): Int32Array[] {
  return shapesOf.map((shapes) => {
    if (shapes.length <= WHOLE_MAX) return shapes;
    const kept: number[] = [];
    // The dearest first: what stands in for a shape is a little larger.
    for (let i = shapes.length - 1; i >= 0; i -= 1) {
      const shape = shapes[i] ?? 0;
      const dearest = STEP * (price[shape] ?? 0);
      const standsIn = (other: number): boolean =>
        (price[other] ?? 0) <= dearest && isStepAbove(capacity, other * dims, shape * dims, dims);
      if (!kept.some(standsIn)) kept.push(shape);
    }
    return Int32Array.from(kept.reverse());
  });
}

function isStepAbove(capacity: Float64Array, larger: number, smaller: number, dims: number): boolean {
  for (let d = 0; d < dims; d += 1) {
    const amount = capacity[smaller + d] ?? 0;
    const other = capacity[larger + d] ?? 0;
    if (other < amount || other > amount * STEP) return false;
  }
  return true;
}
