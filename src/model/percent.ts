/** A number, or a share such as "10%". */
export type IntOrPercent = number | string;

/**
 * The number meant, of `total`; undefined when it is neither a whole number nor a percentage.
 * @param rounding what happens to a fraction of a share
 */
export function scaledValue(value: IntOrPercent, total: number, rounding: "up" | "down"): number | undefined {
  if (typeof value === "number") return Number.isInteger(value) ? value : undefined;
  const share = /^([0-9]+)%$/.exec(value);
  if (share === null) return undefined;
  const scaled = (Number(share[1]) * total) / 100;
  return rounding === "up" ? Math.ceil(scaled) : Math.floor(scaled);
}
