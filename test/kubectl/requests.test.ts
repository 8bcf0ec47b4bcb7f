import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { after, before, describe, it } from "node:test";
import { type KubectlWorld, startKubectlWorld } from "./kubectl-world.ts";
import { fromTemplate } from "./placeholders.ts";
import { type Answer, isWatch, type RecordedRequest, type RecordedRow, shapeOf } from "./recorded.ts";
import { FIXTURE } from "./recorder.ts";
import { VERBS } from "./verbs.ts";

// The requests that the real kubectl made for each verb (see real-kubectl.suite.ts), made again in the same order.
const rows = existsSync(FIXTURE) ? (JSON.parse(readFileSync(FIXTURE, "utf8")) as RecordedRow[]) : [];

describe("the requests of kubectl, as recorded", () => {
  let world: KubectlWorld;
  let continueToken = "";
  before(async () => {
    world = await startKubectlWorld(0);
  });
  after(() => world.close());

  it("there is a recording of every verb", () => {
    const recorded = new Set(rows.map((row) => row.verb));
    const missing = VERBS.filter((step) => step.isStream !== true && !recorded.has(step.verb)).map((step) => step.verb);
    assert.deepEqual(missing, []);
  });

  for (const row of rows) {
    it(row.verb, async () => {
      const during = VERBS.find((step) => step.verb === row.verb)?.during;
      for (const request of row.requests) {
        const { answer, continues } = await ask(world, request, continueToken);
        continueToken = continues;
        assert.deepEqual(answer, request.answer, `${request.method} ${request.path}`);
      }
      during?.(world, 0);
    });
  }
});

function ask(
  world: KubectlWorld,
  recorded: RecordedRequest,
  continueToken: string,
): Promise<{ answer: Answer; continues: string }> {
  const path = fromTemplate(world, recorded.path, recorded.path, continueToken);
  const body =
    recorded.bodyBase64 !== undefined
      ? Buffer.from(recorded.bodyBase64, "base64")
      : Buffer.from(fromTemplate(world, recorded.path, recorded.body ?? "", continueToken));
  // Node's client sends no body with DELETE unless it is told how long it is.
  const headers = { ...recorded.headers, "content-length": String(body.length) };
  return new Promise((resolve, reject) => {
    const request = httpRequest(world.served.url + path, { method: recorded.method, headers }, (answer) => {
      const chunks: Buffer[] = [];
      const finish = (): void => {
        const text = Buffer.concat(chunks);
        const type = answer.headers["content-type"];
        const token = /"continue":"([^"]+)"/.exec(text.toString("utf8"))?.[1] ?? "";
        resolve({ answer: shapeOf(recorded, answer.statusCode ?? 0, type, text), continues: token });
      };
      if (isWatch(recorded)) {
        finish();
        request.destroy();
        return;
      }
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", finish);
    });
    request.on("error", (error) => {
      if (!isWatch(recorded)) reject(error);
    });
    request.end(body);
  });
}
