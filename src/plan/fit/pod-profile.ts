import type { Pod } from "../../model/core.ts";
import { isTerminal } from "../../model/pod-predicates.ts";
import { mapKey, specKey } from "./spec-key.ts";

/**
 * What rules between pods look at in a pod: pods with the same profile are counted together. A large cluster has a hundred
 * thousand pods and some hundreds of profiles.
 */
export type PodProfile = {
  /** Stands for all of them. */
  readonly sample: Pod;
  /** Neither ended nor on its way out. */
  readonly isCounted: boolean;
};

const profiles = new WeakMap<Pod, PodProfile>();
/** Profiles found so far, so that equal ones are one object. It is an advantage when they are, no more: a flood of new ones ends it. */
const interned = new Map<string, PodProfile>();
const INTERNED_MAX = 50_000;

export function profileOf(pod: Pod): PodProfile {
  const known = profiles.get(pod);
  if (known !== undefined) return known;
  const { namespace = "", labels = {}, deletionTimestamp } = pod.metadata;
  const isCounted = !isTerminal(pod) && deletionTimestamp === undefined;
  const flags = `${isCounted ? "c" : ""}${isTerminal(pod) ? "t" : ""}${pod.spec.nodeName === undefined ? "" : "b"}`;
  const key = `${flags}\n${namespace}\n${mapKey(labels)}\n${specKey(pod)}`;
  let profile = interned.get(key);
  if (profile === undefined) {
    profile = { sample: pod, isCounted };
    if (interned.size >= INTERNED_MAX) interned.clear();
    interned.set(key, profile);
  }
  profiles.set(pod, profile);
  return profile;
}
