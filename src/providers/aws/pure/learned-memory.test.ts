import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { learnedMemory, withSeenMemory } from "./learned-memory.ts";

const KEY = "karpenter.k8s.aws/learned-memory";
const image = (id: string) => ({ id, requirements: [] });
const classWith = (annotation: string | undefined) => ({
  metadata: {
    name: "default",
    uid: "1",
    resourceVersion: "1",
    creationTimestamp: "",
    annotations: annotation === undefined ? {} : { [KEY]: annotation },
  },
});
const known = (annotation: string | undefined, amis = [image("ami-1")]) => [
  ...learnedMemory(classWith(annotation), amis),
];
const MI = 2 ** 20;

describe("memory learned from nodes", () => {
  const first = withSeenMemory(new Map(), [{ type: "m5.large", bytes: 7_700 * MI }], [image("ami-1")]);
  it("is kept with the class", () => assert.deepEqual(known(first), [["m5.large", 7_700 * MI]]));
  it("is forgotten with other images, in whatever order these are", () => {
    const two = [image("ami-1"), image("ami-2")];
    const text = withSeenMemory(new Map(), [{ type: "m5.large", bytes: 7_700 * MI }], two);
    assert.deepEqual(known(text, two.toReversed()), [["m5.large", 7_700 * MI]]);
    assert.deepEqual(known(text), []);
  });
  it("is the least that any node had", () => {
    const before = new Map(known(first));
    const see = (mi: number) => withSeenMemory(before, [{ type: "m5.large", bytes: mi * MI }], [image("ami-1")]);
    assert.equal(see(7_800), undefined);
    assert.equal(see(7_700), undefined);
    assert.deepEqual(known(see(7_600)), [["m5.large", 7_600 * MI]]);
  });
  it("is of each type by itself", () => {
    const text = withSeenMemory(new Map(known(first)), [{ type: "c5.large", bytes: 3_700 * MI }], [image("ami-1")]);
    assert.deepEqual(known(text), [
      ["c5.large", 3_700 * MI],
      ["m5.large", 7_700 * MI],
    ]);
  });
  for (const nonsense of ["", "{", "null", "[]", '{"amis":"x","kib":{"m5.large":-1}}', undefined]) {
    it(`that nobody can read is none: ${nonsense}`, () => assert.deepEqual(known(nonsense), []));
  }
});
