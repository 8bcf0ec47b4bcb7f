import { InvariantError } from "./errors.ts";

/**
 * States a law that holds whatever the input: checked in production too.
 * @throws InvariantError when it does not hold
 */
export function assert(holds: boolean, law: string, details?: unknown): asserts holds {
  if (!holds) throw new InvariantError(law, details);
}

/** The value, where its absence would be our own mistake. */
export function present<T>(value: T | undefined | null, law: string): T {
  if (value === undefined || value === null) throw new InvariantError(law);
  return value;
}
