import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Batcher } from "./batcher.ts";

/** "3:a" triggers a at 3 s. The answer is the second at which the window closes. */
function closesAt(triggers: readonly string[]): number | undefined {
  const batcher = new Batcher({ idleMs: 1_000, maxMs: 10_000 });
  for (let ms = 0; ms <= 60_000; ms += 100) {
    for (const trigger of triggers) {
      const [seconds = "", uid = ""] = trigger.split(":");
      if (Number(seconds) * 1_000 === ms) batcher.trigger(uid, ms);
    }
    if (batcher.window(ms).kind === "over") return ms / 1_000;
  }
  return undefined;
}

describe("the batching window", () => {
  const stream = Array.from({ length: 40 }, (_, i) => `${i / 2}:p${i}`);
  const table: { given: string; triggers: string[]; want: number | undefined }[] = [
    { given: "nothing", triggers: [], want: undefined },
    { given: "one pod", triggers: ["3:a"], want: 4 },
    { given: "a second pod within the idle time", triggers: ["0:a", "0.9:b"], want: 1.9 },
    { given: "the same pod again", triggers: ["0:a", "0.9:a"], want: 1 },
    { given: "pods that keep coming", triggers: stream, want: 10 },
  ];
  for (const { given, triggers, want } of table) {
    it(`${given}: closes at ${want} s`, () => assert.equal(closesAt(triggers), want));
  }

  it("counts a pod anew in the next window", () => {
    const batcher = new Batcher({ idleMs: 1_000, maxMs: 10_000 });
    batcher.trigger("a", 0);
    batcher.close();
    assert.deepEqual(batcher.window(5_000), { kind: "none" });
    batcher.trigger("a", 6_000);
    assert.deepEqual(batcher.window(6_500), { kind: "open", ms: 500 });
  });
});
