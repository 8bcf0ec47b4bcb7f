import type { SettingRow } from "./settings-table.ts";
import {
  ADDRESS,
  AMOUNT,
  BOOLEAN,
  duration,
  parseBooleanWord,
  TEXT,
  type ValueType,
  wholeNumber,
} from "./settings-values.ts";

export type AwsGates = { nodeClassCel: boolean };

const AWS_GATES: ValueType<AwsGates> = {
  name: "gates",
  isStrictVariable: true,
  parse(text) {
    const gates = { nodeClassCel: false };
    for (const item of text.split(",").filter((one) => one.trim() !== "")) {
      const [name = "", word = ""] = item.split("=").map((part) => part.trim());
      const isOn = parseBooleanWord(word);
      if (isOn === undefined) return { expected: "gates as in NodeClassCEL=true" };
      if (name === "NodeClassCEL") gates.nodeClassCel = isOn;
    }
    return { value: gates };
  },
  print: ({ nodeClassCel }) => `NodeClassCEL=${nodeClassCel}`,
};

/** Settings of the AWS provider. */
export type AwsSettingValues = {
  /** Of EKS; empty: nodes are fake ones. */
  clusterName: string;
  /** Empty: as EKS tells. */
  clusterEndpoint: string;
  /** Base64; empty: as EKS tells. */
  clusterCaBundle: string;
  isolatedVpc: boolean;
  eksControlPlane: boolean;
  /** A part of the memory: 0.075 is 7.5 %. */
  vmMemoryOverhead: number;
  interruptionQueue: string;
  reservedEnis: number;
  disableDryRun: boolean;
  enableZonalShift: boolean;
  amiRefreshIntervalMs: number;
  subnetRefreshIntervalMs: number;
  awsFeatureGates: AwsGates;
  /** Empty: there is none. */
  priceFile: string;
};

export const AWS_SETTINGS: { readonly [K in keyof AwsSettingValues]: SettingRow<AwsSettingValues[K]> } = {
  clusterName: {
    flag: "cluster-name",
    variable: "CLUSTER_NAME",
    type: TEXT,
    default: "",
    meaning:
      "name of the EKS cluster: nodes are EC2 instances of its account; empty: nodes are fake ones of the kwok provider",
  },
  clusterEndpoint: {
    flag: "cluster-endpoint",
    variable: "CLUSTER_ENDPOINT",
    type: ADDRESS,
    default: "",
    meaning: "address of the API server that nodes are told; empty: as EKS tells",
  },
  clusterCaBundle: {
    flag: "cluster-ca-bundle",
    variable: "CLUSTER_CA_BUNDLE",
    type: TEXT,
    default: "",
    meaning: "certificate authority of the API server that nodes are told, in base64; empty: as EKS tells",
  },
  isolatedVpc: {
    flag: "isolated-vpc",
    variable: "ISOLATED_VPC",
    type: BOOLEAN,
    default: false,
    meaning:
      "neither the price list nor IAM can be reached: on-demand prices are the built-in ones, instance profiles stay",
  },
  eksControlPlane: {
    flag: "eks-control-plane",
    variable: "EKS_CONTROL_PLANE",
    type: BOOLEAN,
    default: false,
    meaning: "read the Kubernetes version, which image aliases depend on, from EKS instead of the API server",
  },
  vmMemoryOverhead: {
    flag: "vm-memory-overhead-percent",
    variable: "VM_MEMORY_OVERHEAD_PERCENT",
    type: AMOUNT,
    default: 0.075,
    meaning: "part of their memory that virtual machines are assumed to lose, as in 0.075",
  },
  interruptionQueue: {
    flag: "interruption-queue",
    variable: "INTERRUPTION_QUEUE",
    type: TEXT,
    default: "",
    meaning: "name of the SQS queue with interruptions; empty: none is read",
  },
  reservedEnis: {
    flag: "reserved-enis",
    variable: "RESERVED_ENIS",
    type: wholeNumber(0, Number.MAX_SAFE_INTEGER),
    default: 0,
    meaning: "network interfaces of each node that pods do not get",
  },
  disableDryRun: {
    flag: "disable-dry-run",
    variable: "DISABLE_DRY_RUN",
    type: BOOLEAN,
    default: false,
    meaning: "do not try out, with requests that launch nothing, whether the permissions to launch are there",
  },
  enableZonalShift: {
    flag: "enable-zonal-shift",
    variable: "ENABLE_ZONAL_SHIFT",
    type: BOOLEAN,
    default: false,
    meaning: "launch nothing in zones that ARC has shifted away from",
  },
  amiRefreshIntervalMs: {
    flag: "ami-refresh-interval",
    variable: "AMI_REFRESH_INTERVAL",
    type: duration(60_000),
    default: 60_000,
    meaning: "how long images found for an EC2NodeClass are good",
  },
  subnetRefreshIntervalMs: {
    flag: "subnet-refresh-interval",
    variable: "SUBNET_REFRESH_INTERVAL",
    type: duration(60_000),
    default: 60_000,
    meaning: "how long subnets found for an EC2NodeClass are good",
  },
  awsFeatureGates: {
    flag: "aws-feature-gates",
    variable: "AWS_FEATURE_GATES",
    type: AWS_GATES,
    default: { nodeClassCel: false },
    meaning: "feature switches of the AWS provider",
  },
  priceFile: {
    flag: "price-file",
    variable: "PRICE_FILE",
    type: TEXT,
    default: "",
    meaning: "file of prices and discounts of one's own, which go before AWS' prices; empty: there are none",
  },
};
