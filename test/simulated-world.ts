import { type Product, startProduct } from "../apps/controller/product.ts";
import { ec2Provider } from "../apps/controller/provider.ts";
import type { NodeClaim } from "../src/model/resources/node-claim.ts";
import { defaultSettings, type Settings } from "../src/model/settings.ts";
import type { FeatureGates } from "../src/model/settings-table.ts";
import type { ConsolidationPolicy } from "../src/plan/disrupt/consolidation-policy.ts";
import type { Clock } from "../src/ports/clock.ts";
import type { KubeApi } from "../src/ports/kube-api.ts";
import { instanceTypesFromKwokFile } from "../src/providers/kwok/instance-types.ts";
import { kwokProvider } from "../src/providers/kwok/provider.ts";
import type { FaultMix } from "../src/simulation/faults/fault-mix.ts";
import { faultyAws } from "../src/simulation/faults/faulty-aws.ts";
import { EC2_WORLD } from "../src/simulation/world/ec2-cloud.ts";
import { PRODUCT_NAMESPACE } from "../src/simulation/world/product-objects.ts";
import { smallCatalogue } from "../src/simulation/world/small-catalogue.ts";
import { type SimulateOptions, simulate, type World } from "../src/simulation/world/world.ts";
import { silentTelemetry } from "../src/telemetry/silent-telemetry.ts";

const INSTANCE_TYPES = instanceTypesFromKwokFile(smallCatalogue());

const OFFERINGS = new Map(
  INSTANCE_TYPES.flatMap(({ name, offerings }) =>
    offerings.map((offering) => [`${name} ${offering.zone} ${offering.capacityType}`, offering]),
  ),
);

export type WorldOptions = {
  seed: number;
  faults?: Partial<FaultMix>;
  processes?: number;
  scale?: number;
  /** Nodes are instances of a simulated EC2. */
  onEc2?: boolean;
  /** Deeds of the drawn story that do not happen, by number. */
  leaveOut?: ReadonlySet<number>;
  /** Feature gates other than the defaults. */
  gates?: Partial<FeatureGates>;
  /** Settings other than the defaults. */
  settings?: Partial<Settings>;
  /** Leaves out larger instance types: many small nodes instead of few large ones. */
  largestCpu?: number;
  /** Other rules for underutilized nodes than our own. */
  consolidation?: ConsolidationPolicy;
  /** What happens in it, default: drawn from the seed. */
  tale?: NonNullable<SimulateOptions["tale"]>;
  /** Stands between the product and the API: for products that break their word. */
  tamper?(api: KubeApi, clock: Clock): KubeApi;
  /** What the provider says of every instance, from a script; default: nothing has drifted. */
  driftReason?(claim: NodeClaim): string | undefined;
  /** Told of every process of the product that starts. */
  onProduct?(product: Product): void;
};

/** A world of this seed with the whole product in it, as `karpenter controller` runs it. */
export function worldOf({
  tamper = (api) => api,
  largestCpu,
  consolidation,
  gates = {},
  settings = {},
  onProduct,
  driftReason,
  ...options
}: WorldOptions): World {
  const cpuMilliMax = (largestCpu ?? Number.POSITIVE_INFINITY) * 1_000;
  const all: Settings = {
    ...defaultSettings(),
    logLevel: "error",
    ...(options.onEc2 === true ? { clusterName: EC2_WORLD.clusterName, interruptionQueue: EC2_WORLD.queueName } : {}),
    ...settings,
    featureGates: { ...defaultSettings().featureGates, ...gates },
  };
  const instanceTypes = INSTANCE_TYPES.filter(({ capacity }) => (capacity["cpu"] ?? 0) <= cpuMilliMax);
  return simulate({
    ...options,
    product: (ports) => {
      const product = startProduct({
        ...ports,
        api: tamper(ports.api, ports.clock),
        settings: all,
        namespace: PRODUCT_NAMESPACE,
        searchSteps: 10_000,
        ...(consolidation === undefined ? {} : { consolidation }),
      });
      onProduct?.(product);
      return product;
    },
    usualPrice: ({ instanceType, zone, capacityType }) =>
      OFFERINGS.get(`${instanceType} ${zone} ${capacityType}`)?.priceUsdPerHour,
    provider: ({ driftReason: drawnReason, ec2, faults, ...ports }) => {
      if (ec2 !== undefined) {
        const { api: kube, clock } = ports;
        const aws = faultyAws(ec2.api(), faults);
        return ec2Provider(all, { ...silentTelemetry, aws, kube, clock, region: EC2_WORLD.region });
      }
      return {
        ...kwokProvider({ ...ports, instanceTypes }),
        driftReason: async (claim) => driftReason?.(claim) ?? drawnReason(claim),
      };
    },
  });
}
