import { byText } from "../../base/order.ts";
import type { InstanceType, Offering } from "../../model/instance-type.ts";
import { ARCH_LABEL, CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, OS_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import { type Requirement, type Requirements, requirement } from "../../model/requirements.ts";
import { formatAmount, maxResources, type Resources, subtractResources } from "../../model/resources.ts";
import { KWOK_CPU_LABEL, KWOK_FAMILY_LABEL, KWOK_MEMORY_LABEL, KWOK_SIZE_LABEL } from "./labels.ts";

/** What one entry of a catalogue says. */
export type KwokTypeFacts = {
  name: string;
  architecture: string;
  operatingSystems: readonly string[];
  offerings: readonly Offering[];
  /** Without pods: 110 of them. */
  resources: Resources;
  /** Labels beside the kwok provider's own. */
  labels?: Readonly<Record<string, string>>;
};

/** What a fake kubelet keeps for itself: 100m cpu and 10Mi memory, whatever the size. */
const OVERHEAD: Resources = { cpu: 100, memory: 10 * 2 ** 20 };
const PODS_DEFAULT = 110;

/**
 * An instance type with the labels and the overhead of upstream's kwok provider.
 * @source kubernetes-sigs/karpenter kwok/cloudprovider/helpers.go
 */
export function kwokInstanceType(facts: KwokTypeFacts): InstanceType {
  const { name, architecture, operatingSystems, offerings } = facts;
  const capacity: Resources = { pods: PODS_DEFAULT, ...facts.resources };
  const cpu = formatAmount("cpu", capacity["cpu"] ?? 0);
  const labels = {
    ...facts.labels,
    [INSTANCE_TYPE_LABEL]: name,
    [ARCH_LABEL]: architecture,
    [KWOK_SIZE_LABEL]: sizeOf(name, cpu),
    [KWOK_FAMILY_LABEL]: familyOf(name),
    [KWOK_CPU_LABEL]: cpu,
    [KWOK_MEMORY_LABEL]: formatAmount("memory", capacity["memory"] ?? 0),
  };
  const requirements = new Map<string, Requirement>();
  for (const [key, value] of Object.entries(labels)) requirements.set(key, requirement(key, "In", [value]));
  requirements.set(OS_LABEL, requirement(OS_LABEL, "In", operatingSystems));
  for (const key of [ZONE_LABEL, CAPACITY_TYPE_LABEL])
    requirements.set(key, requirement(key, "In", offered(offerings, key)));
  const overhead = { ...OVERHEAD, memory: (OVERHEAD["memory"] ?? 0) + hugePages(capacity) };
  return {
    name,
    requirements,
    offerings: withoutReservation(offerings),
    capacity,
    overhead,
    allocatable: maxResources(subtractResources(capacity, overhead), { memory: 0 }),
  };
}

/** Memory that is kept as huge pages is no use to others. */
function hugePages(capacity: Resources): number {
  return Object.keys(capacity).reduce(
    (sum, name) => sum + (name.startsWith("hugepages-") ? (capacity[name] ?? 0) : 0),
    0,
  );
}

export function isReservationLabel(key: string): boolean {
  return /(^|[/-])reservation-id$/.test(key);
}

/** Offerings beside reserved ones say that they are in no reservation. */
function withoutReservation(offerings: readonly Offering[]): readonly Offering[] {
  const keys = new Set(offerings.flatMap(({ requirements }) => [...requirements.keys()].filter(isReservationLabel)));
  if (keys.size === 0) return offerings;
  return offerings.map((offering) => {
    const requirements = new Map(offering.requirements);
    for (const key of keys) if (!requirements.has(key)) requirements.set(key, requirement(key, "DoesNotExist"));
    return { ...offering, requirements };
  });
}

/** An offering whose zone and capacity type are its only requirements, unless more are given. */
export function kwokOffering(offering: Omit<Offering, "requirements">, more: Requirements = new Map()): Offering {
  const requirements = new Map(more);
  requirements.set(ZONE_LABEL, shared(ZONE_LABEL, offering.zone));
  requirements.set(CAPACITY_TYPE_LABEL, shared(CAPACITY_TYPE_LABEL, offering.capacityType));
  return { ...offering, requirements };
}

/** In ten thousand offerings the same few zones and capacity types occur. */
const sharedRequirements = new Map<string, Requirement>();
function shared(key: string, value: string): Requirement {
  const id = `${key} ${value}`;
  let one = sharedRequirements.get(id);
  if (one === undefined) {
    one = requirement(key, "In", [value]);
    if (sharedRequirements.size >= 1_000) sharedRequirements.clear();
    sharedRequirements.set(id, one);
  }
  return one;
}

function offered(offerings: readonly Offering[], key: string): string[] {
  const values = new Set<string>();
  for (const { requirements } of offerings) for (const value of requirements.get(key)?.values ?? []) values.add(value);
  return [...values].sort(byText);
}

/** EC2 writes family.size; where a name says no size, its number of processors is the size. */
function sizeOf(name: string, cpu: string): string {
  return /^\w+\.(nano|micro|small|medium|large|\d*xlarge|metal)$/.exec(name)?.[1] ?? cpu;
}

/** What stands before the first dot or dash, or else the first letter. */
function familyOf(name: string): string {
  const end = name.search(/[.-]/);
  return end < 0 ? name.slice(0, 1) : name.slice(0, end);
}
