const OF_HISTOGRAMS = /_(bucket|sum|count)$/;
/** Labels that the scrape itself gives, and those of histograms. */
const SCRAPED = ["job", "instance", "pod", "container", "endpoint", "namespace", "service", "le", "quantile"];
const WORD = /"(?:[^"\\]|\\.)*"|[a-zA-Z_:][a-zA-Z0-9_:]*|==|>=|<=|=~|!~|!=|[^\s]/g;
const METRIC = /^(karpenter|operator|controller_runtime|workqueue|leader|client_go|process|certwatcher)_/;
const GROUPING = /^(by|without|on|ignoring|group_left|group_right)$/;
const MATCHER = /^(=|=~|!=|!~)$/;

export type KnownMetrics = ReadonlyMap<string, { type: string; labels: readonly string[] }>;

/**
 * What a PromQL query asks for that nobody exposes: metrics, and labels that the metric before their braces does not have.
 * A label to group by must be one of some metric in the query.
 */
export function unknownInQuery(query: string, known: KnownMetrics): string[] {
  const words = query.match(WORD) ?? [];
  const metrics = words.filter((word) => METRIC.test(word));
  if (metrics.length === 0) return ["no metric at all"];
  const unknown = metrics
    .filter((metric) => labelsOf(metric, known) === undefined)
    .map((metric) => `no metric ${metric}`);
  return [...unknown, ...unknownMatchers(words, known), ...unknownGroupings(words, metrics, known)];
}

function unknownMatchers(words: readonly string[], known: KnownMetrics): string[] {
  return words.flatMap((label, i) => {
    if (!MATCHER.test(words[i + 1] ?? "") || !/^[a-z_]+$/.test(label)) return [];
    const metric = words.slice(0, i).findLast((before) => METRIC.test(before)) ?? "";
    const labels = [...SCRAPED, ...(labelsOf(metric, known) ?? [label])];
    return labels.includes(label) ? [] : [`${metric} has no label ${label}`];
  });
}

function unknownGroupings(words: readonly string[], metrics: readonly string[], known: KnownMetrics): string[] {
  const labels = new Set([...SCRAPED, ...metrics.flatMap((metric) => labelsOf(metric, known) ?? [])]);
  return words.flatMap((word, i) => {
    if (!GROUPING.test(word) || words[i + 1] !== "(") return [];
    const asked = words.slice(i + 2, words.indexOf(")", i)).filter((label) => label !== ",");
    return asked.filter((label) => !labels.has(label)).map((label) => `no label ${label} to group by`);
  });
}

/** Undefined: nobody exposes it. A histogram is exposed by its parts alone. */
function labelsOf(name: string, known: KnownMetrics): readonly string[] | undefined {
  const spec = known.get(name);
  if (spec !== undefined) return spec.type === "histogram" ? undefined : spec.labels;
  const base = known.get(name.replace(OF_HISTOGRAMS, ""));
  return base?.type === "histogram" || base?.type === "summary" ? base.labels : undefined;
}
