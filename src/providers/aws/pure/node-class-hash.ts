import { type Fields, fnv, littleEndian, mapOf, setOf, struct, text } from "../../../model/go-hash.ts";
import { canonicalQuantity } from "../../../model/quantity.ts";
import { type Ec2NodeClassSpec, familyOf } from "./ami-family.ts";

export const NODE_CLASS_HASH_VERSION = "v6";

/**
 * The static-drift hash of an EC2NodeClass, decimal, bit for bit as upstream's version v6: a different answer would
 * replace every node of a cluster that is taken over. Selector terms and ipPrefixCount do not count: what they find is
 * compared by itself.
 * @param caBundle the cluster's certificate authority as the controller was told it; "" when it was not
 * @source reference of the AWS provider's API, section 4.1
 */
export function nodeClassHash(spec: Ec2NodeClassSpec, caBundle: string): string {
  const hash = specHash(spec) ^ text(familyOf(spec)) ^ text(caBundle) ^ text(kubeletJson(spec.kubelet));
  return hash.toString();
}

function specHash(spec: Ec2NodeClassSpec): bigint {
  const { placementGroupSelector: group, metadataOptions, connectionTracking, cpuOptions } = spec;
  return struct("EC2NodeClassSpec", [
    ["PlacementGroupSelector", group && struct("PlacementGroupSelector", texts({ Name: group.name, ID: group.id }))],
    ["AssociatePublicIPAddress", bool(spec.associatePublicIPAddress)],
    ...texts({ UserData: spec.userData, Role: spec.role, InstanceProfile: spec.instanceProfile }),
    ["Tags", mapOf(spec.tags)],
    ["BlockDeviceMappings", setOf(spec.blockDeviceMappings?.map(deviceHash))],
    ...texts({ InstanceStorePolicy: spec.instanceStorePolicy }),
    ["NetworkInterfaces", setOf(spec.networkInterfaces?.map(interfaceHash))],
    ["DetailedMonitoring", bool(spec.detailedMonitoring)],
    [
      "MetadataOptions",
      metadataOptions &&
        struct("MetadataOptions", [
          ...texts({ HTTPEndpoint: metadataOptions.httpEndpoint, HTTPProtocolIPv6: metadataOptions.httpProtocolIPv6 }),
          ["HTTPPutResponseHopLimit", int64(metadataOptions.httpPutResponseHopLimit)],
          ...texts({ HTTPTokens: metadataOptions.httpTokens }),
        ]),
    ],
    [
      "ConnectionTracking",
      connectionTracking &&
        struct("ConnectionTracking", [
          ["TCPEstablishedTimeout", int32(connectionTracking.tcpEstablishedTimeout)],
          ["UDPStreamTimeout", int32(connectionTracking.udpStreamTimeout)],
          ["UDPTimeout", int32(connectionTracking.udpTimeout)],
        ]),
    ],
    ...texts({ Context: spec.context }),
    [
      "CPUOptions",
      cpuOptions && struct("CPUOptions", texts({ NestedVirtualization: cpuOptions.nestedVirtualization })),
    ],
  ]);
}

function deviceHash({ deviceName, ebs, rootVolume }: NonNullable<Ec2NodeClassSpec["blockDeviceMappings"]>[number]) {
  return struct("BlockDeviceMapping", [
    ...texts({ DeviceName: deviceName }),
    [
      "EBS",
      ebs &&
        struct("BlockDevice", [
          ["DeleteOnTermination", bool(ebs.deleteOnTermination)],
          ["Encrypted", bool(ebs.encrypted)],
          ["IOPS", int64(ebs.iops)],
          ...texts({ KMSKeyID: ebs.kmsKeyID, SnapshotID: ebs.snapshotID }),
          ["Throughput", int64(ebs.throughput)],
          ["VolumeInitializationRate", int32(ebs.volumeInitializationRate)],
          ["VolumeSize", ebs.volumeSize === undefined ? undefined : text(canonicalQuantity(ebs.volumeSize) ?? "")],
          ...texts({ VolumeType: ebs.volumeType }),
        ]),
    ],
    // No pointer in upstream's code: false is the same as absent.
    ["RootVolume", rootVolume === true ? bool(true) : undefined],
  ]);
}

function interfaceHash(one: NonNullable<Ec2NodeClassSpec["networkInterfaces"]>[number]): bigint {
  return struct("NetworkInterface", [
    ["NetworkCardIndex", one.networkCardIndex === 0 ? undefined : int32(one.networkCardIndex)],
    ["DeviceIndex", one.deviceIndex === 0 ? undefined : int32(one.deviceIndex)],
    ...texts({ InterfaceType: one.interfaceType }),
  ]);
}

/** Pointers to text: a set one counts, also when it is empty. */
function texts(fields: Readonly<Record<string, string | undefined>>): Fields {
  return Object.entries(fields).map(([name, value]) => [name, value === undefined ? undefined : text(value)]);
}

/** As Go writes it: keys sorted; nothing is null. */
function kubeletJson(kubelet: Readonly<Record<string, unknown>> | undefined): string {
  if (kubelet === undefined || Object.keys(kubelet).length === 0) return "null";
  return sortedJson(kubelet).replaceAll(/[<>&\u2028\u2029]/g, escaped);
}

/** Go keeps JSON safe to stand in a web page. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const object = value as Readonly<Record<string, unknown>>;
  const fields = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${sortedJson(object[key])}`);
  return `{${fields.join(",")}}`;
}

function bool(value: boolean | undefined): bigint | undefined {
  return value === undefined ? undefined : fnv([value ? 1 : 0]);
}

function int32(value: number | undefined): bigint | undefined {
  return value === undefined ? undefined : fnv(littleEndian(BigInt(value)).slice(0, 4));
}

function int64(value: number | undefined): bigint | undefined {
  return value === undefined ? undefined : fnv(littleEndian(BigInt(value)));
}
