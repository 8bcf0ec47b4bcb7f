import type { Random } from "../../base/random.ts";
import { HOUR_MS, SECOND_MS } from "../../base/time.ts";
import { cloudDeeds } from "./cloud-deeds.ts";
import type { Deed, DeedNeeds } from "./deed.ts";
import { type DrawnObject, drawPools, type NodeClassKind } from "./draw-pools.ts";
import { operatorDeeds } from "./operator-deeds.ts";
import { UserDeeds } from "./user-deeds.ts";

/** What happens in a world, apart from the product. */
export type Tale = {
  begin(): void;
  /** Nothing happens any more but what already does. */
  end(): void;
  /** Every workload goes to zero. */
  leave(): void;
};

export type StoryNeeds = DeedNeeds & {
  random: Random;
  /** The node class that drawn pools name. */
  nodeClassKind: NodeClassKind;
  /** Deeds that do not happen, by their number: to find out which ones a failure needs. */
  leaveOut: ReadonlySet<number>;
};

/** What users and operators of a world do, and what befalls its machines: drawn from the seed, deed by deed. */
export class Story implements Tale {
  readonly #needs: StoryNeeds;
  readonly #pools: DrawnObject[];
  readonly #users: UserDeeds;
  readonly #deeds: readonly Deed[];
  readonly #ends = new Set<() => void>();
  #number = 0;
  #isOver = false;

  /** @param onlyUsers nothing befalls machines and pools, so that a test can do that */
  constructor(needs: StoryNeeds, { onlyUsers = false } = {}) {
    this.#needs = needs;
    const { random } = needs;
    const { objects, offer } = drawPools(random.fork("pools"), needs.nodeClassKind);
    this.#pools = objects;
    const lasting = (ms: number, end: () => void): void => this.#endLater(ms, end);
    this.#users = new UserDeeds(needs, offer, lasting);
    const poolNames = objects.filter(({ kind }) => kind.kind === "NodePool").map(({ object }) => object.metadata.name);
    const others = onlyUsers ? [] : [...operatorDeeds(needs, poolNames, lasting), ...cloudDeeds(needs, lasting)];
    const all = [...this.#users.deeds, ...others];
    this.#deeds = all.filter(({ isOptional }) => isOptional !== true || random.chance(0.5));
  }

  /** Creates pools, daemons and the first workloads, then goes on by itself until `end`. */
  begin(): void {
    const { random, scale } = this.#needs;
    for (const { kind, object } of this.#pools) {
      this.#needs.tell(`story: creates ${kind.kind} ${object.metadata.name}`);
      this.#needs.writer.create(kind, object);
    }
    for (let i = random.between(0, 2); i > 0; i -= 1) this.#happen(this.#users.daemon);
    for (let i = Math.ceil(random.between(2, 6) * scale); i > 0; i -= 1) this.#happen(this.#users.deployment);
    this.#next();
  }

  end(): void {
    this.#isOver = true;
    for (const end of this.#ends) end();
    this.#needs.cloud.restockAll();
    this.#needs.cloud.loseNext(0);
    this.#needs.tell("story: ends, everything can be bought again");
  }

  leave(): void {
    this.#needs.tell("story: every workload goes to zero");
    this.#users.leave();
  }

  #next(): void {
    const { clock, random, scale } = this.#needs;
    clock.after(Math.round((random.between(30, 480) * SECOND_MS) / Math.sqrt(scale)), () => {
      if (this.#isOver) return;
      this.#happen(this.#draw());
      this.#next();
    });
  }

  #draw(): Deed {
    const total = this.#deeds.reduce((sum, { weight }) => sum + weight, 0);
    let draw = this.#needs.random.between(1, total);
    return this.#deeds.find(({ weight }) => {
      draw -= weight;
      return draw <= 0;
    }) as Deed;
  }

  /** Each deed has a source of chance of its own, so that one that is left out changes no other. */
  #happen(deed: Deed): void {
    const { random, leaveOut } = this.#needs;
    this.#number += 1;
    const own = random.fork(`deed-${this.#number}`);
    if (leaveOut.has(this.#number)) return;
    this.#needs.tell(`story: deed ${this.#number}`);
    deed.happen(own, this.#number);
  }

  #endLater(ms: number, end: () => void): void {
    const once = (): void => {
      if (this.#ends.delete(once)) end();
    };
    this.#ends.add(once);
    this.#needs.clock.after(ms, once);
  }
}

/** How long a story goes on unless told otherwise. */
export const STORY_MS = 2 * HOUR_MS;
