import type { Random } from "../../base/random.ts";
import { type Kind, KWOK_NODE_CLASSES, NODE_POOLS } from "../../model/kinds.ts";
import { ARCH_LABEL, CAPACITY_TYPE_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { SMALL_ZONES } from "./small-catalogue.ts";

export type DrawnObject = { kind: Kind; object: KubeObject };
/** What the drawn pools can serve, for whoever draws pods. */
export type Offer = { arches: string[]; capacityTypes: string[]; hasDedicated: boolean };

export const DEDICATED_TAINT = { key: "dedicated", value: "batch", effect: "NoSchedule" } as const;
export const DEDICATED_LABEL = { team: "batch" } as const;

/** A node class and one to four pools; the first serves every pod that needs no special one, without a limit. */
export function drawPools(random: Random): { objects: DrawnObject[]; offer: Offer } {
  const arches = random.chance(0.5) ? ["amd64"] : ["amd64", "arm64"];
  const capacityTypes = random.chance(0.3) ? ["on-demand"] : ["on-demand", "spot"];
  const requirements = [is(ARCH_LABEL, arches), is(CAPACITY_TYPE_LABEL, capacityTypes)];
  const objects = [nodeClass(random), pool(random, "general", { requirements })];
  if (random.chance(0.5)) {
    const limits = {
      cpu: String(random.between(8, 40)),
      ...(random.chance(0.3) ? { nodes: String(random.between(1, 4)) } : {}),
    };
    objects.push(pool(random, "burst", { requirements, weight: random.between(20, 100), limits }));
  }
  if (random.chance(0.3)) {
    const zones = [random.pick(SMALL_ZONES), random.pick(SMALL_ZONES)];
    const inZones = [...requirements, is(ZONE_LABEL, [...new Set(zones)])];
    objects.push(pool(random, "zonal", { requirements: inZones, weight: random.between(1, 19) }));
  }
  const hasDedicated = random.chance(0.5);
  if (hasDedicated) {
    const special = { requirements: [is(ARCH_LABEL, ["amd64"]), is(CAPACITY_TYPE_LABEL, capacityTypes)] };
    objects.push(pool(random, "dedicated", { ...special, taints: [DEDICATED_TAINT], labels: DEDICATED_LABEL }));
  }
  return { objects, offer: { arches, capacityTypes, hasDedicated } };
}

function is(key: string, values: readonly string[]): unknown {
  return { key, operator: "In", values };
}

function nodeClass(random: Random): DrawnObject {
  const nodeRegistrationDelay = random.pick(["0s", "4s", "25s", "90s"]);
  const object = {
    apiVersion: "karpenter.kwok.sh/v1alpha1",
    kind: "KWOKNodeClass",
    metadata: { name: "default" },
    spec: { nodeRegistrationDelay },
  };
  return { kind: KWOK_NODE_CLASSES, object: object as unknown as KubeObject };
}

type PoolFields = { requirements: unknown[]; weight?: number; limits?: unknown; taints?: unknown[]; labels?: unknown };

function pool(random: Random, name: string, { requirements, weight, limits, taints, labels }: PoolFields): DrawnObject {
  const object = {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name },
    spec: {
      ...(weight === undefined ? {} : { weight }),
      ...(limits === undefined ? {} : { limits }),
      disruption: {
        consolidationPolicy: random.pick(["WhenEmpty", "WhenEmptyOrUnderutilized"]),
        consolidateAfter: random.pick(["0s", "30s", "2m"]),
        budgets: random.pick([
          [{ nodes: "10%" }],
          [{ nodes: "1" }],
          [{ nodes: "100%" }],
          [{ nodes: "3" }, { nodes: "50%" }],
        ]),
      },
      template: {
        ...(labels === undefined ? {} : { metadata: { labels } }),
        spec: {
          expireAfter: random.pick(["Never", "Never", "Never", "50m"]),
          ...(random.chance(0.2) ? { terminationGracePeriod: "4m" } : {}),
          requirements,
          ...(taints === undefined ? {} : { taints }),
          nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
        },
      },
    },
  };
  return { kind: NODE_POOLS, object: object as unknown as KubeObject };
}
