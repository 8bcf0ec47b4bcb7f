import type { Ec2NodeClass } from "../../../model/resources/ec2-node-class.ts";

export type Ec2NodeClassSpec = NonNullable<Ec2NodeClass["spec"]>;
export type AmiFamily = NonNullable<Ec2NodeClassSpec["amiFamily"]>;
type BlockDevices = NonNullable<Ec2NodeClassSpec["blockDeviceMappings"]>;

/** How nodes of one kind of image differ from others. */
export type FamilyFacts = {
  /** Pods are limited by the addresses of the network interfaces. */
  hasEniLimit: boolean;
  honoursPodsPerCore: boolean;
  /** The kubelet keeps memory for as many pods as the interfaces allow, however many it takes. */
  reservesForEniPods: boolean;
  /** Any setting of the kubelet can be passed on. */
  takesAnyKubeletKey: boolean;
  /** The device that holds pods' ephemeral storage; absent: the last one. */
  ephemeralDevice?: string;
  defaultDevices: BlockDevices;
  /** Of Windows: the build that nodes tell. */
  windowsBuild?: string;
};

const volume = (deviceName: string, volumeSize: string): BlockDevices[number] => ({
  deviceName,
  ebs: { volumeSize, volumeType: "gp3", encrypted: true },
});
const linux = (takesAnyKubeletKey: boolean): FamilyFacts => ({
  hasEniLimit: true,
  honoursPodsPerCore: true,
  reservesForEniPods: true,
  takesAnyKubeletKey,
  ephemeralDevice: "/dev/xvda",
  defaultDevices: [volume("/dev/xvda", "20Gi")],
});
const windows = (windowsBuild: string): FamilyFacts => ({
  hasEniLimit: false,
  honoursPodsPerCore: true,
  reservesForEniPods: false,
  takesAnyKubeletKey: false,
  ephemeralDevice: "/dev/sda1",
  defaultDevices: [volume("/dev/sda1", "50Gi")],
  windowsBuild,
});

export const FAMILIES: Readonly<Record<AmiFamily, FamilyFacts>> = {
  AL2: linux(false),
  AL2023: linux(true),
  Bottlerocket: {
    hasEniLimit: true,
    honoursPodsPerCore: false,
    reservesForEniPods: false,
    takesAnyKubeletKey: false,
    ephemeralDevice: "/dev/xvdb",
    defaultDevices: [volume("/dev/xvda", "4Gi"), volume("/dev/xvdb", "20Gi")],
  },
  Windows2019: windows("10.0.17763"),
  Windows2022: windows("10.0.20348"),
  Windows2025: windows("10.0.26100"),
  Custom: {
    hasEniLimit: true,
    honoursPodsPerCore: true,
    reservesForEniPods: true,
    // Whatever stands in spec.kubelet only tells how nodes will be: the image has its own settings.
    takesAnyKubeletKey: true,
    defaultDevices: [],
  },
};

const BY_ALIAS: Readonly<Record<string, AmiFamily>> = {
  al2: "AL2",
  al2023: "AL2023",
  bottlerocket: "Bottlerocket",
  windows2019: "Windows2019",
  windows2022: "Windows2022",
  windows2025: "Windows2025",
};

export type Alias = { family: AmiFamily; version: string };

/** The alias of the selector terms, which then stands alone. */
export function aliasOf(spec: Ec2NodeClassSpec): Alias | undefined {
  for (const { alias } of spec.amiSelectorTerms) {
    const [name = "", version = ""] = alias === undefined ? [] : splitOnce(alias);
    const family = BY_ALIAS[name];
    if (family !== undefined) return { family, version };
  }
  return undefined;
}

/** The family in effect: as written, else the alias'. The schema demands one of them. */
export function familyOf(spec: Ec2NodeClassSpec): AmiFamily {
  return spec.amiFamily ?? aliasOf(spec)?.family ?? "Custom";
}

export function isWindows(family: AmiFamily): boolean {
  return FAMILIES[family].windowsBuild !== undefined;
}

function splitOnce(alias: string): [string, string] {
  const at = alias.indexOf("@");
  return [alias.slice(0, at), alias.slice(at + 1)];
}
