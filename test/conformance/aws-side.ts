import assert from "node:assert/strict";
import { type AwsApi, AwsError, type FleetRequest, type LaunchTemplateData } from "../../src/providers/aws/aws-api.ts";

/** One implementation of the AwsApi port with an account behind it, under test. */
export type AwsSide = {
  aws: AwsApi;
  region: string;
  /** Of the cluster in the account: its subnets and security group bear the tag karpenter.sh/discovery with this value. */
  clusterName: string;
  /** An image for x86_64 that is there. */
  imageId: string;
  /** A parameter that is there, with its value. */
  parameter: { name: string; value: string };
  /** A role that is there. */
  role: string;
  /** Of a queue that is empty when a case begins. */
  queueName: string;
  send(body: string): Promise<void>;
  /** Lets the account's time pass: at once where it is simulated. */
  passTime(ms: number): Promise<void>;
};

/** What an account must do, whatever is behind the port. A case leaves nothing behind. */
export type AwsCase = {
  name: string;
  /** What an account must have for it: an emulator may lack that, and is excused from the case. */
  needs?: AwsFeature;
  run(side: AwsSide): Promise<void>;
};
export type AwsFeature =
  | "capacity reservations"
  | "placement groups"
  | "dry runs"
  | "security groups of interfaces"
  | "refusal of a second deletion"
  | "client tokens"
  | "paths of instance profiles"
  | "spot prices"
  | "price list"
  | "limits of user data"
  | "lack of capacity";

/** The refusal's code, and the action that it names. */
export async function refusedAs(call: Promise<unknown>, code: RegExp, action: string): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof AwsError, String(error));
    assert.match(error.code, code);
    assert.equal(error.action, action);
    return true;
  });
}

/** What a launch template of ours has. */
export function templateData(
  { imageId }: AwsSide,
  groups: readonly string[],
  change: Partial<LaunchTemplateData> = {},
) {
  return {
    imageId,
    userData: "#!/bin/bash\n",
    iamInstanceProfile: { name: "case-instances" },
    monitoring: { enabled: false },
    networkInterfaces: [{ networkCardIndex: 0, deviceIndex: 0, groups }],
    tagSpecifications: [],
    metadataOptions: {
      httpEndpoint: "enabled",
      httpProtocolIpv6: "disabled",
      httpPutResponseHopLimit: 1,
      httpTokens: "required",
      instanceMetadataTags: "disabled",
    },
    enclaveOptions: { enabled: false },
    ...change,
  } satisfies LaunchTemplateData;
}

/** A fleet of machines of one type in one subnet. */
export function fleetOf(
  { imageId }: AwsSide,
  { token, templateName, subnet }: { token: string; templateName: string; subnet: { id: string; zone: string } },
  change: Partial<FleetRequest> = {},
): FleetRequest {
  const override = { instanceType: "m5.large", zone: subnet.zone, subnetId: subnet.id, imageId, priority: 1 };
  return {
    clientToken: token,
    count: 1,
    targetCapacityType: "on-demand",
    allocationStrategy: "lowest-price",
    templates: [{ templateName, overrides: [override] }],
    tags: ["fleet", "instance", "volume"].map((resourceType) => ({ resourceType, tags: { case: token } })),
    ...change,
  };
}

export const discoveryTag = ({ clusterName }: AwsSide) => ({
  name: "tag:karpenter.sh/discovery",
  values: [clusterName],
});
