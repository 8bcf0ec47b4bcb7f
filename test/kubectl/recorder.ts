import { writeFileSync } from "node:fs";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { KubectlWorld } from "./kubectl-world.ts";
import { toTemplate } from "./placeholders.ts";
import { type RecordedRequest, type RecordedRow, shapeOf } from "./recorded.ts";

export const FIXTURE = fileURLToPath(new URL("fixtures/kubectl-1.32.json", import.meta.url));

/** A proxy that writes down what goes through it; requests that upgrade the connection are refused. */
export async function startRecorder(world: KubectlWorld): Promise<{
  url: string;
  begin(verb: string): void;
  close(): Promise<void>;
}> {
  const rows: RecordedRow[] = [];
  const proxy = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => pass(world, rows.at(-1), request, Buffer.concat(chunks), response));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    begin: (verb) => rows.push({ verb, requests: [] }),
    async close() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
      const asked = rows.filter((row) => row.requests.length > 0);
      writeFileSync(FIXTURE, `[\n${asked.map((row) => JSON.stringify(row)).join(",\n")}\n]\n`);
    },
  };
}

/** Not kubectl's own: some machines have a program in front that picks a kubectl by the server's version. */
const ASKED_BY_WRAPPERS = "/version?timeout=5s";
const KEPT_HEADERS = ["accept", "content-type"] as const;

function pass(
  world: KubectlWorld,
  row: RecordedRow | undefined,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): void {
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = request.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  const isText = headers["content-type"] !== "application/vnd.kubernetes.protobuf";
  const recorded: RecordedRequest = {
    method: request.method ?? "GET",
    path: toTemplate(world, request.url ?? "/", request.url ?? "/"),
    headers,
    ...(body.length === 0
      ? {}
      : isText
        ? { body: toTemplate(world, request.url ?? "/", body.toString("utf8")) }
        : { bodyBase64: body.toString("base64") }),
    answer: { code: 0, type: "", shape: null },
  };
  const forwarded = { ...request.headers, host: new URL(world.served.url).host };
  const upstream = httpRequest(
    world.served.url + (request.url ?? "/"),
    { method: recorded.method, headers: { ...forwarded, connection: "close" } },
    (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        response.write(chunk);
      });
      answer.on("end", () => response.end());
      response.on("close", () => {
        recorded.answer = shapeOf(
          recorded,
          answer.statusCode ?? 0,
          answer.headers["content-type"],
          Buffer.concat(chunks),
        );
        if (recorded.path !== ASKED_BY_WRAPPERS) row?.requests.push(recorded);
        upstream.destroy();
      });
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      response.flushHeaders();
    },
  );
  upstream.on("error", () => response.destroy());
  upstream.end(body);
}
