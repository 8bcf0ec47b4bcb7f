/** The bounds of the client, in one place. */
export const limits = {
  /** Connections for requests; more requests wait for one. */
  connectionsMax: 64,
  connectTimeoutMs: 10_000,
  /** From sending a request to the end of its answer. */
  requestTimeoutMs: 30_000,
  /** The same for lists, which may be long. */
  listTimeoutMs: 120_000,
  /** A watch's answer begins at once, whatever comes later. */
  watchHeadersTimeoutMs: 30_000,
  /** How long an idle connection is kept. */
  keepAliveMs: 60_000,
  /** A silent connection is probed after so long, so that a vanished server is noticed. */
  keepAliveProbeMs: 30_000,
  /** A watch that nobody limits ends within these. */
  watchTimeoutMs: { shortest: 300_000, longest: 600_000 },
  /** One event may not be longer: etcd's limit is 1.5 MB, as JSON several times that. */
  watchLineBytesMax: 32 * 1024 * 1024,
  /** What an answer without a Status object is quoted with. */
  quotedTextMax: 300,
} as const;
