import type {
  DaemonSet as CoreDaemonSet,
  Node,
  NodeAffinity,
  Pod,
  PodSpec,
  PodTemplate,
  Taint,
  Toleration,
} from "../../model/core.ts";
import { DAEMON_SETS, NODES, PODS } from "../../model/kinds.ts";
import { keyOf } from "../../model/object.ts";
import { refOf } from "../cache/cluster-writer.ts";
import { matchesAnyTerm } from "../cache/selectors.ts";
import { isTolerated } from "../scheduler/filters.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { availability, intOrPercent, isFinished, isReady, isSame, podFromTemplate, shortHash } from "./pods.ts";

type DaemonSet = Omit<CoreDaemonSet, "spec"> & {
  spec: CoreDaemonSet["spec"] & {
    minReadySeconds?: number;
    updateStrategy?: { type?: string; rollingUpdate?: { maxUnavailable?: number | string } };
  };
};

const HASH_LABEL = "controller-revision-hash";
/** What daemons tolerate beside what they say themselves. */
const OWN_TOLERATIONS: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];
const NETWORK_TOLERATION: Toleration = {
  key: "node.kubernetes.io/network-unavailable",
  operator: "Exists",
  effect: "NoSchedule",
};

/** One pod of each DaemonSet on each node that it may run on. */
export function startDaemonSetController(needs: ControllerNeeds): void {
  const { state, loop } = needs;
  const sets = state.of(DAEMON_SETS);
  const enqueue = loop.add("daemonset", (key) => reconcile(needs, key));
  sets.onChange((_, after) => {
    if (after !== undefined) enqueue(keyOf(after));
  });
  const enqueueAll = (): void => {
    for (const set of sets.values()) enqueue(keyOf(set));
  };
  enqueueAll();
  state.of(NODES).onChange((before, after) => {
    if (before === undefined || after === undefined || looksDifferent(before, after)) enqueueAll();
  });
  state.of(PODS).onChange((before, after) => {
    const pod = (after ?? before) as Pod;
    const owner = pod.metadata.ownerReferences?.find(({ kind, controller }) => kind === "DaemonSet" && controller);
    if (owner !== undefined) enqueue(`${pod.metadata.namespace}/${owner.name}`);
  });
}

function looksDifferent(before: Node, after: Node): boolean {
  return (
    !isSame(before.metadata.labels, after.metadata.labels) ||
    !isSame(before.spec.taints, after.spec.taints) ||
    before.spec.unschedulable !== after.spec.unschedulable
  );
}

function reconcile(needs: ControllerNeeds, key: string): number | undefined {
  const set = needs.state.of(DAEMON_SETS).get(key) as DaemonSet | undefined;
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return undefined;
  const hash = hashOf(set.spec.template);
  const podsByNode = podsPerNode(needs, set);
  for (const node of needs.state.of(NODES).values())
    syncNode(needs, { set, hash, node, pods: podsByNode.get(node.metadata.name) ?? [] });
  replaceOutdated(needs, set, hash);
  return writeStatus(needs, set, hash);
}

/** Stored objects are never changed in place: a template has one hash for ever. */
const knownHashes = new WeakMap<PodTemplate, string>();

function hashOf(template: PodTemplate): string {
  const known = knownHashes.get(template);
  if (known !== undefined) return known;
  const hash = shortHash(template);
  knownHashes.set(template, hash);
  return hash;
}

function podsPerNode({ state }: ControllerNeeds, set: DaemonSet): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of state.of(PODS).controlledBy(set.metadata.uid)) {
    const name = pod.spec.nodeName ?? pinnedNode(pod) ?? "";
    const present = byNode.get(name);
    if (present === undefined) byNode.set(name, [pod]);
    else present.push(pod);
  }
  return byNode;
}

function pinnedNode(pod: Pod): string | undefined {
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms[0]?.matchFields?.find(({ key }) => key === "metadata.name")?.values?.[0];
}

function syncNode(
  { writer, recorder }: ControllerNeeds,
  { set, hash, node, pods }: { set: DaemonSet; hash: string; node: Node; pods: Pod[] },
): void {
  const record = recorder("daemonset-controller");
  const { mayStart, mayStay } = fitOf(set, node);
  if (pods.length === 0 && !mayStart) return;
  const live = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const finished = live.filter(isFinished);
  const running = live.filter((pod) => !isFinished(pod));
  const surplus = mayStay ? [...finished, ...running.slice(1)] : live;
  for (const pod of surplus) {
    writer.delete(PODS, refOf(pod));
    record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
  }
  if (!mayStart || node.metadata.deletionTimestamp !== undefined || pods.length > 0) return;
  const pod = writer.create(
    PODS,
    podFromTemplate(set, templateFor(set, hash, node), { generateName: `${set.metadata.name}-` }),
  );
  record(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
}

type Fit = { mayStart: boolean; mayStay: boolean };
/** Neither templates nor nodes are changed in place: every pair is judged once. */
const knownFits = new WeakMap<Node, WeakMap<PodTemplate, Fit>>();

function fitOf({ spec: { template } }: DaemonSet, node: Node): Fit {
  const ofNode = knownFits.get(node) ?? new WeakMap<PodTemplate, Fit>();
  knownFits.set(node, ofNode);
  const fit = ofNode.get(template) ?? judgeFit(template, node);
  ofNode.set(template, fit);
  return fit;
}

function judgeFit({ spec }: PodTemplate, node: Node): Fit {
  const labels = node.metadata.labels ?? {};
  const isSelected = Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const isWanted = required === undefined || matchesAnyTerm(required.nodeSelectorTerms, labels, node.metadata.name);
  if (!isSelected || !isWanted) return { mayStart: false, mayStay: false };
  const tolerations = tolerationsOf(spec);
  const hard = (effects: Taint["effect"][]): boolean =>
    (node.spec.taints ?? []).every((taint) => !effects.includes(taint.effect) || isTolerated(taint, tolerations));
  return { mayStart: hard(["NoSchedule", "NoExecute"]), mayStay: hard(["NoExecute"]) };
}

function tolerationsOf(spec: PodSpec): Toleration[] {
  const own = spec.hostNetwork === true ? [...OWN_TOLERATIONS, NETWORK_TOLERATION] : OWN_TOLERATIONS;
  return [...(spec.tolerations ?? []), ...own];
}

/** Pinned to the node by a field of its own affinity terms, as the default scheduler then binds it there. */
function templateFor(set: DaemonSet, hash: string, node: Node): PodTemplate {
  const { template } = set.spec;
  const matchFields = [{ key: "metadata.name", operator: "In", values: [node.metadata.name] }];
  const { nodeAffinity } = template.spec.affinity ?? {};
  const terms = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
  const pinned: NodeAffinity = {
    ...nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: terms.map((term) => ({ ...term, matchFields })),
    },
  };
  return {
    metadata: { ...template.metadata, labels: { ...template.metadata?.labels, [HASH_LABEL]: hash } },
    spec: {
      ...template.spec,
      affinity: { ...template.spec.affinity, nodeAffinity: pinned },
      tolerations: tolerationsOf(template.spec),
    },
  };
}

/** RollingUpdate: pods of an older template go, as many at once as may be unavailable. */
function replaceOutdated({ state, writer }: ControllerNeeds, set: DaemonSet, hash: string): void {
  if (set.spec.updateStrategy?.type === "OnDelete") return;
  const pods = state
    .of(PODS)
    .controlledBy(set.metadata.uid)
    .filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const outdated = pods.filter((pod) => pod.metadata.labels?.[HASH_LABEL] !== hash);
  if (outdated.length === 0) return;
  const maxUnavailable = set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
  const unavailable = pods.filter((pod) => !isReady(pod)).length;
  let budget = Math.max(1, intOrPercent(maxUnavailable, pods.length, "up")) - unavailable;
  for (const pod of outdated) {
    if (isReady(pod)) {
      if (budget <= 0) continue;
      budget -= 1;
    }
    writer.delete(PODS, refOf(pod));
  }
}

function writeStatus({ state, writer, clock }: ControllerNeeds, set: DaemonSet, hash: string): number | undefined {
  const pods = state
    .of(PODS)
    .controlledBy(set.metadata.uid)
    .filter((pod) => !isFinished(pod));
  const nodes = [...state.of(NODES).values()];
  const wanted = new Set(nodes.filter((node) => fitOf(set, node).mayStart).map((node) => node.metadata.name));
  const placed = pods.filter((pod) => pod.spec.nodeName !== undefined);
  const good = placed.filter((pod) => wanted.has(pod.spec.nodeName ?? ""));
  const { available, nextMs } = availability(good, set.spec.minReadySeconds ?? 0, clock.nowMs());
  const status = {
    currentNumberScheduled: good.length,
    desiredNumberScheduled: wanted.size,
    numberMisscheduled: placed.length - good.length,
    numberReady: good.filter(isReady).length,
    numberAvailable: available,
    numberUnavailable: Math.max(0, wanted.size - available),
    updatedNumberScheduled: good.filter((pod) => pod.metadata.labels?.[HASH_LABEL] === hash).length,
    observedGeneration: set.metadata.generation ?? 1,
  };
  if (!isSame(status, set.status)) writer.patchStatus(DAEMON_SETS, refOf(set), status);
  return nextMs;
}
