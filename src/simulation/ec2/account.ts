import { byText } from "../../base/order.ts";
import type {
  CapacityReservation,
  EksCluster,
  Image,
  InstanceProfile,
  LaunchTemplateData,
  PlacementGroup,
  Tags,
} from "../../providers/aws/aws-api.ts";
import { ec2Region } from "../../providers/ec2/catalogue.ts";
import type { Ec2Facts } from "../../providers/ec2/facts.ts";

export type SimulatedSubnet = { id: string; zone: string; zoneId: string; freeAddresses: number; tags: Tags };
export type SimulatedGroup = { id: string; name: string; tags: Tags };
/** How a machine with the image reads its user data. */
export type ImageKind = "nodeadm" | "bootstrap" | "bottlerocket" | "windows" | "any";
export type SimulatedImage = Image & { kind: ImageKind; ownerAlias: string; tags: Tags };
export type SimulatedTemplate = { id: string; name: string; data: LaunchTemplateData; tags: Tags };

/** What there is in one region of a simulated account. Tests change it as the account's owner would. */
export type Account = {
  region: string;
  types: Map<string, { facts: Ec2Facts; zones: readonly string[]; usdPerHour: number }>;
  subnets: Map<string, SimulatedSubnet>;
  securityGroups: Map<string, SimulatedGroup>;
  images: Map<string, SimulatedImage>;
  parameters: Map<string, string>;
  reservations: Map<string, CapacityReservation & { tags: Tags }>;
  placementGroups: Map<string, PlacementGroup>;
  templates: Map<string, SimulatedTemplate>;
  profiles: Map<string, InstanceProfile & { tags: Tags }>;
  /** Roles that IAM does not know; all others exist. */
  missingRoles: Set<string>;
  cluster: EksCluster & { name: string };
  /** Subnets, groups, images, profiles and reservations that somebody names by id are there. */
  hasWhateverIsNamed: boolean;
};

export type AccountOptions = {
  region: string;
  clusterName: string;
  kubernetes?: string;
  hasWhateverIsNamed?: boolean;
  /** What the region sells; default: the catalogue's. */
  types?: Account["types"];
};

const ADDRESSES = 4_091;

/** An account with an EKS cluster: a subnet in each zone, a security group, the images that AWS publishes. */
export function createAccount(options: AccountOptions): Account {
  const { region, clusterName, kubernetes = "1.34", hasWhateverIsNamed = false } = options;
  const sold = ec2Region(region);
  const types = options.types ?? new Map((sold?.types ?? []).map((type) => [type.facts.name, type]));
  const zones = [...new Set([...types.values()].flatMap((type) => type.zones))].sort(byText);
  const discovery = { "karpenter.sh/discovery": clusterName };
  const subnets = zones.map((zone, i): SimulatedSubnet => {
    const id = `subnet-${hex(i + 1)}`;
    return { id, zone, zoneId: zoneIdOf(region, i), freeAddresses: ADDRESSES, tags: { ...discovery, Name: zone } };
  });
  const group: SimulatedGroup = { id: `sg-${hex(1)}`, name: `${clusterName}-node`, tags: discovery };
  const account: Account = {
    region,
    types,
    subnets: new Map(subnets.map((one) => [one.id, one])),
    securityGroups: new Map([[group.id, group]]),
    images: new Map(),
    parameters: new Map(),
    reservations: new Map(),
    placementGroups: new Map(),
    templates: new Map(),
    profiles: new Map(),
    missingRoles: new Set(),
    cluster: {
      name: clusterName,
      arn: `arn:aws:eks:${region}:111122223333:cluster/${clusterName}`,
      version: kubernetes,
      endpoint: `https://0123456789ABCDEF.gr7.${region}.eks.amazonaws.com`,
      certificateAuthority: "c2ltdWxhdGVk",
      serviceIpv4Cidr: "10.100.0.0/16",
    },
    hasWhateverIsNamed,
  };
  publishImages(account, kubernetes);
  return account;
}

/** One day on which AWS publishes images. */
export type Release = { eks: string; bottlerocket: string; creationDate: string };
export const FIRST_RELEASE: Release = {
  eks: "v20260101",
  bottlerocket: "1.50.0",
  creationDate: "2026-01-01T00:00:00.000Z",
};

type Publication = {
  /** The parameters that hold the image's id: the pinned one, and that of the newest. */
  parameters: readonly string[];
  name: string;
  architecture: "x86_64" | "arm64";
  kind: ImageKind;
};

/** AWS publishes new images of every family for a version of Kubernetes: they become the recommended ones. */
export function publishImages(account: Account, kubernetes: string, release: Release = FIRST_RELEASE): void {
  const all = [
    ...amazonLinux(kubernetes, release),
    ...bottlerocket(kubernetes, release),
    ...windows(kubernetes, release),
  ];
  for (const { parameters, name, architecture, kind } of all) {
    const id = `ami-${hex(hash(name))}`;
    const { creationDate } = release;
    account.images.set(id, { id, name, architecture, creationDate, kind, ownerAlias: "amazon", tags: {} });
    for (const parameter of parameters) account.parameters.set(parameter, id);
  }
}

/** The image that AWS recommends for the cluster's version. @param folder as in "amazon-linux-2023/arm64/standard" */
export function imageOf({ cluster, parameters }: Account, folder: string): string {
  return parameters.get(`/aws/service/eks/optimized-ami/${cluster.version}/${folder}/recommended/image_id`) ?? "";
}

function amazonLinux(kubernetes: string, { eks: version }: Release): Publication[] {
  const kinds = [
    ["amazon-linux-2023/x86_64/standard", "node-al2023-x86_64-standard", "x86_64", "nodeadm"],
    ["amazon-linux-2023/x86_64/nvidia", "node-al2023-x86_64-nvidia", "x86_64", "nodeadm"],
    ["amazon-linux-2023/x86_64/neuron", "node-al2023-x86_64-neuron", "x86_64", "nodeadm"],
    ["amazon-linux-2023/arm64/standard", "node-al2023-arm64-standard", "arm64", "nodeadm"],
    ["amazon-linux-2023/arm64/nvidia", "node-al2023-arm64-nvidia", "arm64", "nodeadm"],
    ["amazon-linux-2", "node", "x86_64", "bootstrap"],
    ["amazon-linux-2-arm64", "arm64-node", "arm64", "bootstrap"],
    ["amazon-linux-2-gpu", "gpu-node", "x86_64", "bootstrap"],
  ] as const;
  return kinds.map(([folder, image, architecture, kind]) => {
    const base = `/aws/service/eks/optimized-ami/${kubernetes}/${folder}`;
    const name = `amazon-eks-${image}-${kubernetes}-${version}`;
    return { parameters: [`${base}/${name}/image_id`, `${base}/recommended/image_id`], name, architecture, kind };
  });
}

function bottlerocket(kubernetes: string, { bottlerocket: version }: Release): Publication[] {
  return ["", "-nvidia"].flatMap((flavour) =>
    (["x86_64", "arm64"] as const).map((architecture) => {
      const base = `/aws/service/bottlerocket/aws-k8s-${kubernetes}${flavour}/${architecture}`;
      return {
        parameters: [`${base}/${version}/image_id`, `${base}/latest/image_id`],
        name: `bottlerocket-aws-k8s-${kubernetes}${flavour}-${architecture}-v${version}`,
        architecture,
        kind: "bottlerocket" as const,
      };
    }),
  );
}

function windows(kubernetes: string, { eks: version }: Release): Publication[] {
  return ["2019", "2022", "2025"].map((year) => {
    const name = `Windows_Server-${year}-English-Core-EKS_Optimized-${kubernetes}`;
    const parameters = [`/aws/service/ami-windows-latest/${name}/image_id`];
    return { parameters, name: `${name}-${version}`, architecture: "x86_64", kind: "windows" };
  });
}

/** use1-az1 for the first zone of us-east-1. */
function zoneIdOf(region: string, index: number): string {
  const [continent = "", direction = "", number = ""] = region.split("-");
  return `${continent}${direction.slice(0, 1)}${number}-az${index + 1}`;
}

/** 17 digits, as in EC2's ids. */
export function hex(number: number): string {
  return number.toString(16).padStart(17, "0");
}

function hash(text: string): number {
  let result = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) result = Math.imul(result ^ text.charCodeAt(i), 0x01000193);
  return result >>> 0;
}
