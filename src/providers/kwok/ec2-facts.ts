/** The only kind of device in a type: name, maker, how many, memory of each in MiB (0: unknown). */
export type Devices = readonly [name: string, maker: string, count: number, memoryMiB: number];

/** The hardware of one EC2 type. */
export type Ec2Facts = {
  name: string;
  cpu: number;
  memoryMiB: number;
  arch: string;
  cpuMaker: string;
  clockMhz: number;
  /** "" for bare metal. */
  hypervisor: string;
  /** Network interfaces of the default card, and IPv4 addresses of each. */
  interfaces: number;
  addresses: number;
  efaInterfaces: number;
  networkMbps: number;
  ebsMbps: number;
  nvmeGB: number;
  isEncryptedInTransit: boolean;
  hasSpot: boolean;
  gpu: Devices | undefined;
  accelerator: Devices | undefined;
};
