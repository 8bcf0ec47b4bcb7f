import { Agent } from "node:https";
import process from "node:process";
import { EC2Client } from "@aws-sdk/client-ec2";
import { EKSClient } from "@aws-sdk/client-eks";
import { IAMClient } from "@aws-sdk/client-iam";
import { PricingClient } from "@aws-sdk/client-pricing";
import { SQSClient } from "@aws-sdk/client-sqs";
import { SSMClient } from "@aws-sdk/client-ssm";

export type Clients = ReturnType<typeof createClients>;

/** Reads may be repeated; a write that was not answered is repeated by whoever knows whether it still makes sense. */
const READ_ATTEMPTS = 5;
const WRITE_ATTEMPTS = 2;
const CONNECTION_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 60_000;
const SOCKETS_MAX = 100;

/**
 * AWS' clients. Credentials come from their own chain: environment, web identity (IRSA), container (Pod Identity),
 * instance profile. AWS_ENDPOINT_URL and the proxy variables are honoured.
 */
export function createClients({ region, version }: { region: string; version: string }) {
  const httpsAgent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, proxyEnv: process.env });
  const common = {
    region,
    customUserAgent: `karpenter.sh-${version}`,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, httpsAgent },
  };
  const read = { ...common, maxAttempts: READ_ATTEMPTS };
  const ec2Read = new EC2Client(read);
  const ec2Write = new EC2Client({ ...common, maxAttempts: WRITE_ATTEMPTS });
  const ssm = new SSMClient(read);
  const iam = new IAMClient(read);
  const eks = new EKSClient(read);
  const sqs = new SQSClient(read);
  const pricing = new PricingClient({ ...read, region: pricingRegion(region) });
  const all = [ec2Read, ec2Write, ssm, iam, eks, sqs, pricing];
  return {
    ec2Read,
    ec2Write,
    ssm,
    iam,
    eks,
    sqs,
    pricing,
    close() {
      for (const client of all) client.destroy();
      httpsAgent.destroy();
    },
  };
}

/** The price list has endpoints in a few regions only. */
function pricingRegion(region: string): string {
  if (region.startsWith("ap-")) return "ap-south-1";
  if (region.startsWith("cn-")) return "cn-northwest-1";
  return region.startsWith("eu-") ? "eu-central-1" : "us-east-1";
}
