import { UserError } from "../../src/base/errors.ts";
import type { Pod, PodTemplate } from "../../src/model/core.ts";
import { matchesLabelSelector } from "../../src/model/label-selector.ts";
import { type KubeObject, keyOf } from "../../src/model/object.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";

/** A workload as far as its pods can be told from it. */
type Workload = KubeObject & {
  spec?: {
    replicas?: number;
    parallelism?: number;
    suspend?: boolean;
    selector?: { matchLabels?: Record<string, string> };
    template?: PodTemplate;
  };
};

const WORKLOADS: ReadonlySet<string> = new Set([
  "apps/v1/Deployment",
  "apps/v1/ReplicaSet",
  "apps/v1/StatefulSet",
  "batch/v1/Job",
]);
/** Of one workload: a slip of the keyboard in a replica count must not eat the memory. */
const PODS_MAX = 100_000;

/**
 * The objects of files as the cluster that would come of applying them: workloads have their pods, pods without a node
 * wait for one, pools that nobody has judged yet are ready. What a live cluster printed stays as it is.
 * @throws UserError KARP_BAD_MANIFEST when a workload lacks more than 100,000 pods
 */
export function asCluster(objects: readonly KubeObject[]): KubeObject[] {
  const pods = objects.filter((object): object is Pod => object.kind === "Pod" && object.apiVersion === "v1");
  const owned = new Set(objects.flatMap(({ metadata }) => metadata.ownerReferences?.map(({ name }) => name) ?? []));
  const result: KubeObject[] = [];
  for (const object of objects) {
    if (object.kind === "Pod" && object.apiVersion === "v1") result.push(waiting(object as Pod));
    else if (object.kind === "NodePool") result.push(judged(object as NodePool));
    else result.push(withUid(object));
    const isTop = (object.metadata.ownerReferences ?? []).length === 0 || !owned.has(object.metadata.name);
    if (WORKLOADS.has(`${object.apiVersion}/${object.kind}`) && isTop) result.push(...podsOf(object, pods));
  }
  return result;
}

/** The pods that a workload still lacks among the given ones. */
function podsOf(workload: Workload, pods: readonly Pod[]): Pod[] {
  const { spec = {}, metadata } = workload;
  const template = spec.template;
  if (template === undefined || spec.suspend === true) return [];
  const namespace = metadata.namespace ?? "default";
  const labels = template.metadata?.labels ?? {};
  const selector = spec.selector ?? { matchLabels: labels };
  const present = pods.filter(
    (pod) => (pod.metadata.namespace ?? "default") === namespace && matchesLabelSelector(selector, pod.metadata.labels),
  );
  const missing = Math.max(0, (spec.replicas ?? spec.parallelism ?? 1) - present.length);
  if (missing > PODS_MAX) {
    throw new UserError({
      code: "KARP_BAD_MANIFEST",
      what: `${workload.kind} "${namespace}/${metadata.name}" lacks ${missing} pods; a plan takes at most ${PODS_MAX} of one workload`,
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
