import { parseCron } from "../../model/cron.ts";
import { resourceOf } from "../../model/kinds.ts";
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from "../../model/schema/field-error.ts";
import { definitionErrors } from "./definitions.ts";
import { type JsonObject, listAt, objectAt, objectsAt, textAt } from "./json.ts";
import { qualifiedNameProblems } from "./names.ts";
import { amountsErrors, EFFECTS, podSpecErrors, podUpdateErrors, resourcesErrors } from "./pod-validation.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";
import { cronJobErrors, deploymentErrors, jobErrors, replicaErrors, statefulSetErrors } from "./workload-validation.ts";

type Check = (spec: JsonObject, object: JsonObject, before: JsonObject | undefined) => FieldError[];

/**
 * What Kubernetes would refuse in a built-in object: what users do get wrong, not every rule there is. Parts that are
 * the very same as before are not looked at again.
 */
export function builtInErrors(
  resource: ResourceDefinition,
  object: JsonObject,
  before: JsonObject | undefined,
): FieldError[] {
  const check = CHECKS[resourceOf(resource)];
  if (check === undefined) return [];
  const isUnchanged = before !== undefined && object["spec"] !== undefined && object["spec"] === before["spec"];
  return isUnchanged ? [] : check(objectAt(object, "spec") ?? {}, object, before);
}

export const IMMUTABLE = "field is immutable";

/** Fields of a parent that must stay as they were. */
export function immutableErrors(
  fields: readonly string[],
  parent: JsonObject | undefined,
  before: JsonObject | undefined,
  path: string,
): FieldError[] {
  if (before === undefined) return [];
  return fields
    .filter((field) => parent?.[field] !== before[field])
    .map((field) => invalid(path === "" ? field : `${path}.${field}`, parent?.[field], IMMUTABLE));
}

const CHECKS: Readonly<Record<string, Check>> = {
  pods(spec, object, before) {
    const former = objectAt(before, "spec");
    return former === undefined ? podSpecErrors(objectAt(object, "spec"), "spec") : podUpdateErrors(spec, former);
  },
  nodes: (spec) => taintsErrors(objectsAt(spec, "taints")),
  "deployments.apps": (spec, _o, before) => deploymentErrors(spec, objectAt(before, "spec"), "deployment"),
  "replicasets.apps": (spec, _o, before) => deploymentErrors(spec, objectAt(before, "spec"), "deployment"),
  "daemonsets.apps": (spec, _o, before) => deploymentErrors(spec, objectAt(before, "spec"), "daemonset"),
  "statefulsets.apps": (spec, _o, before) => statefulSetErrors(spec, objectAt(before, "spec")),
  "jobs.batch": (spec, _o, before) => jobErrors(spec, objectAt(before, "spec"), "spec"),
  "cronjobs.batch": (spec) => cronJobErrors(spec, (text) => "error" in parseCron(text)),
  replicationcontrollers: (spec) => replicaErrors(spec),
  "poddisruptionbudgets.policy": (spec) => budgetErrors(spec),
  persistentvolumeclaims: claimErrors,
  persistentvolumes: (spec) => volumeErrors(spec),
  services: serviceErrors,
  "storageclasses.storage.k8s.io": (_spec, object, before) => [
    ...((textAt(object, "provisioner") ?? "") === "" ? [required("provisioner")] : []),
    ...immutableErrors(["provisioner", "parameters", "volumeBindingMode"], object, before, ""),
  ],
  "priorityclasses.scheduling.k8s.io": priorityErrors,
  configmaps: dataErrors,
  secrets: (spec, object, before) => [
    ...dataErrors(spec, object, before),
    ...immutableErrors(["type"], object, before, ""),
  ],
  events: eventErrors,
  "horizontalpodautoscalers.autoscaling": autoscalerErrors,
  "leases.coordination.k8s.io": (spec) => leaseErrors(spec),
  "customresourcedefinitions.apiextensions.k8s.io": (_spec, object) => definitionErrors(object),
  "rolebindings.rbac.authorization.k8s.io": (_spec, object, before) => immutableErrors(["roleRef"], object, before, ""),
  "clusterrolebindings.rbac.authorization.k8s.io": (_spec, object, before) =>
    immutableErrors(["roleRef"], object, before, ""),
};

function taintsErrors(taints: readonly JsonObject[]): FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, i) => {
    const path = `spec.taints[${i}]`;
    const key = textAt(taint, "key") ?? "";
    const effect = textAt(taint, "effect") ?? "";
    const errors = qualifiedNameProblems(key).map((problem) => invalid(`${path}.key`, key, problem));
    if (!EFFECTS.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, EFFECTS));
    const name = `${key}:${effect}`;
    if (seen.has(name))
      errors.push({
        ...duplicate(path, taint),
        message: `${duplicate(path, taint).message}: taints must be unique by key and effect pair`,
      });
    seen.add(name);
    return errors;
  });
}

function budgetErrors(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  if (spec["minAvailable"] !== undefined && spec["maxUnavailable"] !== undefined) {
    errors.push(invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
  }
  for (const field of ["minAvailable", "maxUnavailable"])
    errors.push(...intOrPercentErrors(spec[field], `spec.${field}`));
  const policy = spec["unhealthyPodEvictionPolicy"];
  if (policy !== undefined && policy !== "IfHealthyBudget" && policy !== "AlwaysAllow") {
    errors.push(notSupported("spec.unhealthyPodEvictionPolicy", policy, ["AlwaysAllow", "IfHealthyBudget"]));
  }
  return errors;
}

function intOrPercentErrors(value: unknown, path: string): FieldError[] {
  if (typeof value === "number" && value < 0) return [invalid(path, value, "must be greater than or equal to 0")];
  if (typeof value !== "string") return [];
  const percent = /^([0-9]+)%$/.exec(value);
  if (percent === null) {
    return [
      invalid(
        path,
        value,
        "a valid percent string must be a numeric value followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ),
    ];
  }
  return Number(percent[1]) > 100 ? [invalid(path, value, "must not be greater than 100%")] : [];
}

function claimErrors(spec: JsonObject, _object: JsonObject, before: JsonObject | undefined): FieldError[] {
  const former = objectAt(before, "spec");
  if (former !== undefined) {
    const { resources: _r, volumeName, ...kept } = spec;
    const { resources: _f, volumeName: oldName, ...old } = former;
    const isSame = Object.keys({ ...kept, ...old }).every((field) => kept[field] === old[field]);
    if (isSame && (oldName === undefined || oldName === volumeName)) return [];
    return [
      forbidden(
        "spec",
        "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
      ),
    ];
  }
  const errors: FieldError[] = [];
  if (listAt(spec, "accessModes").length === 0)
    errors.push(required("spec.accessModes", "at least 1 access mode is required"));
  const resources = objectAt(spec, "resources");
  if (objectAt(resources, "requests")?.["storage"] === undefined) errors.push(required("spec.resources[storage]"));
  return [...errors, ...resourcesErrors(resources, "spec.resources")];
}

function volumeErrors(spec: JsonObject): FieldError[] {
  const capacity = objectAt(spec, "capacity");
  const errors: FieldError[] = [];
  if (listAt(spec, "accessModes").length === 0) errors.push(required("spec.accessModes"));
  if (capacity === undefined) errors.push(required("spec.capacity"));
  return [...errors, ...amountsErrors(capacity ?? {}, "spec.capacity")];
}

function serviceErrors(spec: JsonObject, _object: JsonObject, before: JsonObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
  if (!types.includes(textAt(spec, "type") ?? "")) errors.push(notSupported("spec.type", spec["type"], types));
  const ports = objectsAt(spec, "ports");
  if (ports.length === 0 && spec["clusterIP"] !== "None" && spec["type"] !== "ExternalName") {
    errors.push(required("spec.ports"));
  }
  for (const [i, { port, name }] of ports.entries()) {
    if (typeof port !== "number" || port < 1 || port > 65_535) {
      errors.push(invalid(`spec.ports[${i}].port`, port ?? 0, "must be between 1 and 65535, inclusive"));
    }
    if (ports.length > 1 && name === undefined) errors.push(required(`spec.ports[${i}].name`));
  }
  const former = objectAt(before, "spec");
  if (former?.["clusterIP"] !== undefined && spec["type"] !== "ExternalName") {
    errors.push(...immutableErrors(["clusterIP"], spec, former, "spec"));
  }
  return errors;
}

const USER_PRIORITY_MAX = 1_000_000_000;

function priorityErrors(_spec: JsonObject, object: JsonObject, before: JsonObject | undefined): FieldError[] {
  const value = Number(object["value"] ?? 0);
  const name = textAt(objectAt(object, "metadata"), "name") ?? "";
  if (before !== undefined) return immutableErrors(["value", "preemptionPolicy"], object, before, "");
  if (value <= USER_PRIORITY_MAX || name.startsWith("system-")) return [];
  return [forbidden("value", `maximum allowed value of a user defined priority is ${USER_PRIORITY_MAX}`)];
}

function dataErrors(_spec: JsonObject, object: JsonObject, before: JsonObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["data", "binaryData"]) {
    for (const key of Object.keys(objectAt(object, field) ?? {})) {
      if (/^[-._a-zA-Z0-9]{1,253}$/.test(key)) continue;
      errors.push(
        invalid(
          `${field}[${key}]`,
          key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        ),
      );
    }
  }
  if (before?.["immutable"] === true) {
    for (const field of ["data", "binaryData", "immutable"]) {
      if (object[field] !== before[field]) errors.push(forbidden(field, "field is immutable when `immutable` is set"));
    }
  }
  return errors;
}

/** Events about objects without namespace live in "default" (or "kube-system"). */
function eventErrors(_spec: JsonObject, object: JsonObject): FieldError[] {
  const namespace = textAt(objectAt(object, "metadata"), "namespace") ?? "";
  const involved = textAt(objectAt(object, "involvedObject"), "namespace") ?? "";
  if (involved === namespace) return [];
  if (involved === "" && (namespace === "default" || namespace === "kube-system")) return [];
  return [invalid("involvedObject.namespace", involved, "does not match event.namespace")];
}

function autoscalerErrors(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const max = Number(spec["maxReplicas"] ?? 0);
  const min = Number(spec["minReplicas"] ?? 1);
  if (max < 1) errors.push(invalid("spec.maxReplicas", max, "must be greater than 0"));
  if (min < 1) errors.push(invalid("spec.minReplicas", min, "must be greater than or equal to 1"));
  if (max < min) errors.push(invalid("spec.maxReplicas", max, "must be greater than or equal to `minReplicas`"));
  const target = objectAt(spec, "scaleTargetRef");
  for (const field of ["kind", "name"]) {
    if ((textAt(target, field) ?? "") === "") errors.push(required(`spec.scaleTargetRef.${field}`));
  }
  return errors;
}

function leaseErrors(spec: JsonObject): FieldError[] {
  const { leaseDurationSeconds: duration, leaseTransitions: transitions } = spec;
  const errors: FieldError[] = [];
  if (typeof duration === "number" && duration <= 0) {
    errors.push(invalid("spec.leaseDurationSeconds", duration, "must be greater than 0"));
  }
  if (typeof transitions === "number" && transitions < 0) {
    errors.push(invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0"));
  }
  return errors;
}
