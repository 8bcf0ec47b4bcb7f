import { get } from "node:http";
import { PODS } from "../../../model/kinds.ts";
import { badRequest } from "../refusals.ts";
import { type Answered, answerBytes, type Call } from "./call.ts";

const TIMEOUT_MS = 10_000;

export type ProxyPath = { namespace: string; pod: string; port: number; rest: string };

/** ".../pods/NAME:PORT/proxy/REST": what a pod serves, read through the API server. */
export function proxyPathOf({ segments, url }: Pick<Call, "segments" | "url">): ProxyPath | undefined {
  const [api, version, namespaces, namespace = "", pods, target = "", proxy, ...rest] = segments;
  const [, pod = "", port] = /^(?:http:)?([^:]+):(\d+)$/.exec(target) ?? [];
  const isProxy =
    api === "api" && version === "v1" && namespaces === "namespaces" && pods === "pods" && proxy === "proxy";
  return isProxy && port !== undefined
    ? { namespace, pod, port: Number(port), rest: `/${rest.join("/")}${url.search}` }
    : undefined;
}

/** @throws ApiError when there is no such pod, or nothing listens there */
export async function answerFromPod(call: Call, { namespace, pod, port, rest }: ProxyPath): Promise<Answered> {
  await call.served.server.api().get(PODS, { namespace, name: pod });
  const address = call.served.forward?.addressOf({ namespace, name: pod }, port);
  if (address === undefined) throw badRequest(`nothing listens on port ${port} of pod ${pod}`);
  const { code, type, body } = await new Promise<{ code: number; type: string; body: Buffer }>((resolve, reject) => {
    const request = get({ ...address, path: rest, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          code: response.statusCode ?? 502,
          type: response.headers["content-type"] ?? "text/plain",
          body: Buffer.concat(chunks),
        }),
      );
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(badRequest(`pod ${pod} did not answer in time`)));
    request.on("error", reject);
  });
  return answerBytes(call, code, body, { "content-type": type });
}
