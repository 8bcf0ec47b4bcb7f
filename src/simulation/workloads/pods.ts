import { parseTime } from "../../base/time.ts";
import type { Pod, PodTemplate } from "../../model/core.ts";
import type { Draft, KubeObject, OwnerReference } from "../../model/object.ts";

/** Neither finished nor on its way out. */
export function isActive(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && !isFinished(pod);
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

/** When it became ready, in milliseconds since 1970, or undefined while it is not. */
export function readySinceMs(pod: Pod): number | undefined {
  const ready = pod.status?.conditions?.find(({ type, status }) => type === "Ready" && status === "True");
  return ready === undefined ? undefined : (parseTime(ready.lastTransitionTime ?? "") ?? 0);
}

/** How many are ready for at least `minReadySeconds`, and in how many milliseconds the next one will be. */
export function availability(
  pods: readonly Pod[],
  minReadySeconds: number,
  nowMs: number,
): { available: number; nextMs: number | undefined } {
  let available = 0;
  let nextMs: number | undefined;
  for (const pod of pods) {
    const sinceMs = readySinceMs(pod);
    if (sinceMs === undefined) continue;
    const leftMs = sinceMs + minReadySeconds * 1_000 - nowMs;
    if (leftMs <= 0 || minReadySeconds === 0) available += 1;
    else nextMs = Math.min(nextMs ?? leftMs, leftMs);
  }
  return { available, nextMs };
}

export function controllerReference(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** A pod of a template, under a fixed name or (with generateName) one that the server ends. */
export function podFromTemplate(
  owner: KubeObject,
  template: PodTemplate,
  naming: { name: string } | { generateName: string },
): Draft<Pod> {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...naming,
      ...(owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(owner)],
    },
    spec: template.spec,
  };
}

/** A whole number, or a share of `total` rounded as told. */
export function intOrPercent(value: number | string, total: number, round: "up" | "down"): number {
  if (typeof value === "number") return value;
  const number = Number.parseFloat(value);
  if (!value.endsWith("%")) return number;
  return round === "up" ? Math.ceil((number * total) / 100) : Math.floor((number * total) / 100);
}

const SAFE_LETTERS = "bcdfghjklmnpqrstvwxz2456789";

/** A short name-safe hash of any plain value. */
export function shortHash(value: unknown): string {
  const text = JSON.stringify(value);
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  let rest = hash >>> 0;
  let name = "";
  for (let i = 0; i < 9; i += 1) {
    name += SAFE_LETTERS.charAt(rest % SAFE_LETTERS.length);
    rest = i === 4 ? Math.imul(hash, 0x9e3779b1) >>> 0 : Math.floor(rest / SAFE_LETTERS.length);
  }
  return name;
}

/** Equal as JSON, whatever the order of fields. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [fieldsA, fieldsB] = [a as Record<string, unknown>, b as Record<string, unknown>];
  let extra = 0;
  for (const key in fieldsA) {
    if (fieldsA[key] === undefined) continue;
    if (!isSame(fieldsA[key], fieldsB[key])) return false;
    extra -= 1;
  }
  for (const key in fieldsB) if (fieldsB[key] !== undefined) extra += 1;
  return extra === 0;
}
