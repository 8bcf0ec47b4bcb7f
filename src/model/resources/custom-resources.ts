import { EC2_NODE_CLASSES, type Kind, KWOK_NODE_CLASSES, NODE_CLAIMS, NODE_POOLS } from "../kinds.ts";
import type { Schema } from "../schema/schema.ts";
import { structuralSchema } from "../schema/structural.ts";
import { EC2_NODE_CLASS_SCHEMA } from "./ec2-node-class.ts";
import { KWOK_NODE_CLASS_SCHEMA } from "./kwok-node-class.ts";
import { NODE_CLAIM_SCHEMA } from "./node-claim.ts";
import { NODE_POOL_SCHEMA } from "./node-pool.ts";

/** A column that `kubectl get` prints. */
export type PrinterColumn = {
  name: string;
  jsonPath: string;
  type: "string" | "integer" | "date";
  /** 1: only with `-o wide`. */
  priority?: 1;
};

/** One of our kinds, with all that its CustomResourceDefinition says. Every one has a status of its own. */
export type CustomResource = {
  kind: Kind;
  listKind: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  columns: readonly PrinterColumn[];
  /** Paths behind `kubectl scale`. */
  scale?: { specReplicasPath: string; statusReplicasPath: string };
  /** Of the whole object, apiVersion and kind without their fixed values. */
  schema: Schema;
};

const READY: PrinterColumn = {
  name: "Ready",
  jsonPath: '.status.conditions[?(@.type=="Ready")].status',
  type: "string",
};
const AGE: PrinterColumn = { name: "Age", jsonPath: ".metadata.creationTimestamp", type: "date" };
const column = (name: string, jsonPath: string): PrinterColumn => ({ name, jsonPath, type: "string" });
const wide = (name: string, jsonPath: string, type: PrinterColumn["type"] = "string"): PrinterColumn => ({
  name,
  jsonPath,
  type,
  priority: 1,
});

/** The kinds that Karpenter brings, in order of their names. */
export const CUSTOM_RESOURCES: readonly CustomResource[] = [
  {
    kind: EC2_NODE_CLASSES,
    listKind: "EC2NodeClassList",
    singular: "ec2nodeclass",
    shortNames: ["ec2nc", "ec2ncs"],
    categories: ["karpenter"],
    columns: [READY, AGE, wide("Role", ".spec.role")],
    schema: rootSchema(structuralSchema(EC2_NODE_CLASS_SCHEMA)),
  },
  {
    kind: KWOK_NODE_CLASSES,
    listKind: "KWOKNodeClassList",
    singular: "kwoknodeclass",
    shortNames: ["kwoknc", "kwokncs"],
    categories: ["karpenter"],
    columns: [],
    schema: rootSchema(structuralSchema(KWOK_NODE_CLASS_SCHEMA)),
  },
  {
    kind: NODE_CLAIMS,
    listKind: "NodeClaimList",
    singular: "nodeclaim",
    shortNames: [],
    categories: ["karpenter"],
    columns: [
      column("Type", ".metadata.labels.node\\.kubernetes\\.io/instance-type"),
      column("Capacity", ".metadata.labels.karpenter\\.sh/capacity-type"),
      column("Zone", ".metadata.labels.topology\\.kubernetes\\.io/zone"),
      column("Node", ".status.nodeName"),
      READY,
      AGE,
      wide("ImageID", ".status.imageID"),
      wide("ID", ".status.providerID"),
      wide("NodePool", ".metadata.labels.karpenter\\.sh/nodepool"),
      wide("NodeClass", ".spec.nodeClassRef.name"),
      wide("Drifted", '.status.conditions[?(@.type=="Drifted")].status'),
    ],
    schema: rootSchema(structuralSchema(NODE_CLAIM_SCHEMA)),
  },
  {
    kind: NODE_POOLS,
    listKind: "NodePoolList",
    singular: "nodepool",
    shortNames: [],
    categories: ["karpenter"],
    columns: [
      column("NodeClass", ".spec.template.spec.nodeClassRef.name"),
      column("Nodes", ".status.nodes"),
      READY,
      AGE,
      wide("Weight", ".spec.weight", "integer"),
      wide("CPU", ".status.resources.cpu"),
      wide("Memory", ".status.resources.memory"),
    ],
    scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.nodes" },
    schema: rootSchema(structuralSchema(NODE_POOL_SCHEMA)),
  },
];

/** Ours by group and kind, or undefined. */
export function customResourceOf(group: string, kind: string): CustomResource | undefined {
  return CUSTOM_RESOURCES.find((resource) => resource.kind.group === group && resource.kind.kind === kind);
}

/** A CustomResourceDefinition leaves apiVersion, kind and metadata to the server. */
function rootSchema(schema: Schema): Schema {
  const required = (schema.required ?? []).filter((name) => name === "spec");
  const { required: _, ...rest } = schema;
  return {
    ...rest,
    ...(required.length > 0 ? { required } : {}),
    properties: {
      ...schema.properties,
      apiVersion: { type: "string", description: "Group and version of the kind." },
      kind: { type: "string", description: "The kind." },
      metadata: { type: "object" },
    },
  };
}
