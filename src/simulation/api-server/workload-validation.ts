import type { LabelSelector } from "../../model/core.ts";
import { matchesLabelSelector } from "../../model/label-selector.ts";
import { type FieldError, forbidden, invalid, notSupported, required } from "../../model/schema/field-error.ts";
import { type JsonObject, objectAt, textAt } from "./json.ts";
import { labelErrors } from "./metadata.ts";
import { labelSelectorErrors, podSpecErrors } from "./pod-validation.ts";

const NOT_NEGATIVE = "must be greater than or equal to 0";
const IMMUTABLE = "field is immutable";

export function replicaErrors(spec: JsonObject): FieldError[] {
  return ["replicas", "minReadySeconds", "revisionHistoryLimit"].flatMap((field) => {
    const count = spec[field];
    return typeof count === "number" && count < 0 ? [invalid(`spec.${field}`, count, NOT_NEGATIVE)] : [];
  });
}

/** Of Deployment, ReplicaSet and DaemonSet, and what a StatefulSet shares with them. */
export function deploymentErrors(spec: JsonObject, before: JsonObject | undefined, kind: string): FieldError[] {
  const errors = [...replicaErrors(spec), ...selectorErrors(spec, before, kind), ...strategyErrors(spec)];
  if (spec["template"] !== before?.["template"] || before === undefined) errors.push(...templateErrors(spec));
  return errors;
}

function strategyErrors(spec: JsonObject): FieldError[] {
  const strategy = objectAt(spec, "strategy");
  const rollingUpdate = objectAt(strategy, "rollingUpdate");
  if (strategy === undefined || rollingUpdate === undefined) return [];
  const path = "spec.strategy.rollingUpdate";
  if (strategy["type"] === "Recreate") {
    return [forbidden(path, "may not be specified when strategy `type` is 'Recreate'")];
  }
  const isNone = (value: unknown): boolean => value === 0 || value === "0%";
  if (!isNone(rollingUpdate["maxUnavailable"]) || !isNone(rollingUpdate["maxSurge"])) return [];
  return [invalid(`${path}.maxUnavailable`, rollingUpdate["maxUnavailable"], "may not be 0 when `maxSurge` is 0")];
}

function selectorErrors(spec: JsonObject, before: JsonObject | undefined, kind: string): FieldError[] {
  const selector = objectAt(spec, "selector");
  if (selector === undefined) return [required("spec.selector")];
  if (before !== undefined && before["selector"] !== selector) return [invalid("spec.selector", selector, IMMUTABLE)];
  const errors = labelSelectorErrors(selector, "spec.selector");
  const isEmpty = Object.keys(selector).length === 0;
  if (isEmpty) errors.push(invalid("spec.selector", selector, `empty selector is invalid for ${kind}`));
  const labels = objectAt(objectAt(objectAt(spec, "template"), "metadata"), "labels") as
    | Record<string, string>
    | undefined;
  if (!isEmpty && errors.length === 0 && !matchesLabelSelector(selector as LabelSelector, labels)) {
    const text = "`selector` does not match template `labels`";
    errors.push(invalid("spec.template.metadata.labels", labels ?? {}, text));
  }
  return errors;
}

function templateErrors(spec: JsonObject): FieldError[] {
  const template = objectAt(spec, "template");
  const podSpec = objectAt(template, "spec");
  const errors = labelErrors(objectAt(template, "metadata")?.["labels"], "spec.template.labels");
  errors.push(...podSpecErrors(withClaims(spec, podSpec), "spec.template.spec"));
  const policy = podSpec?.["restartPolicy"];
  if (policy !== undefined && policy !== "Always") {
    errors.push(notSupported("spec.template.spec.restartPolicy", policy, ["Always"]));
  }
  return errors;
}

/** The claims of a StatefulSet's templates count as volumes of its pods. */
function withClaims(spec: JsonObject, podSpec: JsonObject | undefined): JsonObject | undefined {
  const claims = spec["volumeClaimTemplates"];
  if (podSpec === undefined || !Array.isArray(claims)) return podSpec;
  return { ...podSpec, volumeClaimNames: claims.map((claim) => textAt(objectAt(claim, "metadata"), "name")) };
}

const STATEFUL_SET_CHANGEABLE = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
];

export function statefulSetErrors(spec: JsonObject, before: JsonObject | undefined): FieldError[] {
  if (before !== undefined) {
    const fields = Object.keys({ ...spec, ...before }).filter((field) => !STATEFUL_SET_CHANGEABLE.includes(field));
    if (fields.some((field) => spec[field] !== before[field])) {
      return [
        forbidden(
          "spec",
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ),
      ];
    }
  }
  return deploymentErrors(spec, before, "statefulset");
}

/** @param path of the job's spec, also inside of a CronJob */
export function jobErrors(spec: JsonObject, before: JsonObject | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of [
    "parallelism",
    "completions",
    "backoffLimit",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
  ]) {
    const count = spec[field];
    if (typeof count === "number" && count < 0) errors.push(invalid(`${path}.${field}`, count, NOT_NEGATIVE));
  }
  if (before !== undefined) {
    const fields =
      spec["suspend"] === true ? ["selector", "completionMode"] : ["selector", "completionMode", "template"];
    for (const field of fields) {
      if (spec[field] !== before[field]) errors.push(invalid(`${path}.${field}`, spec[field], IMMUTABLE));
    }
    if (spec["completions"] !== before["completions"] && spec["completionMode"] !== "Indexed") {
      errors.push(invalid(`${path}.completions`, spec["completions"], IMMUTABLE));
    }
    if (spec["template"] === before["template"]) return errors;
  }
  const podSpec = objectAt(objectAt(spec, "template"), "spec");
  errors.push(...podSpecErrors(podSpec, `${path}.template.spec`));
  const policy = podSpec?.["restartPolicy"];
  const field = `${path}.template.spec.restartPolicy`;
  if (podSpec !== undefined && policy === undefined) {
    errors.push(required(field, 'valid values: "OnFailure", "Never"'));
  } else if (policy === "Always") errors.push(notSupported(field, policy, ["OnFailure", "Never"]));
  return errors;
}

export function cronJobErrors(spec: JsonObject, isNoSchedule: (text: string) => boolean): FieldError[] {
  const errors: FieldError[] = [];
  const schedule = textAt(spec, "schedule") ?? "";
  if (schedule === "") errors.push(required("spec.schedule"));
  else if (isNoSchedule(schedule)) {
    errors.push(invalid("spec.schedule", schedule, "must be five fields or a descriptor such as @hourly"));
  }
  const policies = ["Allow", "Forbid", "Replace"];
  if (!policies.includes(String(spec["concurrencyPolicy"]))) {
    errors.push(notSupported("spec.concurrencyPolicy", spec["concurrencyPolicy"], policies));
  }
  const jobSpec = objectAt(objectAt(spec, "jobTemplate"), "spec");
  if (jobSpec === undefined) return [...errors, required("spec.jobTemplate.spec")];
  return [...errors, ...jobErrors(jobSpec, undefined, "spec.jobTemplate.spec")];
}
