import { mirrorFor, type Operator, startOperator } from "../../src/act/operator.ts";
import type { InvariantError } from "../../src/base/errors.ts";
import type { Random } from "../../src/base/random.ts";
import { WELL_KNOWN_LABELS } from "../../src/model/labels.ts";
import type { Settings } from "../../src/model/settings.ts";
import type { ConsolidationPolicy } from "../../src/plan/disrupt/consolidation-policy.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { CloudProvider } from "../../src/ports/cloud-provider.ts";
import type { KubeApi } from "../../src/ports/kube-api.ts";
import type { Events, Log, Metrics } from "../../src/ports/telemetry.ts";
import { fencedApi } from "../../src/runtime/fenced-api.ts";
import { type LeaderLease, startLeaderLease } from "../../src/runtime/leader-lease.ts";
import { rateLimitedApi } from "../../src/runtime/rate-limited-api.ts";
import { shutDown } from "../../src/runtime/shutdown.ts";
import { DecisionLog } from "../../src/telemetry/decision-log.ts";
import { createEvents } from "../../src/telemetry/events.ts";
import { lateMetrics } from "../../src/telemetry/late-metrics.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { createMetrics, type MetricsRegistry } from "../../src/telemetry/metrics.ts";

export type Telemetry = { log: Log; metrics: Metrics; events: Events };
export type ProductOptions = {
  settings: Settings;
  api: KubeApi;
  /** Made from the API that the product uses, so that its limits hold for the provider too. */
  provider(api: KubeApi, telemetry: Telemetry): CloudProvider;
  clock: Clock;
  random: Random;
  /** Gets each line of the log, without its line end. */
  writeLog(line: string): void;
  /** "<hostname>_<uuid>" */
  identity: string;
  /** Where the Lease is when the settings name no namespace. */
  namespace: string;
  /** Effort of one search for a plan; default: the planner's own. */
  searchSteps?: number;
  /** Other rules for underutilized nodes than our own: for comparison. */
  consolidation?: ConsolidationPolicy;
  /** What the log says first. */
  notes?: readonly string[];
  /** What is running, for logs and metrics. */
  build?: { version: string; goversion: string; goarch: string; commit?: string };
  /** Nothing more can be done by this process: it must end. */
  onFatal(why: "leadership lost" | "clock jumped" | InvariantError): void;
};

/** One process of Karpenter: a candidate for the Lease, at work while it holds it. */
export type Product = {
  readonly metrics: MetricsRegistry;
  /** JSON lines of what it decided about the objects that the query names (kind, namespace, name). */
  decisions(query: URLSearchParams): string;
  isLeader(): boolean;
  /** The mirror is complete, or this process is a standby without one. */
  isReady(): boolean;
  /** Present while it leads. */
  readonly operator: Operator | undefined;
  /** Ends the work, then gives the Lease back. Resolves to whether all went well within the grace. */
  stop(): Promise<boolean>;
};

/** Starts it; returns at once. */
export function startProduct(options: ProductOptions): Product {
  const { settings, clock, random, identity } = options;
  let lease: LeaderLease | undefined;
  const isLeader = (): boolean => lease?.isLeader() ?? settings.disableLeaderElection;
  const log = logOf(options);
  const limit = { qps: settings.kubeClientQps, burst: settings.kubeClientBurst, clock };
  const api = fencedApi(rateLimitedApi(options.api, limit), isLeader);
  const decisions = new DecisionLog();
  const events = createEvents({ api, clock, random: random.fork("events"), log, decisions });
  let registry: MetricsRegistry | undefined;
  const provider = options.provider(api, { log, metrics: lateMetrics(() => registry), events });
  const metrics = createMetrics({
    clock,
    wellKnownLabels: [...WELL_KNOWN_LABELS, ...provider.wellKnownLabels],
    nodeClasses: provider.nodeClasses,
  });
  registry = metrics;
  let operator: Operator | undefined;
  const isWarm = !settings.disableControllerWarmup && !settings.disableLeaderElection;
  // A standby that has seen the cluster before it leads takes over at once.
  let standby = isWarm ? mirrorFor({ api, clock, random: random.fork("standby"), log, provider, settings }) : undefined;
  const work = (): void => {
    const mirror = standby;
    standby = undefined;
    operator = startOperator({
      ...(mirror === undefined ? {} : { mirror }),
      api,
      provider,
      clock,
      random: random.fork("operator"),
      events,
      metrics,
      log,
      settings,
      ...(options.searchSteps === undefined ? {} : { searchSteps: options.searchSteps }),
      ...(options.consolidation === undefined ? {} : { consolidation: options.consolidation }),
      onFatal: (error) => options.onFatal(error),
      onClockJump: () => options.onFatal("clock jumped"),
    });
  };
  metrics.beforeExposition(() => operator?.refreshMetrics());
  if (options.build !== undefined) metrics.gauge("karpenter_build_info", 1, options.build);

  if (settings.disableLeaderElection) work();
  else {
    lease = startLeaderLease({
      // The lock's own requests never wait behind the work's.
      api: options.api,
      clock,
      random: random.fork("lease"),
      log,
      metrics,
      events: createEvents({ api: options.api, clock, random: random.fork("lease-events"), log, component: identity }),
      identity,
      name: settings.leaderElectionName,
      namespace: settings.leaderElectionNamespace === "" ? options.namespace : settings.leaderElectionNamespace,
      durationMs: settings.leaseDurationMs,
      renewDeadlineMs: settings.leaseRenewDeadlineMs,
      retryMs: settings.leaseRetryMs,
      onGained: work,
      onLost: () => options.onFatal("leadership lost"),
    });
  }
  return {
    metrics,
    decisions: (query) =>
      decisions.lines({ kind: query.get("kind"), namespace: query.get("namespace"), name: query.get("name") }),
    isLeader,
    isReady: () => (operator?.mirror ?? standby)?.isSynced() ?? !isLeader(),
    get operator() {
      return operator;
    },
    stop: () =>
      shutDown({
        clock,
        log,
        graceMs: settings.shutdownGraceMs,
        steps: [
          { name: "controllers", run: async () => (operator ?? standby)?.stop() },
          { name: "events", run: () => events.stop() },
          { name: "lease", run: async () => lease?.stop() },
        ],
      }),
  };
}

function logOf({ settings, writeLog, clock, build, notes = [] }: ProductOptions): Log {
  const log = createLog({
    level: settings.logLevel,
    write: writeLog,
    clock,
    ...(build?.commit === undefined ? {} : { commit: build.commit }),
  });
  for (const note of notes) log.info(note);
  for (const warning of settings.warnings) log.info("a setting has no effect", { warning });
  return log;
}
