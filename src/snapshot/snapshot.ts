import type { ClusterView } from "../model/cluster-view.ts";
import type { Node, Taint, TopologySpreadConstraint } from "../model/core.ts";
import type { InstanceType } from "../model/instance-type.ts";
import type { NodeClaim } from "../model/resources/node-claim.ts";
import type { Resources } from "../model/resources.ts";

/** Settings that change what is planned. */
export type PlanSettings = {
  preferencePolicy: "Respect" | "Ignore";
  minValuesPolicy: "Strict" | "BestEffort";
  /**
   * USD per hour that every bought node counts as dearer than it is, default 0.01: fewer nodes for about one per cent of
   * the price. Disruption must weigh with the same number, or it undoes what provisioning did.
   */
  surchargePerNode?: number;
  /** A claim lists types up to so many times the price of its cheapest, default 1.2. */
  launchPriceFactor?: number;
  /** Larger types are not bought, in milli-cores; 0, the default: no bound. */
  nodeCpuMaxMilli?: number;
  /** Of one workload's pods at most this share on one node, but always one pod; 1, the default: no bound. */
  workloadShareMax?: number;
  /** False: nothing is planned on reserved capacity. */
  reservedCapacity?: boolean;
  /** Spread constraints of pods that have none of their own; the selectors come from Services and owners. */
  defaultSpread?: readonly TopologySpreadConstraint[];
  /** Effort of the search, default 10 million: about one number looked at each. */
  searchSteps?: number;
};

/** What the controller knows besides the cluster's objects. */
export type Memory = {
  /** Names of claims that a command of ours is about to delete. */
  markedForDeletion: ReadonlySet<string>;
  /** Node or claim name to the time until which pods are expected on it: no disruption before. */
  nominatedUntilMs: ReadonlyMap<string, number>;
  /**
   * Uid of a pod that waits to the name of the claim that was bought for it: that claim's room is its, and it is not
   * planned again. A pod with an empty name is not planned either, but takes no room.
   */
  expectedOn?: ReadonlyMap<string, string>;
  /** Uids of pods that leave their node only when their successor is ready, so that no budget keeps them. */
  surging?: ReadonlySet<string>;
};

/**
 * A node as planning sees it: the Node, its NodeClaim, or both merged (reference: scheduling, section 16).
 * Immutable.
 */
export type StateNode = {
  /** The Node's name, or the claim's while there is no Node. */
  name: string;
  providerId: string | undefined;
  node: Node | undefined;
  claim: NodeClaim | undefined;
  nodePool: string | undefined;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  /** Those that count for scheduling: ephemeral and startup taints are left out until it is initialized. */
  taints: readonly Taint[];
  capacity: Resources;
  allocatable: Resources;
  hostname: string;
  registered: boolean;
  initialized: boolean;
  /** True with a NodeClaim. */
  managed: boolean;
  markedForDeletion: boolean;
  /** Keys of the pods bound to it, sorted. Another list when any of these pods has changed: the same list stands for the same pods. */
  podKeys: readonly string[];
};

/** Everything a plan may look at, as one frozen value. */
export type Snapshot = {
  readonly nowMs: number;
  readonly view: ClusterView;
  /** By node name, sorted by name. */
  readonly stateNodes: readonly StateNode[];
  /** Per NodePool name, what its provider can launch for it, by name. Pools without a provider are absent. */
  readonly instanceTypes: ReadonlyMap<string, readonly InstanceType[]>;
  /** Core's and the providers' labels. */
  readonly wellKnownLabels: ReadonlySet<string>;
  readonly memory: Memory;
  readonly settings: PlanSettings;
  /** In a what-if: names of claims whose nodes take no more pods, since they are to go as well. */
  readonly closed?: ReadonlySet<string>;
};
