import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server } from "node:net";
import { type Duplex, duplexPair } from "node:stream";
import { after, before, describe, it } from "node:test";
import { forwardPorts } from "./port-forward.ts";
import { type HeaderCodec, headerCodec } from "./spdy-headers.ts";

type Frame = { type: number; id: number; flags: number; payload: Buffer };
const DATA = 0;
const SYN_STREAM = 1;
const SYN_REPLY = 2;
const PING = 6;
const FIN = 1;

/** The other side of the connection, as kubectl is. */
class Client {
  readonly #socket: Duplex;
  readonly #codec: HeaderCodec = headerCodec();
  readonly #frames: Frame[] = [];
  #wake = (): void => undefined;
  #isUpgraded = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    let rest = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      if (!this.#isUpgraded) {
        const end = rest.indexOf("\r\n\r\n");
        if (end < 0) return;
        assert.match(
          rest.toString("latin1", 0, end),
          /^HTTP\/1\.1 101 .*X-Stream-Protocol-Version: portforward\.k8s\.io/s,
        );
        this.#isUpgraded = true;
        rest = rest.subarray(end + 4);
      }
      while (rest.length >= 8 && rest.length >= 8 + rest.readUIntBE(5, 3)) {
        const payload = rest.subarray(8, 8 + rest.readUIntBE(5, 3));
        const first = rest.readUInt32BE(0);
        const isControl = first >>> 31 === 1;
        const id = isControl ? payload.readUInt32BE(0) : first;
        this.#frames.push({ type: isControl ? first & 0xffff : DATA, id, flags: rest.readUInt8(4), payload });
        rest = rest.subarray(8 + payload.length);
      }
      this.#wake();
    });
  }

  async open(id: number, streamtype: string, port: string, flags = 0): Promise<void> {
    const headers = new Map([
      ["streamtype", streamtype],
      ["port", port],
      ["requestid", "0"],
    ]);
    const prefix = Buffer.alloc(10);
    prefix.writeUInt32BE(id, 0);
    this.#control(SYN_STREAM, flags, Buffer.concat([prefix, await this.#codec.write(headers)]));
  }
  ping(id: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(id);
    this.#control(PING, 0, payload);
  }
  data(id: number, text: string, flags = 0): void {
    const header = Buffer.alloc(8);
    header.writeUInt32BE(id, 0);
    header.writeUInt8(flags, 4);
    header.writeUIntBE(text.length, 5, 3);
    // In two pieces, so that the other side has to put frames together.
    this.#socket.write(header.subarray(0, 3));
    this.#socket.write(Buffer.concat([header.subarray(3), Buffer.from(text)]));
  }
  /** The next frame that fits; those before it stay. */
  async next(type: number, id: number): Promise<Frame> {
    for (;;) {
      const at = this.#frames.findIndex((frame) => frame.type === type && frame.id === id);
      if (at >= 0) return this.#frames.splice(at, 1)[0]!;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
  close(): void {
    this.#codec.close();
    this.#socket.destroy();
  }
  #control(type: number, flags: number, payload: Buffer): void {
    const header = Buffer.alloc(8);
    header.writeUInt16BE(0x8003, 0);
    header.writeUInt16BE(type, 2);
    header.writeUInt8(flags, 4);
    header.writeUIntBE(payload.length, 5, 3);
    this.#socket.write(Buffer.concat([header, payload]));
  }
}

describe("port-forward over SPDY", () => {
  let echo: Server;
  let client: Client;
  let done: Promise<void>;
  before(async () => {
    echo = createServer((socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    const { port } = echo.address() as AddressInfo;
    const [ours, theirs] = duplexPair();
    client = new Client(theirs);
    const source = {
      addressOf: (_pod: object, asked: number) => (asked === 8080 ? { host: "127.0.0.1", port } : undefined),
    };
    done = forwardPorts(source, { namespace: "a", name: "p" }, ours, Buffer.alloc(0));
  });
  after(async () => {
    client.close();
    await done;
    await new Promise((resolve) => echo.close(resolve));
  });

  it("answers pings", async () => {
    client.ping(7);
    assert.equal((await client.next(PING, 7)).payload.readUInt32BE(0), 7);
  });

  it("carries bytes both ways, and the end of each", async () => {
    await client.open(1, "error", "8080", FIN);
    await client.open(3, "data", "8080");
    await client.next(SYN_REPLY, 1);
    await client.next(SYN_REPLY, 3);
    client.data(3, "hello");
    assert.equal((await client.next(DATA, 3)).payload.toString(), "hello");
    client.data(3, "", FIN);
    assert.equal((await client.next(DATA, 3)).flags, FIN);
    assert.equal((await client.next(DATA, 1)).flags, FIN);
  });

  it("says on the error stream why there is nothing to carry", async () => {
    await client.open(5, "error", "9090", FIN);
    await client.open(7, "data", "9090");
    assert.equal((await client.next(DATA, 5)).payload.toString(), "nothing listens on port 9090 of pod a/p");
    assert.equal((await client.next(DATA, 5)).flags, FIN);
  });
});
