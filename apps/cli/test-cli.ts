import { writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { realClock } from "../../src/kube/real-clock.ts";
import { crdOf } from "../../src/model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../src/model/resources/custom-resources.ts";
import { type ApiServer, createApiServer } from "../../src/simulation/api-server/api-server.ts";
import { type ServeOptions, serveApi } from "../../src/simulation/api-server/http/serve-api.ts";
import type { Io } from "./io.ts";

/* What tests of commands have in common. */

export type Said = { code: number; out: string; err: string };
type Command = (args: string[], io: Io) => Promise<number>;

/** Runs a command in a folder, without a terminal. */
export async function runCommand(command: Command, cwd: string, args: string[], stdin = ""): Promise<Said> {
  const said = { out: "", err: "" };
  const io: Io = {
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    stdin: async () => stdin,
    env: {},
    cwd,
    terminal: undefined,
  };
  const code = await command(args, io);
  return { code, ...said };
}

export type TestServer = {
  server: ApiServer;
  /** Path of a file. */
  kubeconfig: string;
  close(): Promise<void>;
};

/**
 * An API server on loopback, with its kubeconfig in the folder.
 * @param refuse  the code that a request gets instead of its answer
 * @param forward what listens in pods
 */
export async function startTestServer(
  cwd: string,
  refuse: (path: string) => number | undefined = () => undefined,
  forward?: ServeOptions["forward"],
): Promise<TestServer> {
  const clock = realClock();
  const server = createApiServer({ clock, random: new Random(3), crds: CUSTOM_RESOURCES.map(crdOf) });
  const served = await serveApi({ server, clock, ...(forward === undefined ? {} : { forward }) });
  const front = createServer((asked, answer) => {
    const code = refuse(asked.url ?? "");
    if (code !== undefined) {
      answer.writeHead(code, { "content-type": "application/json" });
      answer.end(code === 403 ? JSON.stringify(forbidden(asked.url ?? "")) : "the proxy has had enough");
      return;
    }
    const { method, headers } = asked;
    const passed = request(served.url + asked.url, { method, headers: { ...headers, host: new URL(served.url).host } });
    passed.on("response", (response) => {
      answer.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(answer);
    });
    asked.pipe(passed);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const kubeconfig = join(cwd, "kubeconfig");
  await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(url)));
  return {
    server,
    kubeconfig,
    async close() {
      front.closeAllConnections();
      await new Promise((resolve) => front.close(resolve));
      await served.close();
      server.close();
    },
  };
}

function kubeconfigOf(server: string) {
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: {} }],
  };
}

function forbidden(path: string) {
  const resource = path.split("?")[0]?.split("/").at(-1);
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: `${resource} is forbidden: User "u" cannot list resource "${resource}"`,
    reason: "Forbidden",
    code: 403,
  };
}
