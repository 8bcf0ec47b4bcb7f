import { UserError } from "../../src/base/errors.ts";
import type { Pod, PodTemplate } from "../../src/model/core.ts";
import { matchesLabelSelector } from "../../src/model/label-selector.ts";
import { type KubeObject, keyOf } from "../../src/model/object.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";

/** A workload as far as its pods can be told from it. */
export type Workload = KubeObject & {
  spec?: {
    replicas?: number;
    parallelism?: number;
    completions?: number;
    suspend?: boolean;
    selector?: { matchLabels?: Record<string, string> };
    template?: PodTemplate;
    jobTemplate?: { spec?: Workload["spec"] };
  };
  status?: { conditions?: { type: string; status: string }[] };
};

const WORKLOADS: ReadonlySet<string> = new Set([
  "apps/v1/Deployment",
  "apps/v1/ReplicaSet",
  "apps/v1/StatefulSet",
  "batch/v1/Job",
  "batch/v1/CronJob",
]);
/** Their pods are on every node, or they are no pods at all. */
const NO_WORKLOADS: ReadonlySet<string> = new Set(["apps/v1/DaemonSet", "v1/PodTemplate"]);
/** Of one workload: a slip of the keyboard in a replica count must not eat the memory. */
const PODS_MAX = 100_000;

/** What files say, as a cluster, and what of them is not planned for. */
export type FileCluster = { objects: KubeObject[]; notes: string[] };

/**
 * The objects of files as the cluster that would come of applying them: workloads have their pods, a CronJob those of one
 * run, pods without a node wait for one, pools that nobody has judged yet are ready. What a live cluster printed stays as it is.
 * @param fills whether a workload gets the pods that it lacks; in a living cluster its controller has seen to that already
 * @throws UserError KARP_BAD_MANIFEST when a workload lacks more than 100,000 pods
 */
export function asCluster(
  objects: readonly KubeObject[],
  fills: (workload: KubeObject) => boolean = () => true,
): FileCluster {
  const pods = objects.filter((object): object is Pod => object.kind === "Pod" && object.apiVersion === "v1");
  const owned = new Set(objects.flatMap(({ metadata }) => metadata.ownerReferences?.map(({ name }) => name) ?? []));
  const result: KubeObject[] = [];
  const notes: string[] = [];
  for (const object of objects) {
    if (object.kind === "Pod" && object.apiVersion === "v1") result.push(waiting(object as Pod));
    else if (object.kind === "NodePool") result.push(judged(object as NodePool));
    else result.push(withUid(object));
    const isTop = (object.metadata.ownerReferences ?? []).length === 0 || !owned.has(object.metadata.name);
    if (isWorkload(object) && isTop && fills(object)) result.push(...podsOf(object, pods));
    if (isUnknownWorkload(object))
      notes.push(`the pods of ${nameOf(object)} are not planned: its kind is not known here`);
  }
  return { objects: result, notes };
}

/** Whether its pods can be told from it. */
export function isWorkload(object: KubeObject): boolean {
  return WORKLOADS.has(typeOf(object));
}

const typeOf = ({ apiVersion, kind }: KubeObject): string => `${apiVersion}/${kind}`;

function nameOf({ kind, metadata }: KubeObject): string {
  return `${kind} "${metadata.namespace ?? "default"}/${metadata.name}"`;
}

/** Something that runs pods of a template, as Argo's Rollouts do. */
function isUnknownWorkload(object: Workload): boolean {
  if (isWorkload(object) || NO_WORKLOADS.has(typeOf(object))) return false;
  return Array.isArray(object.spec?.template?.spec?.containers);
}

/** The spec that pods are made of; undefined when there are to be none now. */
function wantedSpec({ spec = {}, status, metadata, kind }: Workload): Workload["spec"] {
  const isOver = status?.conditions?.some(({ type, status: is }) => /^(Complete|Failed)$/.test(type) && is === "True");
  if (spec.suspend === true || isOver === true) return undefined;
  if (kind !== "CronJob") return spec;
  // In a live cluster its Jobs speak for themselves.
  return (metadata.uid ?? "") === "" ? spec.jobTemplate?.spec : undefined;
}

/** How many pods there are to be at a time. */
export function replicasOf({ replicas, parallelism = 1, completions }: NonNullable<Workload["spec"]>): number {
  return replicas ?? Math.min(parallelism, completions ?? parallelism);
}

/** The pods that a workload still lacks among the given ones. */
function podsOf(workload: Workload, pods: readonly Pod[]): Pod[] {
  const { metadata, kind } = workload;
  const spec = wantedSpec(workload);
  const template = spec?.template;
  if (spec === undefined || template === undefined) return [];
  const namespace = metadata.namespace ?? "default";
  const isOwned = (pod: Pod): boolean =>
    (pod.metadata.ownerReferences ?? []).some((owner) => owner.kind === kind && owner.name === metadata.name);
  const isSelected = (pod: Pod): boolean =>
    spec.selector !== undefined && matchesLabelSelector(spec.selector, pod.metadata.labels);
  const present = pods.filter(
    (pod) => (pod.metadata.namespace ?? "default") === namespace && (isOwned(pod) || isSelected(pod)),
  );
  const missing = Math.max(0, replicasOf(spec) - present.length);
  if (missing > PODS_MAX) {
    throw new UserError({
      code: "KARP_BAD_MANIFEST",
      what: `${nameOf(workload)} lacks ${missing} pods; a plan takes at most ${PODS_MAX} of one workload`,
      remedy: "ask for fewer replicas, or spread them over several workloads",
    });
  }
  return Array.from({ length: missing }, (_, index) =>
    waiting({
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        ...template.metadata,
        name: `${metadata.name}-${present.length + index + 1}`,
        namespace,
        uid: "",
        resourceVersion: "",
        creationTimestamp: metadata.creationTimestamp ?? "",
        ownerReferences: [
          {
            apiVersion: workload.apiVersion,
            kind: workload.kind,
            name: metadata.name,
            uid: metadata.uid ?? "",
            controller: true,
          },
        ],
      },
      spec: template.spec,
    }),
  );
}

/** A pod that no scheduler has looked at counts as one that found no node. */
function waiting(pod: Pod): Pod {
  const named = withUid(pod);
  const isGated = (pod.spec.schedulingGates ?? []).length > 0;
  const isJudged = (pod.status?.conditions ?? []).some(({ type }) => type === "PodScheduled");
  if ((pod.spec.nodeName ?? "") !== "" || isGated || isJudged) return named;
  const conditions = [
    ...(pod.status?.conditions ?? []),
    { type: "PodScheduled", status: "False" as const, reason: "Unschedulable" },
  ];
  return { ...named, status: { phase: "Pending", ...pod.status, conditions } };
}

function judged(pool: NodePool): NodePool {
  if (pool.status?.conditions !== undefined) return withUid(pool);
  const ready = { type: "Ready", status: "True" as const, reason: "Ready", message: "", lastTransitionTime: "" };
  return { ...withUid(pool), status: { ...pool.status, conditions: [ready] } };
}

/** Objects from files have no uid: their kind and key serve as well. */
function withUid<T extends KubeObject>(object: T): T {
  if ((object.metadata.uid ?? "") !== "") return object;
  return { ...object, metadata: { ...object.metadata, uid: `${object.kind}/${keyOf(object)}` } };
}
