import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { type KubectlWorld, startKubectlWorld } from "./kubectl-world.ts";
import { startRecorder } from "./recorder.ts";
import { findKubectl, type Kubectl, kubectlFor } from "./run-kubectl.ts";
import { VERBS } from "./verbs.ts";

// The real kubectl against the simulated API server, a row per verb. With KUBECTL_RECORD=1 the requests that it makes
// are written to fixtures/kubectl-1.32.json, which the quick tests replay.
const binary = findKubectl();
const isRecording = process.env["KUBECTL_RECORD"] === "1";

describe("the real kubectl", { skip: binary === undefined ? "kubectl is not on PATH" : false }, () => {
  let world: KubectlWorld;
  let kubectl: Kubectl;
  let recorder: Awaited<ReturnType<typeof startRecorder>> | undefined;

  before(async () => {
    world = await startKubectlWorld(isRecording ? 0 : 150);
    if (isRecording) recorder = await startRecorder(world);
    kubectl = kubectlFor(binary ?? "kubectl", recorder?.url ?? world.served.url, world);
  });
  after(async () => {
    kubectl.close();
    await recorder?.close();
    await world.close();
  });

  for (const step of VERBS) {
    it(step.verb, { skip: isRecording && step.isStream === true }, async () => {
      recorder?.begin(step.verb);
      const { output, exitCode } = await kubectl.run(step);
      for (const pattern of step.expect) assert.match(output, pattern);
      for (const pattern of step.not ?? []) assert.doesNotMatch(output, pattern);
      assert.equal(exitCode, step.exitCode ?? 0, output);
    });
  }

  it("port-forward", { skip: isRecording ? "streams are not recorded" : false }, async () => {
    const local = await forward(kubectl.environment, binary ?? "kubectl");
    try {
      const response = await fetch(`http://127.0.0.1:${local.port}/metrics`);
      assert.equal(await response.text(), "karpenter_build_info 1\n");
    } finally {
      local.stop();
    }
  });
});

/** Starts a port-forward on a local port that kubectl chooses. */
function forward(env: Record<string, string>, command: string): Promise<{ port: number; stop(): void }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, ["port-forward", "-n", "karpenter", "svc/karpenter", ":8080"], { env });
    let output = "";
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const port = /127\.0\.0\.1:(\d+) ->/.exec(output)?.[1];
      if (port !== undefined) resolve({ port: Number(port), stop: () => child.kill("SIGTERM") });
    });
    child.on("close", () => reject(new assert.AssertionError({ message: output })));
  });
}
