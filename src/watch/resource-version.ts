/**
 * Orders two resourceVersions: negative when `a` is older. They are whole numbers without leading zeros in every
 * API server (since 1.35 by contract), and may be larger than a double holds.
 */
export function compareVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
