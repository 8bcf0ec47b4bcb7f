import type { Snapshot, StateNode } from "../../snapshot/snapshot.ts";
import { nodeLoad } from "./node-load.ts";
import type { PodProfile } from "./pod-profile.ts";

/**
 * Where pods of each profile are, so that a rule between pods looks at the nodes that it is about and at no others. Nodes have
 * numbers of their own here, which they keep: what changes is taken out under its number and put in again.
 */
export class MovingCrowd {
  readonly #numbers = new Map<string, number>();
  readonly #free: number[] = [];
  /** By number of a node its list of pods, and its place in the list of nodes; -1: it is not there any more. */
  readonly #podKeys: (readonly string[])[] = [];
  #places = new Int32Array();
  /** By place of a node its number. */
  #numberAt = new Int32Array();
  readonly #pods = new Map<PodProfile, Map<number, number>>();

  profiles(): Iterable<PodProfile> {
    return this.#pods.keys();
  }

  onNodes(profile: PodProfile, visit: (node: number, pods: number) => void): void {
    this.#pods.get(profile)?.forEach((pods, number) => {
      visit(this.#places[number] ?? -1, pods);
    });
  }

  /** @param from per node its place in the list before, -1 where it is not the same object */
  follow(view: Snapshot["view"], nodes: readonly StateNode[], from: Int32Array): void {
    const places = new Int32Array(this.#podKeys.length + nodes.length).fill(-1);
    const numberAt = new Int32Array(nodes.length);
    for (let place = 0; place < nodes.length; place += 1) {
      const before = from[place] ?? -1;
      const number = before >= 0 ? (this.#numberAt[before] ?? 0) : this.#meet(view, nodes[place]);
      numberAt[place] = number;
      places[number] = place;
    }
    this.#places = places;
    this.#numberAt = numberAt;
    if (this.#numbers.size > nodes.length) this.#forgetGone(view);
  }

  /** A node that is new, or another than before. */
  #meet(view: Snapshot["view"], state: StateNode | undefined): number {
    if (state === undefined) return 0;
    const name = state.node?.metadata.name ?? `claim ${state.name}`;
    const number = this.#numbers.get(name) ?? this.#newNumber(name);
    const before = this.#podKeys[number] ?? NONE;
    if (before !== state.podKeys) {
      this.#takeOut(view, number, before);
      this.#putIn(view, number, state.podKeys);
    }
    return number;
  }

  #newNumber(name: string): number {
    const number = this.#free.pop() ?? this.#podKeys.length;
    this.#podKeys[number] = NONE;
    this.#numbers.set(name, number);
    return number;
  }

  #forgetGone(view: Snapshot["view"]): void {
    for (const [name, number] of this.#numbers) {
      if ((this.#places[number] ?? -1) >= 0) continue;
      this.#takeOut(view, number, this.#podKeys[number] ?? NONE);
      this.#podKeys[number] = NONE;
      this.#numbers.delete(name);
      this.#free.push(number);
    }
  }

  #putIn(view: Snapshot["view"], number: number, podKeys: readonly string[]): void {
    this.#podKeys[number] = podKeys;
    for (const [profile, pods] of nodeLoad(view, { podKeys }).profiles) {
      const onNodes = this.#pods.get(profile) ?? new Map<number, number>();
      onNodes.set(number, pods);
      this.#pods.set(profile, onNodes);
    }
  }

  /** What came of the list of pods when it was put in is kept with it. */
  #takeOut(view: Snapshot["view"], number: number, podKeys: readonly string[]): void {
    for (const profile of nodeLoad(view, { podKeys }).profiles.keys()) {
      const onNodes = this.#pods.get(profile);
      onNodes?.delete(number);
      if (onNodes?.size === 0) this.#pods.delete(profile);
    }
  }
}

const NONE: readonly string[] = [];
