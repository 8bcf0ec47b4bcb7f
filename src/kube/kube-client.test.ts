import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { RetryError, UserError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import { LEASES, NODES, PODS } from "../model/kinds.ts";
import { ApiError, isTooManyRequests, type KubeApi, type WatchEvent } from "../ports/kube-api.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { type Connection, type ConnectOptions, connect } from "./connect.ts";
import { realClock } from "./real-clock.ts";

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const clock = realClock();
const random = new Random(1);

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

async function withServer(
  handle: Handler,
  use: (api: KubeApi, connection: Connection) => Promise<void>,
  over: Partial<ConnectOptions> = {},
): Promise<void> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => handle(request, response, body));
  });
  const port = await listen(server);
  const connection = await connect({ env: {}, serverUrl: `http://127.0.0.1:${port}/`, clock, random, ...over });
  try {
    await use(connection.api, connection);
  } finally {
    await connection.close();
    server.closeAllConnections();
    server.close();
  }
}

function json(response: ServerResponse, code: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(code, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

const aPod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "n", resourceVersion: "5" }, spec: {} };
const REF = { name: "a", namespace: "n" };

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail("it did not fail");
}

describe("requests", () => {
  it("go to the paths, with the queries and bodies, of the API", async () => {
    const seen: string[] = [];
    await withServer(
      (request, response, body) => {
        const type = request.headers["content-type"];
        seen.push(
          `${request.method} ${request.url}${type === undefined ? "" : ` ${type}`}${body === "" ? "" : ` ${body}`}`,
        );
        assert.equal(request.headers["user-agent"], "karpenter/1.2.3");
        json(response, 200, { ...aPod, items: [] });
      },
      async (api) => {
        await api.get(PODS, REF);
        await api.get(NODES, { name: "n/1" });
        await api.list(LEASES, {
          namespace: "n",
          labelSelector: "a in (b,c)",
          fieldSelector: "metadata.name=x",
          limit: 5,
        });
        await api.list(PODS, { continue: "t=&" });
        await api.patch(PODS, REF, { type: "merge", body: {} }, { dryRun: true, fieldManager: "me" });
        await api.patch(
          PODS,
          REF,
          { type: "apply", body: {}, fieldManager: "m", force: true },
          { subresource: "status" },
        );
        await api.patch(PODS, REF, { type: "json", body: [] });
        await api.patch(PODS, REF, { type: "strategic", body: {} }, { fieldValidation: "Strict" });
        await api.delete(PODS, REF, { gracePeriodSeconds: 0, preconditions: { uid: "u" } });
        await api.act(PODS, REF, "eviction", { x: 1 });
      },
      { version: "1.2.3" },
    );
    assert.deepEqual(seen, [
      "GET /api/v1/namespaces/n/pods/a",
      "GET /api/v1/nodes/n%2F1",
      "GET /apis/coordination.k8s.io/v1/namespaces/n/leases?labelSelector=a%20in%20(b%2Cc)&fieldSelector=metadata.name%3Dx&limit=5",
      "GET /api/v1/pods?continue=t%3D%26",
      "PATCH /api/v1/namespaces/n/pods/a?dryRun=All&fieldManager=me application/merge-patch+json {}",
      "PATCH /api/v1/namespaces/n/pods/a/status?fieldManager=m&force=true application/apply-patch+yaml {}",
      "PATCH /api/v1/namespaces/n/pods/a application/json-patch+json []",
      "PATCH /api/v1/namespaces/n/pods/a?fieldValidation=Strict application/strategic-merge-patch+json {}",
      'DELETE /api/v1/namespaces/n/pods/a application/json {"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0,"preconditions":{"uid":"u"}}',
      'POST /api/v1/namespaces/n/pods/a/eviction application/json {"x":1}',
    ]);
  });

  it("give items of lists what they are, which real servers leave out", async () => {
    await withServer(
      (_request, response) =>
        json(response, 200, {
          kind: "PodList",
          metadata: { resourceVersion: "9", continue: "", remainingItemCount: 3 },
          items: [{ metadata: aPod.metadata }],
        }),
      async (api) => {
        const list = await api.list(PODS);
        assert.deepEqual([list.items[0]?.apiVersion, list.items[0]?.kind], ["v1", "Pod"]);
        assert.deepEqual([list.resourceVersion, list.continue, list.remainingItemCount], ["9", undefined, 3]);
      },
    );
    await withServer(
      (_request, response) => json(response, 200, { metadata: { resourceVersion: "9" }, items: null }),
      async (api) => assert.deepEqual((await api.list(PODS)).items, []),
    );
  });

  it("end with the server's refusal, which says when to try again", async () => {
    const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure" };
    const tooMany = { ...status, message: "slow down", reason: "TooManyRequests", code: 429 };
    const answers: [number, unknown, Record<string, string>, (error: unknown) => boolean][] = [
      [429, tooMany, { "retry-after": "7" }, (e) => isTooManyRequests(e) && retryOf(e) === 7],
      [
        429,
        { ...tooMany, details: { retryAfterSeconds: 3 } },
        { "retry-after": "7" },
        (e) => isTooManyRequests(e) && retryOf(e) === 3,
      ],
      [
        503,
        { ...status, message: "starting", reason: "ServiceUnavailable", code: 503 },
        {},
        (e) => e instanceof ApiError && e.code === 503,
      ],
      [502, "bad gateway", { "retry-after": "2" }, (e) => e instanceof RetryError && e.afterMs === 2_000],
      [404, "404 page not found", {}, (e) => e instanceof ApiError && e.reason === "NotFound"],
      [200, undefined, {}, (e) => e instanceof RetryError],
    ];
    for (const [code, body, headers, holds] of answers) {
      await withServer(
        (_request, response) => {
          if (body === undefined) response.end("no JSON");
          else json(response, code, body, headers);
        },
        async (api) => {
          const error = await failure(api.get(PODS, REF));
          assert.ok(holds(error), `${code}: ${error}`);
        },
      );
    }
  });

  it("that get no answer are to be tried again; reads are, once, at once", async () => {
    let calls = 0;
    await withServer(
      (request) => {
        calls += 1;
        request.socket.destroy();
      },
      async (api) => {
        assert.ok((await failure(api.get(PODS, REF))) instanceof RetryError);
        assert.equal(calls, 2);
        assert.ok((await failure(api.patch(PODS, REF, { type: "merge", body: {} }))) instanceof RetryError);
        assert.equal(calls, 3, "a write may have happened");
      },
    );
    const gone = await connect({ env: {}, serverUrl: "http://127.0.0.1:1", clock, random });
    assert.ok((await failure(gone.api.get(PODS, REF))) instanceof RetryError);
    await gone.close();
  });

  it("are counted and timed", async () => {
    const metrics = createMetrics({ clock, wellKnownLabels: [], nodeClasses: [] });
    await withServer(
      (_request, response) => json(response, 200, aPod),
      async (api) => {
        await api.get(PODS, REF);
        await api.patch(PODS, REF, { type: "merge", body: {} }, { subresource: "status" });
      },
      { metrics },
    );
    assert.equal(metrics.read("client_go_request_total", { code: "200", method: "GET" }), 1);
    const labels = { verb: "PATCH", group: "", version: "v1", kind: "pods", subresource: "status" };
    assert.equal(metrics.read("client_go_request_duration_seconds", labels), 1);
  });
});

function retryOf(error: unknown): number | undefined {
  return error instanceof ApiError ? error.status.details?.retryAfterSeconds : undefined;
}

describe("watches", () => {
  const event = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;

  async function watchOnce(handle: Handler, options: { stopAfter?: number; resourceVersion?: string } = {}) {
    const events: WatchEvent<{ apiVersion: string; kind: string; metadata: never }>[] = [];
    let end: unknown;
    await withServer(handle, async (api) => {
      const { stopAfter, ...rest } = options;
      const watch = api.watch(PODS, { namespace: "n", ...rest }, (e) => {
        events.push(e as never);
        if (events.length === stopAfter) watch.stop();
      });
      end = await watch.ended;
    });
    return { events, end: end as { reason: string; error?: unknown } };
  }

  it("ask for bookmarks and a time limit, and read events however they are cut into pieces", async () => {
    let url = "";
    const { events, end } = await watchOnce(
      (request, response) => {
        url = request.url ?? "";
        const bytes = Buffer.from(
          event("ADDED", { ...aPod, note: "ü€𝄞" }) + event("BOOKMARK", { metadata: { resourceVersion: "8" } }),
        );
        const half = bytes.indexOf(Buffer.from("€")) + 1;
        response.write(bytes.subarray(0, half));
        setTimeout(() => response.end(bytes.subarray(half)), 10);
      },
      { resourceVersion: "4" },
    );
    const query = new URL(url, "http://x").searchParams;
    assert.deepEqual(
      [query.get("watch"), query.get("allowWatchBookmarks"), query.get("resourceVersion")],
      ["true", "true", "4"],
    );
    const seconds = Number(query.get("timeoutSeconds"));
    assert.ok(seconds >= 300 && seconds <= 600);
    assert.deepEqual(events, [
      { type: "ADDED", object: { ...aPod, note: "ü€𝄞" } },
      { type: "BOOKMARK", resourceVersion: "8" },
    ]);
    assert.deepEqual(end, { reason: "closed" });
  });

  it("end as expired by status and by event, as failed by anything else", async () => {
    const expired = {
      kind: "Status",
      metadata: {},
      status: "Failure",
      message: "too old",
      reason: "Expired",
      code: 410,
    };
    const internal = { ...expired, message: "broken", reason: "InternalError", code: 500 };
    const cases: { handle: Handler; want: string; error?: (e: unknown) => boolean }[] = [
      { handle: (_q, r) => json(r, 410, expired), want: "expired" },
      { handle: (_q, r) => r.end(event("ERROR", expired)), want: "expired" },
      {
        handle: (_q, r) => r.end(event("ERROR", internal)),
        want: "failed",
        error: (e) => e instanceof ApiError && e.code === 500,
      },
      {
        handle: (_q, r) => json(r, 403, { ...internal, code: 403 }),
        want: "failed",
        error: (e) => e instanceof ApiError,
      },
      { handle: (_q, r) => r.end("no JSON\n"), want: "failed", error: (e) => e instanceof RetryError },
      {
        handle: (_q, r) => {
          r.write(event("ADDED", aPod));
          setTimeout(() => r.destroy(), 10);
        },
        want: "failed",
        error: (e) => e instanceof RetryError,
      },
      { handle: (q) => q.socket.destroy(), want: "failed", error: (e) => e instanceof RetryError },
    ];
    for (const [i, { handle, want, error }] of cases.entries()) {
      const { end } = await watchOnce(handle);
      assert.equal(end.reason, want, `case ${i}: ${end.error}`);
      if (error !== undefined) assert.ok(error(end.error), `case ${i}: ${end.error}`);
    }
  });

  it("tell nothing after a stop from within, not even what has come already", async () => {
    const { events, end } = await watchOnce(
      (_request, response) => {
        response.write(event("ADDED", aPod).repeat(5));
      },
      { stopAfter: 2 },
    );
    assert.equal(events.length, 2);
    assert.deepEqual(end, { reason: "stopped" });
  });

  it("end when their listener fails, with its error", async () => {
    await withServer(
      (_request, response) => void response.write(event("ADDED", aPod)),
      async (api) => {
        const watch = api.watch(PODS, {}, () => {
          throw new TypeError("listener");
        });
        const end = await watch.ended;
        assert.ok(end.reason === "failed" && end.error instanceof TypeError);
      },
    );
  });
});

describe("credentials", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "kube-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  function kubeconfig(name: string, port: number, user: unknown, cluster: unknown = {}): string {
    const path = join(folder, name);
    const server = `http://127.0.0.1:${port}`;
    const config = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "k", user: "u", namespace: "team" } }],
      clusters: [{ name: "k", cluster: { server, ...(cluster as object) } }],
      users: [{ name: "u", user }],
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  /** Accepts one token at a time, and tells what it was asked with. */
  async function withGate(use: (gate: { port: number; token: string; seen: (string | undefined)[] }) => Promise<void>) {
    const gate = { port: 0, token: "", seen: [] as (string | undefined)[] };
    const server = createServer((request, response) => {
      gate.seen.push(request.headers.authorization);
      const isIn = request.headers.authorization === gate.token;
      json(
        response,
        isIn ? 200 : 401,
        isIn ? aPod : { kind: "Status", code: 401, reason: "Unauthorized", message: "no" },
      );
    });
    gate.port = await listen(server);
    try {
      await use(gate);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  async function getWith(path: string): Promise<{ namespace: string }> {
    const connection = await connect({ env: {}, kubeconfig: path, clock, random });
    try {
      await connection.api.get(PODS, REF);
      return connection;
    } finally {
      await connection.close();
    }
  }

  it("come as token, name and password, or token file", async () => {
    await withGate(async (gate) => {
      gate.token = "Bearer abc";
      assert.equal((await getWith(kubeconfig("token", gate.port, { token: "abc" }))).namespace, "team");
      writeFileSync(join(folder, "tok"), "abc\n");
      await getWith(kubeconfig("file", gate.port, { tokenFile: "tok" }));
      gate.token = `Basic ${Buffer.from("me:pw").toString("base64")}`;
      await getWith(kubeconfig("basic", gate.port, { username: "me", password: "pw" }));
    });
  });

  it("are tried anew once when the server does not take them", async () => {
    await withGate(async (gate) => {
      gate.token = "Bearer old";
      const tokenPath = join(folder, "rotating");
      writeFileSync(tokenPath, "old");
      const path = kubeconfig("rotate", gate.port, { tokenFile: tokenPath });
      const { api, close } = await connect({ env: {}, kubeconfig: path, clock, random });
      await api.get(PODS, REF);
      gate.token = "Bearer new";
      writeFileSync(tokenPath, "new");
      await api.get(PODS, REF);
      assert.deepEqual(gate.seen, ["Bearer old", "Bearer old", "Bearer new"]);
      gate.token = "Bearer another";
      const error = await failure(api.get(PODS, REF));
      assert.ok(error instanceof ApiError && error.code === 401);
      assert.equal(gate.seen.length, 5);
      await close();
    });
  });

  it("may come from a command, which runs again when its token is not taken", async () => {
    await withGate(async (gate) => {
      const counter = join(folder, "count");
      writeFileSync(counter, "");
      const credential =
        '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t\'$n\'"}}';
      const script = `printf x >> ${counter}; n=$(wc -c < ${counter}); echo '${credential}'`;
      const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "sh", args: ["-c", script] };
      // The library makes no tokens for plain HTTP otherwise.
      const lax = { "insecure-skip-tls-verify": true };
      gate.token = "Bearer t1";
      const path = kubeconfig("exec", gate.port, { exec }, lax);
      const { api, close } = await connect({ env: {}, kubeconfig: path, clock, random });
      await api.get(PODS, REF);
      await api.get(PODS, REF);
      assert.equal(readFileSync(counter, "utf8"), "x");
      gate.token = "Bearer t2";
      await api.get(PODS, REF);
      assert.equal(readFileSync(counter, "utf8"), "xx");
      await close();
      const failing = kubeconfig("exec-fails", gate.port, {
        exec: { ...exec, args: ["-c", "echo broken >&2; exit 1"] },
      });
      const error = await failure(getWith(failing));
      assert.ok(error instanceof UserError && error.code === "KARP_KUBECONFIG", String(error));
      assert.match(error.what, /broken/);
    });
  });

  it("prove both sides over TLS: the server by the file's authority, the client by its certificate", async () => {
    const read = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url));
    const [cert, key] = [read("localhost.crt"), read("localhost.key")];
    const server = createTlsServer(
      { cert, key, ca: cert, requestCert: true, rejectUnauthorized: true },
      (_q, response) => json(response, 200, aPod),
    );
    const port = await listen(server);
    const base64 = (data: Buffer) => data.toString("base64");
    const user = { "client-certificate-data": base64(cert), "client-key-data": base64(key) };
    const url = `https://127.0.0.1:${port}`;
    try {
      const trusting = { server: url, "certificate-authority-data": base64(cert) };
      await getWith(kubeconfig("tls", 0, user, trusting));
      await getWith(kubeconfig("tls-name", 0, user, { ...trusting, "tls-server-name": "localhost" }));
      await getWith(kubeconfig("tls-lax", 0, user, { server: url, "insecure-skip-tls-verify": true }));
      const doubting = await failure(getWith(kubeconfig("tls-doubt", 0, user, { server: url })));
      assert.ok(doubting instanceof RetryError && /self-signed/.test(doubting.message), String(doubting));
      assert.ok((await failure(getWith(kubeconfig("tls-anonymous", 0, {}, trusting)))) instanceof RetryError);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it("of a pod are those of its mount", async () => {
    const { inClusterAccess } = await import("./in-cluster.ts");
    const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
    assert.equal(inClusterAccess(env, join(folder, "none")), undefined);
    writeFileSync(join(folder, "token"), "pod-token\n");
    writeFileSync(join(folder, "namespace"), "karpenter\n");
    const access = inClusterAccess(env, folder);
    assert.deepEqual([access?.serverUrl, access?.namespace, access?.tls], ["https://[fd00::1]:443", "karpenter", {}]);
    assert.deepEqual(await access?.credentials(false), { headers: { authorization: "Bearer pod-token" } });
    assert.equal(inClusterAccess({}, folder), undefined);
  });
});

describe("a proxy", () => {
  it("of the kubeconfig is gone through", async () => {
    const asked: string[] = [];
    const target = createServer((_request, response) => json(response, 200, aPod));
    const targetPort = await listen(target);
    const proxy = createServer();
    proxy.on("connect", (request, socket) => {
      asked.push(request.url ?? "");
      const onward = connectSocket(targetPort, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(onward).pipe(socket);
      });
      for (const one of [socket, onward]) one.on("error", () => undefined);
    });
    const proxyPort = await listen(proxy);
    const folder = mkdtempSync(join(tmpdir(), "proxy-"));
    try {
      const path = join(folder, "config");
      const cluster = { server: "http://kube.example.com:80", "proxy-url": `http://127.0.0.1:${proxyPort}` };
      const config = {
        "current-context": "c",
        contexts: [{ name: "c", context: { cluster: "k" } }],
        clusters: [{ name: "k", cluster }],
      };
      writeFileSync(path, JSON.stringify(config));
      const { api, close } = await connect({ env: {}, kubeconfig: path, clock, random });
      assert.equal((await api.get(PODS, REF)).metadata.name, "a");
      await close();
      assert.deepEqual(asked, ["kube.example.com:80"]);
    } finally {
      rmSync(folder, { recursive: true });
      for (const server of [target, proxy]) {
        server.closeAllConnections();
        server.close();
      }
    }
  });
});

describe("real clock", () => {
  it("sleeps, wakes at an abort, and takes a timer back", async () => {
    const startMs = clock.nowMs();
    await clock.sleep(20);
    assert.ok(clock.nowMs() - startMs >= 19);
    const stopping = new AbortController();
    const asleep = clock.sleep(60_000, stopping.signal);
    stopping.abort();
    await asleep;
    await clock.sleep(60_000, stopping.signal);
    let ran = 0;
    clock.after(5, () => (ran += 1));
    clock.after(5, () => (ran += 10))();
    clock.after(2 ** 40, () => (ran += 100))();
    await clock.sleep(20);
    assert.equal(ran, 1);
  });
});
