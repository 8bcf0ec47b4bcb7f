/** How many instances capacity reservations have left: as EC2 told last, and as launches and ends have changed it since. */
export class ReservationCounts {
  readonly #left = new Map<string, number>();
  #version = 0;

  get version(): number {
    return this.#version;
  }

  told(id: string, left: number): void {
    if (this.#left.get(id) === left) return;
    this.#left.set(id, left);
    this.#version += 1;
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
