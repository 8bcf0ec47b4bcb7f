/** The bounds of telemetry, in one place. @source reference of the Kubernetes Events */
export const limits = {
  dedupeMs: 120_000,
  /** Keys that are remembered for dedupe. */
  dedupeKeysMax: 20_000,
  /** Shared by all events that the table marks so. */
  rateLimitedEvents: { perSecond: 5, burst: 10 },
  /** Per object: so many at once, then one in five minutes. */
  eventsPerObject: { perSecond: 1 / 300, burst: 25 },
  /** So many similar ones within the window stand alone, then they are folded into one. */
  similarEventsMax: 10,
  similarEventsWindowMs: 600_000,
  /** Objects, groups and messages that are remembered, each. */
  correlatedMax: 4_096,
  eventsQueuedMax: 1_000,
  /** As the newer API of events has it. */
  eventMessageCharactersMax: 1_024,
  eventTriesMax: 5,
  eventRetryMs: 1_000,
  /** Decisions that are remembered: some megabytes. */
  decisionsMax: 10_000,
} as const;
