import { UserError } from "../../src/base/errors.ts";
import { EC2_NODE_CLASSES, type Kind, KWOK_NODE_CLASSES, NODES } from "../../src/model/kinds.ts";
import type { Settings } from "../../src/model/settings.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { CloudProvider } from "../../src/ports/cloud-provider.ts";
import type { KubeApi } from "../../src/ports/kube-api.ts";
import type { Permission } from "../../src/ports/permission.ts";
import type { Metrics } from "../../src/ports/telemetry.ts";
import { type AwsApi, AwsError } from "../../src/providers/aws/aws-api.ts";
import { measuredProvider } from "../../src/providers/aws/measured-provider.ts";
import { pacedAws } from "../../src/providers/aws/paced-api.ts";
import { readPriceFile } from "../../src/providers/aws/price-file.ts";
import { awsProvider } from "../../src/providers/aws/provider.ts";
import { explained } from "../../src/providers/aws/pure/permissions.ts";
import { catalogueInstanceTypes } from "../../src/providers/kwok/catalogue.ts";
import { readInstanceTypesFile } from "../../src/providers/kwok/instance-types-file.ts";
import { kwokProvider } from "../../src/providers/kwok/provider.ts";
import type { Telemetry } from "./product.ts";

type Env = Readonly<Record<string, string | undefined>>;
export type ProviderSource = {
  settings: Settings;
  env: Env;
  clock: Clock;
  version: string;
  /** Of the API server, in base64. */
  caBundle?: string | undefined;
  metrics: Metrics;
};
/** The cloud that the settings name; made when the API is there. */
export type Cloud = {
  provider(api: KubeApi, telemetry: Telemetry): CloudProvider;
  /** The kind of its node classes. */
  nodeClass: Kind;
  /** What it does in the cluster's API beside reading its node classes. */
  permissions: readonly Permission[];
  close(): void;
};

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
  return {
    provider: (api) => kwokProvider({ api, clock, instanceTypes }),
    nodeClass: KWOK_NODE_CLASSES as Kind,
    permissions: [
      { kind: NODES as Kind, verbs: ["create"] },
      { kind: KWOK_NODE_CLASSES as Kind, verbs: ["get"] },
    ],
    close: () => undefined,
  };
}

async function ec2Cloud({ settings, env, clock, version, caBundle, metrics }: ProviderSource): Promise<Cloud> {
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
  const aws = connectAws({ region, version, clock, metrics });
  await tryOut(aws, settings, region);
  const ports = { aws, clock, region, ...(caBundle === undefined ? {} : { caBundle }) };
  return {
    provider: (kube, telemetry) => ec2Provider(settings, { ...ports, ...telemetry, kube }),
    nodeClass: EC2_NODE_CLASSES as Kind,
    permissions: [
      { kind: EC2_NODE_CLASSES as Kind, verbs: ["get", "patch"] },
      { kind: EC2_NODE_CLASSES as Kind, verbs: ["patch"], subresource: "status" },
    ],
    close: () => aws.close(),
  };
}

type Ports = Telemetry & {
  aws: AwsApi;
  kube: KubeApi;
  clock: Clock;
  region: string;
  /** By which the API server is known to us; nodes are told the same. */
  caBundle?: string;
};

/** The AWS provider as the settings want it. */
export function ec2Provider(settings: Settings, ports: Ports): CloudProvider {
  const { priceFile } = settings;
  const provider = awsProvider({
    ...ports,
    aws: pacedAws(ports.aws, ports.clock),
    log: ports.log.with({ logger: "aws" }),
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
    allowsExpressions: settings.awsFeatureGates.nodeClassCel,
    followsZonalShift: settings.enableZonalShift,
    ...(priceFile === "" ? {} : { readOwnPrices: () => readPriceFile(priceFile) }),
  });
  return measuredProvider(provider, ports);
}

function regionOf(env: Env): string | undefined {
  return env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"];
}

/** What can never work shows at the start, and not at the first launch. */
async function tryOut(aws: AwsApi, settings: Settings, region: string): Promise<void> {
  const { clusterName, clusterEndpoint, eksControlPlane, enableZonalShift } = settings;
  try {
    // A private cluster may have no way to EKS: then it is told all that EKS would tell.
    const isAsked = clusterEndpoint === "" || eksControlPlane || enableZonalShift;
    const { arn } = isAsked ? await aws.describeCluster(clusterName) : { arn: "" };
    await aws.describeInstanceTypeOfferings();
    if (enableZonalShift) await aws.zonalShifts(arn);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const { action, code, words: message } = error;
    const isForeign = action.startsWith("arc-zonal-shift:") && code === "ResourceNotFoundException";
    throw new UserError({
      code: "KARP_AWS_ACCESS",
      what: `AWS cannot be used: ${action}: ${explained({ action, code, message }, { clusterName, region })}`,
      remedy: isForeign
        ? "enable zonal shift for the cluster in EKS, or take --enable-zonal-shift out"
        : "check the policy of the controller's role, CLUSTER_NAME, AWS_REGION and the credentials",
      cause: error,
    });
  }
}
