import { MINUTE_MS } from "../../base/time.ts";

/** EC2 takes the instances of a capacity block half an hour before its end; ten minutes earlier we take none in. */
export const EXPIRING_MS = 40 * MINUTE_MS;

/** How many instances capacity reservations have left: as EC2 told last, and as launches and ends have changed it since. */
export class ReservationCounts {
  readonly #left = new Map<string, number>();
  readonly #blockEndsMs = new Map<string, number>();
  #version = 0;

  get version(): number {
    return this.#version;
  }

  told(id: string, left: number): void {
    if (this.#left.get(id) === left) return;
    this.#left.set(id, left);
    this.#version += 1;
  }

  /** A capacity block ends then. */
  ends(id: string, endMs: number | undefined): void {
    if (endMs === undefined) this.#blockEndsMs.delete(id);
    else this.#blockEndsMs.set(id, endMs);
  }

  /** Capacity blocks that are about to end, and since when they are. */
  expiring(nowMs: number): { id: string; sinceMs: number }[] {
    return [...this.#blockEndsMs]
      .map(([id, endMs]) => ({ id, sinceMs: endMs - EXPIRING_MS }))
      .filter(({ sinceMs }) => sinceMs <= nowMs);
  }

  left(id: string): number {
    return this.#left.get(id) ?? 0;
  }

  launched(id: string): void {
    this.told(id, Math.max(0, this.left(id) - 1));
  }

  ended(id: string): void {
    this.told(id, this.left(id) + 1);
  }

  full(id: string): void {
    this.told(id, 0);
  }
}
