import type { Container, PodSpec, ResourceList } from "../../model/core.ts";

/** Whole numbers by resource name: cpu in milli-cores, the rest in its base unit. */
export type Amounts = Record<string, number>;

const UNITS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};
const seen = new Map<string, number>();
const SEEN_MAX = 10_000;

/** A quantity in base units; 0 for a text that is none, as the API server lets none of those in. */
export function amountOf(quantity: string | number): number {
  if (typeof quantity === "number") return quantity;
  const known = seen.get(quantity);
  if (known !== undefined) return known;
  const match = /^([+-]?[\d.]+)(?:[eE]([+-]?\d+))?([a-zA-Z]*)$/.exec(quantity);
  const amount = match === null ? 0 : Number(match[1]) * 10 ** Number(match[2] ?? 0) * (UNITS[match[3] ?? ""] ?? 0);
  if (seen.size >= SEEN_MAX) seen.clear();
  seen.set(quantity, amount);
  return amount;
}

/** Amounts of a list, rounded up to whole milli-cores and units. */
export function amountsOf(list: ResourceList | undefined): Amounts {
  const amounts: Amounts = {};
  for (const [name, quantity] of Object.entries(list ?? {})) {
    const amount = amountOf(quantity);
    amounts[name] = Math.ceil((name === "cpu" ? amount * 1_000 : amount) - 1e-6);
  }
  return amounts;
}

/**
 * What a pod takes from a node: the larger of its containers with sidecars and of each init container with the sidecars
 * before it; amounts for the whole pod override; the overhead comes on top. `pods` is 1.
 */
export function podAmounts(spec: PodSpec): Amounts {
  const running: Amounts = {};
  for (const container of spec.containers) addTo(running, requestsOf(container));
  const sidecars: Amounts = {};
  const peak: Amounts = {};
  for (const container of spec.initContainers ?? []) {
    const own = requestsOf(container);
    if (container.restartPolicy === "Always") {
      addTo(sidecars, own);
      raiseTo(peak, sidecars);
    } else {
      addTo(own, sidecars);
      raiseTo(peak, own);
    }
  }
  addTo(running, sidecars);
  raiseTo(running, peak);
  for (const [name, amount] of Object.entries(amountsOf(spec.resources?.requests))) running[name] = amount;
  addTo(running, amountsOf(spec.overhead));
  running["pods"] = 1;
  return running;
}

export function addTo(sum: Amounts, more: Amounts): void {
  for (const name in more) sum[name] = (sum[name] ?? 0) + (more[name] ?? 0);
}

export function takeFrom(sum: Amounts, less: Amounts): void {
  for (const name in less) sum[name] = (sum[name] ?? 0) - (less[name] ?? 0);
}

function raiseTo(sum: Amounts, other: Amounts): void {
  for (const name in other) sum[name] = Math.max(sum[name] ?? 0, other[name] ?? 0);
}

/** A limit without a request is a request. */
function requestsOf(container: Container): Amounts {
  return { ...amountsOf(container.resources?.limits), ...amountsOf(container.resources?.requests) };
}
