import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { UserError } from "../../src/base/errors.ts";
import { NODE_POOLS } from "../../src/model/kinds.ts";
import type { Draft } from "../../src/model/object.ts";
import type { NodePool } from "../../src/model/resources/node-pool.ts";
import { explainCommand } from "./explain.ts";
import { runCommand, startTestServer } from "./test-cli.ts";

function pool(name: string, budgets: string): string {
  return `
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: { name: ${name} }
spec:
  template:
    spec:
      nodeClassRef: { group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default }
      requirements: []
  disruption:
    budgets: ${budgets}
`;
}

describe("karpenter explain budgets", () => {
  let cwd = "";
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), "explain-"));
    await writeFile(
      join(cwd, "good.yaml"),
      pool("default", '[{ nodes: "10%" }, { nodes: "0", schedule: "0 9 * * *", duration: 8h }]'),
    );
    await writeFile(join(cwd, "closed.yaml"), pool("closed", '[{ nodes: "0", reasons: [Drifted] }]'));
    await writeFile(join(cwd, "bad.yaml"), pool("bad", '[{ nodes: "1", schedule: "61 9 * * *", duration: 8h }]'));
  });
  after(() => rm(cwd, { recursive: true }));

  const run = (...args: string[]) => runCommand(explainCommand, cwd, args);

  const at = ["--now", "2026-03-04T12:00:00Z"];

  it("prints when how much is allowed, and by which budget", async () => {
    const { code, out } = await run("budgets", "-f", "good.yaml", "--nodes", "40", ...at);
    assert.equal(code, 0);
    assert.match(out, /NodePool default: 40 nodes/);
    assert.match(out, /2026-03-04 12:00 +2026-03-04 17:00 +all +0 +budgets\[1\]: 0 \(0 9 \* \* \* for 8h\)/);
    assert.match(out, /2026-03-04 17:00 +2026-03-05 09:00 +all +4 +budgets\[0\]: 10%/);
  });

  for (const { file, want } of [
    { file: "closed.yaml", want: /NodePool closed allows nothing for Drifted/ },
    { file: "bad.yaml", want: /NodePool bad has a budget that cannot be read/ },
  ]) {
    it(`ends with 1 when there is something to mend: ${file}`, async () => {
      const { code, out } = await run("budgets", "-f", file, "good.yaml", "--nodes", "3", ...at);
      assert.equal(code, 1);
      assert.match(out, want);
    });
  }

  it("prints JSON, YAML and Markdown", async () => {
    const args = ["budgets", "-f", "good.yaml", "--nodes", "40", ...at];
    const json = JSON.parse((await run(...args, "-o", "json")).out);
    assert.deepEqual(json.nodePools[0].windows[1], {
      from: "2026-03-04T17:00:00Z",
      until: "2026-03-05T09:00:00Z",
      reasons: ["Underutilized", "Empty", "Drifted"],
      allowed: 4,
      limitedBy: ["budgets[0]: 10%"],
    });
    assert.deepEqual(parse((await run(...args, "-o", "yaml")).out), json);
    assert.match((await run(...args, "-o", "markdown")).out, /\| FROM \(UTC\) \| UNTIL \(UTC\) \| REASONS \|/);
  });

  it("asks the live cluster without files, also for what an older version has let in", async () => {
    const { server, kubeconfig, close } = await startTestServer(cwd);
    try {
      const object = parse(pool("live", '[{ nodes: "2", schedule: "a b c d e", duration: 8h }]'));
      await server.api().create(NODE_POOLS, object as Draft<NodePool>);
      const { code, out } = await run("budgets", "--kubeconfig", kubeconfig);
      assert.equal(code, 1);
      assert.match(out, /NodePool live has a budget that cannot be read/);
    } finally {
      await close();
    }
  });

  it("refuses what it does not know", async () => {
    const isWrongUse = (error: unknown): boolean => error instanceof UserError && error.code === "KARP_BAD_FLAG";
    await assert.rejects(run("weather"), isWrongUse);
    await assert.rejects(run("budgets", "--nodes", "many"), isWrongUse);
    assert.equal((await run()).code, 2);
    assert.match((await run("budgets", "--help")).out, /usage: karpenter explain budgets/);
  });
});
