import { assert } from "../base/assert.ts";
import { InvariantError } from "../base/errors.ts";
import { byText } from "../base/order.ts";
import type { Clock } from "../ports/clock.ts";
import type { Labels, Metrics } from "../ports/telemetry.ts";
import { type MetricSpec, type MetricTableOptions, type MetricType, metricTable } from "./metric-table.ts";
import { Quantiles } from "./quantiles.ts";

export type MetricsRegistry = Metrics & {
  /** All that was counted and measured, in Prometheus' text format (version 0.0.4). */
  expose(): string;
  /** Has `refresh` called before each exposition. */
  beforeExposition(refresh: () => void): void;
  /** The present value of a counter or gauge, or the count of a histogram or summary; undefined without a sample. */
  read(name: string, labels?: Labels): number | undefined;
};

/**
 * Numbers by name and labels. A label that is not given is empty; one that the table does not know, an unknown name, or a
 * name of another type is a mistake of ours.
 */
export function createMetrics(options: MetricTableOptions & { clock: Clock }): MetricsRegistry {
  return new Registry(metricTable(options), options.clock);
}

const QUANTILES = [0, 0.5, 0.9, 0.99, 1] as const;

type Sample = {
  /** In the order of the family's labels. */
  labelValues: readonly string[];
  value: number;
  /** Of a histogram: how many fell into each bucket, not added up. */
  counts?: number[];
  quantiles?: Quantiles;
  sum: number;
};
type Family = { spec: MetricSpec; labelNames: ReadonlySet<string>; samples: Map<string, Sample> };

class Registry implements MetricsRegistry {
  readonly #clock: Clock;
  readonly #families = new Map<string, Family>();
  readonly #refreshes: (() => void)[] = [];

  constructor(table: readonly MetricSpec[], clock: Clock) {
    this.#clock = clock;
    for (const spec of table) {
      assert(!this.#families.has(spec.name), "a metric stands in the table once", spec.name);
      this.#families.set(spec.name, { spec, labelNames: new Set(spec.labels), samples: new Map() });
      for (const labels of spec.presets ?? []) this.count(spec.name, labels, 0);
    }
  }

  count(name: string, labels: Labels = {}, by = 1): void {
    if (!(by >= 0)) throw new InvariantError("a counter never falls", { name, by });
    this.#sample(name, labels, "counter").value += by;
  }

  gauge(name: string, value: number, labels: Labels = {}): void {
    this.#sample(name, labels, "gauge").value = value;
  }

  observe(name: string, value: number, labels: Labels = {}): void {
    const sample = this.#sample(name, labels, "histogram", "summary");
    sample.value += 1;
    sample.sum += value;
    sample.quantiles?.add(value, this.#clock.nowMs());
    if (sample.counts === undefined) return;
    const buckets = this.#family(name).spec.buckets ?? [];
    const index = buckets.findIndex((bound) => value <= bound);
    if (index >= 0) sample.counts[index] = (sample.counts[index] ?? 0) + 1;
  }

  forget(name: string, labels: Labels): void {
    const family = this.#family(name);
    checkLabels(family, labels);
    const wanted = family.spec.labels.flatMap((label, i) => {
      const value = labels[label];
      return value === undefined ? [] : [{ i, value }];
    });
    if (wanted.length === family.spec.labels.length) family.samples.delete(keyOf(family, labels));
    else {
      for (const [key, { labelValues }] of family.samples) {
        if (wanted.every(({ i, value }) => labelValues[i] === value)) family.samples.delete(key);
      }
    }
  }

  read(name: string, labels: Labels = {}): number | undefined {
    const family = this.#family(name);
    checkLabels(family, labels);
    return family.samples.get(keyOf(family, labels))?.value;
  }

  beforeExposition(refresh: () => void): void {
    this.#refreshes.push(refresh);
  }

  expose(): string {
    for (const refresh of this.#refreshes) refresh();
    const nowMs = this.#clock.nowMs();
    const families = [...this.#families.values()].filter(({ samples }) => samples.size > 0);
    families.sort((a, b) => byText(a.spec.name, b.spec.name));
    return families.map((family) => familyText(family, nowMs)).join("");
  }

  #family(name: string): Family {
    const family = this.#families.get(name);
    if (family === undefined) throw new InvariantError(`metric ${name} stands in the table`);
    return family;
  }

  #sample(name: string, labels: Labels, type: MetricType, otherType?: MetricType): Sample {
    const family = this.#family(name);
    const key = keyOf(family, labels);
    const known = family.samples.get(key);
    if (known !== undefined) return known;
    checkLabels(family, labels);
    const { spec } = family;
    if (spec.type !== type && spec.type !== otherType) throw new InvariantError(`metric ${name} is a ${spec.type}`);
    const sample: Sample = { labelValues: spec.labels.map((label) => labels[label] ?? ""), value: 0, sum: 0 };
    if (spec.type === "histogram") sample.counts = (spec.buckets ?? []).map(() => 0);
    if (spec.type === "summary") sample.quantiles = new Quantiles({ windowMs: 600_000, slices: 5 });
    family.samples.set(key, sample);
    return sample;
  }
}

function keyOf({ spec }: Family, labels: Labels): string {
  const [first] = spec.labels;
  // Most have one label: its value is the key, without a text to put together.
  if (first === undefined || spec.labels.length === 1) return first === undefined ? "" : (labels[first] ?? "");
  let key = "";
  for (const label of spec.labels) key += `${labels[label] ?? ""}\0`;
  return key;
}

function checkLabels({ spec, labelNames }: Family, labels: Labels): void {
  for (const label of Object.keys(labels)) {
    assert(labelNames.has(label), `metric ${spec.name} has the label ${label}`);
  }
}

function familyText({ spec, samples }: Family, nowMs: number): string {
  const sorted = [...samples].sort(([a], [b]) => byText(a, b));
  const lines = sorted.flatMap(([, sample]) => sampleLines(spec, sample, nowMs));
  return `# HELP ${spec.name} ${escaped(spec.help)}\n# TYPE ${spec.name} ${spec.type}\n${lines.join("\n")}\n`;
}

function sampleLines(spec: MetricSpec, sample: Sample, nowMs: number): string[] {
  const { name, labels } = spec;
  const pairs = labels.map((label, i) => `${label}="${escapedValue(sample.labelValues[i] ?? "")}"`);
  const own = inBraces(pairs);
  if (spec.type === "counter" || spec.type === "gauge") return [`${name}${own} ${numberText(sample.value)}`];
  const totals = [`${name}_sum${own} ${numberText(sample.sum)}`, `${name}_count${own} ${sample.value}`];
  if (sample.quantiles !== undefined) {
    const values = sample.quantiles.at(QUANTILES, nowMs);
    const lines = QUANTILES.map((q, i) => {
      return `${name}${inBraces([...pairs, `quantile="${q}"`])} ${numberText(values[i] ?? Number.NaN)}`;
    });
    return [...lines, ...totals];
  }
  let below = 0;
  const lines = (spec.buckets ?? []).map((bound, i) => {
    below += sample.counts?.[i] ?? 0;
    return `${name}_bucket${inBraces([...pairs, `le="${numberText(bound)}"`])} ${below}`;
  });
  return [...lines, `${name}_bucket${inBraces([...pairs, 'le="+Inf"'])} ${sample.value}`, ...totals];
}

function inBraces(pairs: readonly string[]): string {
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapedValue(text: string): string {
  return /["\\\n]/.test(text) ? escaped(text).replaceAll('"', '\\"') : text;
}
