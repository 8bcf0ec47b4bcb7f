type Code = `KARP_${string}`;
type Problem = { code: Code; what: string; remedy: string; cause?: unknown };

/** Something the user can mend. Printed as it is: what happened, then what to do. Codes are listed in docs/errors.md. */
export class UserError extends Error {
  override readonly name = "UserError";
  /** Searchable for ever: never reworded, never reused. */
  readonly code: Code;
  readonly what: string;
  readonly remedy: string;
  constructor({ code, what, remedy, cause }: Problem) {
    super(`${code}: ${what}\n  do this: ${remedy}`, { cause });
    this.code = code;
    this.what = what;
    this.remedy = remedy;
  }
}

/** The outside said "not now". The work is tried again, at the earliest after `afterMs`. */
export class RetryError extends Error {
  override readonly name = "RetryError";
  readonly afterMs: number;
  constructor(what: string, afterMs = 0, cause?: unknown) {
    super(what, { cause });
    this.afterMs = afterMs;
  }
}

/** Our own mistake: a law of the program is broken, and going on could harm a cluster. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
  readonly details: unknown;
  constructor(law: string, details?: unknown) {
    super(`KARP_INVARIANT: ${law}`);
    this.details = details;
  }
}
