import type { Kind } from "../model/kinds.ts";

/** Verbs on a resource of the API, as RBAC grants them. */
export type Permission = {
  kind: Kind;
  verbs: readonly string[];
  subresource?: string;
  /** Only there; default: in the whole cluster. */
  namespace?: string;
  /** Only objects of this name. */
  name?: string;
};
