import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../base/time.ts";
import { type Kind, KWOK_NODE_CLASSES, NODE_POOLS, POD_DISRUPTION_BUDGETS } from "../../model/kinds.ts";
import { CAPACITY_TYPE_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { CRON_JOBS, DEPLOYMENTS } from "../workloads/kinds.ts";
import { WORLD_NAMESPACE } from "./draw-workloads.ts";
import type { StoryNeeds, Tale } from "./story.ts";

/** A service of the shop: its pods, and how many there are at night and at the busiest hour. */
type Service = { name: string; cpuMilli: number; memoryMi: number; night: number; day: number };

const SERVICES: readonly Service[] = [
  { name: "front", cpuMilli: 500, memoryMi: 512, night: 6, day: 30 },
  { name: "cart", cpuMilli: 250, memoryMi: 512, night: 4, day: 20 },
  { name: "catalogue", cpuMilli: 1_000, memoryMi: 2_048, night: 4, day: 16 },
  { name: "search", cpuMilli: 2_000, memoryMi: 8_192, night: 2, day: 8 },
  { name: "checkout", cpuMilli: 500, memoryMi: 1_024, night: 3, day: 12 },
  { name: "payments", cpuMilli: 250, memoryMi: 256, night: 2, day: 6 },
  { name: "images", cpuMilli: 1_500, memoryMi: 1_024, night: 2, day: 10 },
  { name: "recommendations", cpuMilli: 1_000, memoryMi: 4_096, night: 2, day: 6 },
];

const JOBS_EACH_HOUR = [
  { name: "reports", minute: 5, pods: 3, cpuMilli: 1_000, seconds: 300 },
  { name: "export", minute: 20, pods: 2, cpuMilli: 500, seconds: 600 },
  { name: "mails", minute: 40, pods: 1, cpuMilli: 250, seconds: 60 },
];

/** The number of pods follows the load so often, as an autoscaler does. */
const SCALE_EVERY_MS = 10 * MINUTE_MS;
/** Smaller differences are not worth a new number of pods. */
const TOLERANCE = 0.1;
/** Hours of the day (UTC) at which half of the services get a new version. */
const DEPLOY_HOURS = [10, 15];
const BUSIEST_HOUR = 16;

/** A web shop: a wave of load each day, Jobs each hour, two deployments a day. Chance makes only small differences. */
export class WebShop implements Tale {
  readonly #needs: StoryNeeds;
  readonly #replicas = new Map<string, number>();
  #isOver = false;
  #version = 0;

  constructor(needs: StoryNeeds) {
    this.#needs = needs;
  }

  begin(): void {
    this.#create(KWOK_NODE_CLASSES, NODE_CLASS);
    this.#create(NODE_POOLS, NODE_POOL);
    for (const service of SERVICES) {
      const replicas = this.#wanted(service);
      this.#replicas.set(service.name, replicas);
      this.#create(DEPLOYMENTS, deployment(service, replicas));
      this.#create(POD_DISRUPTION_BUDGETS, budget(service));
    }
    for (const job of JOBS_EACH_HOUR) this.#create(CRON_JOBS, cronJob(job));
    this.#every(SCALE_EVERY_MS, () => this.#scale());
    this.#every(HOUR_MS, () => this.#deploy());
  }

  end(): void {
    this.#isOver = true;
  }

  leave(): void {
    for (const { name } of SERVICES) this.#setReplicas(name, 0);
  }

  #create(kind: Kind, object: object): void {
    this.#needs.writer.create(kind, object as KubeObject);
  }

  #every(ms: number, act: () => void): void {
    this.#needs.clock.after(ms, () => {
      if (this.#isOver) return;
      act();
      this.#every(ms, act);
    });
  }

  #scale(): void {
    for (const service of SERVICES) {
      const now = this.#replicas.get(service.name) ?? 0;
      const wanted = this.#wanted(service);
      if (Math.abs(wanted - now) > TOLERANCE * now) this.#setReplicas(service.name, wanted);
    }
  }

  #deploy(): void {
    const { clock, random, writer, tell } = this.#needs;
    if (!DEPLOY_HOURS.includes(Math.floor((clock.nowMs() % DAY_MS) / HOUR_MS))) return;
    this.#version += 1;
    for (const { name } of SERVICES) {
      if (!random.chance(0.5)) continue;
      tell(`story: deploys ${name}`);
      const annotations = { version: String(this.#version) };
      writer.patch(DEPLOYMENTS, place(name), { spec: { template: { metadata: { annotations } } } });
    }
  }

  #setReplicas(name: string, replicas: number): void {
    this.#replicas.set(name, replicas);
    this.#needs.tell(`story: scales ${name} to ${replicas}`);
    this.#needs.writer.patch(DEPLOYMENTS, place(name), { spec: { replicas } });
  }

  /** Between night and day by the hour, and a few per cent by chance; a larger world has as many times more. */
  #wanted({ night, day }: Service): number {
    const { clock, random, scale } = this.#needs;
    const hour = (clock.nowMs() % DAY_MS) / HOUR_MS;
    const wave = (1 + Math.cos(((hour - BUSIEST_HOUR) * 2 * Math.PI) / 24)) / 2;
    const noise = 1 + (random.fraction() - 0.5) / 10;
    return Math.max(1, Math.round((night + (day - night) * wave) * noise * scale));
  }
}

function place(name: string): { name: string; namespace: string } {
  return { name, namespace: WORLD_NAMESPACE };
}

const NODE_CLASS = {
  apiVersion: "karpenter.kwok.sh/v1alpha1",
  kind: "KWOKNodeClass",
  metadata: { name: "default" },
  spec: { nodeRegistrationDelay: "25s" },
};

/** With the defaults of disruption: underutilized nodes go at once, a tenth of them at a time. */
const NODE_POOL = {
  apiVersion: "karpenter.sh/v1",
  kind: "NodePool",
  metadata: { name: "shop" },
  spec: {
    template: {
      spec: {
        requirements: [{ key: CAPACITY_TYPE_LABEL, operator: "In", values: ["on-demand"] }],
        nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
      },
    },
  },
};

function deployment({ name, cpuMilli, memoryMi }: Service, replicas: number): object {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: place(name),
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container(cpuMilli, memoryMi)] } },
    },
  };
}

function budget({ name }: Service): object {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: place(name),
    spec: { selector: { matchLabels: { app: name } }, maxUnavailable: "25%" },
  };
}

function cronJob({ name, minute, pods, cpuMilli, seconds }: (typeof JOBS_EACH_HOUR)[number]): object {
  const annotations = { "simulation/run-seconds": String(seconds) };
  const spec = { restartPolicy: "Never", containers: [container(cpuMilli, cpuMilli)] };
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: place(name),
    spec: {
      schedule: `${minute} * * * *`,
      jobTemplate: {
        spec: {
          completions: pods,
          parallelism: pods,
          backoffLimit: 100,
          template: { metadata: { annotations }, spec },
        },
      },
    },
  };
}

function container(cpuMilli: number, memoryMi: number): object {
  return {
    name: "main",
    image: "main",
    resources: { requests: { cpu: `${cpuMilli}m`, memory: `${memoryMi}Mi` } },
  };
}
