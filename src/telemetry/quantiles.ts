/** Quantiles of the values seen within the last `windowMs`, which ages in `slices` steps. */
export class Quantiles {
  readonly #sliceMs: number;
  readonly #slices: number;
  /** Newest last. */
  #kept: Slice[] = [];

  constructor({ windowMs, slices }: { windowMs: number; slices: number }) {
    this.#sliceMs = windowMs / slices;
    this.#slices = slices;
  }

  add(value: number, nowMs: number): void {
    const slice = this.#current(nowMs);
    slice.values.push(value);
    slice.weights.push(1);
    if (slice.values.length >= VALUES_MAX) thin(slice);
  }

  /** One value for each wanted quantile (0 to 1); NaN when nothing was seen lately. */
  at(quantiles: readonly number[], nowMs: number): number[] {
    this.#dropOld(nowMs);
    const pairs = this.#kept.flatMap(pairsOf).sort((a, b) => a.value - b.value);
    const total = pairs.reduce((sum, pair) => sum + pair.weight, 0);
    return quantiles.map((quantile) => {
      const rank = Math.max(1, Math.ceil(quantile * total));
      let passed = 0;
      for (const { value, weight } of pairs) {
        passed += weight;
        if (passed >= rank) return value;
      }
      return Number.NaN;
    });
  }

  #current(nowMs: number): Slice {
    this.#dropOld(nowMs);
    const startMs = Math.floor(nowMs / this.#sliceMs) * this.#sliceMs;
    const last = this.#kept.at(-1);
    if (last !== undefined && last.startMs >= startMs) return last;
    const slice: Slice = { startMs, values: [], weights: [] };
    this.#kept.push(slice);
    return slice;
  }

  #dropOld(nowMs: number): void {
    const oldestMs = (Math.floor(nowMs / this.#sliceMs) - this.#slices + 1) * this.#sliceMs;
    if (this.#kept.some(({ startMs }) => startMs < oldestMs)) {
      this.#kept = this.#kept.filter(({ startMs }) => startMs >= oldestMs);
    }
  }
}

type Slice = { startMs: number; values: number[]; weights: number[] };

/** So many that a thinned slice is still exact to well below one percent of rank. */
const VALUES_MAX = 2_048;

function pairsOf({ values, weights }: Slice): { value: number; weight: number }[] {
  return values.map((value, i) => ({ value, weight: weights[i] ?? 0 }));
}

/** Halves a slice: of two neighbours in order one stays, with the weight of both. The extremes stay themselves. */
function thin(slice: Slice): void {
  const pairs = pairsOf(slice).sort((a, b) => a.value - b.value);
  const first = pairs.shift();
  const last = pairs.pop();
  const kept: { value: number; weight: number }[] = [];
  for (let i = 0; i < pairs.length; i += 2) {
    const [one, two] = [pairs[i], pairs[i + 1]];
    if (one === undefined) break;
    // Taking the upper and the lower one by turns keeps the ranks from drifting.
    const value = two === undefined || (i / 2) % 2 === 0 ? one.value : two.value;
    kept.push({ value, weight: one.weight + (two?.weight ?? 0) });
  }
  const all = [...(first === undefined ? [] : [first]), ...kept, ...(last === undefined ? [] : [last])];
  slice.values = all.map(({ value }) => value);
  slice.weights = all.map(({ weight }) => weight);
}
