import type { Condition } from "../../model/object.ts";

/** What there is to say about an object at this moment. */
export type Story = {
  headline: string;
  /** What it is. */
  facts: readonly (readonly [name: string, value: string])[];
  /** Why it is so, and what keeps it from being otherwise: stable codes with sentences. */
  why: readonly Why[];
};
export type Why = { question: string; code: string; reason: string };

/** Conditions that are not as they should be. @param good those whose True is a good sign */
export function badConditions(
  conditions: readonly (Partial<Condition> & Pick<Condition, "type" | "status">)[],
  good: ReadonlySet<string>,
): Why[] {
  return conditions
    .filter(({ type, status }) => good.has(type) && status !== "True")
    .map(({ type, status, reason, message }) => ({
      question: `${type} is ${status}`,
      code: reason === undefined || reason === "" ? "NoReason" : reason,
      reason: message === undefined || message === "" ? "nothing more is said" : message,
    }));
}
