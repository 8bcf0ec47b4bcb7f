/** How a quantity was written, which decides how it is printed again. */
export type QuantityFormat = "DecimalSI" | "BinarySI" | "DecimalExponent";

/** A Kubernetes amount, exactly: a whole number of billionths. Immutable. */
export type Quantity = { readonly nano: bigint; readonly format: QuantityFormat };

/**
 * Reads a quantity as Kubernetes does: sign, digits, and one of the suffixes n u m k M G T P E, Ki to Ei, or a decimal
 * exponent. What is finer than a billionth is rounded away from zero; binary amounts are capped at 2^63 - 1.
 * @returns undefined when the text is no quantity (unlike Go's parser, a lone sign or point is none)
 * @source k8s.io/apimachinery pkg/api/resource, ParseQuantity
 */
export function parseQuantity(written: string | number): Quantity | undefined {
  const match = GRAMMAR.exec(typeof written === "number" ? String(written) : written);
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = "", suffix = ""] = match;
  if (whole === "" && fraction === "") return undefined;
  const scale = scaleOf(suffix);
  if (scale === undefined) return undefined;
  const digits = BigInt(`${whole}${fraction}`);
  if (digits === 0n) return { nano: 0n, format: scale.format };
  const nano = scaledToNano(digits, fraction.length, scale);
  if (nano === undefined) return undefined;
  const capped = scale.format === "BinarySI" && nano > BINARY_MAX_NANO ? BINARY_MAX_NANO : nano;
  // A binary suffix on less than one whole unit would print as nonsense such as "0.5Ki of a byte".
  const format = scale.format === "BinarySI" && capped < NANO ? "DecimalSI" : scale.format;
  return { nano: sign === "-" ? -capped : capped, format };
}

/** The canonical text: the largest suffix that needs no fraction, in the quantity's own format. */
export function formatQuantity(quantity: Quantity): string {
  const { nano, format } = quantity;
  if (nano === 0n) return "0";
  const magnitude = nano < 0n ? -nano : nano;
  const sign = nano < 0n ? "-" : "";
  // Below 1024 and for fractions of a unit a binary suffix would lose precision.
  const isBinary = format === "BinarySI" && magnitude >= 1024n * NANO && magnitude % NANO === 0n;
  return `${sign}${isBinary ? binaryText(magnitude / NANO) : decimalText(magnitude, format)}`;
}

/** The canonical text of a written quantity, or undefined when it is none. */
export function canonicalQuantity(written: string | number): string | undefined {
  const quantity = parseQuantity(written);
  return quantity === undefined ? undefined : formatQuantity(quantity);
}

/** The sum, in the format of the first that is not zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format };
}

/** Negative, zero or positive as a is less than, equal to or more than b. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0;
}

/** Thousandths, rounded up; beyond 2^53 - 1 the nearest safe number. */
export function milliValue(quantity: Quantity): number {
  return toSafeNumber(ceilDiv(quantity.nano, MILLI));
}

/** Whole units, rounded up; beyond 2^53 - 1 the nearest safe number. */
export function wholeValue(quantity: Quantity): number {
  return toSafeNumber(ceilDiv(quantity.nano, NANO));
}

/** A number of whole units as a quantity; fractions are rounded up. */
export function quantityOfWhole(units: number, format: QuantityFormat = "DecimalSI"): Quantity {
  return { nano: BigInt(Math.ceil(units)) * NANO, format };
}

/** A number of thousandths as a quantity; fractions are rounded up. */
export function quantityOfMilli(milli: number): Quantity {
  return { nano: BigInt(Math.ceil(milli)) * MILLI, format: "DecimalSI" };
}

const GRAMMAR = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([A-Za-z]{0,2}|[eE][+-]?[0-9]+)$/;
const NANO = 1_000_000_000n;
const MILLI = 1_000_000n;
const BINARY_MAX_NANO = ((1n << 63n) - 1n) * NANO;
/** Larger decimal exponents describe nothing that exists, and would only eat memory. */
const EXPONENT_MAX = 1_000;

const DECIMAL_SUFFIXES: readonly (readonly [string, number])[] = [
  ["n", -9],
  ["u", -6],
  ["m", -3],
  ["", 0],
  ["k", 3],
  ["M", 6],
  ["G", 9],
  ["T", 12],
  ["P", 15],
  ["E", 18],
];
const BINARY_SUFFIXES: readonly string[] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

type Scale = { base: 2 | 10; exponent: number; format: QuantityFormat };

const SCALES: ReadonlyMap<string, Scale> = new Map<string, Scale>([
  ...DECIMAL_SUFFIXES.map(([suffix, exponent]): [string, Scale] => [
    suffix,
    { base: 10, exponent, format: "DecimalSI" },
  ]),
  ...BINARY_SUFFIXES.slice(1).map((suffix, index): [string, Scale] => [
    suffix,
    { base: 2, exponent: (index + 1) * 10, format: "BinarySI" },
  ]),
]);

function scaleOf(suffix: string): Scale | undefined {
  const known = SCALES.get(suffix);
  if (known !== undefined) return known;
  if (!/^[eE][+-]?[0-9]+$/.test(suffix)) return undefined;
  return { base: 10, exponent: Number(suffix.slice(1)), format: "DecimalExponent" };
}

function scaledToNano(digits: bigint, fractionDigits: number, scale: Scale): bigint | undefined {
  if (scale.base === 2) {
    return ceilDiv((digits << BigInt(scale.exponent)) * NANO, 10n ** BigInt(fractionDigits));
  }
  const exponent = scale.exponent - fractionDigits + 9;
  if (exponent > EXPONENT_MAX) return undefined;
  if (exponent >= 0) return digits * 10n ** BigInt(exponent);
  if (-exponent > EXPONENT_MAX + fractionDigits) return 1n;
  return ceilDiv(digits, 10n ** BigInt(-exponent));
}

function binaryText(units: bigint): string {
  let [amount, power] = [units, 0];
  while (power < BINARY_SUFFIXES.length - 1 && amount % 1024n === 0n) {
    amount /= 1024n;
    power += 1;
  }
  return `${amount}${BINARY_SUFFIXES[power] ?? ""}`;
}

function decimalText(nano: bigint, format: QuantityFormat): string {
  // Go loses the suffix above E; we stop there and print more digits instead.
  const exponentMax = format === "DecimalExponent" ? EXPONENT_MAX : 18;
  let [amount, exponent] = [nano, -9];
  while (exponent + 3 <= exponentMax && amount % 1000n === 0n) {
    amount /= 1000n;
    exponent += 3;
  }
  if (format === "DecimalExponent") return exponent === 0 ? `${amount}` : `${amount}e${exponent}`;
  return `${amount}${DECIMAL_SUFFIXES[exponent / 3 + 3]?.[0] ?? ""}`;
}

function ceilDiv(amount: bigint, divisor: bigint): bigint {
  const floored = amount / divisor;
  return amount > 0n && amount % divisor !== 0n ? floored + 1n : floored;
}

function toSafeNumber(amount: bigint): number {
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(amount > limit ? limit : amount < -limit ? -limit : amount);
}
