import type { IncomingMessage } from "node:http";
import { forbidden } from "../refusals.ts";

const OURSELVES = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;
const REQUESTS = { group: "", version: "", kind: "", plural: "requests", namespaced: false };

/**
 * A page in somebody's browser must not reach the cluster: neither under another name that leads to loopback, nor by a
 * request across sites. @throws ApiError 403
 */
export function refuseStrangers({ headers }: IncomingMessage): void {
  if (headers.origin !== undefined) throw forbidden(REQUESTS, headers.origin, "this server answers no web pages");
  if (headers.host === undefined || !OURSELVES.test(headers.host)) {
    throw forbidden(REQUESTS, headers.host ?? "", "this server is known as 127.0.0.1 or localhost only");
  }
}
