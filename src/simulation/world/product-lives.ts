import { InvariantError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { SECOND_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { CloudProvider } from "../../ports/cloud-provider.ts";
import type { KubeApi } from "../../ports/kube-api.ts";
import type { FaultMix } from "../faults/fault-mix.ts";
import type { FaultNeeds, ProductCall } from "../faults/faulty-call.ts";
import { faultyKubeApi } from "../faults/faulty-kube-api.ts";
import { Life } from "../faults/life.ts";

/** What one process of the product gets from the world. */
export type ProductPorts = {
  api: KubeApi;
  /** The cloud, as seen through this API. */
  provider(api: KubeApi): CloudProvider;
  clock: Clock;
  random: Random;
  /** Unlike that of any other process. */
  identity: string;
  writeLog(line: string): void;
  /** The process says that it cannot go on, and ends. */
  onFatal(why: unknown): void;
};
/** Starts one process of the product. */
export type StartProduct = (ports: ProductPorts) => { stop(): Promise<unknown> };

export type LivesNeeds = {
  clock: Clock;
  random: Random;
  api: KubeApi;
  /** With the faults that its calls meet. */
  provider(api: KubeApi, clock: Clock, faults: FaultNeeds): CloudProvider;
  start: StartProduct;
  /** How many processes there are; one of them leads. */
  processes: number;
  mix(): FaultMix;
  onCall(call: ProductCall): void;
  tell(line: string): void;
  /** A law of the product's own was broken. */
  onBroken(what: string): void;
};
type Slot = { life: Life; stop: () => Promise<unknown> };

/** Keeps the processes of the product running: they crash, stand still, lose the lead, are restarted. */
export class ProductLives {
  readonly #needs: LivesNeeds;
  readonly #slots: (Slot | undefined)[];
  #lives = 0;
  #clockAheadMs = 0;
  #isOver = false;

  constructor(needs: LivesNeeds) {
    this.#needs = needs;
    this.#slots = Array.from({ length: needs.processes }, () => undefined);
    for (let index = 0; index < needs.processes; index += 1) this.#start(index);
    const { crashEveryMs, stallEveryMs, deafEveryMs } = needs.mix();
    if (crashEveryMs > 0) this.#every(crashEveryMs, (slot, index) => this.#disturb(slot, index));
    if (stallEveryMs > 0) this.#every(stallEveryMs, (slot) => this.#stall(slot));
    if (deafEveryMs > 0) this.#every(deafEveryMs, (slot) => this.#deafen(slot));
  }

  /** How often a process was started. */
  get lives(): number {
    return this.#lives;
  }

  /** The clocks of the machines that the product runs on jump; its timers go on as they were. */
  setClocksAhead(ms: number): void {
    this.#clockAheadMs = ms;
    for (const slot of this.#slots) if (slot !== undefined) slot.life.clockAheadMs = ms;
  }

  /** No process does anything any more. */
  end(): void {
    this.#isOver = true;
    for (const slot of this.#slots) slot?.life.end();
  }

  #start(index: number): void {
    if (this.#isOver) return;
    this.#lives += 1;
    const number = this.#lives;
    const { clock, random, api, provider, start, mix, onCall, tell } = this.#needs;
    const life = new Life(number, clock, (where) => {
      tell(`product ${number} crashes ${where}`);
      this.#restart(index, random.between(1, 20) * SECOND_MS);
    });
    life.clockAheadMs = this.#clockAheadMs;
    const own = random.fork(`life-${number}`);
    const needs: FaultNeeds = {
      clock,
      random: own.fork("faults"),
      mix,
      life,
      onCall,
      onFault: (what) => tell(`fault: ${what}`),
    };
    const cloudNeeds: FaultNeeds = { ...needs, random: own.fork("cloud-faults") };
    tell(`product ${number} starts`);
    const product = start({
      api: faultyKubeApi(api, needs),
      provider: (seenApi) => provider(seenApi, life.clock(), cloudNeeds),
      clock: life.clock(),
      random: own.fork("product"),
      identity: `karpenter-${index}_${number}`,
      writeLog: () => undefined,
      onFatal: (why) => this.#onFatal(index, life, why),
    });
    this.#slots[index] = { life, stop: () => product.stop() };
  }

  #onFatal(index: number, life: Life, why: unknown): void {
    if (life.isOver) return;
    this.#needs.tell(`product ${life.number} gives up: ${String(why)}`);
    if (why instanceof InvariantError) this.#needs.onBroken(`${why.message} ${JSON.stringify(why.details ?? "")}`);
    life.end();
    this.#restart(index, this.#needs.random.between(1, 10) * SECOND_MS);
  }

  #restart(index: number, afterMs: number): void {
    this.#slots[index] = undefined;
    this.#needs.clock.after(afterMs, () => this.#start(index));
  }

  #every(meanMs: number, act: (slot: Slot, index: number) => void): void {
    const { clock, random, mix } = this.#needs;
    clock.after(random.between(meanMs / 5, meanMs * 1.8), () => {
      const { crashEveryMs, stallEveryMs, deafEveryMs } = mix();
      if (this.#isOver || crashEveryMs + stallEveryMs + deafEveryMs === 0) return;
      const index = random.between(0, this.#slots.length - 1);
      const slot = this.#slots[index];
      if (slot !== undefined) act(slot, index);
      this.#every(meanMs, act);
    });
  }

  #disturb(slot: Slot, index: number): void {
    const { random, tell } = this.#needs;
    if (random.chance(0.8)) {
      if (random.chance(0.3)) slot.life.crashSoon(random.between(1, 80));
      else slot.life.crashAtDeed(random.between(1, 12));
      return;
    }
    tell(`product ${slot.life.number} is restarted`);
    this.#slots[index] = undefined;
    const again = (): void => {
      slot.life.end();
      this.#restart(index, SECOND_MS);
    };
    slot.stop().then(again, again);
  }

  #deafen(slot: Slot): void {
    const ms = this.#needs.random.between(120, 600) * SECOND_MS;
    this.#needs.tell(`product ${slot.life.number} hears nothing for ${ms} ms`);
    slot.life.deafFor(ms);
  }

  #stall(slot: Slot): void {
    const ms = this.#needs.random.between(5, 45) * SECOND_MS;
    this.#needs.tell(`product ${slot.life.number} stands still for ${ms} ms`);
    slot.life.stallFor(ms);
  }
}
