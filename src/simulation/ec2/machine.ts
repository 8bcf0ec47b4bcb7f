import type { Ec2Instance, LaunchTemplateData } from "../../providers/aws/aws-api.ts";
import type { Ec2Facts } from "../../providers/ec2/facts.ts";
import type { ImageKind } from "./account.ts";

/** One instance with its life: what EC2 tells of it, and what its machine was started with. */
export type Machine = {
  instance: Ec2Instance;
  facts: Ec2Facts;
  data: LaunchTemplateData;
  imageKind: ImageKind;
  privateIp: string;
  usdPerHour: number;
  /** From then on EC2's answers tell of it. */
  visibleMs: number;
  /** Of its next change of state. */
  cancel: () => void;
};
