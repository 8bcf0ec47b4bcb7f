import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Kind } from "../../src/model/kinds.ts";
import type { Draft, KubeObject } from "../../src/model/object.ts";
import { CUSTOM_RESOURCES } from "../../src/model/resources/custom-resources.ts";
import { type Loose, withChange } from "../../src/model/resources/test-objects.ts";
import { BAD, CHANGES, GOOD, LEAST } from "../../src/model/resources/test-verdicts.ts";
import { ApiError } from "../../src/ports/kube-api.ts";
import { type ControlPlane, startControlPlane, whyNoControlPlane } from "./control-plane.ts";
import { applyDefinitions } from "./definitions.ts";

// What our own schema code says of an object, Kubernetes' API server says too: of the definitions that the chart installs.
describe("definitions of our kinds on a real API server", { skip: whyNoControlPlane() }, () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await startControlPlane({ isAlone: true });
    await applyDefinitions(plane.connection.api);
  });
  after(() => plane?.stop());

  for (const [kind, path, value] of GOOD) {
    it(`${kind} ${path} = ${show(value)} is taken`, async () => {
      assert.deepEqual(await verdict(plane, kind, path, value), "taken");
    });
  }
  for (const [kind, path, value, message] of BAD) {
    it(`${kind} ${path} = ${show(value)} is refused: ${message.source.slice(0, 60)}`, async () => {
      const said = await verdict(plane, kind, path, value);
      assert.notEqual(said, "taken");
      assert.match(said, inSentence(message));
    });
  }
  for (const [kind, path, value, message] of CHANGES) {
    it(`${kind}: setting ${path} later is ${message === undefined ? "fine" : "refused"}`, async () => {
      const made = await plane.connection.api.create(kindOf(kind), LEAST[kind]!());
      try {
        const said = await answerTo(async () => await update(plane, kind, withChange(made, path, value), path));
        if (message === undefined) assert.equal(said, "taken");
        else assert.match(said, message);
      } finally {
        await plane.connection.api.delete(kindOf(kind), made.metadata);
      }
    });
  }
});

/** "taken", or why not. A status is looked at when it is written, into an object that is there. */
async function verdict(plane: ControlPlane, kind: string, path: string, value: unknown): Promise<string> {
  const { api } = plane.connection;
  const object = withChange(LEAST[kind]!(), path, value) as Draft<KubeObject>;
  const isStatus = path.startsWith("status");
  return await answerTo(async () => {
    const options = { dryRun: !isStatus, fieldValidation: "Strict" } as const;
    const made = await api.create(kindOf(kind), object, options);
    if (!isStatus) return;
    try {
      await update(plane, kind, withChange(made, path, value), path);
    } finally {
      await api.delete(kindOf(kind), made.metadata);
    }
  });
}

async function update(plane: ControlPlane, kind: string, object: Loose, path: string): Promise<void> {
  const { api } = plane.connection;
  const options = { dryRun: true, fieldValidation: "Strict" } as const;
  if (path.startsWith("status")) await api.updateStatus(kindOf(kind), object, options);
  else await api.update(kindOf(kind), object, options);
}

async function answerTo(ask: () => Promise<void>): Promise<string> {
  try {
    await ask();
    return "taken";
  } catch (error) {
    if (error instanceof ApiError) return error.message;
    throw error;
  }
}

/** Several complaints come as one sentence: what begins or ends one stands in its midst. */
function inSentence(message: RegExp): RegExp {
  return new RegExp(message.source.replace(/^\^/, "").replace(/\$$/, ""));
}

function kindOf(name: string): Kind {
  const found = CUSTOM_RESOURCES.find(({ kind }) => kind.kind === name);
  assert.ok(found !== undefined, name);
  return found.kind;
}

function show(value: unknown): string {
  return typeof value === "function" ? "..." : (JSON.stringify(value)?.slice(0, 70) ?? "absent");
}
