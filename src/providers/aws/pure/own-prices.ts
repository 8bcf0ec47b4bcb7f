type CapacityType = "on-demand" | "spot";
/** What a row of the file is about; what is absent, it holds for all. */
type Scope = { instanceType?: RegExp; capacityType?: CapacityType; zone?: string };
type Row = Scope & { usdPerHour?: number; factor?: number };
type Asked = { type: string; capacityType: CapacityType; zone: string };

/** Prices that a contract has: rates of one's own, and discounts on what AWS tells. */
export class OwnPrices {
  /** Equal for equal prices. */
  readonly key: string;
  readonly #rows: readonly Row[];

  constructor(rows: readonly Row[], key: string) {
    this.#rows = rows;
    this.key = key;
  }

  /** @param listed what AWS tells; undefined: nothing. The first row that fits counts. */
  price(asked: Asked, listed: number | undefined): number | undefined {
    const row = this.#rows.find((one) => fits(one, asked));
    if (row === undefined) return listed;
    if (row.usdPerHour !== undefined) return row.usdPerHour;
    return listed === undefined ? undefined : listed * (row.factor ?? 1);
  }
}

function fits({ instanceType, capacityType, zone }: Scope, asked: Asked): boolean {
  return (
    (capacityType === undefined || capacityType === asked.capacityType) &&
    (zone === undefined || zone === asked.zone) &&
    (instanceType === undefined || instanceType.test(asked.type))
  );
}

const KEYS: readonly string[] = ["instanceType", "capacityType", "zone", "usdPerHour", "factor"];

/**
 * The rows of a file of prices, read as YAML or JSON, or all that is wrong with them.
 * @param document a map whose one key, `prices`, holds a list of rows
 */
export function ownPrices(document: unknown): OwnPrices | { mistakes: readonly string[] } {
  const { prices, ...others } = isMap(document) ? document : { prices: undefined };
  const unknown = Object.keys(others).map((key) => `there is no key "${key}": all stands below "prices"`);
  if (!Array.isArray(prices)) return { mistakes: ['"prices" must be a list of rows', ...unknown] };
  const mistakes = [...unknown, ...prices.flatMap((row, i) => rowMistakes(row).map((text) => `prices[${i}]: ${text}`))];
  return mistakes.length > 0
    ? { mistakes }
    : new OwnPrices((prices as Record<string, unknown>[]).map(rowOf), JSON.stringify(prices));
}

function rowMistakes(row: unknown): string[] {
  if (!isMap(row)) return ["it is no map"];
  const { instanceType, capacityType, zone, usdPerHour, factor } = row;
  const mistakes = Object.keys(row)
    .filter((key) => !KEYS.includes(key))
    .map((key) => `there is no field "${key}"`);
  const isText = (value: unknown) => value === undefined || (typeof value === "string" && value !== "");
  if (!isText(instanceType)) mistakes.push("instanceType must be text, as in m5.large or m7g.*");
  if (!isText(zone)) mistakes.push("zone must be text");
  if (!["on-demand", "spot", undefined].includes(capacityType as string))
    mistakes.push("capacityType is on-demand or spot");
  if (zone !== undefined && capacityType !== "spot")
    mistakes.push("only spot prices differ by zone: say capacityType: spot");
  if ((usdPerHour === undefined) === (factor === undefined))
    mistakes.push("it needs usdPerHour or factor, and not both");
  for (const [name, value] of Object.entries({ usdPerHour, factor })) {
    const isGood = value === undefined || (typeof value === "number" && Number.isFinite(value) && value > 0);
    if (!isGood) mistakes.push(`${name} must be a number above 0`);
  }
  if (usdPerHour !== undefined && instanceType === undefined) mistakes.push("a price is that of an instanceType");
  return mistakes;
}

function rowOf({ instanceType, ...row }: Record<string, unknown>): Row {
  if (typeof instanceType !== "string") return row as Row;
  const pattern = instanceType.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return { ...(row as Row), instanceType: new RegExp(`^${pattern.join(".*")}$`) };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
