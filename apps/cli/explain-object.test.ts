import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { UserError } from "../../src/base/errors.ts";
import type { CoreEvent, Pod } from "../../src/model/core.ts";
import { NAMESPACES, PODS } from "../../src/model/kinds.ts";
import type { KubeObject } from "../../src/model/object.ts";
import type { NodeClaim } from "../../src/model/resources/node-claim.ts";
import { DecisionLog } from "../../src/telemetry/decision-log.ts";
import { serveEndpoints } from "../../src/telemetry/http-endpoints.ts";
import { explainCommand } from "./explain.ts";
import { runCommand, startTestServer } from "./test-cli.ts";

const SHOP = fileURLToPath(new URL("../../docs/commands/shop.jsonl", import.meta.url));

type Explained = {
  headline: string;
  facts: Record<string, string>;
  why: { question: string; code: string; reason: string }[];
  history: { times: number; reason: string; message: string }[];
  isGone: boolean;
};

describe("karpenter explain", () => {
  let cwd = "";
  let objects: KubeObject[] = [];
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), "explain-"));
    objects = (await readFile(SHOP, "utf8"))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as KubeObject);
  });
  after(() => rm(cwd, { recursive: true }));

  const run = (...args: string[]) => runCommand(explainCommand, cwd, args);
  const ask = async (...args: string[]): Promise<Explained> => {
    const { out } = await run(...args, "--snapshot", SHOP, "-o", "json");
    return JSON.parse(out) as Explained;
  };
  const podOf = (app: string): Pod => {
    return objects.find(({ kind, metadata }) => kind === "Pod" && metadata.labels?.["app"] === app) as Pod;
  };

  it("says why a pod waits, with its events", async () => {
    const { headline, why, history, facts } = await ask("pod", podOf("search").metadata.name);
    assert.match(headline, /^Pod shop\/search-\S+ waits for a node\.$/);
    assert.equal(facts["asks for"], "400 cpu, 64Gi memory");
    assert.deepEqual(
      why.map(({ code }) => code),
      ["NoInstanceTypeFits"],
    );
    assert.ok(history.some(({ reason, message }) => reason === "FailedScheduling" && /No node can take/.test(message)));
  });

  it("says what keeps a pod where it is", async () => {
    const checkout = await ask("pod", `shop/${podOf("checkout").metadata.name}`);
    assert.match(checkout.headline, /is on node ip-/);
    const blocks = checkout.why.find(({ code }) => code === "PdbBlocks");
    assert.match(blocks?.reason ?? "", /shop\/checkout allows 0 evictions now: 1 pods are ready, and 1 must be/);
    const ledger = await ask("pod", podOf("ledger").metadata.name);
    assert.ok(ledger.why.some(({ code }) => code === "DoNotDisruptPod"));
  });

  it("says why a node has its type and why it stays; a node and its claim are one story", async () => {
    const node = podOf("ledger").spec.nodeName ?? "";
    const byNode = await ask("node", node);
    assert.deepEqual(
      byNode.why.map(({ code }) => code),
      ["Shape", "DoNotDisruptPod", "ExpiresLater"],
    );
    assert.match(byNode.facts["cpu"] ?? "", /^\S+ of \S+ \(\d+ %\)$/);
    assert.match(byNode.facts["price"] ?? "", /^\$0\.\d{4} per hour$/);
    assert.deepEqual(await ask("nodeclaim", byNode.facts["NodeClaim"] ?? ""), byNode);
    const others = objects.filter(({ kind }) => kind === "NodeClaim") as unknown as NodeClaim[];
    for (const { metadata } of others) {
      const { why } = await ask("nodeclaim", metadata.name);
      assert.ok(why.some(({ question }) => question === "why it is not consolidated"));
    }
    assert.match((await ask("node", "system-1")).headline, /is none of Karpenter's/);
  });

  it("says what a pool may still do", async () => {
    const { headline, facts, why } = await ask("nodepool", "default");
    assert.match(headline, /^NodePool default has 8 nodes for \$0\.8679 per hour\.$/);
    assert.match(facts["limit of cpu"] ?? "", /of 200 \(\d+ %\)/);
    assert.deepEqual(
      why.map(({ code }) => code),
      ["PodsWait"],
    );
  });

  it("tells what is remembered of one that is gone", async () => {
    const present = new Set(objects.map(({ kind, metadata }) => `${kind}/${metadata?.name}`));
    const events = objects.filter(({ kind }) => kind === "Event") as unknown as CoreEvent[];
    const gone = events.find(
      ({ involvedObject: { kind, name } }) => kind === "NodeClaim" && !present.has(`NodeClaim/${name}`),
    );
    const { isGone, headline, history } = await ask("nodeclaim", gone?.involvedObject.name ?? "");
    assert.equal(isGone, true);
    assert.match(headline, /is not in the cluster any more/);
    assert.ok(history.length > 0);
  });

  it("asks in a what-if", async () => {
    const limits = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: reports, namespace: batch }
spec: { maxUnavailable: 0, selector: { matchLabels: { app: reports } } }
`;
    await writeFile(join(cwd, "pdb.yaml"), limits);
    const name = podOf("reports").metadata.name;
    assert.deepEqual((await ask("pod", name)).why.map(({ code }) => code).includes("PdbBlocks"), false);
    assert.ok((await ask("pod", name, "-f", "pdb.yaml")).why.some(({ code }) => code === "PdbBlocks"));
  });

  it("reads the controller's memory through the API server", async () => {
    const decisions = new DecisionLog();
    const endpoints = await serveEndpoints({
      host: "127.0.0.1",
      metricsPort: 0,
      healthProbePort: 0,
      expose: () => "",
      decisions: (query) => decisions.lines({ kind: query.get("kind") }),
      readyChecks: {},
    });
    let isListening = true;
    const { server, kubeconfig, close } = await startTestServer(cwd, () => undefined, {
      addressOf: (_, port) =>
        isListening && port === 8080 ? { host: "127.0.0.1", port: endpoints.metricsPort } : undefined,
    });
    try {
      const api = server.api();
      await api.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "karpenter" } });
      const pod = await api.create(PODS, {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "karpenter-1", namespace: "karpenter", labels: { "app.kubernetes.io/name": "karpenter" } },
        spec: { containers: [{ name: "controller", image: "karpenter" }] },
      });
      await api.updateStatus(PODS, { ...pod, status: { phase: "Running" } });
      const metadata = { name: "gone-1", uid: "u", resourceVersion: "", creationTimestamp: "" };
      const object = { apiVersion: "karpenter.sh/v1", kind: "NodeClaim", metadata };
      decisions.add({ object, type: "Normal", reason: "Bought", message: "Bought for 3 pod(s)" }, 1_000);
      const { out, code } = await run("nodeclaim", "gone-1", "--kubeconfig", kubeconfig);
      assert.equal(code, 1);
      assert.match(out, /1970-01-01T00:00:01Z +1 +Bought +Bought for 3 pod\(s\)/);
      isListening = false;
      const silent = await run("pod", "karpenter-1", "--kubeconfig", kubeconfig);
      assert.equal(silent.code, 0);
      assert.match(silent.out, /not looked at: decisions \(.*nothing listens on port 8080/);
    } finally {
      await close();
      await endpoints.close();
    }
  });

  const wrong: [string[], string][] = [
    [["pod"], "KARP_BAD_FLAG"],
    [["pod", "--snapshot", SHOP], "KARP_BAD_FLAG"],
    [["pod", "nobody", "--snapshot", SHOP], "KARP_NO_SUCH_OBJECT"],
    [["node", "x", "--eviction-cost", "much", "--snapshot", SHOP], "KARP_BAD_FLAG"],
    [["node", "x", "y", "--snapshot", SHOP], "KARP_BAD_FLAG"],
  ];
  for (const [args, code] of wrong) {
    it(`${args.slice(0, 2).join(" ")}: ${code}`, async () => {
      await assert.rejects(run(...args), (error) => error instanceof UserError && error.code === code);
    });
  }
});
