import { randomInt } from "node:crypto";
import { hostname } from "node:os";
import process from "node:process";
import manifest from "../../package.json" with { type: "json" };
import { permissionsOf } from "../../src/act/permissions.ts";
import { InvariantError } from "../../src/base/errors.ts";
import { Random } from "../../src/base/random.ts";
import { type Connection, connect } from "../../src/kube/connect.ts";
import { preflight } from "../../src/kube/preflight.ts";
import { realClock } from "../../src/kube/real-clock.ts";
import { withSchedulerConfig } from "../../src/kube/scheduler-config.ts";
import { type Kind, NODE_CLAIMS, NODE_POOLS } from "../../src/model/kinds.ts";
import { asksForHelp, parseSettings, type Settings, settingsHelp } from "../../src/model/settings.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Metrics } from "../../src/ports/telemetry.ts";
import { uuidFrom } from "../../src/runtime/uuid.ts";
import { serveEndpoints } from "../../src/telemetry/http-endpoints.ts";
import { lateMetrics } from "../../src/telemetry/late-metrics.ts";
import { openLogSinks } from "../../src/telemetry/log-sinks.ts";
import { processMetrics } from "../../src/telemetry/process-metrics.ts";
import { EXIT, type Io } from "../cli/io.ts";
import { type Product, startProduct } from "./product.ts";
import { type Cloud, cloudOf } from "./provider.ts";
import { rehearsePlans } from "./rehearsal.ts";

/** `karpenter controller`: runs against the cluster of the kubeconfig or, in a pod, the pod's own. */
export async function controllerCommand(args: string[], io: Io): Promise<number> {
  if (asksForHelp(args)) {
    io.out(help());
    return EXIT.fine;
  }
  const settings = withSchedulerConfig(parseSettings({ argv: args, env: io.env }));
  const clock = realClock();
  const random = new Random(seedFromMachine());
  const sinks = openLogSinks(settings.logOutputPaths, settings.logErrorOutputPaths);
  const ended = Promise.withResolvers<"signal" | "leadership lost" | "clock jumped" | InvariantError>();
  const build = { version: manifest.version, goversion: `node-${process.version}`, goarch: process.arch };
  // The registry is made with the product, after the connection whose requests it counts.
  let registry: Metrics | undefined;
  const metrics = lateMetrics(() => registry);
  const connection = await connect({
    env: io.env,
    clock,
    random: random.fork("kube"),
    version: build.version,
    metrics,
  });
  const namespace = io.env["SYSTEM_NAMESPACE"] ?? connection.namespace;
  const { caBundle } = connection;
  const cloud = await cloudOf({ settings, env: io.env, clock, version: build.version, caBundle, metrics });
  const notes = await lookAhead({ connection, cloud, settings, namespace, clock });
  const product = startProduct({
    settings,
    notes,
    api: connection.api,
    build,
    provider: (limited, telemetry) => cloud.provider(limited, telemetry),
    clock,
    random,
    writeLog: (line) => sinks.write(line),
    identity: `${hostname()}_${uuidFrom(random)}`,
    namespace,
    onFatal: (why) => ended.resolve(why),
  });
  registry = product.metrics;
  product.metrics.beforeExposition(processMetrics(product.metrics, clock));
  const endpoints = await endpointsOf(settings, product);
  const onSignal = (): void => ended.resolve("signal");
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  await rehearsePlans();
  const why = await ended.promise;
  const isClean = await product.stop();
  await endpoints.close();
  cloud.close();
  await connection.close();
  if (why instanceof InvariantError) throw why;
  if (why === "leadership lost") io.err("KARP_LEADERSHIP_LOST: another process has the Lease now; this one ends\n");
  if (why === "clock jumped")
    io.err("KARP_CLOCK_JUMPED: the machine's clock has jumped; this process ends and begins anew\n");
  sinks.close();
  return why === "signal" && isClean ? EXIT.fine : EXIT.failure;
}

type Start = { connection: Connection; cloud: Cloud; settings: Settings; namespace: string; clock: Clock };

/** What can never work shows at the start. */
async function lookAhead({ connection, cloud, settings, namespace, clock }: Start): Promise<readonly string[]> {
  const { leaderElectionName: name, leaderElectionNamespace } = settings;
  const lease = { name, namespace: leaderElectionNamespace === "" ? namespace : leaderElectionNamespace };
  const hasDefaultSpread = (settings.defaultSpread ?? []).length > 0;
  return await preflight({
    api: connection.api,
    clock,
    kinds: [NODE_POOLS as Kind, NODE_CLAIMS as Kind, cloud.nodeClass],
    permissions: [...permissionsOf({ nodeClasses: [cloud.nodeClass], hasDefaultSpread, lease }), ...cloud.permissions],
    lease,
  });
}

async function endpointsOf(settings: Settings, product: Product): ReturnType<typeof serveEndpoints> {
  return await serveEndpoints({
    metricsPort: settings.metricsPort,
    healthProbePort: settings.healthProbePort,
    expose: () => product.metrics.expose(),
    decisions: (query) => product.decisions(query),
    readyChecks: { manager: () => product.isReady(), crd: () => product.operator?.mirror.isSynced() ?? true },
    isProfiling: settings.enableProfiling,
  });
}

/** The one place where chance comes from outside: two processes must not draw the same. */
function seedFromMachine(): number {
  return randomInt(2 ** 47);
}

function help(): string {
  const rows = settingsHelp().map(
    ({ flag, variable, type, default: preset, meaning }) =>
      `  --${flag} (${type}, ${variable}; default ${preset === "" ? "empty" : preset})\n      ${meaning}`,
  );
  return `usage: karpenter controller [OPTION...]\n\nRuns against the cluster of KUBECONFIG or, in a pod, the pod's own.\n\n${rows.join("\n")}\n`;
}
