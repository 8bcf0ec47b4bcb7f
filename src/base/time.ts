/** Milliseconds since 1970 of an RFC 3339 text, or undefined when it is none. */
export function parseTime(text: string): number | undefined {
  // biome-ignore lint/style/noRestrictedGlobals: parsing a text reads no clock
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** RFC 3339 in whole seconds, as Kubernetes prints metav1.Time. */
export function formatTime(ms: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: printing a given time reads no clock
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with six decimals, as Kubernetes prints metav1.MicroTime. */
export function formatMicroTime(ms: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: printing a given time reads no clock
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
