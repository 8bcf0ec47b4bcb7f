import type { TopologySpreadConstraint } from "./core.ts";
import { qualifiedNameProblem } from "./qualified-name.ts";

export type SchedulerConfig =
  | { defaultSpread: readonly TopologySpreadConstraint[] }
  /** What is wrong, one phrase each. */
  | { mistakes: readonly string[] };

/**
 * The default spread constraints of a scheduler configuration: `podTopologySpread.defaultConstraints` as upstream reads it,
 * where unknown fields are mistakes, or a whole KubeSchedulerConfiguration, of which only the arguments of the plugin
 * PodTopologySpread are looked at (of the default profile, or else of the first).
 * @param document parsed YAML or JSON; undefined or null: nothing is configured
 */
export function schedulerConfigOf(document: unknown): SchedulerConfig {
  if (document === undefined || document === null) return { defaultSpread: [] };
  if (!isObject(document)) return { mistakes: ["it is no object"] };
  if (document["kind"] === "KubeSchedulerConfiguration") return fromProfiles(document["profiles"]);
  const mistakes = unknownFields(document, ["podTopologySpread"], "");
  const spread = document["podTopologySpread"];
  if (spread === undefined || spread === null) return mistakes.length > 0 ? { mistakes } : { defaultSpread: [] };
  if (!isObject(spread)) return { mistakes: [...mistakes, "podTopologySpread is no object"] };
  mistakes.push(...unknownFields(spread, ["defaultConstraints"], "podTopologySpread."));
  const read = constraintsOf(spread["defaultConstraints"], "podTopologySpread.defaultConstraints");
  if ("mistakes" in read) mistakes.push(...read.mistakes);
  return mistakes.length > 0 ? { mistakes } : read;
}

type Fields = Readonly<Record<string, unknown>>;

/** What kube-scheduler spreads by when its configuration says nothing, or "System". */
const SYSTEM_DEFAULTS: readonly TopologySpreadConstraint[] = [
  { maxSkew: 3, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway" },
  { maxSkew: 5, topologyKey: "topology.kubernetes.io/zone", whenUnsatisfiable: "ScheduleAnyway" },
];

function fromProfiles(profiles: unknown): SchedulerConfig {
  const all = listOf(profiles).filter(isObject);
  const chosen = all.find(({ schedulerName = "default-scheduler" }) => schedulerName === "default-scheduler") ?? all[0];
  const plugins = listOf(chosen?.["pluginConfig"]).filter(isObject);
  const args = plugins.find(({ name }) => name === "PodTopologySpread")?.["args"];
  if (!isObject(args) || (args["defaultingType"] ?? "System") === "System") return { defaultSpread: SYSTEM_DEFAULTS };
  return constraintsOf(args["defaultConstraints"], "PodTopologySpread's defaultConstraints");
}

const CONSTRAINT_FIELDS = [
  "maxSkew",
  "topologyKey",
  "whenUnsatisfiable",
  "minDomains",
  "nodeAffinityPolicy",
  "nodeTaintsPolicy",
];
const FORBIDDEN_FIELDS = ["labelSelector", "matchLabelKeys"];

function constraintsOf(list: unknown, at: string): SchedulerConfig {
  if (list === undefined || list === null) return { defaultSpread: [] };
  if (!Array.isArray(list)) return { mistakes: [`${at} is no list`] };
  const mistakes = list.flatMap((one: unknown, i) => constraintMistakes(one, `${at}[${i}]`));
  if (mistakes.length > 0) return { mistakes };
  const defaultSpread = list as TopologySpreadConstraint[];
  const seen = new Set<string>();
  for (const { topologyKey, whenUnsatisfiable } of defaultSpread) {
    const id = `${topologyKey} with ${whenUnsatisfiable}`;
    if (seen.has(id)) mistakes.push(`${at} names ${id} twice`);
    seen.add(id);
  }
  return mistakes.length > 0 ? { mistakes } : { defaultSpread };
}

function constraintMistakes(one: unknown, at: string): string[] {
  if (!isObject(one)) return [`${at} is no object`];
  const mistakes = FORBIDDEN_FIELDS.filter((field) => one[field] !== undefined).map(
    (field) => `${at}.${field} is not allowed: it comes from the pods' Services and owners`,
  );
  mistakes.push(...unknownFields(one, [...CONSTRAINT_FIELDS, ...FORBIDDEN_FIELDS], `${at}.`));
  const { maxSkew, topologyKey, whenUnsatisfiable, minDomains } = one;
  if (!isPositive(maxSkew)) mistakes.push(`${at}.maxSkew is no whole number above 0`);
  if (typeof topologyKey !== "string" || topologyKey === "") mistakes.push(`${at}.topologyKey is missing`);
  else if (qualifiedNameProblem(topologyKey) !== undefined) {
    mistakes.push(`${at}.topologyKey: ${qualifiedNameProblem(topologyKey)}`);
  }
  if (whenUnsatisfiable !== "DoNotSchedule" && whenUnsatisfiable !== "ScheduleAnyway") {
    mistakes.push(`${at}.whenUnsatisfiable is neither DoNotSchedule nor ScheduleAnyway`);
  }
  if (minDomains !== undefined && !isPositive(minDomains)) {
    mistakes.push(`${at}.minDomains is no whole number above 0`);
  }
  for (const policy of ["nodeAffinityPolicy", "nodeTaintsPolicy"]) {
    if (!["undefined", "Honor", "Ignore"].includes(String(one[policy]))) {
      mistakes.push(`${at}.${policy} is neither Honor nor Ignore`);
    }
  }
  return mistakes;
}

function unknownFields(fields: Fields, known: readonly string[], at: string): string[] {
  return Object.keys(fields).flatMap((field) => (known.includes(field) ? [] : [`there is no field ${at}${field}`]));
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}
