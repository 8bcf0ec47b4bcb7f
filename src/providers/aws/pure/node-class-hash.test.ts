import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Ec2NodeClassSpec } from "./ami-family.ts";
import { nodeClassHash } from "./node-class-hash.ts";

const SPEC: Ec2NodeClassSpec = {
  amiFamily: "Custom",
  amiSelectorTerms: [{ id: "ami-1" }],
  subnetSelectorTerms: [{ id: "subnet-1" }],
  securityGroupSelectorTerms: [{ id: "sg-1" }],
  role: "role-1",
  tags: { "keyTag-1": "valueTag-1", "keyTag-2": "valueTag-2" },
  context: "fake-context",
  detailedMonitoring: false,
  associatePublicIPAddress: false,
  metadataOptions: {
    httpEndpoint: "disabled",
    httpProtocolIPv6: "disabled",
    httpPutResponseHopLimit: 1,
    httpTokens: "optional",
  },
  blockDeviceMappings: [
    {
      deviceName: "map-device-1",
      ebs: {
        deleteOnTermination: false,
        encrypted: false,
        iops: 0,
        kmsKeyID: "fakeKMSKeyID",
        snapshotID: "fakeSnapshot",
        throughput: 0,
        volumeSize: "2G",
        volumeType: "standard",
      },
    },
    { deviceName: "map-device-2" },
  ],
  userData: "userdata-test-1",
};
const hashOf = (change: Partial<Ec2NodeClassSpec>) => nodeClassHash({ ...SPEC, ...change }, "test-ca-bundle");

describe("the hash of a node class", () => {
  const [first, second] = SPEC.blockDeviceMappings!;
  const { role: _, ...roleless } = SPEC;
  const published: readonly [string, string, string][] = [
    ["nothing", hashOf({}), "11148166120438674859"],
    ["user data", hashOf({ userData: "userdata-test-2" }), "11774429238106843388"],
    [
      "a volume's size",
      hashOf({ blockDeviceMappings: [{ ...first, ebs: { ...first!.ebs, volumeSize: "10G" } }, second!] }),
      "10372902467896351912",
    ],
    [
      "a profile for the role",
      nodeClassHash({ ...roleless, instanceProfile: "test-instance-profile" }, "test-ca-bundle"),
      "10323991363677716244",
    ],
    ["tracking", hashOf({ connectionTracking: { tcpEstablishedTimeout: 300 } }), "1619669030802245540"],
    ["RAID0", hashOf({ instanceStorePolicy: "RAID0" }), "16697988646989909967"],
    ["virtual machines", hashOf({ cpuOptions: { nestedVirtualization: "enabled" } }), "6157846767212910604"],
  ];
  for (const [what, hash, upstreams] of published) {
    it(`changes as upstream's when this does: ${what}`, () => assert.equal(hash, upstreams));
  }

  it("does not ask in which order things stand", () => {
    const tags = { "keyTag-2": "valueTag-2", "keyTag-1": "valueTag-1" };
    assert.equal(hashOf({ tags, blockDeviceMappings: [second!, first!] }), hashOf({}));
  });

  it("does not count what is looked up, and counts what is set to its default", () => {
    assert.equal(hashOf({ subnetSelectorTerms: [{ id: "subnet-2" }], ipPrefixCount: 3 }), hashOf({}));
    const { detailedMonitoring: _unset, ...unset } = SPEC;
    assert.notEqual(nodeClassHash(unset, "test-ca-bundle"), hashOf({}));
    assert.notEqual(nodeClassHash(SPEC, "another"), hashOf({}));
  });

  it("takes an alias' family for the family written out", () => {
    const { amiFamily: _family, ...spec } = SPEC;
    const aliased = { ...spec, amiSelectorTerms: [{ alias: "al2023@latest" }] };
    assert.equal(nodeClassHash(aliased, ""), nodeClassHash({ ...aliased, amiFamily: "AL2023" }, ""));
  });

  it("tells values of the kubelet apart that are made of the same bytes", () => {
    assert.notEqual(hashOf({ kubelet: { maxPods: 12 } }), hashOf({ kubelet: { maxPods: 21 } }));
  });
});
