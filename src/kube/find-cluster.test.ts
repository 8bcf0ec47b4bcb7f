import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { UserError } from "../base/errors.ts";
import { proxyFromEnvironment } from "./cluster-access.ts";
import { findCluster } from "./find-cluster.ts";

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "find-"));
});
after(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function configText(server: string, names: { context?: string; current?: string } = {}): string {
  const { context = "c", current = context } = names;
  return [
    "apiVersion: v1",
    `current-context: ${current}`,
    `contexts: [{name: ${context}, context: {cluster: ${context}, user: ${context}}}]`,
    `clusters: [{name: ${context}, cluster: {server: "${server}"}}]`,
    `users: [{name: ${context}, user: {token: "t"}}]`,
  ].join("\n");
}

describe("finding the cluster", () => {
  it("takes the given server, then the given file, then $KUBECONFIG, then the home's file", () => {
    const given = write("given", configText("https://given:1/"));
    const fromEnv = write("env", configText("https://env:1"));
    mkdirSync(join(folder, ".kube"), { recursive: true });
    write(".kube/config", configText("https://home:1"));
    const env = { KUBECONFIG: fromEnv, HOME: folder };
    const url = (options: Omit<Parameters<typeof findCluster>[0], "env">, vars = env as Record<string, string>) =>
      findCluster({ env: vars, ...options }).serverUrl;
    assert.equal(url({ serverUrl: "http://127.0.0.1:5/", kubeconfig: given }), "http://127.0.0.1:5");
    assert.equal(url({ kubeconfig: given }), "https://given:1");
    assert.equal(url({}), "https://env:1");
    assert.equal(url({}, { HOME: folder }), "https://home:1");
    assert.throws(
      () => url({}, { HOME: join(folder, "nobody") }),
      (error) => error instanceof UserError && error.code === "KARP_NO_CLUSTER",
    );
  });

  it("merges several files of $KUBECONFIG, the first one's entries count, missing files do not matter", () => {
    const one = write("one", configText("https://one:1"));
    const two = write("two", configText("https://two:1", { context: "d" }));
    const again = write("again", configText("https://again:1"));
    const env = { KUBECONFIG: [join(folder, "missing"), one, two, again].join(delimiter) };
    assert.equal(findCluster({ env }).serverUrl, "https://one:1");
    assert.equal(findCluster({ env, context: "d" }).serverUrl, "https://two:1");
  });

  it("says what is wrong with a file, and what contexts there are", () => {
    const cases: [string, string, RegExp][] = [
      ["bad-yaml", "a: [", /is not YAML/],
      ["list", "- a", /holds no kubeconfig/],
      ["empty", "", /no current context[\s\S]*add a context/],
      ["no-current", configText("https://x:1", { current: '""' }), /no current context[\s\S]*--context: c/],
      ["other-current", configText("https://x:1", { current: "z" }), /no context "z"[\s\S]*--context: c/],
      ["no-server", configText("https://x:1").replace("server", "sever"), /names cluster "c", which has no server/],
      ["bad-server", configText("ftp://x:1"), /is no http or https address/],
      ["no-user", configText("https://x:1").replace("user: c}", "user: q}"), /names user "q", who is not here/],
      [
        "no-ca",
        configText("https://x:1").replace("cluster: {server", "cluster: {certificate-authority: none.crt, server"),
        /certificate-authority none\.crt/,
      ],
    ];
    for (const [name, text, want] of cases) {
      const kubeconfig = write(name, text);
      assert.throws(
        () => findCluster({ env: {}, kubeconfig }),
        (error) => error instanceof UserError && error.code === "KARP_KUBECONFIG" && want.test(error.message),
        name,
      );
    }
    assert.throws(() => findCluster({ env: {}, kubeconfig: join(folder, "none") }), UserError);
  });

  it("goes through the environment's proxy unless the server is excepted or near", () => {
    const env = { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "10.0.0.0/8, .internal,example.com:6443" };
    const cases: [string, string | undefined][] = [
      ["https://kube.example.org", "http://proxy:3128"],
      ["http://kube.example.org", undefined],
      ["https://127.0.0.1:1", undefined],
      ["https://localhost", undefined],
      ["https://10.2.3.4", undefined],
      ["https://11.2.3.4", "http://proxy:3128"],
      ["https://a.internal", undefined],
      ["https://example.com:6443", undefined],
      ["https://example.com", "http://proxy:3128"],
    ];
    for (const [url, want] of cases) assert.equal(proxyFromEnvironment(url, env), want, url);
    assert.equal(proxyFromEnvironment("https://x", { https_proxy: "http://p", no_proxy: "*" }), undefined);
    assert.equal(
      findCluster({ env, kubeconfig: write("p", configText("https://far:1")) }).proxyUrl,
      "http://proxy:3128",
    );
  });
});
