import { parseAmount } from "../../../model/resources.ts";
import type { Ec2Facts } from "../../ec2/facts.ts";
import { type Ec2NodeClassSpec, FAMILIES, familyOf } from "./ami-family.ts";

const DEFAULT_BYTES = 20 * 2 ** 30;
const GB = 1e9;

/**
 * Bytes of ephemeral storage, from the first of: local disks as RAID0, the device marked rootVolume, of a custom image
 * the last device, the family's device, 20Gi.
 * @source reference of the AWS provider, section 1.4
 */
export function ephemeralStorageBytes(facts: Ec2Facts, spec: Ec2NodeClassSpec): number {
  if (spec.instanceStorePolicy === "RAID0" && facts.storageGB > 0) return facts.storageGB * GB;
  const devices = spec.blockDeviceMappings ?? [];
  const sizeOf = (device: (typeof devices)[number] | undefined): number | undefined =>
    device?.ebs?.volumeSize === undefined ? undefined : parseAmount("ephemeral-storage", device.ebs.volumeSize);
  const root = sizeOf(devices.find(({ rootVolume }) => rootVolume === true));
  if (root !== undefined) return root;
  const family = FAMILIES[familyOf(spec)];
  if (family.ephemeralDevice === undefined) return sizeOf(devices.at(-1)) ?? DEFAULT_BYTES;
  const named = (list: typeof devices) => sizeOf(list.find(({ deviceName }) => deviceName === family.ephemeralDevice));
  return named(devices) ?? named(family.defaultDevices) ?? DEFAULT_BYTES;
}
