import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ForwardSource } from "../sources.ts";
import { type SpdyStream, serveSpdy } from "./spdy-connection.ts";

type Pod = { namespace: string; name: string };

/**
 * Carries TCP connections to a pod's ports over an upgraded connection. Each is a pair of streams with one request id:
 * "data" for the bytes, "error" for the reason why there are none.
 */
export async function forwardPorts(source: ForwardSource, pod: Pod, socket: Duplex, head: Buffer): Promise<void> {
  const waiting = new Map<string, SpdyStream>();
  const open = new Set<Socket>();
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n" +
      "X-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n",
  );
  await serveSpdy(socket, head, (stream) => {
    const key = `${stream.headers.get("requestid") ?? ""} ${stream.headers.get("port") ?? ""}`;
    const other = waiting.get(key);
    if (other === undefined) {
      waiting.set(key, stream);
      return;
    }
    waiting.delete(key);
    const [data, error] = stream.headers.get("streamtype") === "data" ? [stream, other] : [other, stream];
    carry(source, pod, data, error, open);
  });
  for (const connection of open) connection.destroy();
}

function carry(source: ForwardSource, pod: Pod, data: SpdyStream, error: SpdyStream, open: Set<Socket>): void {
  const port = Number(data.headers.get("port"));
  const address = source.addressOf(pod, port);
  if (address === undefined) {
    refuse(data, error, `nothing listens on port ${port} of pod ${pod.namespace}/${pod.name}`);
    return;
  }
  const target = connect({ ...address, allowHalfOpen: true });
  open.add(target);
  data.onData = (bytes) => writeAll(target, bytes);
  data.onEnd = () => target.end();
  target.on("data", (bytes: Buffer) => {
    target.pause();
    data.write(bytes).then(
      () => target.resume(),
      () => target.destroy(),
    );
  });
  target.on("end", () => data.finish());
  target.on("error", (cause) => refuse(data, error, `port ${port}: ${cause.message}`));
  target.on("close", () => {
    open.delete(target);
    error.finish();
  });
}

/** The reason goes out before the end, as writes of one connection keep their order. */
function refuse(data: SpdyStream, error: SpdyStream, why: string): void {
  error.write(Buffer.from(why)).then(
    () => {
      error.finish();
      data.finish();
    },
    () => undefined,
  );
}

function writeAll(target: Socket, bytes: Buffer): void | Promise<void> {
  if (target.destroyed || target.writableEnded || target.write(bytes)) return;
  return new Promise((resolve) => {
    const go = (): void => {
      target.off("drain", go).off("close", go);
      resolve();
    };
    target.on("drain", go).on("close", go);
  });
}
