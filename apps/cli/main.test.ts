import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { EXIT } from "./io.ts";

const LAUNCHER = fileURLToPath(new URL("../../bin/karpenter.cjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "karpenter-main-"));
after(() => rmSync(folder, { recursive: true, force: true }));

type Ended = { code: number | null; out: string; err: string };

/** Runs the program as a shell does; `readOut: false` closes its standard output at once. */
function karpenter(args: string[], { stdin = "", readOut = true } = {}): Promise<Ended> {
  const child = spawn(process.execPath, [LAUNCHER, ...args], { cwd: folder });
  const ended: Ended = { code: null, out: "", err: "" };
  if (readOut)
    child.stdout.on("data", (chunk: Buffer) => {
      ended.out += chunk.toString();
    });
  else child.stdout.destroy();
  child.stderr.on("data", (chunk: Buffer) => {
    ended.err += chunk.toString();
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ ...ended, code }));
  });
}

describe("karpenter, as a process", () => {
  const cases: [string, string[], { code: number; out?: RegExp; err?: RegExp }][] = [
    ["shows its commands when called without any", [], { code: EXIT.wrongUse, out: /^Karpenter: .*playground/s }],
    ["shows its commands with --help", ["--help"], { code: EXIT.fine, out: /plan .*crds .*controller /s }],
    ["tells its version", ["--version"], { code: EXIT.fine, out: /^karpenter \d+\.\d+\.\d+\n$/ }],
    ["refuses an unknown command", ["plam"], { code: EXIT.wrongUse, err: /^KARP_UNKNOWN_COMMAND: .*"plam"/ }],
    ["refuses an unknown flag", ["crds", "--nope"], { code: EXIT.wrongUse, err: /^KARP_BAD_FLAG: .*--nope/ }],
    [
      "refuses a file that is not there",
      ["plan", "-f", "no.yaml"],
      { code: EXIT.wrongUse, err: /^KARP_\w+: .*no\.yaml/ },
    ],
    ["refuses a flag of the controller", ["controller", "--nope"], { code: EXIT.wrongUse, err: /^KARP_\w+: .*nope/ }],
  ];
  for (const [what, args, want] of cases) {
    it(what, async () => {
      const { code, out, err } = await karpenter(args);
      assert.equal(code, want.code, err);
      assert.match(out, want.out ?? /^$/);
      assert.match(err, want.err ?? /^$/);
      assert.doesNotMatch(err, /^\s+at /m, "no stack for the user's mistakes");
    });
  }

  it("ends well when nobody reads on", async () => {
    assert.deepEqual(await karpenter(["crds"], { readOut: false }), { code: EXIT.fine, out: "", err: "" });
  });

  it("says that a port is taken as a failure, not as wrong use", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    assert.ok(address !== null && typeof address === "object");
    try {
      const { code, err } = await karpenter(["playground", "--empty", "--port", String(address.port)]);
      assert.equal(code, EXIT.failure, err);
      assert.match(err, new RegExp(`^KARP_PORT_IN_USE: .*${address.port}`));
    } finally {
      other.close();
    }
  });

  it("reads manifests from standard input", async () => {
    const { code, err } = await karpenter(["plan", "-f", "-"], { stdin: "kind: [\n" });
    assert.equal(code, EXIT.wrongUse);
    assert.match(err, /^KARP_BAD_MANIFEST: .*\n {4}-:2: /);
  });
});
