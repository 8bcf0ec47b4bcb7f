/**
 * The items in order, sorted only as far as somebody asks: the first costs as much as a look at all of them, each further one
 * next to nothing.
 * @param compare below zero where the first goes before the second; never zero for two different items
 */
export function* lazilySorted<T>(items: Iterable<T>, compare: (a: T, b: T) => number): Generator<T> {
  const heap = [...items];
  for (let at = (heap.length >> 1) - 1; at >= 0; at -= 1) sink(heap, at, compare);
  for (let first = heap[0]; heap.length > 0 && first !== undefined; first = heap[0]) {
    yield first;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    sink(heap, 0, compare);
  }
}

/** Lets an item down until both below it come after it. */
function sink<T>(heap: T[], start: number, compare: (a: T, b: T) => number): void {
  const item = heap[start] as T;
  let at = start;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && compare(heap[below + 1] as T, heap[below] as T) < 0) below += 1;
    if (compare(heap[below] as T, item) >= 0) break;
    heap[at] = heap[below] as T;
    at = below;
  }
  heap[at] = item;
}
