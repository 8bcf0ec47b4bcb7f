import { matchesSelector, parseLabelSelector, type Selector } from "../../model/label-selector.ts";
import { badRequest } from "./refusals.ts";
import type { RawObject, RequestQuery } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";
import { type FieldTest, fieldTest } from "./selectable-fields.ts";
import type { Table } from "./store.ts";

/** What a list or watch asks for, ready to be tried on objects. */
export type Selection = {
  namespace: string | undefined;
  /** Sorted keys, among which are all that match: fewer than all where an index knows. */
  candidates(table: Table): readonly string[];
  matches(object: RawObject): boolean;
  /** Neither labels nor fields are asked for. */
  isPlain: boolean;
};

/** @throws ApiError 400 for selectors that cannot be read */
export function selectionOf(
  resource: ResourceDefinition,
  namespace: string | undefined,
  query: Pick<RequestQuery, "labelSelector" | "fieldSelector">,
  customFields: readonly string[] = [],
): Selection {
  const labels = labelSelectorOf(query.labelSelector);
  const { fieldSelector = "" } = query;
  const fields = fieldSelector === "" ? undefined : fieldTest(resource, fieldSelector, customFields);
  return {
    namespace,
    candidates: (table) => candidatesOf(table, namespace, fields),
    matches: (object) =>
      (namespace === undefined || object.metadata.namespace === namespace) &&
      (labels === undefined || matchesSelector(labels, object.metadata.labels)) &&
      (fields === undefined || fields.matches(object)),
    isPlain: labels === undefined && fields === undefined,
  };
}

function labelSelectorOf(text = ""): Selector | undefined {
  if (text === "") return undefined;
  const parsed = parseLabelSelector(text);
  if ("error" in parsed) throw badRequest(parsed.error);
  return parsed.selector;
}

function candidatesOf(table: Table, namespace: string | undefined, fields: FieldTest | undefined): readonly string[] {
  const { namespaced } = table.resource;
  const name = fields?.wanted("metadata.name");
  const inNamespace = namespaced ? (namespace ?? fields?.wanted("metadata.namespace")) : undefined;
  if (name !== undefined && (inNamespace !== undefined || !namespaced)) {
    const key = namespaced ? `${inNamespace}/${name}` : name;
    return table.get(key) === undefined ? [] : [key];
  }
  const nodeName = fields?.wanted("spec.nodeName");
  const onNode = nodeName === undefined ? undefined : table.keysOnNode(nodeName);
  if (onNode !== undefined) return onNode;
  return inNamespace === undefined ? table.keys() : table.keysIn(inNamespace);
}
