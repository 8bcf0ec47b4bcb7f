/** The bounds of the runtime, in one place. */
export const limits = {
  /** Back-off of a controller that names none. */
  backoffMs: { first: 1_000, max: 60_000 },
  /** Share of a back-off that is added by chance, at most. */
  backoffSpread: 0.1,
  /** Retries of one controller, all keys together. @source client-go's default controller rate limiter */
  retries: { perSecond: 10, burst: 100 },
} as const;
