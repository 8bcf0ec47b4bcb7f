import type { NodeClass } from "../model/cluster-view.ts";
import type { Node } from "../model/core.ts";
import type { InstanceType } from "../model/instance-type.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import type { NodePool } from "../model/resources/node-pool.ts";
import type { Interruptions } from "./interruptions.ts";

/** An instance as the provider sees it: what a launch fills into the claim. */
export type Instance = {
  providerId: string;
  /** instance-type, zone, capacity-type and the provider's own labels. */
  labels: Record<string, string>;
  annotations: Record<string, string>;
  imageId?: string;
  capacity: Record<string, string>;
  allocatable: Record<string, string>;
  /** Of the claim it was launched for, where the provider knows. */
  claimName?: string;
  createdAtMs: number;
  isTerminating: boolean;
};

export type RepairPolicy = { conditionType: string; conditionStatus: string; tolerationMs: number };

/** What a provider has found out about one of its node classes. */
export type NodeClassFindings = {
  /** The status, but for its conditions. */
  status: Readonly<Record<string, unknown>>;
  /** One that is missing could not be found out: see `failures`. */
  conditions: readonly { type: string; status: "True" | "False" | "Unknown"; reason?: string; message?: string }[];
  /** What the class' owner must know beside conditions that are False. */
  warnings: readonly { reason: string; message: string }[];
  failures: readonly unknown[];
  /** When to look again, should nothing call for it earlier. */
  recheckMs: number;
};

/** How a provider looks after its node classes: what they select is looked up, and shown in their status. */
export interface NodeClassCare {
  readonly kind: { group: string; kind: string };
  /** What Ready is made of. */
  readonly conditionTypes: readonly string[];
  /** Keeps a class until nothing uses it. */
  readonly finalizer: string;
  /** The hash that tells whether nodes were launched from the class as it is; annotations of class and claims. */
  hash(nodeClass: NodeClass): { annotation: string; hash: string; versionAnnotation: string; version: string };
  findings(nodeClass: NodeClass): Promise<NodeClassFindings>;
  /** What these nodes of the class, which have registered, show of their types: annotations of the class. */
  learn(
    nodeClass: NodeClass,
    nodes: readonly { claim: NodeClaim; node: Node }[],
  ): Promise<Readonly<Record<string, string>>>;
  /** Takes away what was made for the class. May be repeated. */
  finalize(nodeClass: NodeClass): Promise<void>;
}

/** Something that a provider does by itself, again and again, while this process leads. */
export type ProviderTask = {
  /** Of its controller, in logs and metrics. */
  readonly name: string;
  /** Does it; resolves to when it is due again. A rejection is tried again with back-off. */
  run(): Promise<{ afterMs: number }>;
};

/**
 * What a cloud must be able to do. Every method may be called twice with the same arguments and then does nothing more.
 * The node class that a method gets is the one that the pool or claim names, as last seen; absent when there is none.
 */
export interface CloudProvider {
  readonly name: string;
  /** The node-class kinds it serves. */
  readonly nodeClasses: readonly { group: string; kind: string }[];
  /** Labels beside WELL_KNOWN_LABELS that its types define. */
  readonly wellKnownLabels: readonly string[];
  /**
   * Launches the cheapest available offering that the claim's requirements allow. A second call for the same claim uid
   * finds the first one's instance.
   * @throws InsufficientCapacityError, NodeClassNotReadyError, CreateError
   */
  create(claim: NodeClaim, nodeClass?: NodeClass): Promise<Instance>;
  /**
   * Starts (or goes on with) termination. A claim without a provider id was perhaps launched all the same, its result
   * lost: what the provider can find by the claim's name or uid goes too.
   * @throws InstanceNotFoundError once it is gone
   */
  delete(claim: NodeClaim): Promise<void>;
  /** @throws InstanceNotFoundError */
  get(providerId: string): Promise<Instance>;
  /** All instances of this cluster that Karpenter made, in order of provider id. */
  list(): Promise<Instance[]>;
  /** What a pool may launch, in order of name; also types that are sold out at the moment. */
  instanceTypes(pool: NodePool, nodeClass?: NodeClass): Promise<readonly InstanceType[]>;
  /** The drift reason, or undefined. */
  driftReason(claim: NodeClaim, nodeClass?: NodeClass): Promise<string | undefined>;
  readonly repairPolicies: readonly RepairPolicy[];
  /** Where it hears that instances are, or will be, taken away. */
  readonly interruptions?: readonly Interruptions[];
  /**
   * Called when the claim's node has registered, and again after a restart: lets the cloud know the node's name. The
   * claim gets the annotations; where they are there, nothing is to be done.
   */
  nameInstance?(claim: NodeClaim): Promise<Record<string, string>>;
  /** Absent: its node classes need no looking after. */
  readonly nodeClassCare?: NodeClassCare;
  /** What has come to light about the claim's instance since its launch: labels to set, and with null to take away. */
  changedLabels?(claim: NodeClaim): Readonly<Record<string, string | null>>;
  readonly tasks?: readonly ProviderTask[];
}

/** There is no such instance (any more). */
export class InstanceNotFoundError extends Error {
  override readonly name = "InstanceNotFoundError";
}
/** Every offering that would do is sold out: the claim is given up and its pods are planned anew. */
export class InsufficientCapacityError extends Error {
  override readonly name = "InsufficientCapacityError";
}
/** The node class cannot be launched with yet: the claim is given up. */
export class NodeClassNotReadyError extends Error {
  override readonly name = "NodeClassNotReadyError";
}
/** The launch failed for a reason that the claim's Launched condition shows; it is tried again. */
export class CreateError extends Error {
  override readonly name = "CreateError";
  readonly conditionReason: string;
  readonly conditionMessage: string;
  constructor(conditionReason: string, conditionMessage: string, cause?: unknown) {
    super(conditionMessage, { cause });
    this.conditionReason = conditionReason;
    this.conditionMessage = conditionMessage;
  }
}
