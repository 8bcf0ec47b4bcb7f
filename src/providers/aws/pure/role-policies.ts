import { type PolicyScope, partitionOf } from "./permissions.ts";

// What an installation needs in IAM and SQS beside the controller's own permissions.

type RoleStatement = {
  Sid?: string;
  Effect: "Allow" | "Deny";
  Principal: unknown;
  Action: string | readonly string[];
  Resource?: string;
  Condition?: unknown;
};

/** AWS' own policies that let a machine join, get addresses for pods, pull images and be reached by Session Manager. */
export function nodeRolePolicies(partition: string): readonly string[] {
  return [
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
  ].map((name) => `arn:${partition}:iam::aws:policy/${name}`);
}

/** Who may take a role: a service of AWS. */
export function trustOf(
  service: "pods.eks.amazonaws.com" | "ec2.amazonaws.com",
  region: string,
): readonly RoleStatement[] {
  const isEc2 = service === "ec2.amazonaws.com";
  // EC2's name in China is its own.
  const Service = isEc2 && partitionOf(region) === "aws-cn" ? `${service}.cn` : service;
  return [
    {
      Effect: "Allow",
      Principal: { Service },
      Action: isEc2 ? "sts:AssumeRole" : ["sts:AssumeRole", "sts:TagSession"],
    },
  ];
}

/** EventBridge writes into the queue; nobody does without TLS. */
export function queuePolicy({ clusterName, region }: PolicyScope): readonly RoleStatement[] {
  const Resource = `arn:${partitionOf(region)}:sqs:${region}:*:${clusterName}`;
  return [
    {
      Sid: "EC2InterruptionPolicy",
      Effect: "Allow",
      Principal: { Service: ["events.amazonaws.com", "sqs.amazonaws.com"] },
      Action: "sqs:SendMessage",
      Resource,
    },
    {
      Sid: "DenyHTTP",
      Effect: "Deny",
      Principal: "*",
      Action: "sqs:*",
      Resource,
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
  ];
}
