import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { ApiError } from "../../../ports/kube-api.ts";
import { badRequest, internalError } from "../refusals.ts";
import type { RawObject } from "../requests.ts";
import type { Served } from "./call.ts";
import { unknownPath } from "./http-refusals.ts";
import { forwardPorts } from "./port-forward/port-forward.ts";
import { readResourcePath } from "./request-path.ts";
import { refuseStrangers } from "./strangers.ts";

/** Requests that want to turn the connection into a stream of both directions: only port-forward over SPDY may. */
export async function upgrade(served: Served, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  // A peer that goes away in the middle is no news.
  socket.on("error", () => socket.destroy());
  try {
    refuseStrangers(request);
    const path = readResourcePath(
      new URL(request.url ?? "/", "http://localhost").pathname.split("/").filter((s) => s !== ""),
    );
    if (path?.plural !== "pods" || path.group !== "" || path.name === undefined) throw unknownPath();
    const pods = served.server.resource("", "v1", "pods");
    if (pods === undefined) throw unknownPath();
    const namespace = path.namespace ?? "";
    const pod = served.server.handle({ verb: "get", resource: pods, namespace, name: path.name }).body as RawObject;
    if (path.subresource !== "portforward") throw whyNot(path.subresource ?? "");
    if (served.forward === undefined)
      throw badRequest("nothing in this cluster listens on ports that could be forwarded");
    if (request.headers.upgrade?.toLowerCase() !== "spdy/3.1") {
      throw badRequest("port-forward speaks SPDY/3.1 here, which clients fall back to");
    }
    await forwardPorts(served.forward, { namespace, name: pod.metadata.name }, socket, head);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    refuse(socket, error instanceof ApiError ? error : internalError(message));
  }
}

function whyNot(subresource: string): ApiError {
  return badRequest(
    `containers of a simulated cluster run no programs, so there is nothing to ${subresource === "attach" ? "attach to" : "execute in"}`,
  );
}

function refuse(socket: Duplex, { code, status }: ApiError): void {
  const body = JSON.stringify(status);
  socket.end(
    `HTTP/1.1 ${code} ${status.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
