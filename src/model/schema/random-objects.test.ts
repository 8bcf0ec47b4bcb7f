import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { TSchema } from "typebox";
import Value from "typebox/value";
import { EC2_NODE_CLASS_SCHEMA } from "../resources/ec2-node-class.ts";
import { NODE_CLAIM_SCHEMA } from "../resources/node-claim.ts";
import { NODE_POOL_SCHEMA } from "../resources/node-pool.ts";
import { ec2NodeClass, type Loose, nodeClaim, nodePool } from "../resources/test-objects.ts";
import { celErrors } from "./cel.ts";
import { defaulted } from "./default.ts";
import { objectErrors } from "./object-errors.ts";
import { pruned, unknownFields } from "./prune.ts";
import { isJsonObject } from "./schema.ts";
import { structuralSchema } from "./structural.ts";
import { schemaErrors } from "./validate.ts";

/** Values that are right somewhere, and wrong elsewhere. */
const values = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    1,
    -1,
    50,
    200,
    1.5,
    "",
    "a",
    "In",
    "Gt",
    "10%",
    "720h",
    "Never",
    "1Gi",
    "100m",
  ),
  fc.constantFrom<unknown>([], {}, [{}], [""], { a: "b" }, { cpu: 1, memory: "1Gi" }, [
    { key: "a", operator: "Exists" },
  ]),
  fc.constantFrom<unknown>([{ nodes: "1" }], [{ key: "a", effect: "NoSchedule" }], [{ id: "ami-1" }], "x".repeat(400)),
  fc.string({ maxLength: 12 }),
  fc.integer(),
);
const names = [
  "status",
  "weight",
  "replicas",
  "limits",
  "disruption",
  "budgets",
  "metadata",
  "labels",
  "taints",
  "key",
];
const moreNames = [
  "minValues",
  "values",
  "operator",
  "kubelet",
  "tags",
  "alias",
  "__proto__",
  "constructor",
  "conditions",
];
const changes = fc.array(
  fc.record({ at: fc.nat(1_000), name: fc.constantFrom(...names, ...moreNames), value: values, isNew: fc.boolean() }),
  { minLength: 1, maxLength: 4 },
);
type Changes = typeof changes extends fc.Arbitrary<infer T> ? T : never;

/** Every object and list below, the object itself first. */
function placesIn(value: unknown): Loose[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(placesIn)];
}

function changed(object: Loose, list: Changes): Loose {
  const copy = JSON.parse(JSON.stringify(object));
  for (const { at, name, value, isNew } of list) {
    // metadata has rules of its own, which no schema holds.
    const places = placesIn(copy.spec);
    const place = places[at % Math.max(1, places.length)] ?? copy;
    const keys = Object.keys(place);
    const key =
      isNew || keys.length === 0 ? (Array.isArray(place) ? place.length : name) : (keys[at % keys.length] ?? name);
    Object.defineProperty(place, key, {
      value: JSON.parse(JSON.stringify(value)),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return copy;
}

const kinds: readonly [name: string, source: TSchema, object: () => Loose][] = [
  ["NodePool", NODE_POOL_SCHEMA, nodePool],
  ["NodeClaim", NODE_CLAIM_SCHEMA, nodeClaim],
  ["EC2NodeClass", EC2_NODE_CLASS_SCHEMA, ec2NodeClass],
];

describe("objects changed at random", () => {
  for (const [name, source, object] of kinds) {
    const schema = structuralSchema(source);
    it(`${name}: the verdict on fields is that of another validator`, () => {
      let [good, bad] = [0, 0];
      fc.assert(
        fc.property(changes, (list) => {
          const one = changed(object(), list);
          const errors = schemaErrors(schema, one).filter(({ message }) => !ONLY_OURS.test(message));
          assert.equal(errors.length === 0, Value.Check(source, one), JSON.stringify(errors));
          if (errors.length === 0) good += 1;
          else bad += 1;
        }),
        { numRuns: 400, seed: 7 },
      );
      assert.ok(good > 40 && bad > 40, `both verdicts occur: ${good} good, ${bad} bad`);
    });
    it(`${name}: filling in, pruning and checking never throw, change nothing twice, and leave their argument alone`, () => {
      fc.assert(
        fc.property(changes, changes, (list, more) => {
          const one = changed(object(), list);
          const before = JSON.stringify(one);
          const clean = pruned(schema, one);
          assert.deepEqual(unknownFields(schema, clean), []);
          assert.equal(pruned(schema, clean), clean);
          const whole = defaulted(schema, clean);
          assert.equal(defaulted(schema, whole), whole);
          const other = defaulted(schema, pruned(schema, changed(object(), more)));
          objectErrors(schema, whole, other);
          celErrors(schema, whole, other);
          assert.deepEqual(objectErrors(schema, whole, whole), [], "what was there may stay");
          assert.equal(JSON.stringify(one), before);
          assert.ok(isJsonObject(whole));
        }),
        { numRuns: 200, seed: 11 },
      );
    });
  }
});

/** Kubernetes' own: unique items of sets and maps, points in time. */
const ONLY_OURS = /^Duplicate value|must be of type date-time/;
