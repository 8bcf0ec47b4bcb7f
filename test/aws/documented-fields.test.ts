import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { customResourceOf } from "../../src/model/resources/custom-resources.ts";
import type { Loose } from "../../src/model/resources/test-objects.ts";
import { inWorld } from "./ec2-world.ts";

const PAGE = readFileSync(new URL("../../docs/aws.md", import.meta.url), "utf8");

function examples(): Loose[] {
  const begin = PAGE.indexOf("### Every field by example");
  const text = /```yaml\n([\s\S]*?)```/.exec(PAGE.slice(begin))?.[1] ?? assert.fail("docs/aws.md has the examples");
  return parseAllDocuments(text).map((document) => document.toJS());
}

/** Paths of all fields below a schema: of lists those of their items; maps and open objects end there. */
function fieldsOf(schema: Loose, path: string): string[] {
  if (schema.type === "array") return fieldsOf(schema.items, path);
  if (schema.properties === undefined) return [path];
  return Object.entries(schema.properties).flatMap(([name, field]) =>
    fieldsOf(field, path === "" ? name : `${path}.${name}`),
  );
}

function isUsed(value: Loose, [name, ...rest]: readonly string[]): boolean {
  if (Array.isArray(value)) return value.some((one) => isUsed(one, [...(name === undefined ? [] : [name]), ...rest]));
  if (name === undefined) return value !== undefined;
  return value?.[name] !== undefined && isUsed(value[name], rest);
}

describe("the examples of docs/aws.md", () => {
  const schema: Loose = customResourceOf("karpenter.k8s.aws", "EC2NodeClass")?.schema;
  const fields = fieldsOf(schema.properties.spec, "");
  it("the schema has fields to look for", () => assert.ok(fields.length >= 50, String(fields.length)));

  for (const field of fields) {
    it(`use ${field}`, () => {
      assert.ok(examples().some((example) => isUsed(example.spec, field.split("."))));
    });
  }

  it(
    "are taken by the API server",
    inWorld(async (world) => {
      for (const example of examples()) await world.apply(example);
    }),
  );
});
