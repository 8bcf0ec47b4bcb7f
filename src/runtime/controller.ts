import type { Kind } from "../model/kinds.ts";
import type { KubeObject } from "../model/object.ts";

/** One change of the mirror. `before` is absent for a new object, `after` for a vanished one. */
export type Change = {
  kind: Kind;
  key: string;
  before?: KubeObject;
  after?: KubeObject;
};

/** What a reconcile wants next. An exception means: again, with back-off. */
export type Outcome = { kind: "on-change" } | { kind: "after"; ms: number; why: string };

export const onChange: Outcome = { kind: "on-change" };
export function after(ms: number, why: string): Outcome {
  return { kind: "after", ms, why };
}

/**
 * A loop that brings one thing closer to what is wanted. Level-triggered: it gets a key, reads the whole truth from
 * the mirror, and doing it twice is the same as once.
 */
export type Controller = {
  /** Upstream's name for it: appears in logs, metrics and back-off. */
  readonly name: string;
  /** How many keys are worked on at once; one key never twice at once. */
  readonly workers: number;
  /** The keys that a change of the mirror makes due; a singleton answers [""]. Must be cheap. */
  keysFor(change: Change): readonly string[];
  /** Keys due when the mirror is first complete; default: keysFor of every object. */
  readonly initialKeys?: readonly string[];
  /** Never called before the mirror is complete. */
  reconcile(key: string): Promise<Outcome>;
  /** First and longest back-off after an exception; default 1 s and 1 min. */
  readonly backoffMs?: { first: number; max: number };
};
