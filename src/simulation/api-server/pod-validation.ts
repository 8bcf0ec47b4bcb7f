import { compareQuantities, parseQuantity } from "../../model/quantity.ts";
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from "../../model/schema/field-error.ts";
import { isObject, type JsonObject, listAt, objectAt, objectsAt, sameJson, textAt } from "./json.ts";
import { labelErrors } from "./metadata.ts";
import { labelProblems, qualifiedNameProblems, subdomainProblems } from "./names.ts";

export const QUANTITY_RULE =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NOT_NEGATIVE = "must be greater than or equal to 0";

/** What is wrong with a pod spec, of a pod or of a template. `path` leads to it, as in "spec.template.spec". */
export function podSpecErrors(spec: JsonObject | undefined, path: string): FieldError[] {
  if (spec === undefined) return [required(path)];
  return [
    ...containersErrors(spec, path),
    ...volumesErrors(spec, path),
    ...schedulingErrors(spec, path),
    ...enumErrors(spec, "restartPolicy", ["Always", "OnFailure", "Never"], path),
    ...enumErrors(spec, "dnsPolicy", ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"], path),
    ...graceErrors(spec, path),
  ];
}

function enumErrors(parent: JsonObject, field: string, supported: readonly string[], path: string): FieldError[] {
  const value = parent[field];
  if (value === undefined) return [];
  return supported.includes(String(value)) ? [] : [notSupported(`${path}.${field}`, value, [...supported].sort())];
}

function graceErrors(spec: JsonObject, path: string): FieldError[] {
  const grace = spec["terminationGracePeriodSeconds"];
  if (typeof grace !== "number" || grace >= 0) return [];
  return [invalid(`${path}.terminationGracePeriodSeconds`, grace, NOT_NEGATIVE)];
}

function containersErrors(spec: JsonObject, path: string): FieldError[] {
  if (objectsAt(spec, "containers").length === 0) return [required(`${path}.containers`)];
  const volumes = new Set(objectsAt(spec, "volumes").map((volume) => volume["name"]));
  for (const name of listAt(spec, "volumeClaimNames")) volumes.add(name);
  const names = new Set<unknown>();
  const errors: FieldError[] = [];
  for (const field of ["containers", "initContainers"]) {
    for (const [i, container] of objectsAt(spec, field).entries()) {
      const here = `${path}.${field}[${i}]`;
      errors.push(...containerErrors(container, here));
      if (names.has(container["name"])) errors.push(duplicate(`${here}.name`, container["name"]));
      names.add(container["name"]);
      for (const [m, mount] of objectsAt(container, "volumeMounts").entries()) {
        if (!volumes.has(mount["name"])) errors.push(notFoundValue(`${here}.volumeMounts[${m}].name`, mount["name"]));
        if ((textAt(mount, "mountPath") ?? "") === "") errors.push(required(`${here}.volumeMounts[${m}].mountPath`));
      }
    }
  }
  return errors;
}

function notFoundValue(field: string, value: unknown): FieldError {
  return { field, reason: "FieldValueInvalid", message: `Not found: ${JSON.stringify(value)}` };
}

function containerErrors(container: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const name = textAt(container, "name") ?? "";
  if (name === "") errors.push(required(`${path}.name`));
  else errors.push(...labelProblems(name).map((problem) => invalid(`${path}.name`, name, problem)));
  if ((textAt(container, "image") ?? "") === "") errors.push(required(`${path}.image`));
  errors.push(...enumErrors(container, "imagePullPolicy", ["Always", "IfNotPresent", "Never"], path));
  errors.push(...portsErrors(container, path));
  for (const [i, variable] of objectsAt(container, "env").entries()) {
    if ((textAt(variable, "name") ?? "") === "") errors.push(required(`${path}.env[${i}].name`));
  }
  const resources = objectAt(container, "resources");
  return [
    ...errors,
    ...resourcesErrors(resources, `${path}.resources`),
    ...containerResourceErrors(resources, `${path}.resources`),
  ];
}

const CONTAINER_RESOURCES = new Set(["cpu", "memory", "ephemeral-storage"]);

/** Names that containers cannot ask for, and extended resources that are requested without a limit. */
function containerResourceErrors(resources: JsonObject | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const limits = objectAt(resources, "limits") ?? {};
  for (const field of ["limits", "requests"]) {
    for (const name of Object.keys(objectAt(resources, field) ?? {})) {
      if (name.includes("/") || name.startsWith("hugepages-") || CONTAINER_RESOURCES.has(name)) continue;
      errors.push(invalid(`${path}.${field}[${name}]`, name, "must be a standard resource for containers"));
    }
  }
  for (const name of Object.keys(objectAt(resources, "requests") ?? {})) {
    const isExtended = name.includes("/") && !name.includes("kubernetes.io/");
    if (isExtended && limits[name] === undefined) {
      errors.push(required(`${path}.limits`, "Limit must be set for non overcommitable resources"));
    }
  }
  return errors;
}

function portsErrors(container: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, port] of objectsAt(container, "ports").entries()) {
    const here = `${path}.ports[${i}]`;
    for (const field of ["containerPort", "hostPort"]) {
      const value = port[field];
      if (field === "containerPort" && value === undefined) errors.push(required(`${here}.containerPort`));
      else if (typeof value === "number" && (value < 1 || value > 65_535)) {
        errors.push(invalid(`${here}.${field}`, value, "must be between 1 and 65535, inclusive"));
      }
    }
    errors.push(...enumErrors(port, "protocol", ["TCP", "UDP", "SCTP"], here));
  }
  return errors;
}

/** Amounts that are none, negative ones, and requests above their limits. */
export function resourcesErrors(resources: JsonObject | undefined, path: string): FieldError[] {
  const requests = objectAt(resources, "requests") ?? {};
  const limits = objectAt(resources, "limits") ?? {};
  return [
    ...amountsErrors(limits, `${path}.limits`),
    ...amountsErrors(requests, `${path}.requests`),
    ...Object.entries(requests).flatMap(([name, amount]) => overLimit(name, amount, limits[name], path)),
  ];
}

export function amountsErrors(amounts: JsonObject, path: string): FieldError[] {
  return Object.entries(amounts).flatMap(([name, amount]) => {
    const here = `${path}[${name}]`;
    const quantity = quantityOf(amount);
    if (quantity === undefined) return [invalid(here, amount, QUANTITY_RULE)];
    const problems = qualifiedNameProblems(name).map((problem) => invalid(here, name, problem));
    return quantity.nano < 0n ? [...problems, invalid(here, amount, NOT_NEGATIVE)] : problems;
  });
}

function overLimit(name: string, request: unknown, limit: unknown, path: string): FieldError[] {
  const wanted = quantityOf(request);
  const most = quantityOf(limit);
  if (wanted === undefined || most === undefined) return [];
  const isCountable = name.includes("/") && !name.startsWith("hugepages-");
  if (isCountable && compareQuantities(wanted, most) !== 0) {
    return [invalid(`${path}.requests`, request, `must be equal to ${name} limit of ${limit}`)];
  }
  if (compareQuantities(wanted, most) <= 0) return [];
  return [invalid(`${path}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`)];
}

function quantityOf(amount: unknown) {
  return typeof amount === "string" || typeof amount === "number" ? parseQuantity(amount) : undefined;
}

function volumesErrors(spec: JsonObject, path: string): FieldError[] {
  const names = new Set<string>();
  return objectsAt(spec, "volumes").flatMap((volume, i) => {
    const here = `${path}.volumes[${i}].name`;
    const name = textAt(volume, "name") ?? "";
    if (name === "") return [required(here)];
    if (names.has(name)) return [duplicate(here, name)];
    names.add(name);
    return labelProblems(name).map((problem) => invalid(here, name, problem));
  });
}

function schedulingErrors(spec: JsonObject, path: string): FieldError[] {
  return [
    ...labelErrors(spec["nodeSelector"], `${path}.nodeSelector`),
    ...objectsAt(spec, "tolerations").flatMap((t, i) => tolerationErrors(t, `${path}.tolerations[${i}]`)),
    ...objectsAt(spec, "topologySpreadConstraints").flatMap((c, i) =>
      spreadErrors(c, `${path}.topologySpreadConstraints[${i}]`),
    ),
    ...affinityErrors(objectAt(spec, "affinity"), `${path}.affinity`),
    ...nameErrors(spec, "nodeName", path),
    ...nameErrors(spec, "priorityClassName", path),
  ];
}

function nameErrors(spec: JsonObject, field: string, path: string): FieldError[] {
  const name = textAt(spec, field) ?? "";
  return name === "" ? [] : subdomainProblems(name).map((problem) => invalid(`${path}.${field}`, name, problem));
}

function tolerationErrors(toleration: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const key = textAt(toleration, "key") ?? "";
  const operator = textAt(toleration, "operator") ?? "";
  if (key !== "") errors.push(...qualifiedNameProblems(key).map((problem) => invalid(`${path}.key`, key, problem)));
  if (key === "" && operator !== "Exists") {
    errors.push(
      invalid(
        `${path}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  }
  if (!["", "Equal", "Exists"].includes(operator)) {
    errors.push(notSupported(`${path}.operator`, operator, ["Equal", "Exists"]));
  }
  if (operator === "Exists" && (textAt(toleration, "value") ?? "") !== "") {
    errors.push(invalid(`${path}.operator`, toleration["value"], "value must be empty when `operator` is 'Exists'"));
  }
  const effect = textAt(toleration, "effect") ?? "";
  if (toleration["tolerationSeconds"] !== undefined && effect !== "NoExecute") {
    errors.push(invalid(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  }
  if (effect !== "" && !EFFECTS.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, EFFECTS));
  return errors;
}

export const EFFECTS = ["NoExecute", "NoSchedule", "PreferNoSchedule"];

function spreadErrors(constraint: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { maxSkew } = constraint;
  if (typeof maxSkew !== "number") errors.push(required(`${path}.maxSkew`));
  else if (maxSkew <= 0) errors.push(invalid(`${path}.maxSkew`, maxSkew, "must be greater than zero"));
  if ((textAt(constraint, "topologyKey") ?? "") === "")
    errors.push(required(`${path}.topologyKey`, "can not be empty"));
  const when = constraint["whenUnsatisfiable"] ?? "";
  if (when !== "DoNotSchedule" && when !== "ScheduleAnyway") {
    errors.push(notSupported(`${path}.whenUnsatisfiable`, when, ["DoNotSchedule", "ScheduleAnyway"]));
  }
  return [...errors, ...labelSelectorErrors(objectAt(constraint, "labelSelector"), `${path}.labelSelector`)];
}

const REQUIRED_TERMS = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED_TERMS = "preferredDuringSchedulingIgnoredDuringExecution";

function affinityErrors(affinity: JsonObject | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["podAffinity", "podAntiAffinity"]) {
    const part = objectAt(affinity, field);
    const terms = objectsAt(part, REQUIRED_TERMS).map((term, i) => ({ term, at: `${REQUIRED_TERMS}[${i}]` }));
    for (const [i, weighted] of objectsAt(part, PREFERRED_TERMS).entries()) {
      terms.push({ term: objectAt(weighted, "podAffinityTerm") ?? {}, at: `${PREFERRED_TERMS}[${i}].podAffinityTerm` });
    }
    for (const { term, at } of terms) {
      const here = `${path}.${field}.${at}`;
      if ((textAt(term, "topologyKey") ?? "") === "") errors.push(required(`${here}.topologyKey`, "can not be empty"));
      errors.push(...labelSelectorErrors(objectAt(term, "labelSelector"), `${here}.labelSelector`));
    }
  }
  const node = objectAt(objectAt(affinity, "nodeAffinity"), REQUIRED_TERMS);
  if (node !== undefined && listAt(node, "nodeSelectorTerms").length === 0) {
    errors.push(
      required(`${path}.nodeAffinity.${REQUIRED_TERMS}.nodeSelectorTerms`, "must have at least one node selector term"),
    );
  }
  for (const [i, term] of objectsAt(node, "nodeSelectorTerms").entries()) {
    const here = `${path}.nodeAffinity.${REQUIRED_TERMS}.nodeSelectorTerms[${i}].matchExpressions`;
    errors.push(...expressionErrors(objectsAt(term, "matchExpressions"), here, NODE_OPERATORS));
  }
  return errors;
}

const SELECTOR_OPERATORS = ["DoesNotExist", "Exists", "In", "NotIn"];
const NODE_OPERATORS = [...SELECTOR_OPERATORS, "Gt", "Lt"];

export function labelSelectorErrors(selector: JsonObject | undefined, path: string): FieldError[] {
  if (selector === undefined) return [];
  return [
    ...labelErrors(selector["matchLabels"], `${path}.matchLabels`),
    ...expressionErrors(objectsAt(selector, "matchExpressions"), `${path}.matchExpressions`, SELECTOR_OPERATORS),
  ];
}

function expressionErrors(
  expressions: readonly JsonObject[],
  path: string,
  operators: readonly string[],
): FieldError[] {
  return expressions.flatMap((expression, i) => {
    const here = `${path}[${i}]`;
    const operator = textAt(expression, "operator") ?? "";
    const key = textAt(expression, "key") ?? "";
    const count = listAt(expression, "values").length;
    const errors = qualifiedNameProblems(key).map((problem) => invalid(`${here}.key`, key, problem));
    if (!operators.includes(operator))
      errors.push(invalid(`${here}.operator`, operator, "not a valid selector operator"));
    if ((operator === "In" || operator === "NotIn") && count === 0) {
      errors.push(required(`${here}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    }
    if ((operator === "Exists" || operator === "DoesNotExist") && count > 0) {
      errors.push(forbidden(`${here}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    }
    if ((operator === "Gt" || operator === "Lt") && count !== 1) {
      errors.push(required(`${here}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
    }
    return errors;
  });
}

const POD_UPDATE_RULE =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/** What of a running pod's spec may not change. */
export function podUpdateErrors(spec: JsonObject, before: JsonObject): FieldError[] {
  const tolerations = listAt(spec, "tolerations");
  const isAddition = listAt(before, "tolerations").every((old) => tolerations.some((t) => sameJson(t, old)));
  if (!isAddition) {
    return [forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")];
  }
  const isGated = listAt(before, "schedulingGates").length > 0;
  const frozen = (of: JsonObject): JsonObject => withoutChangeable(of, isGated);
  return sameJson(frozen(spec), frozen(before)) ? [] : [forbidden("spec", POD_UPDATE_RULE)];
}

function withoutChangeable(spec: JsonObject, isGated: boolean): JsonObject {
  const { tolerations: _t, activeDeadlineSeconds: _a, schedulingGates: _g, ...rest } = spec;
  const { nodeSelector: _n, affinity: _f, ...gated } = rest;
  const kept: JsonObject = isGated ? gated : rest;
  for (const field of ["containers", "initContainers"]) {
    if (Array.isArray(kept[field])) {
      kept[field] = kept[field].map((c: unknown) => (isObject(c) ? { ...c, image: "" } : c));
    }
  }
  return kept;
}
