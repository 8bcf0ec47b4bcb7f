import { settleAll } from "../base/settle-all.ts";
import type { InstanceType } from "../model/instance-type.ts";
import { WELL_KNOWN_LABELS } from "../model/labels.ts";
import type { NodePool } from "../model/resources/node-pool.ts";
import type { CloudProvider } from "../ports/cloud-provider.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { takeSnapshot } from "../snapshot/take-snapshot.ts";
import { refreshExpectations } from "./expectations.ts";
import { classOf } from "./node-class/node-class.ts";
import type { Needs } from "./ports.ts";

/**
 * The cluster at this moment, with what every pool's provider can launch. A pool whose types cannot be had is left out
 * with a log line: the others go on. The cluster is looked at last, so that it is as fresh as can be.
 */
export async function snapshotNow(needs: Needs): Promise<Snapshot> {
  const { mirror, provider, clock, memory, settings, searchSteps } = needs;
  refreshExpectations(needs);
  const pools = [...mirror.live.nodePools.values()].filter((pool) => isServed(provider, pool));
  const types = await settleAll(pools.map((pool) => typesOf(needs, pool)));
  const instanceTypes = new Map<string, readonly InstanceType[]>();
  pools.forEach((pool, i) => {
    const ofPool = types[i];
    if (ofPool !== undefined) instanceTypes.set(pool.metadata.name, ofPool);
  });
  refreshExpectations(needs);
  const nowMs = clock.nowMs();
  return takeSnapshot(mirror.view(), {
    nowMs,
    instanceTypes,
    wellKnownLabels: new Set([...WELL_KNOWN_LABELS, ...provider.wellKnownLabels]),
    memory: memory.snapshot(nowMs),
    settings: {
      preferencePolicy: settings.preferencePolicy,
      minValuesPolicy: settings.minValuesPolicy,
      launchPriceFactor: settings.launchPriceFactor,
      nodeCpuMaxMilli: settings.nodeCpuMaxMilli,
      workloadShareMax: settings.workloadShareMax,
      reservedCapacity: settings.featureGates.reservedCapacity,
      surchargePerNode: settings.nodeSurchargeUsdPerHour,
      ...(settings.defaultSpread === undefined ? {} : { defaultSpread: settings.defaultSpread }),
      ...(searchSteps === undefined ? {} : { searchSteps }),
    },
  });
}

type ClassUser = { spec: { nodeClassRef: { group: string; kind: string } } };

/** Whether the provider serves the node class of this pool or claim. */
export function isServed(provider: CloudProvider, { spec }: { spec: { template: ClassUser } } | ClassUser): boolean {
  const ref = "template" in spec ? spec.template.spec.nodeClassRef : spec.nodeClassRef;
  return provider.nodeClasses.some(({ group, kind }) => group === ref.group && kind === ref.kind);
}

async function typesOf(needs: Needs, pool: NodePool): Promise<readonly InstanceType[] | undefined> {
  const { provider, log, mirror } = needs;
  try {
    return await provider.instanceTypes(pool, classOf(mirror.live, pool.spec.template.spec.nodeClassRef));
  } catch (error) {
    log.error("the pool's instance types cannot be had; it is left out", { NodePool: pool.metadata.name, error });
    return undefined;
  }
}
