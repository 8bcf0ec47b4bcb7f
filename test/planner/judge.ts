import type { Pod } from "../../src/model/core.ts";
import type { InstanceType } from "../../src/model/instance-type.ts";
import { DO_NOT_DISRUPT_ANNOTATION, NODE_POOL_LABEL } from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { parseResources, type Resources } from "../../src/model/resources.ts";
import { isImpossible, nodeTermsOf, selects } from "./judge-labels.ts";
import { judgeNode } from "./judge-nodes.ts";
import {
  claimPlace,
  existingPlaces,
  isOwnedBy,
  type JudgedClaim,
  type JudgedWorld,
  type Place,
  podKey,
  worldOf,
} from "./judge-places.ts";
import { judgeTopology } from "./judge-topology.ts";

/** A plan as `karpenter plan -o json` prints it, as far as it can be wrong. */
export type JudgedPlan = {
  newNodeClaims: readonly JudgedClaim[];
  existingNodes: readonly { name: string; pods: readonly string[] }[];
  unschedulable: readonly { pod: string }[];
  pricePerHour?: number;
};
export type JudgedCluster = {
  objects: readonly KubeObject[];
  instanceTypes: readonly InstanceType[];
  minValuesPolicy?: string | undefined;
};
export type Finding = { rule: string; about: string; message: string };
export type Judgement = {
  /** What kube-scheduler would not accept once the nodes are up, or what a NodePool forbids. */
  violations: Finding[];
  /** What would be wrong if the provider launched another listed type than the cheapest. */
  stiff: Finding[];
  remarks: Finding[];
};

/**
 * Whether a plan holds all the rules, whatever its price. A claim may be launched in every offering that its
 * requirements leave open; a rule holds when it holds in each of them. Shares no code with the planner beyond the model.
 */
export function judgePlan(cluster: JudgedCluster, plan: JudgedPlan): Judgement {
  const world = worldOf(cluster.objects, cluster.instanceTypes);
  const result: Judgement = { violations: [], stiff: [], remarks: [] };
  const into = (list: Finding[]) => (rule: string, about: string, message: string) =>
    void list.push({ rule, about, message });
  const say = into(result.violations);
  const { staying, leaving } = existingPlaces(world);
  const places = placesOf(world, plan, staying, leaving, say);
  const isBestEffort = cluster.minValuesPolicy === "BestEffort";
  for (const place of places) {
    if (place.placed.length > 0) judgeNode(world, place, isBestEffort, say, into(result.stiff));
  }
  judgeTopology(world, places, say, into(result.remarks));
  judgeLimits(world, places, say, into(result.stiff));
  return result;
}

/** Findings as lines, for messages of tests. */
export function findingLines(findings: readonly Finding[]): string[] {
  return findings.map(({ rule, about, message }) => `${rule}: ${about}: ${message}`);
}

type Say = (rule: string, about: string, message: string) => void;

/** All nodes with the plan's pods on them; says what is wrong with the plan's lists. */
function placesOf(world: JudgedWorld, plan: JudgedPlan, staying: Place[], leaving: Place[], say: Say): Place[] {
  const { wanted, optional, ignored } = podsToPlace(world, leaving);
  const seen = new Map<string, number>();
  const mention = (key: string): number => {
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return seen.get(key) ?? 0;
  };
  const put = (place: Place | undefined, keys: readonly string[], where: string): void => {
    for (const key of keys) {
      const times = mention(key);
      const pod = wanted.get(key) ?? optional.get(key);
      const why = ignored.get(key);
      if (why !== undefined) say("pods", key, `is placed on ${where} though ${why}`);
      else if (pod === undefined) say("pods", key, `is placed on ${where}, but does not wait for a node`);
      else if (times === 1) place?.placed.push(pod);
    }
  };
  const bought: Place[] = [];
  for (const [i, claim] of plan.newNodeClaims.entries()) {
    const name = `claim#${i}`;
    const place = claimPlace(world, claim, name, (rule, message) => say(rule, name, message));
    put(place, claim.pods, name);
    if (place !== undefined) bought.push(place);
  }
  for (const { name, pods } of plan.existingNodes) {
    const place = staying.find((one) => one.name === name);
    if (place === undefined) say("pods", name, "does not exist or is going away");
    put(place, pods, name);
  }
  for (const { pod: key } of plan.unschedulable) {
    mention(key);
    if (!wanted.has(key) && !optional.has(key) && !ignored.has(key))
      say("pods", key, "is refused, but does not wait for a node");
  }
  for (const key of wanted.keys())
    if (!seen.has(key)) say("pods", key, "waits for a node, and the plan does not mention it");
  for (const [key, times] of seen) if (times > 1) say("pods", key, `appears ${times} times`);
  const total = bought.reduce((sum, place) => sum + (place.purchase?.price ?? 0), 0);
  if (Math.abs(total - (plan.pricePerHour ?? total)) > 1e-4 * Math.max(1, bought.length)) {
    say("price", "the plan", `says ${plan.pricePerHour} per hour, but its claims cost ${total}`);
  }
  return [...staying, ...bought];
}

// ---------------------------------------------------------------- who is to be placed

type ToPlace = { wanted: Map<string, Pod>; optional: Map<string, Pod>; ignored: Map<string, string> };

function podsToPlace(world: JudgedWorld, leaving: readonly Place[]): ToPlace {
  const result: ToPlace = { wanted: new Map(), optional: new Map(), ignored: new Map() };
  for (const [key, pod] of world.pods) {
    if (!isWaiting(pod)) continue;
    const why = whyIgnored(world, pod);
    if (why !== undefined) result.ignored.set(key, why);
    else (isEnding(pod) ? result.optional : result.wanted).set(key, pod);
  }
  for (const pod of leaving.flatMap(({ running }) => running)) {
    if (isOwnedBy(pod, "DaemonSet") || isOwnedBy(pod, "Node")) continue;
    if (pod.metadata.annotations?.[DO_NOT_DISRUPT_ANNOTATION] === "true") continue;
    (isEnding(pod) || isHeld(world, pod) ? result.optional : result.wanted).set(podKey(pod), pod);
  }
  return result;
}

function isWaiting(pod: Pod): boolean {
  const { nodeName = "" } = pod.spec;
  const { nominatedNodeName = "", conditions = [] } = pod.status ?? {};
  if (nodeName !== "" || nominatedNodeName !== "" || isOwnedBy(pod, "DaemonSet") || isOwnedBy(pod, "Node"))
    return false;
  return conditions.some(({ type, reason }) => type === "PodScheduled" && reason === "Unschedulable");
}

function isEnding({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined || ["Failed", "Succeeded"].includes(status?.phase ?? "");
}

/** No eviction is possible now: whether its place is planned already is a matter of taste. */
function isHeld(world: JudgedWorld, pod: Pod): boolean {
  const budgets = [...world.budgets.values()].filter(
    ({ metadata, spec }) =>
      (metadata.namespace ?? "default") === (pod.metadata.namespace ?? "default") &&
      selects(spec.selector, pod.metadata.labels),
  );
  return budgets.length > 1 || budgets.some(({ status }) => (status?.disruptionsAllowed ?? 0) === 0);
}

function whyIgnored(world: JudgedWorld, pod: Pod): string | undefined {
  const isRefusal = nodeTermsOf(pod.spec)[0]?.some(([key, r]) => key === NODE_POOL_LABEL && isImpossible(r));
  if (isRefusal === true) return "it keeps off Karpenter's nodes";
  const isFargate = pod.metadata.labels?.["eks.amazonaws.com/fargate-profile"] !== undefined;
  if (isFargate || pod.spec.schedulerName === "fargate-scheduler") return "it runs on Fargate";
  const namespace = pod.metadata.namespace ?? "default";
  for (const { name, persistentVolumeClaim, ephemeral } of pod.spec.volumes ?? []) {
    const claimName = persistentVolumeClaim?.claimName ?? (ephemeral && `${pod.metadata.name}-${name}`);
    const why = claimName === undefined ? undefined : whyUnbindable(world, `${namespace}/${claimName}`);
    if (why !== undefined) return `its volume claim ${claimName} ${why}`;
  }
  return undefined;
}

function whyUnbindable(world: JudgedWorld, key: string): string | undefined {
  const claim = world.volumeClaims.get(key);
  if (claim === undefined) return "does not exist";
  if (claim.metadata.deletionTimestamp !== undefined || claim.status?.phase === "Lost") return "is lost";
  const { volumeName = "", storageClassName = "" } = claim.spec;
  if (volumeName !== "") {
    const volume = world.volumes.get(volumeName);
    if (volume === undefined || volume.metadata.deletionTimestamp !== undefined)
      return "names a volume that is not there";
    return claim.metadata.annotations?.["pv.kubernetes.io/bind-completed"] === undefined ? "is not bound" : undefined;
  }
  const storageClass = world.storageClasses.get(storageClassName);
  if (storageClass === undefined) return "has no storage class";
  return (storageClass.volumeBindingMode ?? "Immediate") === "Immediate" ? "is unbound and binds at once" : undefined;
}

// ---------------------------------------------------------------- limits

function judgeLimits(world: JudgedWorld, places: readonly Place[], say: Say, sayStiff: Say): void {
  for (const [name, { spec }] of world.pools) {
    const inPool = places.filter(({ pool, managed }) => pool === name && managed);
    if (spec.limits === undefined || inPool.every(({ purchase }) => purchase === undefined)) continue;
    for (const [resource, limit] of Object.entries(parseResources(spec.limits))) {
      const used = sumOf(inPool, resource, (place) => place.capacity);
      const atMost = sumOf(inPool, resource, (place) => largestOf(place, resource));
      if (used > limit) say("limits", name, `${resource}: ${used} of ${limit}`);
      else if (atMost > limit)
        sayStiff("flexibility", name, `${resource}: ${atMost} of ${limit} with the largest types listed`);
    }
  }
}

function sumOf(places: readonly Place[], resource: string, of: (place: Place) => Resources): number {
  return resource === "nodes" ? places.length : places.reduce((sum, place) => sum + (of(place)[resource] ?? 0), 0);
}

function largestOf({ purchase, capacity }: Place, resource: string): Resources {
  const listed = [...(purchase?.launches.values() ?? [])].flatMap(([first]) =>
    first === undefined ? [] : [first.type],
  );
  return { [resource]: Math.max(capacity[resource] ?? 0, ...listed.map((type) => type.capacity[resource] ?? 0)) };
}
