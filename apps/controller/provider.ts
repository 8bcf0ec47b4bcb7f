import { UserError } from "../../src/base/errors.ts";
import type { Settings } from "../../src/model/settings.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { CloudProvider } from "../../src/ports/cloud-provider.ts";
import type { KubeApi } from "../../src/ports/kube-api.ts";
import type { Log } from "../../src/ports/telemetry.ts";
import { type AwsApi, AwsError } from "../../src/providers/aws/aws-api.ts";
import { awsProvider } from "../../src/providers/aws/provider.ts";
import { catalogueInstanceTypes } from "../../src/providers/kwok/catalogue.ts";
import { readInstanceTypesFile } from "../../src/providers/kwok/instance-types-file.ts";
import { kwokProvider } from "../../src/providers/kwok/provider.ts";

type Env = Readonly<Record<string, string | undefined>>;
export type ProviderSource = {
  settings: Settings;
  env: Env;
  clock: Clock;
  version: string;
  /** Of the API server, in base64. */
  caBundle?: string | undefined;
};
/** The cloud that the settings name; made when the API is there. */
export type Cloud = { provider(api: KubeApi, log: Log): CloudProvider; close(): void };

/**
 * With a cluster's name EC2, otherwise fake nodes: of the given file of types, else of the region's.
 * @throws UserError KARP_AWS_REGION, KARP_AWS_ACCESS, KARP_UNKNOWN_REGION
 */
export async function cloudOf(source: ProviderSource): Promise<Cloud> {
  return source.settings.clusterName === "" ? fakeCloud(source) : ec2Cloud(source);
}

function fakeCloud({ settings, env, clock }: ProviderSource): Cloud {
  const { instanceTypesFilePath: path } = settings;
  const instanceTypes =
    path === "" ? catalogueInstanceTypes(regionOf(env) ?? "us-east-1") : readInstanceTypesFile(path);
  return { provider: (api) => kwokProvider({ api, clock, instanceTypes }), close: () => undefined };
}

async function ec2Cloud({ settings, env, clock, version, caBundle }: ProviderSource): Promise<Cloud> {
  // AWS' clients take a hundred megabytes: only who needs them loads them.
  const { connectAws } = await import("../../src/providers/aws/sdk/connect-aws.ts");
  const { regionOfThisInstance } = await import("../../src/providers/aws/sdk/instance-metadata.ts");
  const region = regionOf(env) ?? (await regionOfThisInstance(env));
  if (region === undefined) {
    throw new UserError({
      code: "KARP_AWS_REGION",
      what: "the AWS region is not known: AWS_REGION is not set, and the instance metadata service does not answer",
      remedy: "set AWS_REGION to the cluster's region",
    });
  }
  const aws = connectAws({ region, version, clock });
  await tryOut(aws, settings);
  const ports = { aws, clock, region, ...(caBundle === undefined ? {} : { caBundle }) };
  return {
    provider: (kube, log) => ec2Provider(settings, { ...ports, kube, log: log.with({ logger: "aws" }) }),
    close: () => aws.close(),
  };
}

type Ports = {
  aws: AwsApi;
  kube: KubeApi;
  clock: Clock;
  log: Log;
  region: string;
  /** By which the API server is known to us; nodes are told the same. */
  caBundle?: string;
};

/** The AWS provider as the settings want it. */
export function ec2Provider(settings: Settings, ports: Ports): CloudProvider {
  return awsProvider({
    ...ports,
    clusterName: settings.clusterName,
    clusterEndpoint: settings.clusterEndpoint,
    clusterCaBundle: settings.clusterCaBundle === "" ? (ports.caBundle ?? "") : settings.clusterCaBundle,
    isEksControlPlane: settings.eksControlPlane,
    isDryRunDisabled: settings.disableDryRun,
    isIsolated: settings.isolatedVpc,
    vmMemoryOverhead: settings.vmMemoryOverhead,
    reservedEnis: settings.reservedEnis,
    reservedCapacity: settings.featureGates.reservedCapacity,
    minValuesBestEffort: settings.minValuesPolicy === "BestEffort",
    subnetRefreshMs: settings.subnetRefreshIntervalMs,
    amiRefreshMs: settings.amiRefreshIntervalMs,
    interruptionQueue: settings.interruptionQueue,
  });
}

function regionOf(env: Env): string | undefined {
  return env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"];
}

/** What can never work shows at the start, and not at the first launch. */
async function tryOut(aws: AwsApi, { clusterName, clusterEndpoint, eksControlPlane }: Settings): Promise<void> {
  try {
    // A private cluster may have no way to EKS: then it is told all that EKS would tell.
    if (clusterEndpoint === "" || eksControlPlane) await aws.describeCluster(clusterName);
    await aws.describeInstanceTypeOfferings();
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw new UserError({
      code: "KARP_AWS_ACCESS",
      what: `AWS cannot be used: ${error.message}`,
      remedy: `give the controller's role ${error.action}, check CLUSTER_NAME, AWS_REGION and the credentials`,
      cause: error,
    });
  }
}
