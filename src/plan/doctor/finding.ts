/**
 * How much it matters: "error": pods wait, or nodes do not come or go; "warning": that may come, or is not safe;
 * "note": good to know, and may well be meant so.
 */
export type Severity = "error" | "warning" | "note";
export const SEVERITIES: readonly Severity[] = ["error", "warning", "note"];

export type Finding = {
  /** Stable. Of a pod or a pool that the planner refuses: the planner's own code. */
  code: string;
  severity: Severity;
  /** "NodePool default" */
  object: string;
  /** What was seen, with its numbers. */
  evidence: string;
  /** What to do: a command where there is one. */
  fix: string;
  /** The page that says more, from the root of the repository. */
  docs: string;
};
