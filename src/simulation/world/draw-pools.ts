import type { Random } from "../../base/random.ts";
import { EC2_NODE_CLASSES, type Kind, KWOK_NODE_CLASSES, NODE_POOLS } from "../../model/kinds.ts";
import { ARCH_LABEL, CAPACITY_TYPE_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { SMALL_ZONES } from "./small-catalogue.ts";

export type DrawnObject = { kind: Kind; object: KubeObject };
/** What the drawn pools can serve, for whoever draws pods. */
export type Offer = { arches: string[]; capacityTypes: string[]; hasDedicated: boolean };

export const DEDICATED_TAINT = { key: "dedicated", value: "batch", effect: "NoSchedule" } as const;
export const DEDICATED_LABEL = { team: "batch" } as const;

/** Budgets as a user would write them; a schedule is once a day at a full hour, so that judges can read it. */
export function drawBudgets(random: Random): unknown[] {
  return random.pick([
    [{ nodes: "10%" }],
    [{ nodes: "1" }],
    [{ nodes: "100%" }],
    [{ nodes: "3" }, { nodes: "50%" }],
    [{ nodes: "2" }, { nodes: "0", reasons: ["Drifted"] }],
    [{ nodes: "25%" }, { nodes: "0", schedule: `0 ${random.between(0, 23)} * * *`, duration: "2h" }],
  ]);
}

/** A node class and one to four pools; the first serves every pod that needs no special one, without a limit. */
export function drawPools(random: Random, classKind: NodeClassKind): { objects: DrawnObject[]; offer: Offer } {
  const arches = random.chance(0.5) ? ["amd64"] : ["amd64", "arm64"];
  const capacityTypes = random.chance(0.3) ? ["on-demand"] : ["on-demand", "spot"];
  const requirements = [is(ARCH_LABEL, arches), is(CAPACITY_TYPE_LABEL, capacityTypes)];
  const { group } = NODE_CLASSES[classKind];
  const nodeClassRef = { group, kind: classKind, name: "default" };
  const pool = (name: string, fields: Omit<PoolFields, "nodeClassRef">) =>
    drawPool(random, name, { ...fields, nodeClassRef });
  const objects = [nodeClass(random, classKind), pool("general", { requirements })];
  if (random.chance(0.5)) {
    const limits = {
      cpu: String(random.between(8, 40)),
      ...(random.chance(0.3) ? { nodes: String(random.between(1, 4)) } : {}),
    };
    objects.push(pool("burst", { requirements, weight: random.between(20, 100), limits }));
  }
  if (random.chance(0.3)) {
    const zones = [random.pick(SMALL_ZONES), random.pick(SMALL_ZONES)];
    const inZones = [...requirements, is(ZONE_LABEL, [...new Set(zones)])];
    objects.push(pool("zonal", { requirements: inZones, weight: random.between(1, 19) }));
  }
  const hasDedicated = random.chance(0.5);
  if (hasDedicated) {
    const special = { requirements: [is(ARCH_LABEL, ["amd64"]), is(CAPACITY_TYPE_LABEL, capacityTypes)] };
    objects.push(pool("dedicated", { ...special, taints: [DEDICATED_TAINT], labels: DEDICATED_LABEL }));
  }
  return { objects, offer: { arches, capacityTypes, hasDedicated } };
}

function is(key: string, values: readonly string[]): unknown {
  return { key, operator: "In", values };
}

const NODE_CLASSES = { KWOKNodeClass: KWOK_NODE_CLASSES, EC2NodeClass: EC2_NODE_CLASSES };
export type NodeClassKind = keyof typeof NODE_CLASSES;

/** How long fake nodes take to appear is in their class; that of EC2 instances is their own affair. */
function nodeClass(random: Random, classKind: NodeClassKind): DrawnObject {
  const nodeRegistrationDelay = random.pick(["0s", "4s", "25s", "90s"]);
  const discovery = [{ tags: { "karpenter.sh/discovery": "*" } }];
  const spec = {
    KWOKNodeClass: { nodeRegistrationDelay },
    EC2NodeClass: {
      amiSelectorTerms: [{ alias: "al2023@latest" }],
      role: "node",
      subnetSelectorTerms: discovery,
      securityGroupSelectorTerms: discovery,
    },
  }[classKind];
  const kind = NODE_CLASSES[classKind];
  const apiVersion = `${kind.group}/${kind.version}`;
  const object = { apiVersion, kind: kind.kind, metadata: { name: "default" }, spec };
  return { kind, object: object as unknown as KubeObject };
}

type PoolFields = {
  nodeClassRef: unknown;
  requirements: unknown[];
  weight?: number;
  limits?: unknown;
  taints?: unknown[];
  labels?: unknown;
};

function drawPool(random: Random, name: string, fields: PoolFields): DrawnObject {
  const { nodeClassRef, requirements, weight, limits, taints, labels } = fields;
  const object = {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name },
    spec: {
      ...(weight === undefined ? {} : { weight }),
      ...(limits === undefined ? {} : { limits }),
      disruption: {
        consolidationPolicy: random.pick([
          "WhenEmpty",
          "WhenEmptyOrUnderutilized",
          "WhenEmptyOrUnderutilized",
          "Balanced",
        ]),
        consolidateAfter: random.pick(["0s", "30s", "2m", "10m"]),
        budgets: drawBudgets(random),
      },
      template: {
        ...(labels === undefined ? {} : { metadata: { labels } }),
        spec: {
          expireAfter: random.pick(["Never", "Never", "Never", "50m", "6h"]),
          ...(random.chance(0.2) ? { terminationGracePeriod: "4m" } : {}),
          requirements,
          ...(taints === undefined ? {} : { taints }),
          nodeClassRef,
        },
      },
    },
  };
  return { kind: NODE_POOLS, object: object as unknown as KubeObject };
}
