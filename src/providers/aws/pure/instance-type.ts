import {
  ARCH_LABEL,
  CAPACITY_TYPE_LABEL,
  INSTANCE_TYPE_LABEL,
  OS_LABEL,
  REGION_LABEL,
  WINDOWS_BUILD_LABEL,
  ZONE_LABEL,
} from "../../../model/labels.ts";
import { type Requirement, type Requirements, requirement } from "../../../model/requirements.ts";
import { addResources, type Resources, subtractResources } from "../../../model/resources.ts";
import { branchInterfaces } from "../../ec2/catalogue.ts";
import { deviceResources } from "../../ec2/devices.ts";
import type { Ec2Facts } from "../../ec2/facts.ts";
import { EC2_LABELS, ec2Labels } from "../../ec2/labels.ts";
import type { ClassView, StatusReservation } from "./class-view.ts";
import type { Kubelet } from "./kubelet.ts";
import {
  EFA_RESOURCE,
  PARTITION_LABEL,
  PLACEMENT_GROUP_LABEL,
  RESERVATION_ID_LABEL,
  RESERVATION_INTERRUPTIBLE_LABEL,
  RESERVATION_TYPE_LABEL,
  TENANCY_LABEL,
  ZONE_ID_LABEL,
} from "./labels.ts";
import { overheadOf } from "./overhead.ts";
import { eniLimitedPods, podsOf } from "./pods.ts";
import { ephemeralStorageBytes } from "./storage.ts";

/** What holds for the whole controller. */
export type TypeSettings = {
  region: string;
  /** Part of the memory that virtual machines are assumed to lose, until a node has shown it. */
  vmMemoryOverhead: number;
  reservedEnis: number;
  reservedCapacity: boolean;
};

/** A type as nodes of a class have it, without where and for how much it is sold. */
export type NodeShape = {
  requirements: Requirements;
  capacity: Resources;
  overhead: Resources;
  allocatable: Resources;
  /** Where the class' settings of the kubelet are not the same for all types: those of this type. */
  kubelet?: Kubelet;
};

const MI = 2 ** 20;

/**
 * @param zones        where the type is sold
 * @param requirements those of `requirementsOfType`, where somebody has them already
 * @param kubelet      the class' settings of the kubelet as they are on nodes of this type
 * @source reference of the AWS provider, sections 1.1 to 1.4, and of its API, section 5
 */
export function nodeShape(
  facts: Ec2Facts,
  zones: readonly string[],
  view: ClassView,
  settings: TypeSettings,
  requirements: Requirements = requirementsOfType(facts, zones, view, settings),
  kubelet: Kubelet = view.kubelet,
): NodeShape {
  const { spec, familyFacts } = view;
  const interfaces = spec.networkInterfaces ?? [];
  const estimate = estimatedMemory(facts, settings.vmMemoryOverhead);
  const storage = ephemeralStorageBytes(facts, spec);
  const pods = podsOf(facts, familyFacts, kubelet, interfaces, settings.reservedEnis);
  const capacity = withoutZeros({
    cpu: facts.cpu * 1_000,
    memory: view.learnedMemory.get(facts.name) ?? estimate,
    "ephemeral-storage": storage,
    pods,
    ...deviceResources(facts),
    [EFA_RESOURCE]: efaInterfaces(facts, view),
    "vpc.amazonaws.com/pod-eni": branchInterfaces(facts.name),
    "vpc.amazonaws.com/PrivateIPv4Address": familyFacts.windowsBuild === undefined ? 0 : facts.addresses - 1,
  });
  const reservedFor = familyFacts.reservesForEniPods ? eniLimitedPods(facts, interfaces, 0) : pods;
  const { kubeReserved, systemReserved, evictionHard } = overheadOf(kubelet, facts.cpu, reservedFor, {
    memory: estimate,
    "ephemeral-storage": storage,
  });
  const overhead = addResources(kubeReserved, systemReserved, evictionHard);
  return {
    requirements,
    capacity: pods === 0 ? { ...capacity, pods: 0 } : capacity,
    overhead,
    allocatable: notNegative(subtractResources(capacity, overhead)),
    ...(kubelet === view.kubelet ? {} : { kubelet }),
  };
}

/** EC2 counts memory that the machine's firmware and hypervisor keep; on arm64 it counts 64 MiB too many. */
function estimatedMemory(facts: Ec2Facts, overhead: number): number {
  const mi = facts.memoryMiB - (facts.arch === "arm64" ? 64 : 0);
  return (mi - Math.ceil(mi * overhead)) * MI;
}

/** Interfaces written in the class replace those that the type would have. */
function efaInterfaces(facts: Ec2Facts, { spec }: ClassView): number {
  if (spec.networkInterfaces === undefined) return facts.efaInterfaces;
  return spec.networkInterfaces.filter(({ interfaceType }) => interfaceType === "efa-only").length;
}

// Loops: a thousand types for each class are worth them.
function withoutZeros(resources: Resources): Resources {
  const kept: Record<string, number> = {};
  for (const name of Object.keys(resources)) {
    const amount = resources[name];
    if (amount !== undefined && amount !== 0) kept[name] = amount;
  }
  return kept;
}

function notNegative(resources: Resources): Resources {
  const kept: Record<string, number> = {};
  for (const name of Object.keys(resources)) kept[name] = Math.max(0, resources[name] ?? 0);
  return kept;
}

/** What of a class decides the requirements and offerings of its types: classes with equal keys may share them. */
export function requirementsKey({ familyFacts, subnets, reservations, placementGroup }: ClassView): string {
  return JSON.stringify([familyFacts.windowsBuild, subnets, reservations, placementGroup]);
}

export function requirementsOfType(
  facts: Ec2Facts,
  zones: readonly string[],
  view: ClassView,
  settings: TypeSettings,
): Requirements {
  const reservations = settings.reservedCapacity ? reservationsOf(facts, view) : [];
  const own = zones.filter((zone) => view.zoneIds.has(zone));
  const zoneIds = own.map((zone) => view.zoneIds.get(zone) ?? "").filter((id) => id !== "");
  const { windowsBuild } = view.familyFacts;
  const isRightOs = windowsBuild === undefined || facts.arch === "amd64";
  const group = view.placementGroup;
  const capacityTypes = facts.usageClasses.filter((one) => one === "on-demand" || one === "spot");
  const result = new Map(hardwareRequirements(facts));
  const set = (key: string, values: readonly string[]) =>
    result.set(key, values.length === 0 ? absent(key) : requirement(key, "In", values));
  result.set(ZONE_LABEL, requirement(ZONE_LABEL, "In", own));
  result.set(
    OS_LABEL,
    requirement(OS_LABEL, "In", isRightOs ? [windowsBuild === undefined ? "linux" : "windows"] : []),
  );
  set(REGION_LABEL, [settings.region]);
  if (zoneIds.length > 0) set(ZONE_ID_LABEL, zoneIds);
  set(WINDOWS_BUILD_LABEL, windowsBuild === undefined ? [] : [windowsBuild]);
  set(CAPACITY_TYPE_LABEL, [...capacityTypes, ...(reservations.length > 0 ? ["reserved"] : [])]);
  set(TENANCY_LABEL, ["default", "dedicated"]);
  set(
    RESERVATION_ID_LABEL,
    reservations.map(({ id }) => id),
  );
  set(
    RESERVATION_TYPE_LABEL,
    reservations.map(({ reservationType = "default" }) => reservationType),
  );
  set(
    RESERVATION_INTERRUPTIBLE_LABEL,
    reservations.map(({ interruptible = false }) => String(interruptible)),
  );
  set(PLACEMENT_GROUP_LABEL, group === undefined ? [] : [group.id]);
  set(PARTITION_LABEL, group?.strategy === "partition" ? partitionsOf(group.partitions) : []);
  return result;
}

export function reservationsOf({ name }: Ec2Facts, { reservations }: ClassView): StatusReservation[] {
  return reservations.filter(({ instanceType }) => instanceType === name);
}

export function partitionsOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i + 1));
}

/** The same whatever the class: made once per answer of DescribeInstanceTypes. */
const hardware = new WeakMap<Ec2Facts, Requirements>();

function hardwareRequirements(facts: Ec2Facts): Requirements {
  const known = hardware.get(facts);
  if (known !== undefined) return known;
  const labels = ec2Labels(facts);
  const made = new Map<string, Requirement>();
  // A pod that asks for GPUs must not land on a type that says nothing of them.
  for (const key of EC2_LABELS) {
    const value = labels[key];
    made.set(key, value === undefined ? absent(key) : requirement(key, "In", [value]));
  }
  made.set(INSTANCE_TYPE_LABEL, requirement(INSTANCE_TYPE_LABEL, "In", [facts.name]));
  made.set(ARCH_LABEL, requirement(ARCH_LABEL, "In", [facts.arch]));
  hardware.set(facts, made);
  return made;
}

const absents = new Map<string, Requirement>();

/** The same few keys are absent in hundreds of types. */
function absent(key: string): Requirement {
  const known = absents.get(key) ?? requirement(key, "DoesNotExist");
  absents.set(key, known);
  return known;
}
