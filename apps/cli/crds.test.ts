import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { crdOf } from "../../src/model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../src/model/resources/custom-resources.ts";
import { crdsCommand } from "./crds.ts";
import type { Io } from "./io.ts";

async function run(args: string[]): Promise<{ code: number; out: string }> {
  let out = "";
  const io: Io = {
    out(text) {
      out += text;
    },
    err: () => undefined,
    stdin: async () => "",
    env: {},
    cwd: tmpdir(),
    terminal: undefined,
  };
  return { code: await crdsCommand(args, io), out };
}

describe("karpenter crds", () => {
  it("prints YAML that reads back as the definitions", async () => {
    const { code, out } = await run([]);
    assert.equal(code, 0);
    const documents = parseAllDocuments(out);
    assert.ok(Array.isArray(documents));
    assert.deepEqual(
      documents.map((document) => document.toJS()),
      CUSTOM_RESOURCES.map(crdOf),
    );
  });
  it("writes one file per kind into a new folder", async () => {
    const folder = await mkdtemp(join(tmpdir(), "karpenter-crds-"));
    try {
      const { code, out } = await run(["--out", join(folder, "new/crds")]);
      assert.equal(code, 0);
      assert.equal(out.trim().split("\n").length, CUSTOM_RESOURCES.length);
      const files = await readdir(join(folder, "new/crds"));
      assert.deepEqual(files.sort(), [
        "karpenter.k8s.aws_ec2nodeclasses.yaml",
        "karpenter.kwok.sh_kwoknodeclasses.yaml",
        "karpenter.sh_nodeclaims.yaml",
        "karpenter.sh_nodepools.yaml",
      ]);
      assert.match(await readFile(join(folder, "new/crds", files[3] ?? ""), "utf8"), /kind: NodePool\n/);
      await assert.rejects(run(["--out", join(folder, "new/crds", files[0] ?? "")]), { code: "KARP_CANNOT_WRITE" });
      await assert.rejects(run(["--out", "/proc/x"]), { code: "KARP_CANNOT_WRITE" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  it("explains itself, and refuses flags it does not know", async () => {
    assert.match((await run(["--help"])).out, /--out/);
    await assert.rejects(run(["--nonsense"]), { code: "KARP_BAD_FLAG" });
  });
});
