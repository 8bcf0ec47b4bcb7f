import { NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Instance } from "../../ports/cloud-provider.ts";
import { isAlreadyExists, isNotFound, type KubeApi } from "../../ports/kube-api.ts";
import { nodeNameOf, nodeOf, providerIdOf } from "./fake-node.ts";

type Join = { claim: NodeClaim; instance: Instance; attempts: number; cancel: () => void; isCancelled: boolean };

const ATTEMPTS_MAX = 30;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 10_000;

/** Instances that are launched and whose nodes are still to appear, in this process. */
export class NodeJoins {
  readonly #api: KubeApi;
  readonly #clock: Clock;
  readonly #pending = new Map<string, Join>();
  /** By claim uid: their node was there once, so a missing one is not made a second time. */
  #joined = new Set<string>();
  /** By provider id: nodes made that no list has shown yet. */
  readonly #fresh = new Map<string, Instance>();

  constructor({ api, clock }: { api: KubeApi; clock: Clock }) {
    this.#api = api;
    this.#clock = clock;
  }

  pending(uid: string): Instance | undefined {
    return this.#pending.get(uid)?.instance;
  }

  /** Those that a list of nodes may lack: their nodes are still to appear, or nobody has seen them since. */
  unlisted(): readonly Instance[] {
    return [...[...this.#pending.values()].map(({ instance }) => instance), ...this.#fresh.values()];
  }

  /** A list of nodes has these. */
  listed(instances: ReadonlyMap<string, Instance>): void {
    for (const providerId of this.#fresh.keys()) if (instances.has(providerId)) this.#fresh.delete(providerId);
  }

  hasJoined(uid: string): boolean {
    return this.#joined.has(uid);
  }

  /** Forgets the claims that are gone. */
  keepOnly(uids: ReadonlySet<string>): void {
    this.#joined = new Set([...this.#joined].filter((uid) => uids.has(uid)));
  }

  /** Lets the node appear after so long; nothing when that is under way. */
  schedule(claim: NodeClaim, instance: Instance, delayMs: number): void {
    const { uid } = claim.metadata;
    if (this.#pending.has(uid) || this.#joined.has(uid)) return;
    const join: Join = { claim, instance, attempts: 0, cancel: () => undefined, isCancelled: false };
    this.#pending.set(uid, join);
    this.#try(join, delayMs);
  }

  /** Makes the node now; a node of that name is that of an earlier launch of the same claim. */
  async join(claim: NodeClaim, instance: Instance): Promise<void> {
    this.#fresh.set(instance.providerId, instance);
    try {
      await this.#api.create(NODES, nodeOf(claim, instance));
    } catch (error) {
      if (!isAlreadyExists(error)) {
        this.#fresh.delete(instance.providerId);
        throw error;
      }
    }
    this.#joined.add(claim.metadata.uid);
  }

  /** The node will not appear; false when none was to. */
  cancel(nodeName: string): boolean {
    this.#fresh.delete(providerIdOf(nodeName));
    for (const [uid, join] of this.#pending) {
      if (nodeNameOf(join.claim) !== nodeName) continue;
      join.isCancelled = true;
      join.cancel();
      this.#pending.delete(uid);
      return true;
    }
    return false;
  }

  /** Takes back every timer. */
  stop(): void {
    for (const join of this.#pending.values()) {
      join.isCancelled = true;
      join.cancel();
    }
    this.#pending.clear();
  }

  #try(join: Join, afterMs: number): void {
    join.cancel = this.#clock.after(afterMs, () => {
      this.#attempt(join).then(
        () => this.#pending.delete(join.claim.metadata.uid),
        () => this.#tryAgain(join),
      );
    });
  }

  /** After many failures the server is away; the next look at all claims begins anew. */
  #tryAgain(join: Join): void {
    if (join.isCancelled) return;
    join.attempts += 1;
    if (join.attempts >= ATTEMPTS_MAX) this.#pending.delete(join.claim.metadata.uid);
    else this.#try(join, Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** join.attempts));
  }

  async #attempt(join: Join): Promise<void> {
    const claim = await this.#liveClaim(join.claim);
    if (claim === undefined || join.isCancelled) return;
    await this.join(claim, join.instance);
    // The claim may have been given up while the request was on its way.
    if (join.isCancelled) await this.#api.delete(NODES, { name: nodeNameOf(claim) });
  }

  /** Undefined when the claim is gone or on its way out: its node must not appear any more. */
  async #liveClaim({ metadata }: NodeClaim): Promise<NodeClaim | undefined> {
    try {
      const claim = await this.#api.get(NODE_CLAIMS, { name: metadata.name });
      const isSame = claim.metadata.uid === metadata.uid && claim.metadata.deletionTimestamp === undefined;
      return isSame ? claim : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
