/** The operators of NodePool and NodeClaim requirements and of node selectors. */
export type Operator = "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" | "Gte" | "Lte";

/** A requirement as manifests write it. */
export type RequirementSpec = { key: string; operator: Operator; values?: string[]; minValues?: number };

/**
 * What one label key may be: a set of values, or the complement of one, within optional whole-number bounds (both
 * included). Immutable.
 */
export type Requirement = {
  readonly key: string;
  /** True: every value but `values`. False: only `values` (empty: the label must not exist). */
  readonly complement: boolean;
  readonly values: ReadonlySet<string>;
  readonly gte?: number;
  readonly lte?: number;
  readonly minValues?: number;
};

/** One requirement per key. A missing key is unconstrained. Immutable. */
export type Requirements = ReadonlyMap<string, Requirement>;
