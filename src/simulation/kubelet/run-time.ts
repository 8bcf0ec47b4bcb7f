import type { Container, Pod } from "../../model/core.ts";

/** Its value says for how many seconds a pod runs before it ends by itself. */
export const RUN_SECONDS_ANNOTATION = "simulation/run-seconds";
const DEFAULT_RUN_MS = 5_000;

/** How long the containers run before they end by themselves, in milliseconds; undefined: until they are told to. */
export function runTimeOf(pod: Pod): number | undefined {
  const wanted = pod.metadata.annotations?.[RUN_SECONDS_ANNOTATION];
  if (wanted !== undefined) return Number(wanted) * 1_000;
  if ((pod.spec.restartPolicy ?? "Always") === "Always") return undefined;
  return sleepMs(pod.spec.containers[0]) ?? DEFAULT_RUN_MS;
}

/** The time of a command such as ["sleep", "60"] or ["sh", "-c", "sleep 60"]. */
function sleepMs(container: (Container & { command?: string[]; args?: string[] }) | undefined): number | undefined {
  const words = [...(container?.command ?? []), ...(container?.args ?? [])].join(" ");
  const match = /\bsleep\s+(\d+(?:\.\d+)?|infinity)/.exec(words);
  if (match === null) return undefined;
  return match[1] === "infinity" ? Number.MAX_SAFE_INTEGER / 2 : Number(match[1]) * 1_000;
}
