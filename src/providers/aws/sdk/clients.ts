import { Agent } from "node:https";
import process from "node:process";
import { EC2Client } from "@aws-sdk/client-ec2";
import { EKSClient } from "@aws-sdk/client-eks";
import { IAMClient } from "@aws-sdk/client-iam";
import { PricingClient } from "@aws-sdk/client-pricing";
import { SQSClient } from "@aws-sdk/client-sqs";
import { SSMClient } from "@aws-sdk/client-ssm";
import { SECOND_MS } from "../../../base/time.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Metrics } from "../../../ports/telemetry.ts";

export type Clients = ReturnType<typeof createClients>;

/** Reads may be repeated; a write that was not answered is repeated by whoever knows whether it still makes sense. */
const READ_ATTEMPTS = 5;
const WRITE_ATTEMPTS = 2;
const CONNECTION_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 60_000;
const SOCKETS_MAX = 100;

export type ClientOptions = { region: string; version: string; clock: Clock; metrics: Metrics };

/**
 * AWS' clients. Credentials come from their own chain: environment, web identity (IRSA), container (Pod Identity),
 * instance profile. AWS_ENDPOINT_URL and the proxy variables are honoured.
 */
export function createClients({ region, version, clock, metrics }: ClientOptions) {
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
  for (const client of all) measure(client as MeasuredClient, clock, metrics);
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

type Step = (args: object) => Promise<object>;
type Context = { clientName?: string; commandName?: string };
type MeasuredClient = {
  middlewareStack: {
    add(
      middleware: (next: Step, context: Context) => Step,
      options: { step: "initialize" | "finalizeRequest"; priority: "high" | "low"; name: string },
    ): void;
  };
};

/** Counts requests, and below the client's own repetition each attempt. */
function measure({ middlewareStack }: MeasuredClient, clock: Clock, metrics: Metrics): void {
  const counted = (kind: string) => (next: Step, context: Context) => async (args: object) => {
    const labels = {
      service: (context.clientName ?? "").replace(/Client$/, ""),
      action: (context.commandName ?? "").replace(/Command$/, ""),
    };
    const startMs = clock.nowMs();
    let attempts = 1;
    try {
      const result = await next(args);
      attempts = attemptsOf((result as { output?: unknown }).output);
      return result;
    } catch (error) {
      attempts = attemptsOf(error);
      throw error;
    } finally {
      metrics.count(`aws_sdk_go_request_${kind}total`, labels);
      metrics.observe(`aws_sdk_go_request_${kind}duration_seconds`, (clock.nowMs() - startMs) / SECOND_MS, labels);
      if (kind === "" && attempts > 1) metrics.count("aws_sdk_go_request_retry_count", labels, attempts - 1);
    }
  };
  middlewareStack.add(counted(""), { step: "initialize", priority: "high", name: "requestMetrics" });
  middlewareStack.add(counted("attempt_"), { step: "finalizeRequest", priority: "low", name: "attemptMetrics" });
}

function attemptsOf(result: unknown): number {
  return (result as { $metadata?: { attempts?: number } } | undefined)?.$metadata?.attempts ?? 1;
}

/** The price list has endpoints in a few regions only. */
function pricingRegion(region: string): string {
  if (region.startsWith("ap-")) return "ap-south-1";
  if (region.startsWith("cn-")) return "cn-northwest-1";
  return region.startsWith("eu-") ? "eu-central-1" : "us-east-1";
}
