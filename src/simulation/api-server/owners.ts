import type { FieldSet } from "./field-set.ts";
import type { RawObject } from "./requests.ts";

/** Who wrote. */
export type Writer = {
  manager: string;
  operation: "Update" | "Apply";
  apiVersion: string;
  /** "" for the object itself. */
  subresource: string;
};

/**
 * One writer's share in an object. An Update is kept as the two versions it led from and to: which fields those are is
 * computed when somebody asks (owned-fields.ts), as most objects are never asked.
 */
export type Owner = Writer & {
  atMs: number;
  share: { before: RawObject | undefined; after: RawObject } | { fields: FieldSet };
};

/** The owners after an Update; changes in a row by the same writer are one. */
export function withUpdate(
  owners: readonly Owner[],
  writer: Writer,
  atMs: number,
  before: RawObject | undefined,
  after: RawObject,
): readonly Owner[] {
  const last = owners.at(-1);
  if (last !== undefined && isSameWriter(last, writer) && "after" in last.share) {
    return [...owners.slice(0, -1), { ...last, atMs, share: { before: last.share.before, after } }];
  }
  return [...owners, { ...writer, atMs, share: { before, after } }];
}

export function isSameWriter(a: Writer, b: Writer): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    a.apiVersion === b.apiVersion
  );
}
