import type { Random } from "../src/base/random.ts";
import type { InstanceType, Offering } from "../src/model/instance-type.ts";
import type { KubeObject } from "../src/model/object.ts";
import { requirementsOf } from "../src/model/requirements.ts";
import { parseResources } from "../src/model/resources.ts";

/** The pods and types of the benchmark that upstream measures itself with. */

const ZONE = "topology.kubernetes.io/zone";
const HOSTNAME = "kubernetes.io/hostname";
const CAPACITY_TYPE = "karpenter.sh/capacity-type";
const CPUS = ["100m", "250m", "500m", "1", "1500m"];
const MEMORIES = ["100Mi", "256Mi", "512Mi", "1Gi", "2Gi", "4Gi"];
const LABELS = ["a", "b", "c", "d", "e", "f", "g"];

/** In fifths: plain, spread over zones, spread over hosts, near their own kind by zone, apart by host. */
export function diversePods(total: number): (index: number, random: Random) => KubeObject {
  return (index, random) => {
    const label = random.pick(LABELS);
    const labels = { "my-label": label };
    switch (Math.min(Math.floor((index * 5) / total), 4)) {
      case 0:
        return pod(index, labels, container(random));
      case 1:
        return pod(index, labels, { ...container(random), ...spread(ZONE, random.pick(LABELS), "DoNotSchedule") });
      case 2:
        return pod(index, labels, { ...container(random), ...spread(HOSTNAME, random.pick(LABELS), "DoNotSchedule") });
      case 3: {
        const own = { "my-affinity": label };
        const term = { topologyKey: ZONE, labelSelector: { matchLabels: own } };
        const podAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
        return pod(index, own, { ...container(random), affinity: { podAffinity } });
      }
      default: {
        const own = { app: "nginx" };
        const term = { topologyKey: HOSTNAME, labelSelector: { matchLabels: own } };
        const podAntiAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
        return pod(index, own, { ...container(random), affinity: { podAntiAffinity } });
      }
    }
  };
}

/** Preferences that cannot all be met. */
export function wishfulPod(index: number, random: Random): KubeObject {
  const labels = { app: "nginx", "my-label": random.pick(LABELS) };
  const wish = (weight: number, key: string, value: string) => ({
    weight,
    preference: { matchExpressions: [{ key, operator: "In", values: [value] }] },
  });
  const term = { topologyKey: ZONE, labelSelector: { matchLabels: { app: "nginx" } } };
  const affinity = {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        wish(2, ZONE, "nowhere"),
        wish(1, "kubernetes.io/arch", "arm64"),
      ],
    },
    podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }] },
  };
  return pod(index, labels, { ...container(random), ...spread(ZONE, random.pick(LABELS), "ScheduleAnyway"), affinity });
}

function spread(topologyKey: string, value: string, whenUnsatisfiable: string) {
  const labelSelector = { matchLabels: { "my-label": value } };
  return { topologySpreadConstraints: [{ maxSkew: 1, topologyKey, whenUnsatisfiable, labelSelector }] };
}

function container(random: Random) {
  const requests = { cpu: random.pick(CPUS), memory: random.pick(MEMORIES) };
  return { containers: [{ name: "app", resources: { requests } }] };
}

function pod(index: number, labels: Record<string, string>, spec: unknown): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `pod-${index}`,
      namespace: "default",
      uid: `uid-${index}`,
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels,
    },
    spec,
    status: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] },
  } as KubeObject;
}

/** The n-th has n cpu, 2n GiB and room for 10n pods, in three zones, on demand and spot. */
export const FAKE_TYPES: readonly InstanceType[] = Array.from({ length: 400 }, (_, i) => fakeType(i + 1));

function fakeType(size: number): InstanceType {
  const name = `fake-${size}`;
  const capacity = parseResources({ cpu: size, memory: `${size * 2}Gi`, pods: String(size * 10) });
  const overhead = parseResources({ cpu: "100m", memory: "10Mi" });
  const allocatable = { ...capacity };
  for (const [key, amount] of Object.entries(overhead)) allocatable[key] = (allocatable[key] ?? 0) - amount;
  const price = 0.025 * size + 0.002 * size;
  const offerings = ["zone-1", "zone-2", "zone-3"].flatMap((zone) => [
    offering(zone, "on-demand", price),
    offering(zone, "spot", price * 0.7),
  ]);
  const requirements = requirementsOf([
    { key: "node.kubernetes.io/instance-type", operator: "In", values: [name] },
    { key: "kubernetes.io/arch", operator: "In", values: ["amd64"] },
    { key: "kubernetes.io/os", operator: "In", values: ["linux"] },
    { key: ZONE, operator: "In", values: ["zone-1", "zone-2", "zone-3"] },
    { key: CAPACITY_TYPE, operator: "In", values: ["on-demand", "spot"] },
  ]);
  return { name, requirements, offerings, capacity, overhead, allocatable };
}

function offering(zone: string, capacityType: Offering["capacityType"], priceUsdPerHour: number): Offering {
  const requirements = requirementsOf([
    { key: ZONE, operator: "In", values: [zone] },
    { key: CAPACITY_TYPE, operator: "In", values: [capacityType] },
  ]);
  return { requirements, zone, capacityType, priceUsdPerHour, available: true };
}
