import { isDeepStrictEqual } from "node:util";
import { UserError } from "../../../src/base/errors.ts";
import { nearestName } from "../../../src/base/nearest-name.ts";
import type { Pod, PodDisruptionBudget } from "../../../src/model/core.ts";
import { matchesLabelSelector } from "../../../src/model/label-selector.ts";
import { type KubeObject, keyOf } from "../../../src/model/object.ts";
import { isActive } from "../../../src/model/pod-predicates.ts";
import type { NodePool } from "../../../src/model/resources/node-pool.ts";
import type { JsonObject } from "../../../src/model/schema/schema.ts";
import { hashedPool } from "../../../src/plan/nodepool/claim-hash.ts";
import { countBudget } from "../../../src/plan/what-if/disruptions-allowed.ts";
import { setDefault, setPodSpecDefaults } from "../../../src/simulation/api-server/pod-defaults.ts";
import { asCluster, isWorkload, replicasOf, type Workload } from "../file-cluster.ts";
import { keptObject } from "../snapshot/kept-object.ts";

/** An object that the change touches, as it is and as it would be. */
export type ObjectChange = { before: KubeObject | undefined; after: KubeObject | undefined };

export type Overlaid = {
  objects: KubeObject[];
  changes: readonly ObjectChange[];
  notes: readonly string[];
};

/**
 * The cluster once the manifests have been applied and the objects named are removed, and its controllers have done what
 * follows: workloads have the pods that they are to have, budgets count them, pools have the hash of their template.
 * @param removals "node/NAME", "deployment/NAMESPACE/NAME", ...
 * @throws UserError KARP_NO_SUCH_OBJECT, and KARP_BAD_MANIFEST for a workload that lacks too many pods
 */
export function overlay(
  base: readonly KubeObject[],
  files: readonly KubeObject[],
  removals: readonly string[],
): Overlaid {
  const objects = new Map(base.map((object) => [idOf(object), object]));
  const changes: ObjectChange[] = [];
  const renewed = new Set<string>();
  for (const file of files.map(normalized)) {
    const id = idOf(file);
    const before = objects.get(id);
    const after = before === undefined ? file : applied(before, file);
    if (before !== undefined && isDeepStrictEqual(specOf(normalized(before)), specOf(after))) continue;
    changes.push({ before, after });
    objects.set(id, after);
    if (isWorkload(after)) {
      renewed.add(id);
      for (const pod of surplusPods(before, after, [...objects.values()])) objects.delete(idOf(pod));
    }
  }
  for (const removal of removals) {
    const before = namedObject(removal, objects);
    changes.push({ before, after: undefined });
    objects.delete(idOf(before));
    for (const pod of isWorkload(before) ? podsOf(before, [...objects.values()]) : []) objects.delete(idOf(pod));
  }
  const filled = asCluster([...objects.values()], (object) => renewed.has(idOf(object)));
  return { objects: withCountedBudgets(filled.objects, changes), changes, notes: filled.notes };
}

export function idOf({ apiVersion, kind, metadata }: KubeObject): string {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  return `${group}/${kind}/${metadata.namespace ?? ""}/${metadata.name}`;
}

/** With what the server would fill in, without what a snapshot leaves out: then the two can be compared. */
function normalized(object: KubeObject): KubeObject {
  const copy = structuredClone(object) as KubeObject & { spec?: JsonObject };
  const { spec } = copy;
  const template = (spec?.["template"] as JsonObject | undefined)?.["spec"];
  if (isWorkload(copy) && template !== undefined) {
    if (COUNTED.has(copy.kind)) setDefault(spec ?? {}, "replicas", 1);
    setPodSpecDefaults(template as JsonObject, { restartPolicy: "Always" });
  }
  return keptObject(copy) ?? copy;
}

const COUNTED: ReadonlySet<string> = new Set(["Deployment", "StatefulSet", "ReplicaSet"]);

/** The manifest's spec and labels, with all that the cluster knows of the object. */
function applied(before: KubeObject, file: KubeObject): KubeObject {
  const { labels, annotations } = file.metadata;
  const metadata = {
    ...before.metadata,
    labels: { ...before.metadata.labels, ...labels },
    annotations: { ...before.metadata.annotations, ...annotations },
  };
  const { status, spec: old } = before as { status?: unknown; spec?: JsonObject };
  const { spec } = file as { spec?: JsonObject };
  const rest = {
    ...(status === undefined ? {} : { status }),
    ...(isWorkload(file) ? { spec: { ...rolloutOf(old), ...spec } } : {}),
  };
  const after = { ...file, metadata, ...rest };
  return after.kind === "NodePool" ? (hashedPool(after as unknown as NodePool) as KubeObject) : after;
}

/** How a workload rolls out could not change a plan: where the manifest says nothing of it, it stays as it is. */
function rolloutOf(spec: JsonObject | undefined): JsonObject {
  const { strategy, updateStrategy, minReadySeconds } = spec ?? {};
  return Object.fromEntries(
    Object.entries({ strategy, updateStrategy, minReadySeconds }).filter(([, value]) => value !== undefined),
  );
}

/** What of an object could change a plan. */
function specOf(object: KubeObject): unknown {
  const { metadata, status: _, ...rest } = object as unknown as JsonObject;
  return { ...rest, labels: (metadata as JsonObject)["labels"] ?? {} };
}

/** Pods that go for good: all of a template that is no more, or those that are too many. */
function surplusPods(before: KubeObject | undefined, after: KubeObject, objects: readonly KubeObject[]): Pod[] {
  if (before === undefined) return [];
  const pods = podsOf(before, objects).filter(isActive);
  const [old, wanted] = [before, after].map((one) => (normalized(one) as Workload).spec);
  if (!isDeepStrictEqual(old?.template, wanted?.template)) return pods;
  const isRunning = ({ spec }: Pod): number => Number((spec.nodeName ?? "") !== "");
  // As a ReplicaSet does: those that wait for a node go first.
  const order = pods.sort((a, b) => isRunning(a) - isRunning(b));
  return order.slice(0, Math.max(0, pods.length - replicasOf(wanted ?? {})));
}

/** Of the workload, or of a ReplicaSet or Job that it owns. */
function podsOf(workload: KubeObject, objects: readonly KubeObject[]): Pod[] {
  const isOf = (object: KubeObject, kind: string, name: string): boolean =>
    object.metadata.namespace === workload.metadata.namespace &&
    (object.metadata.ownerReferences ?? []).some((owner) => owner.kind === kind && owner.name === name);
  const owned = objects.filter(
    (object) => object.kind !== "Pod" && isOf(object, workload.kind, workload.metadata.name),
  );
  return objects.filter((object): object is Pod & KubeObject => {
    if (object.kind !== "Pod") return false;
    return [workload, ...owned].some(({ kind, metadata }) => isOf(object, kind, metadata.name));
  }) as Pod[];
}

function namedObject(removal: string, objects: ReadonlyMap<string, KubeObject>): KubeObject {
  const [kind = "", ...name] = removal.split("/");
  const all = [...objects.values()].filter((object) => singular(object.kind) === singular(kind));
  const wanted = name.join("/");
  const found = all.find((object) => [keyOf(object), object.metadata.name].includes(wanted) && wanted !== "");
  if (found !== undefined) return found;
  const near = nearestName(wanted, all.map(keyOf));
  throw new UserError({
    code: "KARP_NO_SUCH_OBJECT",
    what: `there is no ${kind} "${wanted}" in the cluster${near === undefined ? "" : `: did you mean "${near}"?`}`,
    remedy: 'name objects as in "node/NAME", "nodepool/NAME" or "deployment/NAMESPACE/NAME"',
  });
}

function singular(kind: string): string {
  return kind.toLowerCase().replace(/s$/, "");
}

/** Budgets that are new or edited, and those whose pods are, have not been counted by anybody yet. */
function withCountedBudgets(objects: readonly KubeObject[], changes: readonly ObjectChange[]): KubeObject[] {
  const touched = new Set(changes.map(({ after }) => after?.metadata.namespace ?? ""));
  const pods = objects.filter((object) => object.kind === "Pod") as Pod[];
  return objects.map((object) => {
    if (object.kind !== "PodDisruptionBudget" || !touched.has(object.metadata.namespace ?? "")) return object;
    const budget = object as PodDisruptionBudget;
    const own = pods.filter(
      (pod) =>
        pod.metadata.namespace === budget.metadata.namespace &&
        isActive(pod) &&
        matchesLabelSelector(budget.spec.selector, pod.metadata.labels),
    );
    // Pods that are only planned will be ready by the time that it matters.
    const ready = own.map((pod) => (pod.metadata.resourceVersion === "" ? asReady(pod) : pod));
    return { ...budget, status: { ...budget.status, ...countBudget(budget, ready, own.length) } } as KubeObject;
  });
}

function asReady(pod: Pod): Pod {
  return { ...pod, status: { ...pod.status, conditions: [{ type: "Ready", status: "True" }] } };
}
