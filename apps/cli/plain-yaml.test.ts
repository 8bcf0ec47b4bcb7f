import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { readDocuments } from "./manifest-text.ts";
import { manifestsIn } from "./manifests.ts";
import { readPlainYaml } from "./plain-yaml.ts";

const read = (text: string) => readPlainYaml(text.split("\n"));

const SCALARS = [
  ..."abc,100m,1Gi,10.0.0.1,2024-01-01T00:00:00Z,a b,a:b,a: b,a #b,#a,true,True,null,~,yes,1,-1,0,-0,012,1.5,1e3,0x10,.5".split(
    ",",
  ),
  ...[
    "",
    " ",
    "- a",
    "-",
    "{}",
    "[]",
    "{a",
    "'",
    '"',
    "\\",
    "é",
    "😀",
    "a\nb",
    "a\n",
    "\n",
    "a\n\nb\n",
    " a",
    "a ",
    "<<",
    "&a",
    "*a",
    "|",
    "1_000",
  ],
  ..."a,b\tc,0o7,+1,.inf,.nan,1:30,y,N,on,=,@a,`a,%a,!a,?,? a,a/b,/dev/xvda,'a',it's,(x),/".split(","),
];
const scalars = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.constantFrom<unknown>("abc", "100m", "2024-01-01T00:00:00Z", 5, true, "it's", "a\nb\n", "7"),
  },
  fc.constantFrom<unknown>(...SCALARS, true, false, null, 0, 1, -7, 1.5, 1e21, 123456789012345),
  fc.string({ maxLength: 20 }),
  fc.string({ minLength: 90, maxLength: 200 }),
);
const keys = fc.oneof(
  { weight: 60, arbitrary: fc.stringMatching(/^[a-z][A-Za-z./-]{0,8}$/) },
  fc.constantFrom("b-c", "on", "1", "a b", "__proto__", "<<", "f:x"),
  fc.string({ maxLength: 5 }),
);
const trees = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalars,
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(keys, tie("any"), { maxKeys: 4 }),
  ),
})).any;
const values = fc.dictionary(keys, trees, { minKeys: 1, maxKeys: 4 });

describe("the reader of plain YAML", () => {
  it("reads what a full reader reads, or leaves it alone", () => {
    let count = 0;
    const styles = [
      {},
      { lineWidth: 0 },
      { indentSeq: false },
      { defaultStringType: "QUOTE_DOUBLE" },
      { singleQuote: true },
    ] as const;
    fc.assert(
      fc.property(values, fc.constantFrom(...styles), (value, style) => {
        const text = stringify(value, { ...style, aliasDuplicateObjects: false });
        const fast = read(text);
        if (fast === undefined) return;
        count += 1;
        assert.deepEqual(fast.value, parse(text), text);
      }),
      { numRuns: 500, seed: 5 },
    );
    assert.ok(count > 100, `only ${count} were plain`);
  });
  it("agrees with a full reader on lines that somebody typed", () => {
    const lines = fc.array(
      fc.tuple(
        fc.constantFrom("", "  ", "    ", " "),
        fc.constantFrom("", "- ", "-   ", "- - "),
        fc.constantFrom("", "a: ", "b:", "c:   ", "'d': ", '"e f": ', "# x", "?"),
        fc.constantFrom("", "x", "1", "|", "|-", ">", "'q'", '"w"', "{}", "[]", "[1]", "x # y", "x: y", "&a", "-"),
      ),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(lines, (list) => {
        const text = list.map((parts) => parts.join("")).join("\n");
        const fast = read(text);
        if (fast !== undefined) assert.deepEqual(fast.value, parse(text), JSON.stringify(text));
      }),
      { numRuns: 1_500, seed: 9 },
    );
  });
});

describe("the dump of a large cluster", () => {
  const pod = (i: number) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `p${i}`,
      namespace: "d",
      resourceVersion: "1",
      annotations: {
        "kubectl.kubernetes.io/last-applied-configuration": '{"kind":"Pod"}\n',
        note: i % 10 === 0 ? `a long text, ${"that is folded ".repeat(20)}` : "short: it's",
      },
    },
    spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu: "100m", memory: i } } }] },
  });
  const list = {
    apiVersion: "v1",
    items: Array.from({ length: 280 }, (_, i) => pod(i)),
    kind: "List",
    metadata: { resourceVersion: "" },
  };
  const text = stringify(list, { indentSeq: false });

  it("may have its items further in", () => {
    const indented = stringify(list);
    const result = readDocuments(indented);
    assert.deepEqual(result.mistakes, []);
    assert.deepEqual(result.documents[0]!.value, list);
  });
  it("is the same as to a full reader, with the lines of its objects", () => {
    assert.ok(text.length > 100_000);
    const result = readDocuments(text);
    assert.deepEqual(result.mistakes, []);
    assert.deepEqual(result.documents[0]!.value, parse(text));
    const objects = manifestsIn(text, "dump.yaml");
    assert.equal(objects.length, 280);
    const lines = text.split("\n");
    for (const { object, origin } of objects) {
      const own = lines.slice(origin.line - 1, origin.line + 4).join("\n");
      assert.ok(own.startsWith("- apiVersion: v1") && own.includes(`name: ${object.metadata.name}\n`), own);
    }
  });
  it("names the line of a mistake in it", () => {
    const broken = text.replace(/memory: 245$/m, "memory: much");
    const line = broken.split("\n").findIndex((one) => one.includes("memory: much")) + 1;
    assert.throws(
      () => manifestsIn(broken, "dump.yaml"),
      new RegExp(`dump\\.yaml:${line}: Pod "p245": .*"much" is no amount`),
    );
    assert.throws(
      () => manifestsIn(text.replace("  name: p7\n", "\tname: p7\n"), "dump.yaml"),
      /a tab indents this line/,
    );
  });
});
