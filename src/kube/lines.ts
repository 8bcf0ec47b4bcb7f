import { RetryError } from "../base/errors.ts";

/**
 * The lines of a stream of bytes, without their ends; a last line without an end is not given.
 * @throws RetryError when a line grows longer than `bytesMax`
 */
export async function* linesOf(chunks: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const last = chunk.subarray(start, end);
      yield pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
      pieces = [];
      pendingBytes = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    const rest = chunk.subarray(start);
    pieces.push(rest);
    pendingBytes += rest.length;
    if (pendingBytes > bytesMax) throw new RetryError(`a line of the stream is longer than ${bytesMax} bytes`);
  }
}
