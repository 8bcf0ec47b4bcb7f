import type { Write } from "./engine.ts";
import { isObject, type JsonObject, objectAt, objectsAt, textAt } from "./json.ts";
import { setDefault } from "./pod-defaults.ts";
import { forbidden } from "./refusals.ts";
import type { RawObject } from "./requests.ts";

/**
 * What Kubernetes' admission plugins add to new objects: a pod's priority, account and tolerations, a node's taint.
 * @throws ApiError 403 for what they refuse
 */
export function admitCreate(write: Write, object: JsonObject): void {
  const { group, plural } = write.resource;
  if (group !== "") return;
  if (plural === "nodes") taintNewNode(object);
  if (plural !== "pods") return;
  const spec = objectAt(object, "spec");
  if (spec === undefined) return;
  setPriority(write, object, spec);
  setDefault(spec, "serviceAccountName", "default");
  setDefault(spec, "serviceAccount", spec["serviceAccountName"]);
  addTolerations(spec);
}

const NOT_READY = "node.kubernetes.io/not-ready";

/** A node takes no pods before its kubelet has reported once: the taint is there from the start, without a gap. */
function taintNewNode(object: JsonObject): void {
  const spec = objectAt(object, "spec") ?? {};
  const taints = objectsAt(spec, "taints");
  const isTainted = taints.some((taint) => taint["key"] === NOT_READY && taint["effect"] === "NoSchedule");
  if (!isTainted) object["spec"] = { ...spec, taints: [...taints, { key: NOT_READY, effect: "NoSchedule" }] };
}

const SECONDS_ON_LOST_NODE = 300;

/** Shared by all pods: what is stored is never changed in place. */
const LOST_NODE_TOLERATIONS: readonly (JsonObject & { key: string })[] = [
  NOT_READY,
  "node.kubernetes.io/unreachable",
].map((key) => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: SECONDS_ON_LOST_NODE }));

function addTolerations(spec: JsonObject): void {
  const tolerations = objectsAt(spec, "tolerations");
  const added = LOST_NODE_TOLERATIONS.filter(({ key }) => !tolerations.some((toleration) => isAbout(toleration, key)));
  if (tolerations.length === 0) spec["tolerations"] = LOST_NODE_TOLERATIONS;
  else if (added.length > 0) spec["tolerations"] = [...tolerations, ...added];
}

function isAbout(toleration: JsonObject, key: string): boolean {
  const isOfKey = toleration["key"] === key || (toleration["key"] ?? "") === "";
  const { effect = "" } = toleration as { effect?: string };
  return isOfKey && (effect === "NoExecute" || effect === "");
}

function setPriority(write: Write, object: JsonObject, spec: JsonObject): void {
  const name = textAt(spec, "priorityClassName") ?? "";
  const found = name === "" ? globalDefault(write) : priorityClass(write, name);
  if (name !== "" && found === undefined) {
    const podName = textAt(objectAt(object, "metadata"), "name") ?? "";
    throw forbidden(write.resource, podName, `no PriorityClass with name ${name} was found`);
  }
  const value = typeof found?.["value"] === "number" ? found["value"] : 0;
  if (typeof spec["priority"] === "number" && spec["priority"] !== value) {
    const podName = textAt(objectAt(object, "metadata"), "name") ?? "";
    throw forbidden(
      write.resource,
      podName,
      `the integer value of priority (${spec["priority"]}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    );
  }
  spec["priority"] = value;
  if (found !== undefined && name === "") spec["priorityClassName"] = found.metadata.name;
  setDefault(spec, "preemptionPolicy", textAt(found, "preemptionPolicy") ?? "PreemptLowerPriority");
}

function priorityClasses({ engine }: Write) {
  return engine.store.table(
    engine.registry.ofKind({ group: "scheduling.k8s.io", version: "v1", plural: "priorityclasses" }),
  );
}

function priorityClass(write: Write, name: string): RawObject | undefined {
  return priorityClasses(write).get(name)?.object;
}

/** Of several marked as default the one of the lowest value counts. */
function globalDefault(write: Write): RawObject | undefined {
  const table = priorityClasses(write);
  let found: RawObject | undefined;
  for (const name of table.keys()) {
    const candidate = table.get(name)?.object;
    if (!isObject(candidate) || candidate["globalDefault"] !== true) continue;
    if (found === undefined || Number(candidate["value"]) < Number(found["value"])) found = candidate;
  }
  return found;
}
