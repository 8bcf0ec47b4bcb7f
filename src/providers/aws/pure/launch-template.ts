import { CAPACITY_TYPE_LABEL, DO_NOT_SYNC_TAINTS_LABEL } from "../../../model/labels.ts";
import { parseQuantity, wholeValue } from "../../../model/quantity.ts";
import type { NodeClaim } from "../../../model/resources/node-claim.ts";
import { UNREGISTERED_TAINT } from "../../../model/taints.ts";
import type { BlockDeviceMapping, LaunchTemplateData, NetworkInterface, Tags } from "../aws-api.ts";
import { aliasOf } from "./ami-family.ts";
import type { ClassView, StatusAmi } from "./class-view.ts";
import { hash64 } from "./hash64.ts";
import { NITRO_SANDBOX_RESOURCE, PARTITION_LABEL } from "./labels.ts";
import type { LaunchGroup, LaunchPlan } from "./launch-plan.ts";
import { type Bootstrap, isIpv6 } from "./user-data/bootstrap.ts";
import { userDataOf } from "./user-data/user-data.ts";

/** What is the same for all machines of the cluster. */
export type ClusterFacts = {
  name: string;
  endpoint: string;
  caBundle: string;
  /** Of the services; known only where a family needs it. */
  cidr?: string;
  dnsIp?: string;
};

/**
 * The launch template of a group of machines, or what the user data of the class does wrong.
 * @source reference of the AWS provider, section 6
 */
export function launchTemplateData(
  claim: NodeClaim,
  view: ClassView,
  plan: Pick<LaunchPlan, "capacityType" | "labelledAs" | "tenancy">,
  group: LaunchGroup,
  cluster: ClusterFacts,
  tags: Tags,
  { region, reservedCapacity }: { region: string; reservedCapacity: boolean },
): { data: LaunchTemplateData } | { problem: string } {
  const userData = userDataOf(view.family, bootstrapOf(claim, view, plan, group, cluster));
  if ("problem" in userData) return userData;
  const { spec } = view;
  const devices = blockDevices(view);
  return {
    data: {
      imageId: group.ami.id,
      userData: userData.text,
      iamInstanceProfile: { name: view.instanceProfile },
      ...(devices === undefined ? {} : { blockDeviceMappings: devices }),
      monitoring: { enabled: spec.detailedMonitoring ?? false },
      networkInterfaces: interfacesOf(view, group, isIpv6(cluster.dnsIp)),
      tagSpecifications: [
        { resourceType: "network-interface", tags },
        ...(plan.capacityType === "spot" ? [{ resourceType: "spot-instances-request", tags }] : []),
      ],
      metadataOptions: metadataOptions(view, region),
      placement: placementOf(claim, view, plan.tenancy),
      enclaveOptions: { enabled: claim.spec.resources?.requests?.[NITRO_SANDBOX_RESOURCE] !== undefined },
      ...(spec.cpuOptions?.nestedVirtualization === undefined
        ? {}
        : { cpuOptions: { nestedVirtualization: spec.cpuOptions.nestedVirtualization } }),
      ...(reservedCapacity ? reservationOptions(group) : {}),
    },
  };
}

/** The same data has the same name, so that a template is found again. */
export function launchTemplateName(data: LaunchTemplateData): string {
  return `karpenter.k8s.aws/${hash64(JSON.stringify(data))}`;
}

/** Machines of a user's own image get the user's data as it is: whatever is not in it they are not told. */
function bootstrapOf(
  claim: NodeClaim,
  view: ClassView,
  { labelledAs }: Pick<LaunchPlan, "labelledAs">,
  { ami, maxPods, kubelet }: LaunchGroup,
  cluster: ClusterFacts,
): Bootstrap {
  const { spec, family } = view;
  const { kubeReserved, systemReserved } = kubelet;
  const imageVersion = imageVersionOf(view, ami);
  const isCustom = family === "Custom";
  return {
    cluster,
    labels: kubeletLabels({
      ...claim.metadata.labels,
      [CAPACITY_TYPE_LABEL]: labelledAs,
      ...(isCustom ? {} : { [DO_NOT_SYNC_TAINTS_LABEL]: "true" }),
    }),
    taints: taintsOf(claim),
    rawKubelet: {
      ...spec.kubelet,
      ...(kubeReserved === undefined ? {} : { kubeReserved }),
      ...(systemReserved === undefined ? {} : { systemReserved }),
    },
    kubelet,
    maxPods,
    hasRaid0: spec.instanceStorePolicy === "RAID0",
    ...(imageVersion === undefined ? {} : { imageVersion }),
    ...(spec.userData === undefined ? {} : { userData: spec.userData }),
  };
}

function taintsOf({ spec }: NodeClaim): Bootstrap["taints"] {
  const taints = [...(spec.taints ?? []), ...(spec.startupTaints ?? [])] as Bootstrap["taints"];
  return taints.some(({ key }) => key === UNREGISTERED_TAINT.key) ? taints : [...taints, UNREGISTERED_TAINT];
}

const KUBERNETES_DOMAINS = ["kubernetes.io", "k8s.io", "node-restriction.kubernetes.io"];

/** A kubelet may not give itself labels of Kubernetes' own domains; Karpenter adds them when the node registers. */
function kubeletLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).filter(([key]) => {
      const domain = key.includes("/") ? key.slice(0, key.indexOf("/")) : "";
      return !KUBERNETES_DOMAINS.some((one) => domain === one || domain.endsWith(`.${one}`));
    }),
  );
}

/** From the alias, else from the image's name: the part that looks like v1.2.3. */
function imageVersionOf({ spec }: ClassView, ami: StatusAmi): string | undefined {
  const alias = aliasOf(spec)?.version;
  if (alias !== undefined) return alias.replace(/^v/, "");
  const named = spec.amiSelectorTerms.find(({ name }) => name !== undefined)?.name ?? "";
  for (const text of [named, ami.name ?? ""]) {
    const part = text.split("-").find((one) => /^v\d.*\./.test(one));
    if (part !== undefined) return part.slice(1);
  }
  return undefined;
}

function blockDevices({ spec, familyFacts }: ClassView): BlockDeviceMapping[] | undefined {
  const devices = spec.blockDeviceMappings ?? familyFacts.defaultDevices;
  if (devices.length === 0) return undefined;
  return devices.map(({ deviceName, ebs }) => ({
    ...(deviceName === undefined ? {} : { deviceName }),
    ...(ebs === undefined ? {} : { ebs: ebsOf(ebs) }),
  }));
}

type ClassEbs = NonNullable<NonNullable<ClassView["spec"]["blockDeviceMappings"]>[number]["ebs"]>;

function ebsOf({
  volumeSize,
  kmsKeyID,
  snapshotID,
  iops,
  throughput,
  ...rest
}: ClassEbs): NonNullable<BlockDeviceMapping["ebs"]> {
  return {
    ...rest,
    ...(kmsKeyID === undefined ? {} : { kmsKeyId: kmsKeyID }),
    ...(snapshotID === undefined ? {} : { snapshotId: snapshotID }),
    // As upstream: 0 means that EC2 decides.
    ...(iops === undefined || iops === 0 ? {} : { iops }),
    ...(throughput === undefined || throughput === 0 ? {} : { throughput }),
    ...(volumeSize === undefined ? {} : { volumeSize: gibibytes(volumeSize) }),
  };
}

/** EC2 counts volumes in GiB. */
function gibibytes(size: string): number {
  const quantity = parseQuantity(size);
  return quantity === undefined ? 0 : Math.ceil(wholeValue(quantity) / 2 ** 30);
}

function interfacesOf(view: ClassView, group: LaunchGroup, hasIpv6: boolean): NetworkInterface[] {
  const { networkInterfaces: written } = view.spec;
  const groups = view.securityGroupIds;
  if (written !== undefined && written.length > 0) {
    return written.map(({ networkCardIndex, deviceIndex, interfaceType }) => ({
      networkCardIndex,
      deviceIndex,
      interfaceType,
      groups,
      ...(interfaceType === "efa-only" ? {} : addressing(view, hasIpv6)),
    }));
  }
  if (group.efaInterfaces > 0) {
    return Array.from({ length: group.efaInterfaces }, (_, card) => ({
      networkCardIndex: card,
      deviceIndex: card === 0 ? 0 : 1,
      interfaceType: "efa",
      groups,
      ...addressing(view, hasIpv6),
    }));
  }
  return [{ networkCardIndex: 0, deviceIndex: 0, groups, ...addressing(view, hasIpv6) }];
}

function addressing({ spec }: ClassView, hasIpv6: boolean): Partial<NetworkInterface> {
  const { associatePublicIPAddress, ipPrefixCount, connectionTracking } = spec;
  return {
    ...(associatePublicIPAddress === undefined ? {} : { associatePublicIpAddress: associatePublicIPAddress }),
    ...(ipPrefixCount === undefined
      ? {}
      : hasIpv6
        ? { ipv6PrefixCount: ipPrefixCount }
        : { ipv4PrefixCount: ipPrefixCount }),
    ...(hasIpv6 ? { primaryIpv6: true, ipv6AddressCount: 1 } : {}),
    ...(connectionTracking === undefined ? {} : { connectionTrackingSpecification: connectionTracking }),
  };
}

/** Regions of closed partitions whose EC2 does not know the option. */
const WITHOUT_IPV6_METADATA = /^us-iso/;

function metadataOptions({ spec }: ClassView, region: string): LaunchTemplateData["metadataOptions"] {
  const { httpEndpoint, httpProtocolIPv6, httpPutResponseHopLimit, httpTokens } = spec.metadataOptions ?? {};
  return {
    httpEndpoint: httpEndpoint ?? "enabled",
    ...(WITHOUT_IPV6_METADATA.test(region) ? {} : { httpProtocolIpv6: httpProtocolIPv6 ?? "disabled" }),
    httpPutResponseHopLimit: httpPutResponseHopLimit ?? 1,
    httpTokens: httpTokens ?? "required",
    instanceMetadataTags: "disabled",
  };
}

function placementOf(
  { spec }: NodeClaim,
  { placementGroup: group }: ClassView,
  tenancy: "default" | "dedicated",
): NonNullable<LaunchTemplateData["placement"]> {
  const wanted =
    spec.requirements.find(({ key, operator }) => key === PARTITION_LABEL && operator === "In")?.values ?? [];
  // The smallest partition by number; upstream takes "10" before "2".
  const partition = Math.min(...wanted.map(Number));
  return {
    tenancy,
    ...(group === undefined ? {} : { groupId: group.id }),
    ...(group?.strategy === "partition" && Number.isFinite(partition) ? { partitionNumber: partition } : {}),
  };
}

/** Open reservations that nobody selected are left to others. */
function reservationOptions({ reservation }: LaunchGroup): Partial<LaunchTemplateData> {
  if (reservation === undefined) return { capacityReservationSpecification: { capacityReservationPreference: "none" } };
  const { id, reservationType, interruptible } = reservation;
  const marketType =
    reservationType === "capacity-block"
      ? "capacity-block"
      : interruptible === true
        ? "interruptible-capacity-reservation"
        : undefined;
  return {
    capacityReservationSpecification: {
      capacityReservationPreference: "capacity-reservations-only",
      capacityReservationTarget: { capacityReservationId: id },
    },
    ...(marketType === undefined ? {} : { instanceMarketOptions: { marketType } }),
  };
}
