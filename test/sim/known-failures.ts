/**
 * Worlds that show a mistake which is not mended yet, of the product or of a judge; each is told in docs/simulation.md. A sweep with `--known`
 * expects them to fail: one that does not has to be taken off this list.
 */
const KNOWN_FAILURES: readonly { seed: number; onEc2: boolean }[] = [
  { seed: 42, onEc2: false },
  { seed: 127, onEc2: false },
  { seed: 143, onEc2: false },
  { seed: 8, onEc2: true },
  { seed: 14, onEc2: true },
  { seed: 23, onEc2: true },
];

export function isKnownToFail(seed: number, onEc2: boolean): boolean {
  return KNOWN_FAILURES.some((known) => known.seed === seed && known.onEc2 === onEc2);
}
