/**
 * The seeds of one share, in order.
 * @param share "3/10": every tenth seed, from the third on
 */
export function seedList({ from, seeds, share }: { from: number; seeds: number; share: string }): number[] {
  const [, part, parts] = /^([0-9]+)\/([0-9]+)$/.exec(share) ?? [];
  const [index, count] = [Number(part ?? 0), Number(parts ?? 0)];
  if (!(index >= 1 && index <= count)) {
    throw new RangeError(`--share is "${share}": say which share of how many, such as 3/10`);
  }
  const all = Array.from({ length: seeds }, (_, i) => from + i);
  return all.filter((_, i) => i % count === index - 1);
}
