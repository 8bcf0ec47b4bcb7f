import assert from "node:assert/strict";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { Random } from "../../../base/random.ts";
import { crdOf } from "../../../model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../../model/resources/custom-resources.ts";
import { VirtualClock } from "../../clock/virtual-clock.ts";
import { type ApiServer, createApiServer } from "../api-server.ts";
import { type ServedApi, serveApi } from "./serve-api.ts";

type Json = { [key: string]: unknown };
type Reply = { code: number; headers: IncomingMessage["headers"]; text: string; json: Json };

const CRDS = CUSTOM_RESOURCES.map(crdOf);
const newServer = (): ApiServer =>
  createApiServer({ clock: new VirtualClock(Date.parse("2026-01-01T00:00:00Z")), random: new Random(1), crds: CRDS });

function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { body = "", method = "GET", headers = {} } = options;
    const length: Record<string, string> = body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const request = httpRequest(url, { method, headers: { ...length, ...headers } }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      answer.on("end", () => {
        const isJson = answer.headers["content-type"]?.startsWith("application/json") === true;
        resolve({ code: answer.statusCode ?? 0, headers: answer.headers, text, json: isJson ? JSON.parse(text) : {} });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Opens a watch; its lines come one by one. */
function watch(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ next(): Promise<Json>; ended: Promise<void>; stop(): void }> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    const readers: ((line: string) => void)[] = [];
    const request = httpRequest(url, { headers }, (answer) => {
      let rest = "";
      answer.on("data", (chunk: Buffer) => {
        const parts = (rest + chunk.toString()).split("\n");
        rest = parts.pop() ?? "";
        for (const line of parts) {
          const reader = readers.shift();
          if (reader === undefined) lines.push(line);
          else reader(line);
        }
      });
      const ended = new Promise<void>((done) => {
        answer
          .on("end", done)
          .on("error", () => done())
          .on("close", done);
      });
      const next = (): Promise<Json> =>
        new Promise((found) => {
          const line = lines.shift();
          if (line === undefined) readers.push((text) => found(JSON.parse(text)));
          else found(JSON.parse(line));
        });
      resolve({ next, ended, stop: () => request.destroy() });
    });
    request.on("error", reject);
    request.end();
  });
}

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const configMap = (name: string, data: Record<string, string> = {}): string =>
  JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });

describe("the simulated API server over HTTP", () => {
  let server: ApiServer;
  let served: ServedApi;
  const maps = (): string => `${served.url}/api/v1/namespaces/default/configmaps`;
  before(async () => {
    server = newServer();
    served = await serveApi({ server, clock: { nowMs: () => Date.parse("2026-01-01T00:05:00Z") } });
  });
  after(async () => {
    await served.close();
    server.close();
  });

  describe("who may ask", () => {
    for (const { given, headers, code } of [
      { given: "loopback by number", headers: {}, code: 200 },
      { given: "loopback by name", headers: { host: "localhost:1" }, code: 200 },
      { given: "a name that leads to loopback", headers: { host: "evil.example:80" }, code: 403 },
      { given: "a page in a browser", headers: { origin: "http://localhost:3000" }, code: 403 },
    ]) {
      it(`${given}: ${code}`, async () => {
        const reply = await ask(`${served.url}/version`, { headers });
        assert.equal(reply.code, code);
        if (code !== 200) assert.equal(reply.json["kind"], "Status");
      });
    }
  });

  describe("paths that are no resource", () => {
    for (const path of ["/readyz", "/livez", "/healthz"]) {
      it(path, async () => assert.equal((await ask(served.url + path)).text, "ok"));
    }
    it("/version says 1.34", async () => {
      assert.equal((await ask(`${served.url}/version`)).json["minor"], "34");
    });
    for (const path of [
      "/nothing",
      "/apis/no.such/v1",
      "/apis/no.such",
      "/apis/apps/v1/nothings",
      "/api/v1/nodes/a/status/more",
    ]) {
      it(`${path} is refused with a Status`, async () => {
        const reply = await ask(served.url + path);
        assert.equal(reply.code, 404);
        assert.equal(reply.json["reason"], "NotFound");
      });
    }
    it("a method that a path does not have", async () => {
      assert.equal((await ask(`${served.url}/version`, { method: "POST" })).code, 405);
      assert.equal((await ask(maps(), { method: "PUT", body: "{}" })).code, 405);
    });
  });

  describe("discovery", () => {
    const V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    const V2_BETA = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
    it("is aggregated for those who ask for v2, with exactly that content type", async () => {
      const reply = await ask(`${served.url}/apis`, { headers: { accept: `${V2},${V2_BETA},application/json` } });
      assert.equal(reply.headers["content-type"], V2);
      const groups = reply.json["items"] as { metadata: { name: string } }[];
      assert.ok(groups.some((group) => group.metadata.name === "karpenter.sh"));
    });
    it("is classic for older clients", async () => {
      const headers = { accept: `${V2_BETA},application/json` };
      assert.equal((await ask(`${served.url}/apis`, { headers })).json["kind"], "APIGroupList");
      assert.equal((await ask(`${served.url}/api`, { headers })).json["kind"], "APIVersions");
      assert.equal((await ask(`${served.url}/apis/karpenter.sh`)).json["kind"], "APIGroup");
      const core = (await ask(`${served.url}/api/v1`)).json["resources"] as { name: string }[];
      assert.ok(core.some((resource) => resource.name === "pods/eviction"));
    });
    it("serves metrics only where something is measured", async () => {
      assert.equal((await ask(`${served.url}/apis/metrics.k8s.io/v1beta1`)).code, 404);
    });
  });

  describe("OpenAPI", () => {
    type Index = { paths: Record<string, { serverRelativeURL: string }> };
    const indexed = async (path: string): Promise<string> => {
      const index = (await ask(`${served.url}/openapi/v3`)).json as unknown as Index;
      return served.url + (index.paths[path]?.serverRelativeURL ?? "/missing");
    };
    it("announces field validation, but no strategic merge patch", async () => {
      const document = await ask(await indexed("apis/apps/v1"));
      assert.match(String(document.headers["cache-control"]), /immutable/);
      const paths = document.json["paths"] as Record<
        string,
        { patch?: { parameters: { name: string }[]; requestBody: { content: Json } } }
      >;
      const patch = paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]?.patch;
      assert.ok(patch?.parameters.some((parameter) => parameter.name === "fieldValidation"));
      assert.ok(!Object.keys(patch?.requestBody.content ?? {}).includes("application/strategic-merge-patch+json"));
    });
    it("leads from a wrong hash to the right one", async () => {
      const right = await indexed("api/v1");
      const reply = await ask(right.replace(/hash=.*/, "hash=0"));
      assert.equal(reply.code, 301);
      assert.equal(served.url + reply.headers.location, right);
    });
    it("every reference in a document leads somewhere", async () => {
      for (const path of ["api/v1", "apis/apps/v1", "apis/karpenter.sh/v1", "apis/apiextensions.k8s.io/v1"]) {
        const { text, json } = await ask(await indexed(path));
        const schemas = (json["components"] as { schemas: Json }).schemas;
        for (const [, name = ""] of text.matchAll(/#\/components\/schemas\/([^"]+)/g)) assert.ok(name in schemas, name);
      }
    });
    it("v2 is there for kubectl's lists, and says nothing", async () => {
      const accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
      const reply = await ask(`${served.url}/openapi/v2`, { headers: { accept } });
      assert.deepEqual([reply.code, reply.headers["content-type"]], [200, accept.replace("@", ".")]);
      assert.equal((await ask(`${served.url}/openapi/v2`)).json["swagger"], "2.0");
    });
    it("changes its hash when a kind's schema changes", async () => {
      const one = newServer();
      const first = await serveApi({ server: one, clock: { nowMs: () => 0 } });
      const hash = async (): Promise<string> => (await ask(`${first.url}/openapi/v3`)).text;
      const before = await hash();
      const definitions = one.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions");
      assert.ok(definitions);
      const name = "nodepools.karpenter.sh";
      one.handle({ verb: "delete", resource: definitions, name });
      const between = await hash();
      assert.notEqual(between, before);
      await first.close();
      one.close();
    });
  });

  describe("objects", () => {
    it("are created, read, replaced, patched and deleted", async () => {
      const made = await ask(maps(), {
        method: "POST",
        body: configMap("one", { a: "1" }),
        headers: { "content-type": "application/json" },
      });
      assert.equal(made.code, 201);
      const { metadata } = made.json as { metadata: Json };
      for (const field of ["uid", "resourceVersion", "creationTimestamp", "managedFields"])
        assert.ok(metadata[field], field);
      // As one PUT of kubectl: without a content type.
      const replaced = await ask(`${maps()}/one`, { method: "PUT", body: configMap("one", { a: "2" }) });
      assert.equal(replaced.code, 200);
      const patched = await ask(`${maps()}/one`, {
        method: "PATCH",
        body: '{"data":{"b":"3"}}',
        headers: { "content-type": "application/merge-patch+json" },
      });
      assert.deepEqual(patched.json["data"], { a: "2", b: "3" });
      const gone = await ask(`${maps()}/one`, { method: "DELETE", body: '{"propagationPolicy":"Background"}' });
      assert.deepEqual([gone.code, gone.json["status"]], [200, "Success"]);
      assert.equal((await ask(`${maps()}/one`)).code, 404);
    });
    for (const { given, method = "POST", path = "", body, type, code, reason } of [
      { given: "no JSON", body: "{", type: "application/json", code: 400, reason: "BadRequest" },
      { given: "a format that nobody knows", body: "x", type: "text/csv", code: 415, reason: "UnsupportedMediaType" },
      {
        given: "an unknown patch",
        method: "PATCH",
        path: "/kube-root-ca.crt",
        body: "{}",
        type: "application/json",
        code: 415,
        reason: "UnsupportedMediaType",
      },
      {
        given: "a body that is too large",
        body: JSON.stringify({ x: "y".repeat(3 * 1024 * 1024) }),
        type: "application/json",
        code: 413,
        reason: "RequestEntityTooLarge",
      },
      {
        given: "a wrong query",
        path: "?dryRun=Perhaps",
        body: "{}",
        type: "application/json",
        code: 400,
        reason: "BadRequest",
      },
    ]) {
      it(`${given}: ${code}`, async () => {
        const reply = await ask(maps() + path, { method, body, headers: { "content-type": type } });
        assert.deepEqual([reply.code, reply.json["reason"]], [code, reason]);
      });
    }
    it("come as a Table, as bare metadata, or whole", async () => {
      await ask(maps(), { method: "POST", body: configMap("shown", { a: "1" }) });
      const table = await ask(maps(), { headers: { accept: TABLE } });
      const rows = table.json["rows"] as { cells: unknown[]; object: { kind: string } }[];
      const row = rows.find(({ cells }) => cells[0] === "shown");
      assert.deepEqual(row?.cells, ["shown", 1, "5m"]);
      assert.equal(row?.object.kind, "PartialObjectMetadata");
      const bare = await ask(maps(), {
        headers: { accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" },
      });
      assert.equal(bare.json["kind"], "PartialObjectMetadataList");
      assert.ok(!bare.text.includes('"data"'));
      assert.equal((await ask(maps())).json["kind"], "ConfigMapList");
    });
    it("are not given to those who cannot read JSON", async () => {
      assert.equal((await ask(maps(), { headers: { accept: "application/vnd.kubernetes.protobuf" } })).code, 406);
    });
    it("warn in a header about fields that are dropped", async () => {
      const body = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "odd" }, what: 1 });
      const reply = await ask(maps(), { method: "POST", body });
      assert.equal(reply.code, 201);
      assert.match(String(reply.headers["warning"]), /^299 - "unknown field \\"what\\""$/);
    });
  });

  describe("watches", () => {
    it("sends the headers before there is an event, then events as they come", async () => {
      const stream = await watch(
        `${maps()}?watch=true&resourceVersion=${server.resourceVersion()}&fieldSelector=metadata.name%3Dseen`,
      );
      await ask(maps(), { method: "POST", body: configMap("other") });
      await ask(maps(), { method: "POST", body: configMap("seen") });
      const event = (await stream.next()) as { type: string; object: { metadata: Json } };
      assert.deepEqual([event.type, event.object.metadata["name"]], ["ADDED", "seen"]);
      stream.stop();
    });
    it("sends Tables, the columns only once", async () => {
      const url = `${maps()}?watch=true&resourceVersion=${server.resourceVersion()}`;
      const stream = await watch(url, { accept: TABLE });
      for (const name of ["t1", "t2"]) await ask(maps(), { method: "POST", body: configMap(name) });
      type Event = { object: { columnDefinitions: unknown[] | null; rows: { cells: unknown[] }[] } };
      const [first, second] = [await stream.next(), await stream.next()] as unknown as [Event, Event];
      assert.equal(first.object.columnDefinitions?.length, 3);
      assert.equal(second.object.columnDefinitions, null);
      assert.equal(second.object.rows[0]?.cells[0], "t2");
      stream.stop();
    });
    it("refuses a version from the future and names the reason for ending one that is too old", async () => {
      assert.equal((await ask(`${maps()}?watch=true&resourceVersion=99999999`)).code, 410);
    });
    it("cuts off a consumer that does not read", async () => {
      const socket = connect(served.port, "127.0.0.1");
      const path = `/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=${server.resourceVersion()}`;
      await new Promise<void>((resolve) => {
        socket.once("data", () => {
          socket.pause();
          resolve();
        });
        socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      });
      const large = configMap("large", { blob: "x".repeat(900_000) });
      const resource = server.resource("", "v1", "configmaps");
      assert.ok(resource);
      server.handle({ verb: "create", resource, namespace: "default", body: JSON.parse(large) });
      for (let i = 0; i < 40; i += 1) {
        const body = { ...JSON.parse(large), data: { blob: "x".repeat(900_000), i: String(i) } };
        server.handle({ verb: "update", resource, namespace: "default", name: "large", body });
        await new Promise((resolve) => setImmediate(resolve));
      }
      let read = "";
      await new Promise<void>((resolve) => {
        socket.on("data", (chunk: Buffer) => {
          read = (read + chunk.toString()).slice(-2_000);
          if (read.includes('"ERROR"')) resolve();
        });
        socket.resume();
      });
      assert.match(read, /"reason":"Expired"/);
      socket.destroy();
      server.handle({ verb: "delete", resource, namespace: "default", name: "large" });
    });
  });
});

describe("port-forward", () => {
  it("is refused where nothing listens, over websockets, and to strangers: each with a Status", async () => {
    const server = newServer();
    const pods = server.resource("", "v1", "pods");
    assert.ok(pods);
    const body = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p" },
      spec: { containers: [{ name: "c", image: "i" }] },
    };
    server.handle({ verb: "create", resource: pods, namespace: "default", body });
    const forward = { addressOf: () => undefined };
    const served = await serveApi({ server, clock: { nowMs: () => 0 }, forward });
    const path = "/api/v1/namespaces/default/pods/p/portforward";
    for (const { at, headers, code } of [
      { at: path, headers: { upgrade: "websocket" }, code: 400 },
      { at: path, headers: { upgrade: "SPDY/3.1", origin: "http://evil.example" }, code: 403 },
      { at: path.replace("pods/p", "pods/q"), headers: { upgrade: "SPDY/3.1" }, code: 404 },
      { at: "/api/v1/nodes", headers: { upgrade: "SPDY/3.1" }, code: 404 },
      { at: path.replace("portforward", "exec"), headers: { upgrade: "SPDY/3.1" }, code: 400 },
    ]) {
      const reply = await ask(served.url + at, {
        method: "POST",
        headers: { connection: "Upgrade", ...(headers as Record<string, string>) },
      });
      assert.deepEqual([reply.code, reply.json["kind"]], [code, "Status"], at);
    }
    await served.close();
    server.close();
  });
});

describe("starting and stopping", () => {
  it("ends open watches and leaves the port free", async () => {
    const server = newServer();
    const served = await serveApi({ server, clock: { nowMs: () => 0 } });
    const stream = await watch(`${served.url}/api/v1/nodes?watch=true`);
    await served.close();
    await stream.ended;
    const again = await serveApi({ server, clock: { nowMs: () => 0 }, port: served.port });
    assert.equal(again.port, served.port);
    await assert.rejects(serveApi({ server, clock: { nowMs: () => 0 }, port: served.port }), /KARP_PORT_IN_USE/);
    await again.close();
    server.close();
  });
  it("a server that closes ends the watches over HTTP", async () => {
    const server = newServer();
    const served = await serveApi({ server, clock: { nowMs: () => 0 } });
    const stream = await watch(`${served.url}/api/v1/nodes?watch=true`);
    server.close();
    await stream.ended;
    assert.equal((await ask(`${served.url}/api/v1/nodes`)).code, 503);
    await served.close();
  });
});
