import type {
  CreateFleetCommandOutput,
  GpuDeviceInfo,
  Instance,
  InstanceStatusSummary,
  InstanceTypeInfo,
  LaunchTemplateAndOverridesResponse,
  Image as SdkImage,
  InstanceStatus as SdkInstanceStatus,
  PlacementGroup as SdkPlacementGroup,
  CapacityReservation as SdkReservation,
  SecurityGroup as SdkSecurityGroup,
  Subnet as SdkSubnet,
  Tag,
} from "@aws-sdk/client-ec2";
import type { Cluster } from "@aws-sdk/client-eks";
import { formatTime } from "../../../base/time.ts";
import type { Devices, Ec2Facts } from "../../ec2/facts.ts";
import type {
  CapacityReservation,
  Ec2Instance,
  EksCluster,
  FleetAnswer,
  FleetRequest,
  Image,
  InstanceStatus,
  PlacementGroup,
  SecurityGroup,
  Subnet,
  Tags,
} from "../aws-api.ts";

/** What AWS answers, as the port has it: fields that AWS leaves out are read once, here. */
export function tagsOf(tags: readonly Tag[] | undefined): Tags {
  return Object.fromEntries((tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value]));
}

export function subnetOf(subnet: SdkSubnet): Subnet {
  const { SubnetId = "", AvailabilityZone = "", AvailabilityZoneId = "", AvailableIpAddressCount = 0 } = subnet;
  return { id: SubnetId, zone: AvailabilityZone, zoneId: AvailabilityZoneId, freeAddresses: AvailableIpAddressCount };
}

export function groupOf({ GroupId = "", GroupName = "" }: SdkSecurityGroup): SecurityGroup {
  return { id: GroupId, name: GroupName };
}

export function imageOf({
  ImageId = "",
  Name = "",
  Architecture: architecture = "x86_64",
  CreationDate = "",
  DeprecationTime,
}: SdkImage): Image {
  return {
    id: ImageId,
    name: Name,
    architecture,
    creationDate: CreationDate,
    ...(DeprecationTime === undefined ? {} : { deprecationTime: DeprecationTime }),
  };
}

export function reservationOf(one: SdkReservation): CapacityReservation {
  return {
    id: one.CapacityReservationId ?? "",
    instanceType: one.InstanceType ?? "",
    zone: one.AvailabilityZone ?? "",
    ownerId: one.OwnerId ?? "",
    matchCriteria: one.InstanceMatchCriteria ?? "",
    type: one.ReservationType ?? "default",
    isInterruptible: one.Interruptible ?? false,
    availableCount: one.AvailableInstanceCount ?? 0,
    ...(one.EndDate === undefined ? {} : { endTime: formatTime(one.EndDate.getTime()) }),
  };
}

export function placementGroupOf(group: SdkPlacementGroup): PlacementGroup {
  const { GroupId = "", GroupName = "", Strategy = "", PartitionCount = 0 } = group;
  return { id: GroupId, name: GroupName, strategy: Strategy, partitions: PartitionCount };
}

export function clusterOf(cluster: Cluster | undefined): EksCluster {
  const { serviceIpv4Cidr, serviceIpv6Cidr } = cluster?.kubernetesNetworkConfig ?? {};
  return {
    arn: cluster?.arn ?? "",
    version: cluster?.version ?? "",
    endpoint: cluster?.endpoint ?? "",
    certificateAuthority: cluster?.certificateAuthority?.data ?? "",
    ...(serviceIpv4Cidr === undefined ? {} : { serviceIpv4Cidr }),
    ...(serviceIpv6Cidr === undefined ? {} : { serviceIpv6Cidr }),
  };
}

export function instanceOf(one: Instance): Ec2Instance {
  const preference = one.CapacityReservationSpecification?.CapacityReservationPreference;
  return {
    id: one.InstanceId ?? "",
    state: one.State?.Name ?? "",
    instanceType: one.InstanceType ?? "",
    imageId: one.ImageId ?? "",
    zone: one.Placement?.AvailabilityZone ?? "",
    subnetId: one.SubnetId ?? "",
    securityGroupIds: (one.SecurityGroups ?? []).map(({ GroupId = "" }) => GroupId),
    launchTime: formatTime(one.LaunchTime?.getTime() ?? 0),
    tags: tagsOf(one.Tags),
    isSpot: one.SpotInstanceRequestId !== undefined || one.InstanceLifecycle === "spot",
    tenancy: one.Placement?.Tenancy ?? "default",
    ...(one.CapacityReservationId === undefined ? {} : { capacityReservationId: one.CapacityReservationId }),
    usesReservationOnly: preference === "capacity-reservations-only",
    ...(one.Placement?.GroupId === undefined ? {} : { placementGroupId: one.Placement.GroupId }),
    ...(one.Placement?.PartitionNumber === undefined ? {} : { placementPartition: one.Placement.PartitionNumber }),
  };
}

export function statusOf(one: SdkInstanceStatus): InstanceStatus {
  const [instance, system] = [impairedSince(one.InstanceStatus), impairedSince(one.SystemStatus)];
  return {
    id: one.InstanceId ?? "",
    zone: one.AvailabilityZone ?? "",
    ...(instance === undefined ? {} : { instanceImpairedSince: instance }),
    ...(system === undefined ? {} : { systemImpairedSince: system }),
    events: (one.Events ?? [])
      // What is over, or called off, stays in the list for a week.
      .filter(({ Description = "" }) => !/^\[(Completed|Canceled)\]/.test(Description))
      .map(({ Code = "" }) => String(Code)),
  };
}

function impairedSince(summary: InstanceStatusSummary | undefined): string | undefined {
  const since = (summary?.Details ?? [])
    .filter(({ Status }) => Status === "failed")
    .map(({ ImpairedSince }) => ImpairedSince?.getTime())
    .filter((ms) => ms !== undefined);
  return since.length === 0 ? undefined : formatTime(Math.min(...since));
}

type Place = { instanceType: string; zone: string; subnetId: string; imageId: string };

/** An answer may leave out what the request said. */
export function fleetAnswerOf(
  { FleetId = "", Instances = [], Errors = [] }: CreateFleetCommandOutput,
  request: FleetRequest,
): FleetAnswer {
  const asked = request.templates.flatMap(({ overrides }) => overrides);
  const placeOf = (type: string | undefined, told: LaunchTemplateAndOverridesResponse | undefined): Place => {
    const { InstanceType = type ?? "", SubnetId, AvailabilityZone, ImageId } = told?.Overrides ?? {};
    const match = asked.find(
      (one) => one.instanceType === InstanceType && (SubnetId === undefined || one.subnetId === SubnetId),
    );
    return {
      instanceType: InstanceType,
      zone: AvailabilityZone ?? match?.zone ?? "",
      subnetId: SubnetId ?? match?.subnetId ?? "",
      imageId: ImageId ?? match?.imageId ?? "",
    };
  };
  return {
    id: FleetId,
    instances: Instances.map(
      ({ InstanceIds = [], InstanceType, Lifecycle = "on-demand", LaunchTemplateAndOverrides }) => ({
        instanceIds: InstanceIds,
        lifecycle: Lifecycle,
        ...placeOf(InstanceType, LaunchTemplateAndOverrides),
      }),
    ),
    errors: Errors.map(({ ErrorCode = "", ErrorMessage = "", LaunchTemplateAndOverrides }) => {
      const { imageId: _, ...place } = placeOf(undefined, LaunchTemplateAndOverrides);
      return { code: ErrorCode, message: ErrorMessage, ...place };
    }),
  };
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "amd64", arm64: "arm64" };

/** Macs are of other architectures. */
export function isForNodes(info: InstanceTypeInfo): boolean {
  return architectureOf(info) !== undefined;
}

function architectureOf({ ProcessorInfo }: InstanceTypeInfo): string | undefined {
  const known = ProcessorInfo?.SupportedArchitectures?.find((one) => ARCHITECTURES[one] !== undefined);
  return known === undefined ? undefined : ARCHITECTURES[known];
}

export function factsOf(info: InstanceTypeInfo): Ec2Facts {
  const storageGB = info.InstanceStorageInfo?.TotalSizeInGB ?? 0;
  const hasNvme = (info.InstanceStorageInfo?.NvmeSupport ?? "unsupported") !== "unsupported";
  const isEbsOptimized = info.EbsInfo?.EbsOptimizedSupport === "default";
  return {
    name: info.InstanceType ?? "",
    cpu: info.VCpuInfo?.DefaultVCpus ?? 0,
    memoryMiB: info.MemoryInfo?.SizeInMiB ?? 0,
    arch: architectureOf(info) ?? "",
    cpuMaker: kebab(info.ProcessorInfo?.Manufacturer ?? ""),
    clockMhz: Math.round((info.ProcessorInfo?.SustainedClockSpeedInGhz ?? 0) * 1_000),
    hypervisor: info.Hypervisor ?? "",
    storageGB,
    nvmeGB: hasNvme ? storageGB : 0,
    ebsMbps: isEbsOptimized ? (info.EbsInfo?.EbsOptimizedInfo?.MaximumBandwidthInMbps ?? 0) : 0,
    hasEnclaves: info.NitroEnclavesSupport === "supported",
    hasNestedVirtualization:
      info.ProcessorInfo?.SupportedFeatures?.some((one) => one === "nested-virtualization") ?? false,
    placementStrategies: info.PlacementGroupInfo?.SupportedStrategies ?? [],
    usageClasses: info.SupportedUsageClasses ?? [],
    ...networkOf(info),
    ...devicesOf(info),
  };
}

type NetworkFacts = Pick<
  Ec2Facts,
  "cards" | "addresses" | "efaInterfaces" | "networkMbps" | "isEncryptedInTransit" | "hasEna"
>;

function networkOf({ NetworkInfo: network = {} }: InstanceTypeInfo): NetworkFacts {
  const { NetworkCards: cards = [], DefaultNetworkCardIndex: first = 0, NetworkPerformance = "" } = network;
  const sorted = [...cards].sort((a, b) => Number(b.NetworkCardIndex === first) - Number(a.NetworkCardIndex === first));
  return {
    cards:
      cards.length === 0
        ? [network.MaximumNetworkInterfaces ?? 0]
        : sorted.map((card) => card.MaximumNetworkInterfaces ?? 0),
    addresses: network.Ipv4AddressesPerInterface ?? 0,
    efaInterfaces: network.EfaInfo?.MaximumEfaInterfaces ?? 0,
    networkMbps: networkMbps(NetworkPerformance, cards),
    isEncryptedInTransit: network.EncryptionInTransitSupported ?? false,
    hasEna: (network.EnaSupport ?? "unsupported") !== "unsupported",
  };
}

/** What a machine always has: all of a fixed performance, of an "Up to" the baseline of its cards, of "Moderate" nothing. */
function networkMbps(
  performance: string,
  cards: NonNullable<InstanceTypeInfo["NetworkInfo"]>["NetworkCards"] = [],
): number {
  const [isFixed, times = "1", gigabits] = /^(?:(\d+)x )?(\d+(?:\.\d+)?) Gigabit$/.exec(performance) ?? [];
  if (isFixed !== undefined) return Math.round(Number(times) * Number(gigabits) * 1_000);
  if (!/\d/.test(performance)) return 0;
  return Math.round(cards.reduce((sum, { BaselineBandwidthInGbps = 0 }) => sum + BaselineBandwidthInGbps, 0) * 1_000);
}

function devicesOf({
  GpuInfo,
  NeuronInfo,
  InferenceAcceleratorInfo,
}: InstanceTypeInfo): Pick<Ec2Facts, "gpus" | "accelerators" | "neuronCores"> {
  const neuron = NeuronInfo?.NeuronDevices ?? [];
  const inference = InferenceAcceleratorInfo?.Accelerators ?? [];
  return {
    gpus: (GpuInfo?.Gpus ?? []).map(gpuOf),
    accelerators:
      neuron.length > 0
        ? neuron.map((one) => deviceOf(one, "aws"))
        : inference.map((one) => deviceOf(one, one.Manufacturer ?? "aws")),
    neuronCores: neuron[0]?.CoreInfo?.Count ?? 0,
  };
}

function gpuOf(gpu: GpuDeviceInfo): Devices {
  return deviceOf(gpu, gpu.Manufacturer ?? "");
}

type Device = {
  Name?: string | undefined;
  Count?: number | undefined;
  MemoryInfo?: { SizeInMiB?: number | undefined } | undefined;
};

function deviceOf({ Name = "", Count = 0, MemoryInfo }: Device, maker: string): Devices {
  return [kebab(Name), kebab(maker), Count, MemoryInfo?.SizeInMiB ?? 0];
}

/** "Qualcomm AI100" is qualcomm-ai100. */
function kebab(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}
