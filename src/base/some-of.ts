/** "a, b and 3 other(s)". */
export function someOf(names: readonly string[], max: number): string {
  const more = names.length - max;
  return `${names.slice(0, max).join(", ")}${more > 0 ? ` and ${more} other(s)` : ""}`;
}
