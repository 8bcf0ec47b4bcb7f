/** Equal devices in a type: name, maker, how many, memory of each in MiB (0: unknown). */
export type Devices = readonly [name: string, maker: string, count: number, memoryMiB: number];

/** The hardware of one EC2 type, as DescribeInstanceTypes tells it. */
export type Ec2Facts = {
  name: string;
  cpu: number;
  memoryMiB: number;
  /** amd64 or arm64. */
  arch: string;
  cpuMaker: string;
  clockMhz: number;
  /** "" for bare metal. */
  hypervisor: string;
  /** Network interfaces of each card; the default card comes first. */
  cards: readonly number[];
  /** IPv4 addresses of each interface. */
  addresses: number;
  efaInterfaces: number;
  /** Baseline; 0 where EC2 gives no number. */
  networkMbps: number;
  ebsMbps: number;
  /** Local disks that are NVMe, and all local disks. */
  nvmeGB: number;
  storageGB: number;
  isEncryptedInTransit: boolean;
  hasEna: boolean;
  hasEnclaves: boolean;
  hasNestedVirtualization: boolean;
  /** cluster, partition, spread. */
  placementStrategies: readonly string[];
  /** on-demand, spot, capacity-block. */
  usageClasses: readonly string[];
  gpus: readonly Devices[];
  /** Neuron devices or, where there are none, inference accelerators. */
  accelerators: readonly Devices[];
  /** Of each of the first Neuron devices; 0: the accelerators are no Neuron devices. */
  neuronCores: number;
};
