import { formatTime } from "../../base/time.ts";
import type { FieldError } from "../../model/schema/field-error.ts";
import { invalid, required } from "../../model/schema/field-error.ts";
import type { Engine } from "./engine.ts";
import { ensureObjectAt, type JsonObject, listAt, objectAt, objectsAt, textAt } from "./json.ts";
import { setDefault } from "./pod-defaults.ts";

/** Fills in a CustomResourceDefinition, and its status at once: names are accepted as they come. In place. */
export function prepareDefinition(engine: Engine, definition: JsonObject): void {
  const spec = ensureObjectAt(definition, ["spec"]);
  const names = ensureObjectAt(spec, ["names"]);
  const kind = textAt(names, "kind") ?? "";
  setDefault(names, "singular", kind.toLowerCase());
  setDefault(names, "listKind", `${kind}List`);
  setDefault(spec, "conversion", { strategy: "None" });
  const status = ensureObjectAt(definition, ["status"]);
  const stored = objectsAt(spec, "versions").find((version) => version["storage"] === true)?.["name"];
  const known = listAt(status, "storedVersions");
  definition["status"] = {
    ...status,
    acceptedNames: { ...names },
    storedVersions: stored === undefined || known.includes(stored) ? known : [...known, stored],
    conditions: keptOrNew(engine, status),
  };
}

function keptOrNew(engine: Engine, status: JsonObject): unknown[] {
  const conditions = objectsAt(status, "conditions");
  if (conditions.length > 0) return conditions;
  const lastTransitionTime = formatTime(engine.clock.nowMs());
  return [
    {
      type: "NamesAccepted",
      status: "True",
      lastTransitionTime,
      reason: "NoConflicts",
      message: "no conflicts found",
    },
    {
      type: "Established",
      status: "True",
      lastTransitionTime,
      reason: "InitialNamesAccepted",
      message: "the initial names have been accepted",
    },
  ];
}

/** What is wrong with a CustomResourceDefinition. */
export function definitionErrors(definition: JsonObject): FieldError[] {
  const spec = objectAt(definition, "spec");
  const names = objectAt(spec, "names");
  const errors: FieldError[] = [];
  const group = textAt(spec, "group") ?? "";
  const plural = textAt(names, "plural") ?? "";
  const name = textAt(objectAt(definition, "metadata"), "name") ?? "";
  if (group === "") errors.push(required("spec.group"));
  if (plural === "") errors.push(required("spec.names.plural"));
  if ((textAt(names, "kind") ?? "") === "") errors.push(required("spec.names.kind"));
  if (!["Cluster", "Namespaced"].includes(textAt(spec, "scope") ?? "")) errors.push(required("spec.scope"));
  if (group !== "" && plural !== "" && name !== `${plural}.${group}`) {
    errors.push(invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'));
  }
  const versions = objectsAt(spec, "versions");
  if (versions.filter((version) => version["storage"] === true).length !== 1) {
    errors.push(
      invalid(
        "spec.versions",
        versions.map((v) => v["name"]),
        "must have exactly one version marked as storage version",
      ),
    );
  }
  for (const [i, version] of versions.entries()) {
    const schema = objectAt(objectAt(version, "schema"), "openAPIV3Schema");
    if (schema === undefined)
      errors.push(required(`spec.versions[${i}].schema.openAPIV3Schema`, "schemas are required"));
  }
  return errors;
}
