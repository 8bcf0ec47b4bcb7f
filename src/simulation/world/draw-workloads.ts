import type { Random } from "../../base/random.ts";
import type { PodSpec } from "../../model/core.ts";
import { DAEMON_SETS, type Kind, POD_DISRUPTION_BUDGETS, STORAGE_CLASSES } from "../../model/kinds.ts";
import {
  ARCH_LABEL,
  CAPACITY_TYPE_LABEL,
  DO_NOT_DISRUPT_ANNOTATION,
  SURGE_ANNOTATION,
  ZONE_LABEL,
} from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { DEPLOYMENTS, JOBS, STATEFUL_SETS } from "../workloads/kinds.ts";
import { DEDICATED_LABEL, DEDICATED_TAINT, type DrawnObject, type Offer } from "./draw-pools.ts";
import { SMALL_ZONES } from "./small-catalogue.ts";

export const WORLD_NAMESPACE = "default";

/** A workload of the story, with what it takes to keep the world of the size that was asked for. */
export type DrawnWorkload = {
  kind: Kind;
  name: string;
  cpuMilli: number;
  replicasMax: number;
  /** The workload itself and what belongs to it. */
  objects: DrawnObject[];
};

/** Requests, node selectors, required node affinity, tolerations; budgets, also bad ones; do-not-disrupt; surge. */
export function drawDeployment(random: Random, name: string, offer: Offer, cpuBudgetMilli: number): DrawnWorkload {
  const cpuMilli = random.pick([100, 250, 500, 1_000, 2_000, 3_500]);
  const replicasMax = Math.max(1, Math.min(30, Math.floor(cpuBudgetMilli / cpuMilli)));
  const labels = { app: name };
  const annotations = {
    ...(random.chance(0.12) ? { [DO_NOT_DISRUPT_ANNOTATION]: random.pick(["true", "true", "4m", "15m"]) } : {}),
    ...(random.chance(0.1) ? { [SURGE_ANNOTATION]: "true" } : {}),
  };
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
  if (random.chance(0.4)) objects.push(...budgets(random, name, labels));
  return { kind: DEPLOYMENTS, name, cpuMilli, replicasMax, objects };
}

/** Volumes are made where the first pod goes, and stay in that zone. */
export const STORAGE_CLASS_NAME = "disks";
export const STORAGE_CLASS: DrawnObject = {
  kind: STORAGE_CLASSES,
  object: {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: STORAGE_CLASS_NAME },
    provisioner: "ebs.csi.aws.com",
    volumeBindingMode: "WaitForFirstConsumer",
  } as unknown as KubeObject,
};

/** A StatefulSet whose pods have a volume each. */
export function drawStatefulSet(random: Random, name: string): DrawnWorkload {
  const cpuMilli = random.pick([250, 1_000, 2_000]);
  const replicasMax = random.between(1, 5);
  const labels = { app: name };
  const requests = { cpu: `${cpuMilli}m`, memory: `${cpuMilli}Mi` };
  const mounts = [{ name: "data", mountPath: "/data" }];
  const object = {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name, namespace: WORLD_NAMESPACE },
    spec: {
      replicas: random.between(1, replicasMax),
      serviceName: name,
      selector: { matchLabels: labels },
      podManagementPolicy: random.pick(["OrderedReady", "Parallel"]),
      template: {
        metadata: { labels },
        spec: {
          containers: [{ name: "main", image: "main", resources: { requests }, volumeMounts: mounts }],
          terminationGracePeriodSeconds: random.pick([0, 10, 30]),
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: {
            accessModes: ["ReadWriteOnce"],
            storageClassName: STORAGE_CLASS_NAME,
            resources: { requests: { storage: "10Gi" } },
          },
        },
      ],
    },
  };
  const objects: DrawnObject[] = [{ kind: STATEFUL_SETS, object: object as unknown as KubeObject }];
  if (random.chance(0.5)) objects.push(...budgets(random, name, labels));
  return { kind: STATEFUL_SETS, name, cpuMilli, replicasMax, objects };
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

/** Three in four are as they should be; others select nobody, allow nothing, or are two, which evicts nothing either. */
function budgets(random: Random, name: string, labels: Record<string, string>): DrawnObject[] {
  const selector = { matchLabels: labels };
  const good = random.pick([{ maxUnavailable: 1 }, { maxUnavailable: "30%" }, { minAvailable: "50%" }]);
  const specs = random.chance(0.75)
    ? [{ selector, ...good }]
    : random.pick([
        [good],
        [{ selector, maxUnavailable: 0 }],
        [
          { selector, ...good },
          { selector, maxUnavailable: 2 },
        ],
      ]);
  return specs.map((spec, i) => {
    const object = {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: i === 0 ? name : `${name}-${i + 1}`, namespace: WORLD_NAMESPACE },
      spec,
    };
    return { kind: POD_DISRUPTION_BUDGETS, object: object as unknown as KubeObject };
  });
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
