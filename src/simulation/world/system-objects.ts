import type { Taint } from "../../model/core.ts";
import { NAMESPACES, NODES } from "../../model/kinds.ts";
import {
  ARCH_LABEL,
  CAPACITY_TYPE_LABEL,
  HOSTNAME_LABEL,
  INSTANCE_TYPE_LABEL,
  OS_LABEL,
  REGION_LABEL,
  ZONE_LABEL,
} from "../../model/labels.ts";
import { isAlreadyExists } from "../../ports/kube-api.ts";
import type { ClusterWriter } from "../cache/cluster-writer.ts";
import { PRIORITY_CLASSES } from "../workloads/kinds.ts";

export type SystemNodes = {
  count: number;
  region?: string;
  cpu?: string;
  memory?: string;
  /** Default: CriticalAddonsOnly=true:NoSchedule, so that workloads go to nodes of the product. */
  taints?: Taint[];
};

const NAMES = ["default", "kube-system", "kube-public", "kube-node-lease"];
const CRITICAL: readonly [name: string, value: number][] = [
  ["system-cluster-critical", 2_000_000_000],
  ["system-node-critical", 2_000_001_000],
];

/** The namespaces and priority classes that every cluster has. */
export function createNamespaces(writer: ClusterWriter): void {
  for (const name of NAMES) {
    unlessExisting(() => {
      writer.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    });
  }
  for (const [name, value] of CRITICAL) {
    unlessExisting(() => {
      writer.create(PRIORITY_CLASSES, {
        apiVersion: "scheduling.k8s.io/v1",
        kind: "PriorityClass",
        metadata: { name },
        value,
      });
    });
  }
}

/** Static nodes for what has to run before there is any other: the product itself, cluster services. */
export function createSystemNodes(writer: ClusterWriter, options: SystemNodes = { count: 2 }): void {
  const { count, region = "us-east-1", cpu = "4", memory = "16Gi" } = options;
  const taints = options.taints ?? [{ key: "CriticalAddonsOnly", value: "true", effect: "NoSchedule" }];
  const capacity = { cpu, memory, pods: "58", "ephemeral-storage": "80Gi" };
  for (let i = 1; i <= count; i += 1) {
    const name = `system-${i}`;
    const zone = `${region}${"abc".charAt((i - 1) % 3)}`;
    unlessExisting(() => {
      writer.create(NODES, {
        apiVersion: "v1",
        kind: "Node",
        metadata: {
          name,
          labels: {
            [ARCH_LABEL]: "amd64",
            [OS_LABEL]: "linux",
            [HOSTNAME_LABEL]: name,
            [INSTANCE_TYPE_LABEL]: "m7i.xlarge",
            [REGION_LABEL]: region,
            [ZONE_LABEL]: zone,
            [CAPACITY_TYPE_LABEL]: "on-demand",
            "eks.amazonaws.com/nodegroup": "system",
            "kwok.x-k8s.io/node": "fake",
          },
        },
        spec: { providerID: `aws:///${zone}/i-system${i}`, taints },
      });
      writer.patchStatus(NODES, { name }, { capacity, allocatable: capacity, phase: "Running" });
    });
  }
}

function unlessExisting(create: () => void): void {
  try {
    create();
  } catch (e) {
    if (!isAlreadyExists(e)) throw e;
  }
}
