import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Random } from "../../src/base/random.ts";
import { realClock } from "../../src/kube/real-clock.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { kubeconfigFor } from "../../src/simulation/api-server/http/kubeconfig.ts";
import { type ServedApi, serveApi } from "../../src/simulation/api-server/http/serve-api.ts";
import { VirtualClock } from "../../src/simulation/clock/virtual-clock.ts";
import { PriceMeter } from "../../src/simulation/cloud/price-meter.ts";
import { containerUsage } from "../../src/simulation/kubelet/container-usage.ts";
import { serveEndpoints } from "../../src/telemetry/http-endpoints.ts";
import { EXIT, type Io } from "../cli/io.ts";
import { readManifests } from "../cli/manifests.ts";
import type { Product } from "../controller/product.ts";
import { rehearsePlans } from "../controller/rehearsal.ts";
import { applyManifests } from "./apply.ts";
import { kindIn, type PlaygroundCluster, startPlaygroundCluster } from "./cluster.ts";
import { writeKubeconfig } from "./kubeconfig-file.ts";
import { renderView } from "./live-view.ts";
import { watchNews } from "./news.ts";
import { playOnce } from "./once.ts";
import { PLAYGROUND_HELP, type PlaygroundOptions, playgroundOptions } from "./options.ts";
import { scaledClock } from "./scaled-clock.ts";
import { clusterFigures } from "./view-state.ts";

const EXAMPLES = ["karpenter.yaml.template", "inflate.yaml", "nginx.yaml"].map((name) =>
  fileURLToPath(new URL(`../../examples/${name}`, import.meta.url)),
);
const FRAME_MS = 500;
const VIRTUAL_START_MS = 1_767_225_600_000;

/** `karpenter playground`: see PLAYGROUND_HELP. */
export async function playgroundCommand(args: string[], io: Io): Promise<number> {
  const options = playgroundOptions(args);
  if (options.help) {
    io.out(PLAYGROUND_HELP);
    return EXIT.fine;
  }
  const files = [...(options.empty ? [] : EXAMPLES), ...options.files];
  const virtual = options.virtual ? new VirtualClock(VIRTUAL_START_MS) : undefined;
  const clock = virtual ?? scaledClock(realClock(), options.speed);
  const playground = startPlaygroundCluster({
    clock,
    random: new Random(options.seed),
    region: options.region,
    clusterName: options.clusterName,
  });
  try {
    if (files.length > 0) {
      const env = { ...io.env, ...playground.variables };
      const { objects } = await readManifests(files, { ...io, env });
      await applyManifests(playground.api, objects, (object) => kindIn(playground.server, object));
    }
    if (options.once) return await once(playground, clock, virtual, io);
    return await interactive(playground, clock, options, io);
  } finally {
    const stopped = playground.stop();
    if (virtual !== undefined) await virtual.runFor(60_000);
    await stopped;
  }
}

async function once(
  playground: PlaygroundCluster,
  clock: Clock,
  virtual: VirtualClock | undefined,
  io: Io,
): Promise<number> {
  watchNews(playground.cluster.state, clock, (line) => io.out(`${line}\n`));
  const pass = virtual
    ? (ms: number, isDone: () => boolean) => virtual.runFor(ms, isDone)
    : async (ms: number, isDone: () => boolean): Promise<boolean> => {
        for (const endMs = clock.nowMs() + ms; clock.nowMs() < endMs && !isDone(); ) await clock.sleep(50);
        return isDone();
      };
  await playOnce({ playground, clock, pass, print: (line) => io.out(`${line}\n`) });
  return EXIT.fine;
}

async function interactive(
  playground: PlaygroundCluster,
  clock: Clock,
  options: PlaygroundOptions,
  io: Io,
): Promise<number> {
  const { cluster, products, server } = playground;
  const endpoints = await serveEndpoints({
    host: "127.0.0.1",
    metricsPort: 0,
    healthProbePort: 0,
    expose: () => leaderOf(products)?.metrics.expose() ?? "",
    decisions: (query) => leaderOf(products)?.decisions(query) ?? "",
    readyChecks: {},
  });
  let served: ServedApi | undefined;
  try {
    served = await serveApi({
      server,
      port: options.port,
      clock,
      logs: cluster.logs,
      usage: containerUsage(cluster.state),
      forward: {
        addressOf: ({ namespace }, port) =>
          namespace === "karpenter" && port === 8080 ? { host: "127.0.0.1", port: endpoints.metricsPort } : undefined,
      },
    });
    const kubeconfig = writeKubeconfig(io.cwd, kubeconfigFor(served.url, options.clusterName));
    try {
      const shown = show({ playground, clock, options, io, apiUrl: served.url, kubeconfigPath: kubeconfig.path });
      await Promise.all([shown, rehearsePlans()]);
    } finally {
      kubeconfig.remove();
    }
  } finally {
    await served?.close();
    await endpoints.close();
  }
  return EXIT.fine;
}

function leaderOf(products: readonly Product[]): Product | undefined {
  return products.find((product) => product.isLeader()) ?? products[0];
}

type Shown = {
  playground: PlaygroundCluster;
  clock: Clock;
  options: PlaygroundOptions;
  io: Io;
  apiUrl: string;
  kubeconfigPath: string;
};

/** Shows the cluster until the user ends it. */
async function show(shown: Shown): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  process.once("SIGHUP", end);
  try {
    if (shown.io.terminal === undefined) await showPlain(shown, ended.signal);
    else await showLive(shown, ended.signal);
  } finally {
    process.off("SIGINT", end);
    process.off("SIGTERM", end);
    process.off("SIGHUP", end);
  }
}

function hintsFor({ options }: Shown): string[] {
  if (options.empty) return ["kubectl get nodes", "kubectl apply -f examples/kwok.yaml"];
  return [
    "kubectl scale deployment inflate --replicas 50",
    "kubectl get nodeclaims -o wide",
    "kubectl logs -n karpenter -l app.kubernetes.io/name=karpenter -c controller -f",
    "kubectl scale deployment inflate --replicas 0",
  ];
}

async function showPlain(shown: Shown, signal: AbortSignal): Promise<void> {
  const { io, clock, playground, apiUrl, kubeconfigPath } = shown;
  const path = relative(io.cwd, kubeconfigPath);
  io.out(`cluster ${shown.options.clusterName} is up at ${apiUrl}\n`);
  io.out(`kubeconfig: ${kubeconfigPath}\n`);
  io.out(
    `try:\n  export KUBECONFIG=${path}\n${hintsFor(shown)
      .map((hint) => `  ${hint}\n`)
      .join("")}`,
  );
  const meter = new PriceMeter(clock, playground.cluster.state);
  watchNews(playground.cluster.state, clock, (line) => io.out(`${line}\n`));
  let last = "";
  while (!signal.aborted) {
    const { nodes, podsRunning, podsWaiting, priceUsdPerHour } = clusterFigures(
      playground.cluster.state,
      clock.nowMs(),
    );
    const line = `${nodes.length} nodes, $${priceUsdPerHour.toFixed(4)}/h, ${podsRunning} pods running, ${podsWaiting} waiting`;
    if (line !== last) io.out(`        ${line}\n`);
    last = line;
    await clock.sleep(FRAME_MS * shown.options.speed, signal);
  }
  io.out(`ended; the nodes cost $${meter.totalUsd().toFixed(4)}\n`);
}

const SCREEN = {
  enter: "\u001b[?1049h\u001b[?25l",
  home: "\u001b[H",
  clearLine: "\u001b[K",
  clearBelow: "\u001b[J",
  leave: "\u001b[?25h\u001b[?1049l",
};

async function showLive(shown: Shown, signal: AbortSignal): Promise<void> {
  const { io, clock, playground, options, apiUrl, kubeconfigPath } = shown;
  const startMs = clock.nowMs();
  const meter = new PriceMeter(clock, playground.cluster.state);
  const news: string[] = [];
  watchNews(playground.cluster.state, clock, (line) => {
    news.push(line);
    if (news.length > 20) news.shift();
  });
  io.out(SCREEN.enter);
  try {
    while (!signal.aborted) {
      const nowMs = clock.nowMs();
      const columns = process.stdout.columns ?? io.terminal?.columns ?? 80;
      const rows = process.stdout.rows ?? io.terminal?.rows ?? 24;
      const frame = renderView(
        {
          ...clusterFigures(playground.cluster.state, nowMs),
          clusterName: options.clusterName,
          region: options.region,
          apiUrl,
          kubeconfigPath: relative(io.cwd, kubeconfigPath),
          elapsedMs: nowMs - startMs,
          spentUsd: meter.totalUsd(),
          news,
          hints: hintsFor(shown),
        },
        columns,
        rows,
      );
      io.out(SCREEN.home + frame.map((line) => line + SCREEN.clearLine).join("\r\n") + SCREEN.clearBelow);
      await clock.sleep(FRAME_MS * options.speed, signal);
    }
  } finally {
    io.out(SCREEN.leave);
  }
  io.out(`ended; the nodes cost $${meter.totalUsd().toFixed(4)}\n`);
}
