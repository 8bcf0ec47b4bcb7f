import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, it } from "node:test";
import { writeKubeconfig } from "./kubeconfig-file.ts";

const DEAD_PID = 2 ** 22 + 1;

describe("the playground's kubeconfig", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "karpenter-kubeconfig-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("leaves nothing behind", () => {
    const file = writeKubeconfig(folder, "{}");
    assert.ok(existsSync(file.path));
    file.remove();
    assert.equal(existsSync(join(folder, ".karpenter")), false);
  });

  it("leaves files of others in its folder alone", () => {
    const file = writeKubeconfig(folder, "{}");
    writeFileSync(join(folder, ".karpenter", "notes"), "mine");
    file.remove();
    assert.equal(existsSync(file.path), false);
    assert.equal(readFileSync(join(folder, ".karpenter", "notes"), "utf8"), "mine");
  });

  it("is known again after kubectl has written it as YAML", () => {
    const file = writeKubeconfig(folder, "{}");
    const yaml = `apiVersion: v1\nextensions:\n- extension:\n    processId: ${process.pid}\n  name: karpenter-playground\n`;
    writeFileSync(file.path, yaml);
    file.remove();
    assert.equal(existsSync(file.path), false);
  });

  it("refuses to take the place of a living playground", () => {
    const file = writeKubeconfig(folder, '{"a":"first"}', process.ppid);
    assert.throws(() => writeKubeconfig(folder, '{"a":"second"}'), /KARP_PLAYGROUND_RUNS.*process \d+/);
    assert.match(readFileSync(file.path, "utf8"), /first/);
    file.remove();
  });

  it("takes the place of one that was killed", () => {
    const killed = writeKubeconfig(folder, '{"a":"first"}', DEAD_PID);
    const file = writeKubeconfig(folder, '{"a":"second"}');
    assert.match(readFileSync(file.path, "utf8"), /second/);
    killed.remove();
    assert.equal(existsSync(file.path), true, "only the writer removes it");
    file.remove();
  });
});
