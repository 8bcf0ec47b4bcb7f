import type { RegistrationRing } from "../plan/nodepool/registration-health.ts";
import type { Memory } from "../snapshot/snapshot.ts";

/**
 * What the controllers remember besides the cluster's objects. Nothing here is needed for safety: a restart starts
 * empty, and everything is found again from the cluster.
 */
export class ActMemory {
  readonly #marked = new Set<string>();
  readonly #nominated = new Map<string, number>();
  /** By NodePool uid. */
  readonly registrations = new Map<string, RegistrationRing>();

  /** Names of claims that a command of ours is about to delete. */
  markForDeletion(claimNames: Iterable<string>): void {
    for (const name of claimNames) this.#marked.add(name);
  }
  unmarkForDeletion(claimNames: Iterable<string>): void {
    for (const name of claimNames) this.#marked.delete(name);
  }
  isMarkedForDeletion(claimName: string): boolean {
    return this.#marked.has(claimName);
  }

  /** Pods are expected on this node or claim: no disruption before `untilMs`. Never shortens an earlier nomination. */
  nominate(nodeOrClaimName: string, untilMs: number): void {
    const known = this.#nominated.get(nodeOrClaimName) ?? 0;
    if (untilMs > known) this.#nominated.set(nodeOrClaimName, untilMs);
  }
  isNominated(nodeOrClaimName: string, nowMs: number): boolean {
    return (this.#nominated.get(nodeOrClaimName) ?? 0) > nowMs;
  }

  /** The claim or node is gone for good. */
  forget(name: string): void {
    this.#marked.delete(name);
    this.#nominated.delete(name);
  }

  /** A frozen copy for a snapshot; nominations that are over are dropped. */
  snapshot(nowMs: number): Memory {
    for (const [name, untilMs] of this.#nominated) if (untilMs <= nowMs) this.#nominated.delete(name);
    return { markedForDeletion: new Set(this.#marked), nominatedUntilMs: new Map(this.#nominated) };
  }
}
