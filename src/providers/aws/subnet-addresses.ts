/** How many addresses subnets have left: as EC2 told last, less what launches since then will take. */
export class SubnetAddresses {
  readonly #free = new Map<string, number>();

  /** EC2's own count. */
  told(id: string, free: number): void {
    this.#free.set(id, free);
  }

  /** Without any count there are enough. */
  free(id: string): number {
    return this.#free.get(id) ?? Number.POSITIVE_INFINITY;
  }

  take(id: string, count: number): void {
    const free = this.#free.get(id);
    if (free !== undefined) this.#free.set(id, Math.max(0, free - count));
  }

  giveBack(id: string, count: number): void {
    const free = this.#free.get(id);
    if (free !== undefined) this.#free.set(id, free + count);
  }

  /** The subnet with the most addresses left; ties go to the earlier one. Undefined: none has any. */
  roomiest(subnets: readonly { id: string }[]): string | undefined {
    let best: string | undefined;
    for (const { id } of subnets) {
      if (this.free(id) >= 1 && (best === undefined || this.free(id) > this.free(best))) best = id;
    }
    return best;
  }
}
