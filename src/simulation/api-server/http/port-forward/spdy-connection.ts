import type { Duplex } from "node:stream";
import { InvariantError } from "../../../../base/errors.ts";
import { type HeaderCodec, headerCodec } from "./spdy-headers.ts";

/** One stream of a SPDY connection, as its accepting side sees it. */
export type SpdyStream = {
  readonly headers: ReadonlyMap<string, string>;
  /** Resolves once the bytes are on their way and more may follow. */
  write(data: Buffer): Promise<void>;
  /** Nothing more will be written. */
  finish(): void;
  onData: (data: Buffer) => void | Promise<void>;
  /** The other side writes no more, or has given the stream up. */
  onEnd: () => void;
};

const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const PING = 6;
const GO_AWAY = 7;
const FIN = 1;
/** Larger frames than any client sends: a connection that announces one is broken. */
const FRAME_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Speaks the accepting side of SPDY/3.1 on an upgraded connection until it ends: streams that the other side opens are
 * handed over. There is no flow control beside that of TCP, as in Kubernetes' own servers.
 */
export async function serveSpdy(socket: Duplex, head: Buffer, onStream: (stream: SpdyStream) => void): Promise<void> {
  const connection = new Connection(socket, onStream);
  try {
    await connection.receive(head);
    for await (const chunk of socket as AsyncIterable<Buffer>) await connection.receive(chunk);
  } catch (error) {
    socket.destroy(error instanceof InvariantError ? undefined : (error as Error));
  } finally {
    connection.close();
  }
}

class Connection {
  readonly #socket: Duplex;
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #codec: HeaderCodec = headerCodec();
  readonly #streams = new Map<number, SpdyStream>();
  #pending = Buffer.alloc(0);

  constructor(socket: Duplex, onStream: (stream: SpdyStream) => void) {
    this.#socket = socket;
    this.#onStream = onStream;
  }

  async receive(chunk: Buffer): Promise<void> {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 8) {
      const length = this.#pending.readUIntBE(5, 3);
      if (length > FRAME_BYTES_MAX) throw new InvariantError("a frame is of a length that can be kept", length);
      if (this.#pending.length < 8 + length) return;
      const frame = this.#pending.subarray(0, 8 + length);
      this.#pending = this.#pending.subarray(8 + length);
      await this.#take(frame);
    }
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.onEnd();
    this.#streams.clear();
    this.#codec.close();
  }

  async #take(frame: Buffer): Promise<void> {
    const first = frame.readUInt32BE(0);
    const flags = frame.readUInt8(4);
    const payload = frame.subarray(8);
    if (first >>> 31 === 0) {
      const stream = this.#streams.get(first);
      if (stream === undefined) return;
      if (payload.length > 0) await stream.onData(payload);
      if ((flags & FIN) !== 0) stream.onEnd();
      return;
    }
    switch (first & 0xffff) {
      case SYN_STREAM:
        return this.#open(payload, flags);
      case RST_STREAM: {
        const id = payload.readUInt32BE(0);
        this.#streams.get(id)?.onEnd();
        this.#streams.delete(id);
        return;
      }
      case PING:
        this.#socket.write(frame);
        return;
      case GO_AWAY:
        this.#socket.end();
        return;
      default:
        // Settings, further headers and window updates ask nothing of us.
        return;
    }
  }

  async #open(payload: Buffer, flags: number): Promise<void> {
    const id = payload.readUInt32BE(0) & 0x7fffffff;
    const headers = await this.#codec.read(payload.subarray(10));
    const stream: SpdyStream = {
      headers,
      write: (data) => this.#send(dataFrame(id, 0, data)),
      finish: () => {
        if (!this.#socket.writableEnded) this.#socket.write(dataFrame(id, FIN, Buffer.alloc(0)));
      },
      onData: () => undefined,
      onEnd: () => undefined,
    };
    this.#streams.set(id, stream);
    const body = Buffer.concat([uint32(id), await this.#codec.write(new Map())]);
    this.#socket.write(controlFrame(SYN_REPLY, body));
    this.#onStream(stream);
    if ((flags & FIN) !== 0) stream.onEnd();
  }

  async #send(frame: Buffer): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    if (this.#socket.write(frame)) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.#socket.off("drain", go).off("close", go);
        resolve();
      };
      this.#socket.on("drain", go).on("close", go);
    });
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function controlFrame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(0x8003, 0);
  header.writeUInt16BE(type, 2);
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

function dataFrame(id: number, flags: number, data: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(id, 0);
  header.writeUInt8(flags, 4);
  header.writeUIntBE(data.length, 5, 3);
  return Buffer.concat([header, data]);
}
