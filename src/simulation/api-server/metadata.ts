import { type FieldError, forbidden, invalid, required, tooLong } from "../../model/schema/field-error.ts";
import { isObject, type JsonObject, listAt, objectAt, textAt } from "./json.ts";
import { labelProblems, labelValueProblems, nameProblems, qualifiedNameProblems } from "./names.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";

const ANNOTATION_BYTES_MAX = 256 * 1024;

/**
 * What is wrong with an object's metadata, in Kubernetes' words. Parts that are the very same as before are not looked
 * at again.
 */
export function metadataErrors(resource: ResourceDefinition, object: JsonObject, before?: JsonObject): FieldError[] {
  const metadata = objectAt(object, "metadata") ?? {};
  const former = objectAt(before, "metadata");
  const isNew = (field: string): boolean => metadata[field] !== undefined && metadata[field] !== former?.[field];
  const errors: FieldError[] = before === undefined ? nameErrors(resource, metadata) : [];
  if (isNew("labels")) errors.push(...labelErrors(metadata["labels"], "metadata.labels"));
  if (isNew("annotations")) errors.push(...annotationErrors(metadata["annotations"]));
  if (isNew("finalizers")) errors.push(...finalizerErrors(metadata, former));
  if (isNew("ownerReferences")) errors.push(...ownerErrors(listAt(metadata, "ownerReferences")));
  return errors;
}

function nameErrors(resource: ResourceDefinition, metadata: JsonObject): FieldError[] {
  const name = textAt(metadata, "name") ?? "";
  if (name === "") return [required("metadata.name", "name or generateName is required")];
  const errors = nameProblems(resource, name).map((problem) => invalid("metadata.name", name, problem));
  const namespace = textAt(metadata, "namespace");
  if (resource.namespaced && namespace !== undefined) {
    errors.push(...labelProblems(namespace).map((problem) => invalid("metadata.namespace", namespace, problem)));
  }
  return errors;
}

export function labelErrors(labels: unknown, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(isObject(labels) ? labels : {})) {
    errors.push(...qualifiedNameProblems(key).map((problem) => invalid(field, key, problem)));
    if (typeof value !== "string") errors.push(invalid(field, value, "must be a string"));
    else errors.push(...labelValueProblems(value).map((problem) => invalid(field, value, problem)));
  }
  return errors;
}

function annotationErrors(annotations: unknown): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(isObject(annotations) ? annotations : {})) {
    errors.push(...qualifiedNameProblems(key.toLowerCase()).map((p) => invalid("metadata.annotations", key, p)));
    if (typeof value !== "string") errors.push(invalid("metadata.annotations", value, "must be a string"));
    bytes += key.length + String(value).length;
  }
  if (bytes > ANNOTATION_BYTES_MAX) errors.push(tooLong("metadata.annotations", ANNOTATION_BYTES_MAX));
  return errors;
}

function finalizerErrors(metadata: JsonObject, former: JsonObject | undefined): FieldError[] {
  const finalizers = listAt(metadata, "finalizers");
  const errors = finalizers.flatMap((finalizer) =>
    qualifiedNameProblems(String(finalizer)).map((problem) => invalid("metadata.finalizers", finalizer, problem)),
  );
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    errors.push(
      invalid("metadata.finalizers", finalizers, "finalizer orphan and foregroundDeletion cannot be both set"),
    );
  }
  if (former?.["deletionTimestamp"] !== undefined) {
    const added = finalizers.filter((finalizer) => !listAt(former, "finalizers").includes(finalizer));
    if (added.length > 0) {
      errors.push(
        forbidden(
          "metadata.finalizers",
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((f) => JSON.stringify(f)).join(", ")}}`,
        ),
      );
    }
  }
  return errors;
}

function ownerErrors(owners: readonly unknown[]): FieldError[] {
  const errors: FieldError[] = [];
  let controllers = 0;
  for (const owner of owners) {
    for (const field of ["apiVersion", "kind", "name", "uid"]) {
      const value = textAt(owner, field) ?? "";
      if (value === "") errors.push(invalid(`metadata.ownerReferences.${field}`, value, OWNER_NEEDS[field] ?? ""));
    }
    if (isObject(owner) && owner["controller"] === true) controllers += 1;
  }
  if (controllers > 1) {
    errors.push(
      invalid(
        "metadata.ownerReferences",
        owners,
        `Only one reference can have Controller set to true. Found "true" in ${controllers} references`,
      ),
    );
  }
  return errors;
}

const OWNER_NEEDS: Readonly<Record<string, string>> = {
  apiVersion: "version must not be empty",
  kind: "kind must not be empty",
  name: "name must not be empty",
  uid: "uid must not be empty",
};
