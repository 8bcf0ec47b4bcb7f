import type { Taint, Toleration } from "./core.ts";
import { DISRUPTED_TAINT_KEY, UNREGISTERED_TAINT_KEY } from "./labels.ts";

/** The taint of nodes that are being disrupted: nothing new is scheduled there. */
export const DISRUPTED_TAINT: Taint = { key: DISRUPTED_TAINT_KEY, effect: "NoSchedule" };

/** The taint of instances that have joined but that Karpenter has not seen yet. */
export const UNREGISTERED_TAINT: Taint = { key: UNREGISTERED_TAINT_KEY, effect: "NoExecute" };

/**
 * Whether one toleration covers one taint. An empty key with Exists covers every key, an empty effect every effect.
 * Lt and Gt compare whole numbers.
 * @source k8s.io/api core/v1 Toleration.ToleratesTaint
 */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { key = "", operator = "", value = "", effect = "" } = toleration;
  if (effect !== "" && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  switch (operator) {
    case "Exists":
      return true;
    case "":
    case "Equal":
      // An empty key means "all keys" only together with Exists; the API server refuses it otherwise.
      return key !== "" && value === (taint.value ?? "");
    case "Lt":
      return compareNumbers(taint.value ?? "", value) < 0;
    case "Gt":
      return compareNumbers(taint.value ?? "", value) > 0;
    default:
      return false;
  }
}

/** The first taint that forbids scheduling (PreferNoSchedule counts too, as in upstream) and is not tolerated. */
export function untoleratedTaint(
  taints: readonly Taint[],
  tolerations: readonly Toleration[] | undefined,
): Taint | undefined {
  return taints.find((taint) => !(tolerations ?? []).some((toleration) => tolerates(toleration, taint)));
}

/** As the scheduler filters: PreferNoSchedule never keeps a pod away. */
export function untoleratedHardTaint(
  taints: readonly Taint[],
  tolerations: readonly Toleration[] | undefined,
): Taint | undefined {
  return untoleratedTaint(
    taints.filter((taint) => taint.effect !== "PreferNoSchedule"),
    tolerations,
  );
}

/** Taints that a starting node loses by itself: they count neither for planning nor as "not initialized" for ever. */
export function isEphemeralTaint(taint: Taint): boolean {
  return (
    taint.key.startsWith("readiness.k8s.io/") || EPHEMERAL_TAINTS.some((ephemeral) => isSameTaint(ephemeral, taint))
  );
}

/** Two taints are the same place on a node when key and effect are equal; the value does not matter. */
export function isSameTaint(a: Pick<Taint, "key" | "effect">, b: Pick<Taint, "key" | "effect">): boolean {
  return a.key === b.key && a.effect === b.effect;
}

/** The first list with those of the second whose key and effect it lacks. */
export function mergeTaints(taints: readonly Taint[], more: readonly Taint[]): Taint[] {
  const merged = [...taints];
  for (const taint of more) if (!merged.some((present) => isSameTaint(present, taint))) merged.push(taint);
  return merged;
}

/** "key=value:Effect", as kubectl writes it. */
export function formatTaint({ key, value, effect }: Taint): string {
  return value === undefined || value === "" ? `${key}:${effect}` : `${key}=${value}:${effect}`;
}

const EPHEMERAL_TAINTS: readonly Taint[] = [
  { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" },
  { key: "node.kubernetes.io/not-ready", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", effect: "NoSchedule" },
  { key: "node.cloudprovider.kubernetes.io/uninitialized", value: "true", effect: "NoSchedule" },
  UNREGISTERED_TAINT,
];

/** NaN, which compares false with everything, unless both are whole numbers. */
function compareNumbers(a: string, b: string): number {
  const isWhole = (text: string): boolean => /^[+-]?[0-9]+$/.test(text);
  return isWhole(a) && isWhole(b) ? Number(a) - Number(b) : Number.NaN;
}
