import { Random } from "../../base/random.ts";
import { MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { EC2_NODE_CLASSES, KWOK_NODE_CLASSES, NODE_CLAIMS, NODE_POOLS, NODES } from "../../model/kinds.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, NODE_POOL_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { crdOf } from "../../model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../model/resources/custom-resources.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Clock } from "../../ports/clock.ts";
import type { CloudProvider } from "../../ports/cloud-provider.ts";
import type { KubeApi } from "../../ports/kube-api.ts";
import { type ApiServer, createApiServer } from "../api-server/api-server.ts";
import { ClusterWriter } from "../cache/cluster-writer.ts";
import { judgeAccount } from "../checks/account.ts";
import { judgeBoughtTwice } from "../checks/bought-twice.ts";
import { judgeConsolidations } from "../checks/consolidations.ts";
import { judgeInstancesAndClaims } from "../checks/instances-and-claims.ts";
import type { Judge, JudgeNeeds, Violation } from "../checks/judge.ts";
import { judgeLimitsAndBudgets } from "../checks/limits-and-budgets.ts";
import { judgeOrderOfLeaving } from "../checks/order-of-leaving.ts";
import { judgePeace } from "../checks/peace.ts";
import { mayNotBeEvicted, podsWaiting } from "../checks/pods-run.ts";
import { judgeProtectedPods } from "../checks/protected-pods.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { CloudControl } from "../cloud/cloud-control.ts";
import { PriceMeter, priceOf } from "../cloud/price-meter.ts";
import { type TakeBackNeeds, takeBack } from "../cloud/take-back.ts";
import type { SimulatedEc2 } from "../ec2/ec2.ts";
import { drawFaultMix, type FaultMix, NO_FAULTS } from "../faults/fault-mix.ts";
import type { FaultNeeds } from "../faults/faulty-call.ts";
import { faultyProvider } from "../faults/faulty-provider.ts";
import { JOBS } from "../workloads/kinds.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { startEc2Cloud } from "./ec2-cloud.ts";
import { History } from "./history.ts";
import { ProductLives, type StartProduct } from "./product-lives.ts";
import { createProductObjects } from "./product-objects.ts";
import { STORY_MS, Story, type StoryNeeds, type Tale } from "./story.ts";

export type ProviderPorts = {
  api: KubeApi;
  clock: Clock;
  /** The account of a world on EC2. */
  ec2: SimulatedEc2 | undefined;
  /** What the calls of this process meet. */
  faults: FaultNeeds;
} & Pick<CloudControl, "isSoldOut" | "notices" | "priceFactor" | "driftReason">;
type Offering = Parameters<CloudControl["priceFactor"]>[0];
export type SimulateOptions = {
  seed: number;
  /** Starts the product under test. */
  product: StartProduct;
  /** Makes the cloud; the pods of the story are drawn for the types of `smallCatalogue`. */
  provider(ports: ProviderPorts): CloudProvider;
  /** Nodes are EC2 instances; default: what the provider makes of Nodes alone. */
  onEc2?: boolean;
  /** Default: drawn from the seed. */
  faults?: Partial<FaultMix>;
  /** Default: one or two, drawn. */
  processes?: number;
  /** How large the world is: 1 is 5 to 20 nodes, 10 is ten times that. Default: drawn, up to 2. */
  scale?: number;
  /** What an offering of the provider usually costs in USD per hour; default: what was written on a node at its launch. */
  usualPrice?(offering: Offering): number | undefined;
  /** Deeds of the drawn story that do not happen, by number. */
  leaveOut?: ReadonlySet<number>;
  /** What users do in it, and nothing else happens; default: drawn from the seed. */
  tale?: (needs: StoryNeeds) => Tale;
};

/** 2026-01-05, a Monday. */
const START_MS = 1_767_571_200_000;
/** Nothing here depends on how often a healthy kubelet says so, and it is most of what an idle cluster does. */
const LEASE_PERIOD_MS = 2 * MINUTE_MS;
const QUIET_MS = 4 * MINUTE_MS;
/** The watch history is kept this short so that it expires in every world. */
const WATCH_EVENTS_MAX = 300;

const JUDGES = [
  judgeInstancesAndClaims,
  judgeLimitsAndBudgets,
  judgeProtectedPods,
  judgeOrderOfLeaving,
  judgeBoughtTwice,
  judgeConsolidations,
  judgePeace,
];

function lags({
  lateEvent,
  droppedWatch,
  expiredWatch,
  stallEveryMs,
  deafEveryMs,
  refused,
  throttled,
}: FaultMix): boolean {
  return lateEvent + droppedWatch + expiredWatch + stallEveryMs + deafEveryMs + refused + throttled > 0;
}

/** The cloud's own view of the API: the Node of an instance that never comes up is not written, and nobody is told. */
function stillbirths(api: KubeApi, cloud: CloudControl): KubeApi {
  return {
    ...api,
    create: (kind, object, options) =>
      kind.kind === NODES.kind && cloud.takeStillborn()
        ? api.create(kind, object, { ...options, dryRun: true })
        : api.create(kind, object, options),
  };
}

/** A world of one seed, not yet begun: see World. */
export function simulate(options: SimulateOptions): World {
  return new World(options);
}

/**
 * A cluster with the product in it, on virtual time, whose workloads, faults and chances all come from one seed. Judges
 * watch every step.
 */
export class World {
  readonly startMs = START_MS;
  readonly clock = new VirtualClock(START_MS);
  readonly server: ApiServer;
  readonly cluster: Cluster;
  readonly cloud = new CloudControl(this.clock);
  readonly ec2: SimulatedEc2 | undefined;
  readonly meter: PriceMeter;
  readonly mix: FaultMix;
  readonly #history: History;
  readonly #story: Tale;
  readonly #takeBackNeeds: TakeBackNeeds;
  readonly #lives: ProductLives;
  readonly #judges: readonly Judge[];
  readonly #violations: Violation[] = [];
  readonly #reported = new Set<string>();
  #isCalm = false;
  #isOver = false;
  #calls = 0;
  #claims = 0;
  #nodesMost = 0;
  #lastEventMs = START_MS;

  constructor(options: SimulateOptions) {
    const { seed, product, provider, faults, processes, tale, onEc2 = false } = options;
    const random = new Random(seed);
    const { clock } = this;
    this.mix = { ...drawFaultMix(random.fork("mix")), ...faults };
    this.server = createApiServer({
      clock,
      random: random.fork("api-server"),
      crds: CUSTOM_RESOURCES.map(crdOf),
      history: { eventsMax: WATCH_EVENTS_MAX },
    });
    const { server } = this;
    this.cluster = startCluster({
      server,
      clock,
      random: random.fork("cluster"),
      events: false,
      kubelets: { leasePeriodMs: LEASE_PERIOD_MS },
      nodeGraceMs: LEASE_PERIOD_MS + MINUTE_MS,
      systemNodes: { count: 2, region: "test-1" },
    });
    const { state, kubelets } = this.cluster;
    if (onEc2) {
      const cloudNeeds = { clock, server, cluster: this.cluster, control: this.cloud };
      this.ec2 = startEc2Cloud({ ...cloudNeeds, random: random.fork("account") });
    }
    this.#history = new History(clock, state);
    const priceNow = this.#pricesOf(options);
    this.meter = new PriceMeter(clock, state, priceNow);
    this.cloud.onPrices(() => this.meter.reprice());
    this.#watchProgress();
    createProductObjects(server, { clusterName: "simulated", replicas: 2 });
    this.#judges = this.#startJudges(priceNow);
    const tell = (line: string): void => this.#history.tell(line);
    const cloudWriter = new ClusterWriter(server, "cloud-controller-manager");
    this.#takeBackNeeds = { clock, state, writer: cloudWriter, kubelets, cloud: this.cloud, tell };
    const drawnScale = random.fork("scale").pick([0.6, 1, 1, 1.5, 2]);
    const needs: StoryNeeds = {
      ...this.#takeBackNeeds,
      random: random.fork("story"),
      writer: new ClusterWriter(server, "user"),
      nodeClassKind: onEc2 ? "EC2NodeClass" : "KWOKNodeClass",
      scale: options.scale ?? drawnScale,
      setClocksAhead: (ms) => this.setClocksAhead(ms),
      leaveOut: options.leaveOut ?? new Set(),
    };
    this.#story = tale === undefined ? new Story(needs) : tale(needs);
    const { isSoldOut, notices, priceFactor, driftReason } = this.cloud;
    const drawn = random.fork("lives");
    this.#lives = new ProductLives({
      clock,
      random: drawn,
      api: server.api({ user: "karpenter" }),
      provider: (api, ownClock, ownFaults) => {
        const market = { isSoldOut, notices, priceFactor, driftReason };
        const ports = { clock: ownClock, ...market, ec2: this.ec2, faults: ownFaults };
        // On EC2 the faults are in the account's calls.
        if (onEc2) return provider({ ...ports, api });
        return faultyProvider(provider({ ...ports, api: stillbirths(api, this.cloud) }), ownFaults);
      },
      start: product,
      processes: processes ?? drawn.between(1, 2),
      mix: () => (this.#isCalm ? { ...NO_FAULTS, latencyMaxMs: this.mix.latencyMaxMs } : this.mix),
      onCall: (call) => {
        this.#calls += 1;
        for (const judge of this.#judges) judge.onCall?.(call);
      },
      tell,
      onBroken: (what) => this.#report("the product's own laws", what),
    });
    this.#tick();
  }

  /** Lets the users and the faults do their deeds. */
  async runStory(ms = STORY_MS): Promise<void> {
    this.#story.begin();
    await this.clock.runFor(ms);
    this.#story.end();
    this.#isCalm = true;
    this.#history.tell("faults: end");
  }

  /** The cloud announces that it takes the instance of this node, and does so two minutes later. */
  takeBack(node: Node): void {
    takeBack(this.#takeBackNeeds, node);
  }

  /** The product's clocks jump: they are so far ahead of the cluster's from now on. */
  setClocksAhead(ms: number): void {
    this.#history.tell(`fault: the product's clocks are ${ms} ms ahead`);
    this.#lives.setClocksAhead(ms);
  }

  /** Every workload goes to zero. */
  leave(): void {
    this.#story.leave();
  }

  /** All pools and node classes are deleted. */
  takeDown(): void {
    const writer = new ClusterWriter(this.server, "user");
    for (const kind of [NODE_POOLS, EC2_NODE_CLASSES, KWOK_NODE_CLASSES]) {
      for (const { metadata } of [...this.cluster.state.of<KubeObject>(kind).values()])
        writer.delete(kind, { name: metadata.name });
    }
  }

  /** @returns whether the world got quiet: no pod waits, no claim is on its way in or out, and nothing moved for minutes */
  runUntilQuiet({ atMostMs }: { atMostMs: number }): Promise<boolean> {
    return this.clock.runFor(atMostMs, () => this.#isQuiet());
  }

  /** @returns whether all nodes that the product bought are gone, and no claim is left */
  runUntilEmpty({ atMostMs }: { atMostMs: number }): Promise<boolean> {
    return this.clock.runFor(atMostMs, () => this.cluster.state.of(NODE_CLAIMS).size + this.boughtNodes().length === 0);
  }

  /** Pods that should run and do not, by key. */
  podsWaiting(): string[] {
    return podsWaiting(this.cluster.state);
  }

  /** Nodes that the product bought. */
  boughtNodes(): string[] {
    const nodes = [...this.cluster.state.of(NODES).values()];
    return nodes
      .filter(({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] !== undefined)
      .map(({ metadata }) => metadata.name);
  }

  history(): readonly string[] {
    return this.#history.lines;
  }

  violations(): readonly Violation[] {
    return this.#violations;
  }

  /** What happened in numbers: a world in which nothing happened proves nothing. */
  numbers(): { claims: number; calls: number; lives: number; lines: number; usd: number; nodesMost: number } {
    const usd = Math.round(this.meter.totalUsd() * 1e4) / 1e4;
    return {
      claims: this.#claims,
      calls: this.#calls,
      lives: this.#lives.lives,
      lines: this.#history.lines.length,
      usd,
      nodesMost: this.#nodesMost,
    };
  }

  stop(): void {
    this.#isOver = true;
    this.#lives.end();
    this.ec2?.stop();
    this.cluster.stop();
    this.server.close();
  }

  #pricesOf({ usualPrice = () => undefined }: SimulateOptions): (node: Node) => number {
    return (node) => {
      const { labels = {} } = node.metadata;
      const offering = {
        instanceType: labels[INSTANCE_TYPE_LABEL] ?? "",
        zone: labels[ZONE_LABEL] ?? "",
        capacityType: labels[CAPACITY_TYPE_LABEL] ?? "",
      };
      const usual = usualPrice(offering);
      return usual === undefined ? priceOf(node) : usual * this.cloud.priceFactor(offering);
    };
  }

  #startJudges(priceNow: (node: Node) => number): Judge[] {
    const { clock } = this;
    const { state } = this.cluster;
    const needs: JudgeNeeds = {
      clock,
      state,
      watchesLag: lags(this.mix),
      stockChanges: () => this.cloud.stockChanges,
      priceChanges: () => this.cloud.priceChanges,
      priceOf: priceNow,
      report: (name, what) => this.#report(name, what),
    };
    const ofAccount = this.ec2 === undefined ? [] : [judgeAccount(this.ec2, needs)];
    return [...JUDGES.map((judge) => judge(needs)), ...ofAccount];
  }

  #report(judge: string, what: string): void {
    if (this.#reported.has(`${judge} ${what}`)) return;
    this.#reported.add(`${judge} ${what}`);
    this.#violations.push({ atMs: this.clock.nowMs(), judge, what });
    this.#history.tell(`VIOLATION of ${judge}: ${what}`);
  }

  #watchProgress(): void {
    const { state } = this.cluster;
    let lines = 0;
    this.server.observe(() => {
      if (this.#history.lines.length === lines) return;
      lines = this.#history.lines.length;
      this.#lastEventMs = this.clock.nowMs();
    });
    state.of(NODE_CLAIMS).onChange((before, after) => {
      if (before !== undefined || after === undefined) return;
      this.#claims += 1;
      this.#nodesMost = Math.max(this.#nodesMost, state.of(NODE_CLAIMS).size);
    });
  }

  #isQuiet(): boolean {
    if (this.clock.nowMs() - this.#lastEventMs < QUIET_MS || this.podsWaiting().length > 0) return false;
    for (const { status } of this.cluster.state.of(JOBS).values()) if ((status?.active ?? 0) > 0) return false;
    for (const claim of this.cluster.state.of(NODE_CLAIMS).values()) if (!this.#isSettled(claim)) return false;
    return true;
  }

  /** Initialized and staying, with nobody who has begun to take it away; or waiting for a pod that must not be disturbed: that may take for ever. */
  #isSettled({ metadata, status }: NodeClaim): boolean {
    if (metadata.deletionTimestamp !== undefined) {
      const { state } = this.cluster;
      return state.podsOn(status?.nodeName ?? "").some((pod) => mayNotBeEvicted(state, pod, this.clock.nowMs()));
    }
    const isTrue = (wanted: string): boolean =>
      status?.conditions?.some(({ type, status: is }) => type === wanted && is === "True") === true;
    return isTrue("Initialized") && !isTrue("DisruptionReason");
  }

  #tick(): void {
    this.clock.after(SECOND_MS, () => {
      if (this.#isOver) return;
      const nowMs = this.clock.nowMs();
      for (const judge of this.#judges) judge.onSecond?.(nowMs);
      this.#tick();
    });
  }
}
