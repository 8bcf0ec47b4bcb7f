import {
  CSI_NODES,
  DAEMON_SETS,
  EVENTS,
  type Kind,
  NAMESPACES,
  NODE_CLAIMS,
  NODE_CLASS_KINDS,
  NODE_POOLS,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICATION_CONTROLLERS,
  SERVICES,
  STORAGE_CLASSES,
  VOLUME_ATTACHMENTS,
} from "../../../src/model/kinds.ts";
import { CRON_JOBS, DEPLOYMENTS, JOBS, REPLICA_SETS, STATEFUL_SETS } from "../../../src/simulation/workloads/kinds.ts";

const CUSTOM_RESOURCE_DEFINITIONS: Kind = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
};

/** What every question about a cluster needs: without one of these a snapshot is of no use. */
export const VITAL_KINDS: readonly Kind[] = [NODE_POOLS, NODE_CLAIMS, NODES, PODS] as readonly Kind[];

/** All that a snapshot holds, in the order in which it stands there. */
export const SNAPSHOT_KINDS: readonly Kind[] = [
  ...VITAL_KINDS,
  ...NODE_CLASS_KINDS,
  NAMESPACES,
  DEPLOYMENTS,
  REPLICA_SETS,
  STATEFUL_SETS,
  DAEMON_SETS,
  JOBS,
  CRON_JOBS,
  REPLICATION_CONTROLLERS,
  POD_DISRUPTION_BUDGETS,
  SERVICES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  STORAGE_CLASSES,
  CSI_NODES,
  VOLUME_ATTACHMENTS,
  CUSTOM_RESOURCE_DEFINITIONS,
  EVENTS,
] as readonly Kind[];
