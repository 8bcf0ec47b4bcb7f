import type { Random } from "../../base/random.ts";
import type { PodSpec } from "../../model/core.ts";
import { DAEMON_SETS, POD_DISRUPTION_BUDGETS } from "../../model/kinds.ts";
import { ARCH_LABEL, CAPACITY_TYPE_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { DEPLOYMENTS, JOBS } from "../workloads/kinds.ts";
import { DEDICATED_LABEL, DEDICATED_TAINT, type DrawnObject, type Offer } from "./draw-pools.ts";
import { SMALL_ZONES } from "./small-catalogue.ts";

export const WORLD_NAMESPACE = "default";

/** A Deployment of the story, with what it takes to keep the world of the size that was asked for. */
export type DrawnDeployment = { name: string; cpuMilli: number; replicasMax: number; objects: DrawnObject[] };

/** Only what the planner covers is drawn: requests, node selectors, required node affinity, tolerations, budgets. */
export function drawDeployment(random: Random, name: string, offer: Offer, cpuBudgetMilli: number): DrawnDeployment {
  const cpuMilli = random.pick([100, 250, 500, 1_000, 2_000, 3_500]);
  const replicasMax = Math.max(1, Math.min(30, Math.floor(cpuBudgetMilli / cpuMilli)));
  const labels = { app: name };
  const isProtected = random.chance(0.08);
  const annotations = isProtected ? { "karpenter.sh/do-not-disrupt": "true" } : {};
  const object = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: WORLD_NAMESPACE },
    spec: {
      replicas: random.between(0, replicasMax),
      selector: { matchLabels: labels },
      strategy: random.chance(0.15) ? { type: "Recreate" } : { type: "RollingUpdate" },
      template: { metadata: { labels, annotations }, spec: podSpec(random, offer, cpuMilli) },
    },
  };
  const objects: DrawnObject[] = [{ kind: DEPLOYMENTS, object: object as unknown as KubeObject }];
  if (random.chance(0.4)) objects.push(budget(random, name, labels));
  return { name, cpuMilli, replicasMax, objects };
}

export function drawJob(random: Random, name: string, offer: Offer): DrawnObject {
  const completions = random.between(1, 8);
  const object = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace: WORLD_NAMESPACE },
    spec: {
      completions,
      parallelism: random.between(1, completions),
      backoffLimit: 1_000,
      ttlSecondsAfterFinished: 60,
      template: {
        metadata: { labels: { job: name }, annotations: { "simulation/run-seconds": String(random.between(5, 400)) } },
        spec: { ...podSpec(random, offer, random.pick([250, 1_000, 2_000])), restartPolicy: "Never" },
      },
    },
  };
  return { kind: JOBS, object: object as unknown as KubeObject };
}

export function drawDaemonSet(random: Random, name: string): DrawnObject {
  const labels = { daemon: name };
  const requests = { cpu: random.pick(["50m", "100m", "200m"]), memory: random.pick(["64Mi", "128Mi"]) };
  const object = {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name, namespace: "kube-system" },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          priorityClassName: "system-node-critical",
          ...(random.chance(0.7) ? { tolerations: [{ operator: "Exists" }] } : {}),
          containers: [{ name: "agent", image: "agent", resources: { requests } }],
        },
      },
    },
  };
  return { kind: DAEMON_SETS, object: object as unknown as KubeObject };
}

function budget(random: Random, name: string, labels: Record<string, string>): DrawnObject {
  const object = {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name, namespace: WORLD_NAMESPACE },
    spec: {
      selector: { matchLabels: labels },
      ...random.pick([{ maxUnavailable: 1 }, { maxUnavailable: "30%" }, { minAvailable: "50%" }]),
    },
  };
  return { kind: POD_DISRUPTION_BUDGETS, object: object as unknown as KubeObject };
}

function podSpec(random: Random, offer: Offer, cpuMilli: number): PodSpec {
  const memoryMi = Math.round((cpuMilli * random.pick([1, 2, 4])) / 64) * 64 + 64;
  const requests = { cpu: `${cpuMilli}m`, memory: `${memoryMi}Mi` };
  return {
    containers: [{ name: "main", image: "main", resources: { requests } }],
    terminationGracePeriodSeconds: random.pick([0, 10, 30]),
    ...placement(random, offer),
  };
}

function placement(random: Random, offer: Offer): Partial<PodSpec> {
  const draw = random.between(1, 100);
  if (offer.hasDedicated && draw <= 15) {
    return { nodeSelector: { ...DEDICATED_LABEL }, tolerations: [{ ...DEDICATED_TAINT, operator: "Equal" }] };
  }
  if (draw <= 30) return { nodeSelector: { [ZONE_LABEL]: random.pick(SMALL_ZONES) } };
  if (draw <= 40) return { nodeSelector: { [CAPACITY_TYPE_LABEL]: random.pick(offer.capacityTypes) } };
  if (draw <= 50) return { nodeSelector: { [ARCH_LABEL]: random.pick(offer.arches) } };
  if (draw <= 65) {
    const not = random.pick(SMALL_ZONES);
    const matchExpressions = random.pick([
      [{ key: ZONE_LABEL, operator: "In", values: SMALL_ZONES.filter((zone) => zone !== not) }],
      [{ key: ZONE_LABEL, operator: "NotIn", values: [not] }],
      [{ key: ARCH_LABEL, operator: "Exists" }],
      [{ key: "team", operator: "DoesNotExist" }],
    ]);
    const required = { nodeSelectorTerms: [{ matchExpressions }] };
    return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } };
  }
  return {};
}
