type Timer = { atMs: number; order: number; run: (() => void) | undefined };

/** Timers by time, then by order of creation. Cancelled ones are dropped when they come to the top. */
export class TimerHeap {
  #order = 0;
  readonly #heap: Timer[] = [];

  /** @returns a function that takes the timer back */
  add(atMs: number, run: () => void): () => void {
    this.#order += 1;
    const timer: Timer = { atMs, order: this.#order, run };
    this.#heap.push(timer);
    this.#up(this.#heap.length - 1);
    return () => {
      timer.run = undefined;
    };
  }

  /** When the next timer is due, or undefined without any. */
  nextMs(): number | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined) return undefined;
      if (top.run !== undefined) return top.atMs;
      this.#pop();
    }
  }

  /** Removes and yields what is due, one by one; one that is cancelled meanwhile is left out, a new one waits. */
  *takeDue(nowMs: number): Generator<() => void> {
    const newest = this.#order;
    for (;;) {
      const dueMs = this.nextMs();
      const top = this.#heap[0];
      if (dueMs === undefined || dueMs > nowMs || top === undefined || top.order > newest) return;
      const { run } = top;
      this.#pop();
      if (run !== undefined) yield run;
    }
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down(0);
  }

  #up(from: number): void {
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#isBefore(i, parent)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #down(from: number): void {
    let i = from;
    for (;;) {
      const left = 2 * i + 1;
      let least = i;
      if (left < this.#heap.length && this.#isBefore(left, least)) least = left;
      if (left + 1 < this.#heap.length && this.#isBefore(left + 1, least)) least = left + 1;
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }

  #isBefore(i: number, j: number): boolean {
    const a = this.#heap[i] as Timer;
    const b = this.#heap[j] as Timer;
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  }

  #swap(i: number, j: number): void {
    const kept = this.#heap[i] as Timer;
    this.#heap[i] = this.#heap[j] as Timer;
    this.#heap[j] = kept;
  }
}
