import { AWS_SETTINGS, type AwsSettingValues } from "./aws-settings.ts";
import type { DisruptionPause } from "./disruption-pause.ts";
import {
  AMOUNT,
  BOOLEAN,
  duration,
  oneOf,
  PAUSE,
  parseBooleanWord,
  TEXT,
  TEXTS,
  type ValueType,
  wholeNumber,
} from "./settings-values.ts";

export type LogLevel = "debug" | "info" | "error";
export type FeatureGates = {
  nodeRepair: boolean;
  reservedCapacity: boolean;
  spotToSpotConsolidation: boolean;
  nodeOverlay: boolean;
  staticCapacity: boolean;
  capacityBuffer: boolean;
};

/** What the operator can set, parsed. SETTINGS_TABLE says how each is written. */
export type SettingValues = AwsSettingValues & {
  karpenterService: string;
  metricsPort: number;
  healthProbePort: number;
  kubeClientQps: number;
  kubeClientBurst: number;
  enableProfiling: boolean;
  disableControllerWarmup: boolean;
  disableLeaderElection: boolean;
  disableClusterStateObservability: boolean;
  leaderElectionName: string;
  /** Empty: the pod's own namespace. */
  leaderElectionNamespace: string;
  memoryLimitBytes: number;
  cpuRequestsMilli: number;
  logLevel: LogLevel;
  logOutputPaths: readonly string[];
  logErrorOutputPaths: readonly string[];
  batchMaxDurationMs: number;
  batchIdleDurationMs: number;
  preferencePolicy: "Ignore" | "Respect";
  minValuesPolicy: "Strict" | "BestEffort";
  ignoreDraRequests: boolean;
  featureGates: FeatureGates;
  schedulerConfig: string;
  /** Empty: the provider's own catalogue. */
  instanceTypesFilePath: string;
  disruptionValidationDelayMs: number;
  /** How old what is known of the cluster may be before nothing is disrupted; 0: no limit. */
  disruptionKnowledgeMaxMs: number;
  disruptionPause: DisruptionPause | undefined;
  expirationPolicy: "ReplaceFirst" | "Forceful";
  underutilizedNodes: "Keep" | "Consolidate";
  /** What evicting a usual pod is worth; 0: nodes are consolidated for any saving at once. */
  evictionCostUsd: number;
  nodeSurchargeUsdPerHour: number;
  launchPriceFactor: number;
  nodeCpuMaxMilli: number;
  workloadShareMax: number;
  leaseDurationMs: number;
  leaseRenewDeadlineMs: number;
  leaseRetryMs: number;
  shutdownGraceMs: number;
};

/** One setting: how it is written, what it is without being written, what it does. */
export type SettingRow<T> = {
  readonly flag: string;
  readonly variable: string;
  readonly type: ValueType<T>;
  readonly default: T;
  readonly meaning: string;
  /** What the value asks for that this version does not do. */
  notBuilt?(value: T): readonly string[];
  /** What to tell about a value that is accepted. */
  warnings?(value: T, env: Readonly<Record<string, string | undefined>>): readonly string[];
  /** The value in use for one that was given. */
  settled?(value: T): T;
};

type Gate = { readonly key: keyof FeatureGates; readonly name: string; readonly default: boolean; isBuilt: boolean };

/** The feature switches. One that cannot be switched in this version may be named with its default only. */
export const FEATURE_GATES: readonly Gate[] = [
  { key: "nodeRepair", name: "NodeRepair", default: false, isBuilt: true },
  { key: "reservedCapacity", name: "ReservedCapacity", default: true, isBuilt: true },
  { key: "spotToSpotConsolidation", name: "SpotToSpotConsolidation", default: false, isBuilt: true },
  { key: "nodeOverlay", name: "NodeOverlay", default: false, isBuilt: false },
  { key: "staticCapacity", name: "StaticCapacity", default: false, isBuilt: true },
  { key: "capacityBuffer", name: "CapacityBuffer", default: false, isBuilt: false },
];

/** The gates, with the names that nobody knows: accepted, since a newer or older chart may set them. */
type GatesValue = FeatureGates & { readonly unknownNames?: readonly string[] };

const GATES: ValueType<FeatureGates> = {
  name: "Name=bool,...",
  isStrictVariable: true,
  parse(text) {
    const gates = defaultGates();
    const unknownNames: string[] = [];
    for (const item of text.split(",").map((part) => part.trim())) {
      if (item === "") continue;
      const equals = item.indexOf("=");
      const name = item.slice(0, Math.max(equals, 0)).trim();
      const value = equals < 0 ? undefined : parseBooleanWord(item.slice(equals + 1).trim());
      if (value === undefined) return { expected: `Name=true or Name=false, comma separated; "${item}" is neither` };
      const gate = FEATURE_GATES.find((known) => known.name === name);
      if (gate === undefined) unknownNames.push(name);
      else gates[gate.key] = value;
    }
    const value: GatesValue = unknownNames.length === 0 ? gates : { ...gates, unknownNames };
    return { value };
  },
  print: (gates) => FEATURE_GATES.map(({ key, name }) => `${name}=${gates[key]}`).join(","),
};

function defaultGates(): FeatureGates {
  const byKey = Object.fromEntries(FEATURE_GATES.map((gate) => [gate.key, gate.default]));
  return byKey as FeatureGates;
}

/** The empty word stands for the default. */
const LOG_LEVEL: ValueType<LogLevel> = {
  name: "debug | info | error",
  isStrictVariable: true,
  parse: (text) => (text === "" ? { value: "info" } : oneOf(["debug", "info", "error"]).parse(text)),
  print: (level) => level,
};

const PORT = wholeNumber(0, 65_535);
const ANY_NUMBER = wholeNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

/** Every setting there is. Adding one is a row here and a line in SettingValues. */
export const SETTINGS_TABLE: { readonly [K in keyof SettingValues]: SettingRow<SettingValues[K]> } = {
  karpenterService: {
    flag: "karpenter-service",
    variable: "KARPENTER_SERVICE",
    type: TEXT,
    default: "",
    meaning: "Service name that webhook certificates once needed; read for old charts, without effect",
  },
  metricsPort: {
    flag: "metrics-port",
    variable: "METRICS_PORT",
    type: PORT,
    default: 8_080,
    meaning: "port of /metrics",
  },
  healthProbePort: {
    flag: "health-probe-port",
    variable: "HEALTH_PROBE_PORT",
    type: PORT,
    default: 8_081,
    meaning: "port of /healthz and /readyz",
  },
  kubeClientQps: {
    flag: "kube-client-qps",
    variable: "KUBE_CLIENT_QPS",
    type: ANY_NUMBER,
    default: 200,
    meaning: "requests per second to the API server in the long run; 0 or less: no limit",
  },
  kubeClientBurst: {
    flag: "kube-client-burst",
    variable: "KUBE_CLIENT_BURST",
    type: wholeNumber(1, Number.MAX_SAFE_INTEGER),
    default: 300,
    meaning: "requests to the API server that may go out at once",
  },
  enableProfiling: {
    flag: "enable-profiling",
    variable: "ENABLE_PROFILING",
    type: BOOLEAN,
    default: false,
    meaning: "serve CPU and heap profiles below /debug/pprof/ of the metrics port",
  },
  disableControllerWarmup: {
    flag: "disable-controller-warmup",
    variable: "DISABLE_CONTROLLER_WARMUP",
    type: BOOLEAN,
    default: true,
    meaning: "start watching only once this process leads; false: a standby keeps its picture of the cluster warm",
    notBuilt: (isDisabled) => (isDisabled ? [] : ["a standby that watches (value false)"]),
  },
  disableLeaderElection: {
    flag: "disable-leader-election",
    variable: "DISABLE_LEADER_ELECTION",
    type: BOOLEAN,
    default: false,
    meaning: "work without a Lease; only one process may run",
  },
  disableClusterStateObservability: {
    flag: "disable-cluster-state-observability",
    variable: "DISABLE_CLUSTER_STATE_OBSERVABILITY",
    type: BOOLEAN,
    default: false,
    meaning: "leave out the metrics and events about pods, nodes, pools and status conditions",
  },
  leaderElectionName: {
    flag: "leader-election-name",
    variable: "LEADER_ELECTION_NAME",
    type: TEXT,
    default: "karpenter-leader-election",
    meaning: "name of the Lease",
  },
  leaderElectionNamespace: {
    flag: "leader-election-namespace",
    variable: "LEADER_ELECTION_NAMESPACE",
    type: TEXT,
    default: "",
    meaning: "namespace of the Lease; empty: the pod's own",
  },
  memoryLimitBytes: {
    flag: "memory-limit",
    variable: "MEMORY_LIMIT",
    type: ANY_NUMBER,
    default: -1,
    meaning: "memory limit of the container in bytes; read, but the heap is sized when the process starts",
    warnings: (bytes, env) => {
      const isHeapSized = (env["NODE_OPTIONS"] ?? "").includes("--max-old-space-size=");
      return bytes > 0 && !isHeapSized ? [`to keep the heap below it, start with ${heapOption(bytes)}`] : [];
    },
  },
  cpuRequestsMilli: {
    flag: "cpu-requests",
    variable: "CPU_REQUESTS",
    type: ANY_NUMBER,
    default: 1_000,
    meaning: "CPU request of the container in millicores; sets how many objects are worked on at once",
    settled: (milli) => (milli <= 0 ? 1_000 : milli),
  },
  logLevel: {
    flag: "log-level",
    variable: "LOG_LEVEL",
    type: LOG_LEVEL,
    default: "info",
    meaning: "the least important records that are written",
  },
  logOutputPaths: {
    flag: "log-output-paths",
    variable: "LOG_OUTPUT_PATHS",
    type: TEXTS,
    default: ["stdout"],
    meaning: "where records go: stdout, stderr or files",
  },
  logErrorOutputPaths: {
    flag: "log-error-output-paths",
    variable: "LOG_ERROR_OUTPUT_PATHS",
    type: TEXTS,
    default: ["stderr"],
    meaning: "where the logger tells of its own failures (not records of level error)",
  },
  batchMaxDurationMs: {
    flag: "batch-max-duration",
    variable: "BATCH_MAX_DURATION",
    type: duration(0),
    default: 10_000,
    meaning: "longest time that pods are gathered before nodes are bought for them",
  },
  batchIdleDurationMs: {
    flag: "batch-idle-duration",
    variable: "BATCH_IDLE_DURATION",
    type: duration(0),
    default: 1_000,
    meaning: "time without a new pod after which the gathering ends",
  },
  preferencePolicy: {
    flag: "preference-policy",
    variable: "PREFERENCE_POLICY",
    type: oneOf(["Ignore", "Respect"]),
    default: "Respect",
    meaning: "whether preferred affinities and ScheduleAnyway spreads are honoured",
  },
  minValuesPolicy: {
    flag: "min-values-policy",
    variable: "MIN_VALUES_POLICY",
    type: oneOf(["Strict", "BestEffort"]),
    default: "Strict",
    meaning: "whether minValues is a must or may be lowered when nothing else fits",
  },
  ignoreDraRequests: {
    flag: "ignore-dra-requests",
    variable: "IGNORE_DRA_REQUESTS",
    type: BOOLEAN,
    default: true,
    meaning: "plan as if pods had no resource claims",
    notBuilt: (ignores) => (ignores ? [] : ["dynamic resource allocation (value false)"]),
  },
  featureGates: {
    flag: "feature-gates",
    variable: "FEATURE_GATES",
    type: GATES,
    default: defaultGates(),
    meaning: "feature switches; unnamed ones keep their default",
    notBuilt: (gates) =>
      FEATURE_GATES.filter((gate) => !gate.isBuilt && gates[gate.key] !== gate.default).map(
        (gate) => `feature gate ${gate.name}=${gates[gate.key]}`,
      ),
    warnings: (gates: GatesValue) =>
      (gates.unknownNames ?? []).map((name) => `there is no feature gate ${name}; it has no effect`),
    settled: ({ unknownNames: _, ...gates }: GatesValue) => gates,
  },
  schedulerConfig: {
    flag: "scheduler-config",
    variable: "SCHEDULER_CONFIG",
    type: TEXT,
    default: "",
    meaning: "default spread constraints of the cluster's scheduler, as YAML or JSON",
  },
  instanceTypesFilePath: {
    flag: "instance-types-file-path",
    variable: "INSTANCE_TYPES_FILE_PATH",
    type: TEXT,
    default: "",
    meaning: "JSON file with the instance types of the kwok provider; empty: the built-in ones",
  },
  disruptionValidationDelayMs: {
    flag: "disruption-validation-delay",
    variable: "DISRUPTION_VALIDATION_DELAY",
    type: duration(0),
    default: 15_000,
    meaning: "time between deciding to disrupt nodes and checking the decision again before acting on it",
  },
  disruptionKnowledgeMaxMs: {
    flag: "disruption-knowledge-limit",
    variable: "DISRUPTION_KNOWLEDGE_LIMIT",
    type: duration(0),
    default: 60_000,
    meaning: "nothing is disrupted on knowledge of the cluster that is older; 0: however old it is",
  },
  disruptionPause: {
    flag: "disruption-pause",
    variable: "DISRUPTION_PAUSE",
    type: PAUSE,
    default: undefined,
    meaning: 'pause disruption in all pools: "TIME [REASON,...] [# who and why]"; it ends by itself',
  },
  underutilizedNodes: {
    flag: "underutilized-nodes",
    variable: "UNDERUTILIZED_NODES",
    type: oneOf(["Keep", "Consolidate"]),
    default: "Consolidate",
    meaning:
      "whether nodes are replaced or emptied because their pods can be had for less, where the pool's policy allows it",
  },
  expirationPolicy: {
    flag: "expiration-policy",
    variable: "EXPIRATION_POLICY",
    type: oneOf(["ReplaceFirst", "Forceful"]),
    default: "ReplaceFirst",
    meaning: "whether nodes are replaced before expireAfter is over, one of a pool at a time, or deleted at the hour",
  },
  evictionCostUsd: {
    flag: "eviction-cost",
    variable: "EVICTION_COST",
    type: AMOUNT,
    default: 0.04,
    meaning:
      "what evicting a pod is worth in US dollars: the less a consolidation saves for it, the longer its nodes must have been quiet; 0: any saving is taken at once",
  },
  nodeSurchargeUsdPerHour: {
    flag: "node-surcharge",
    variable: "NODE_SURCHARGE",
    type: AMOUNT,
    default: 0.01,
    meaning: "US dollars per hour that planning adds to each node's price, so that few nodes are preferred to many",
  },
  launchPriceFactor: {
    flag: "launch-price-factor",
    variable: "LAUNCH_PRICE_FACTOR",
    type: AMOUNT,
    default: 1.2,
    meaning: "a NodeClaim lists the types that cost at most so many times its cheapest, for spot at least 15 of them",
    settled: (factor) => Math.max(1, factor),
  },
  nodeCpuMaxMilli: {
    flag: "node-cpu-max",
    variable: "NODE_CPU_MAX",
    type: wholeNumber(0, Number.MAX_SAFE_INTEGER),
    default: 0,
    meaning: "CPU in millicores of the largest type that is bought; 0: no bound",
  },
  workloadShareMax: {
    flag: "workload-share-max",
    variable: "WORKLOAD_SHARE_MAX",
    type: AMOUNT,
    default: 1,
    meaning: "largest share of one workload's pods that is planned onto one node, though always one; 1: no bound",
  },
  ...AWS_SETTINGS,
  leaseDurationMs: {
    flag: "lease-duration",
    variable: "LEASE_DURATION",
    type: duration(1_000),
    default: 15_000,
    meaning: "time without renewal after which a standby may take the Lease",
  },
  leaseRenewDeadlineMs: {
    flag: "lease-renew-deadline",
    variable: "LEASE_RENEW_DEADLINE",
    type: duration(1),
    default: 10_000,
    meaning: "time without a successful renewal after which the leader steps down",
  },
  leaseRetryMs: {
    flag: "lease-retry",
    variable: "LEASE_RETRY",
    type: duration(1),
    default: 2_000,
    meaning: "time between attempts to take or renew the Lease",
  },
  shutdownGraceMs: {
    flag: "shutdown-grace",
    variable: "SHUTDOWN_GRACE",
    type: duration(0),
    default: 30_000,
    meaning: "longest time that running work may take to end after a request to stop",
  },
};

/** 90 % of the limit, as the runtime takes it. */
function heapOption(limitBytes: number): string {
  return `NODE_OPTIONS=--max-old-space-size=${Math.floor((limitBytes * 0.9) / 1_048_576)}`;
}
