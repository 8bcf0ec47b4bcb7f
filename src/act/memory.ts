import { MINUTE_MS } from "../base/time.ts";
import type { RegistrationRing } from "../plan/nodepool/registration-health.ts";
import type { Memory } from "../snapshot/snapshot.ts";
import type { SurgeOwner } from "./disruption/surge.ts";

/** An answer that was lost this long ago is not waited for. */
const ATTEMPT_MS = 5 * MINUTE_MS;

/**
 * What the controllers remember besides the cluster's objects. Nothing here is needed for safety: a restart starts
 * empty, and everything is found again from the cluster.
 */
export class ActMemory {
  readonly #marked = new Set<string>();
  readonly #nominated = new Map<string, number>();
  /** Claims bought by this process, with the uids of the pods they were bought for. */
  readonly #boughtFor = new Map<string, ReadonlySet<string>>();
  /** Claims whose creation was tried, with the pods they were for and when: the answer may have been lost. */
  readonly #attempts = new Map<string, { podUids: readonly string[]; atMs: number }>();
  /** Claims that replace nodes: pods are expected on them for as long as their old nodes drain. */
  readonly #held = new Set<string>();
  /** By claim name. */
  readonly #prices = new Map<string, { nodePool: string; pricePerHour: number }>();
  /** Uids of pods that leave their node only when their successor is ready. */
  #surging: ReadonlySet<string> = new Set();
  /** By "namespace/name" of a ReplicaSet. */
  readonly surgeOwners = new Map<string, SurgeOwner>();
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

  /** The claim is about to be created for these pods, by uid. */
  attempt(claimName: string, podUids: readonly string[], nowMs: number): void {
    for (const [name, { atMs }] of this.#attempts) if (nowMs - atMs > ATTEMPT_MS) this.#attempts.delete(name);
    this.#attempts.set(claimName, { podUids, atMs: nowMs });
  }
  /** A claim of that name is there. If we tried to create it, its pods are planned nowhere else until its node is up. */
  expect(claimName: string): void {
    const attempt = this.#attempts.get(claimName);
    if (attempt === undefined) return;
    this.#attempts.delete(claimName);
    this.#boughtFor.set(claimName, new Set(attempt.podUids));
  }
  /** Names of claims that may have been created without our knowing. */
  attempted(): readonly string[] {
    return [...this.#attempts.keys()];
  }
  /** Pods are expected on these claims until they are let go, also when their nodes have been up for long. */
  hold(claimNames: Iterable<string>): void {
    for (const name of claimNames) this.#held.add(name);
  }
  letGo(claimNames: Iterable<string>): void {
    for (const name of claimNames) this.#held.delete(name);
  }
  isHeld(claimName: string): boolean {
    return this.#held.has(claimName);
  }
  /** The claim's node is up: pods that are not on it by now are planned anew. */
  expectNoMore(claimName: string): void {
    this.#boughtFor.delete(claimName);
  }
  /** Names of the claims that pods are expected on. */
  expectedClaims(): readonly string[] {
    return [...this.#boughtFor.keys()];
  }

  setSurging(podUids: ReadonlySet<string>): void {
    this.#surging = podUids;
  }
  surging(): ReadonlySet<string> {
    return this.#surging;
  }

  setPrice(claimName: string, price: { nodePool: string; pricePerHour: number } | undefined): void {
    if (price === undefined) this.#prices.delete(claimName);
    else this.#prices.set(claimName, price);
  }
  /** US dollars per hour of all claims of a pool whose price is known. */
  pricePerHourOf(nodePool: string): number {
    let sum = 0;
    for (const price of this.#prices.values()) if (price.nodePool === nodePool) sum += price.pricePerHour;
    return sum;
  }

  /** The claim or node is gone for good. */
  forget(name: string): void {
    this.#marked.delete(name);
    this.#held.delete(name);
    this.#nominated.delete(name);
    this.#prices.delete(name);
    this.#boughtFor.delete(name);
  }

  /** A frozen copy for a snapshot; nominations that are over are dropped. */
  snapshot(nowMs: number): Memory {
    for (const [name, untilMs] of this.#nominated) if (untilMs <= nowMs) this.#nominated.delete(name);
    const expectedOn = new Map<string, string>();
    for (const [claim, pods] of this.#boughtFor) for (const uid of pods) expectedOn.set(uid, claim);
    return {
      markedForDeletion: new Set(this.#marked),
      nominatedUntilMs: new Map(this.#nominated),
      expectedOn,
      surging: this.#surging,
    };
  }
}
