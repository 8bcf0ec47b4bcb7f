/**
 * Milliseconds of a duration as Go writes it ("1h30m", "-1.5s", "0"), or undefined when it is none.
 * Fractions of a millisecond are cut off; more than 290 years (Go's range) is none.
 */
export function parseDuration(text: string): number | undefined {
  const nanos = parseDurationNanos(text);
  return nanos === undefined ? undefined : Number(nanos / 1_000_000n);
}

/** The same in whole nanoseconds. @source Go's time.ParseDuration */
export function parseDurationNanos(text: string): bigint | undefined {
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  const body = text.slice(sign.length);
  if (body === "0") return 0n;
  if (body === "" || !/^(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) return undefined;
  let nanos = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of body.matchAll(
    /([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)/g,
  )) {
    const unitNanos = UNITS_NANOS.get(unit) ?? 0n;
    nanos += BigInt(whole === "" ? "0" : whole) * unitNanos;
    if (fraction !== "") nanos += (BigInt(fraction) * unitNanos) / 10n ** BigInt(fraction.length);
  }
  if (nanos > NANOS_MAX) return undefined;
  return sign === "-" ? -nanos : nanos;
}

/** As NodePool and NodeClaim write durations: also "Never", which is Infinity; undefined when it is neither. */
export function parseNillableDuration(text: string): number | undefined {
  return text === "Never" ? Number.POSITIVE_INFINITY : parseDuration(text);
}

/** As Go prints it: "30m0s", "1.5s", "0s"; "Never" for Infinity. */
export function formatDuration(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return "Never";
  const whole = Math.round(Math.abs(ms));
  const sign = ms < 0 && whole > 0 ? "-" : "";
  if (whole === 0) return "0s";
  if (whole < 1_000) return `${sign}${whole}ms`;
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor(whole / 60_000) % 60;
  const seconds = `${(whole % 60_000) / 1_000}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

const NANOS_MAX = (1n << 63n) - 1n;
const UNITS_NANOS: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1_000n],
  ["µs", 1_000n],
  ["μs", 1_000n],
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60_000_000_000n],
  ["h", 3_600_000_000_000n],
]);
