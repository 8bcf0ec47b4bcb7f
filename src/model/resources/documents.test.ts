import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaulted } from "../schema/default.ts";
import { fieldErrorText } from "../schema/field-error.ts";
import { objectErrors } from "../schema/object-errors.ts";
import { unknownFields } from "../schema/prune.ts";
import { customResourceOf } from "./custom-resources.ts";
import {
  everyClassField,
  everyPoolField,
  getStartedClass,
  getStartedPool,
  maintenanceBudgets,
  pool,
  productionClass,
  productionPool,
  REF,
  reservedClass,
  reservedPool,
} from "./guide-manifests.ts";
import { nodePoolProblems } from "./node-pool-problems.ts";
import { type Loose, withChange } from "./test-objects.ts";

/** No message: taken. */
const VERDICTS: readonly (readonly [name: string, object: Loose, refused?: RegExp])[] = [
  ["a pool with every field", everyPoolField],
  ["WhenEmpty", withChange(everyPoolField, "spec.disruption.consolidationPolicy", "WhenEmpty")],
  ["consolidateAfter Never", withChange(everyPoolField, "spec.disruption.consolidateAfter", "Never")],
  ["expireAfter Never", withChange(everyPoolField, "spec.template.spec.expireAfter", "Never")],
  [
    "a choice instead of a policy",
    withChange(everyPoolField, "spec.disruption.consolidationPolicy", "WhenEmptyOrUnderutilized | WhenEmpty"),
    /consolidationPolicy: Unsupported value/,
  ],
  [
    "a choice instead of a time",
    withChange(everyPoolField, "spec.disruption.consolidateAfter", "1m | Never"),
    /consolidateAfter: Invalid value/,
  ],
  [
    "a choice instead of an age",
    withChange(everyPoolField, "spec.template.spec.expireAfter", "720h | Never"),
    /expireAfter: Invalid value/,
  ],
  [
    "a pool with nothing but a node class",
    pool({ template: { spec: { nodeClassRef: REF } } }),
    /requirements: Required/,
  ],
  ["a class with every field", everyClassField],
  [
    "a profile instead of the role",
    withChange(withChange(everyClassField, "spec.role", undefined), "spec.instanceProfile", "profile"),
  ],
  [
    "a role and a profile",
    withChange(everyClassField, "spec.instanceProfile", "profile"),
    /exactly one of 'role', 'instanceProfile'/,
  ],
  [
    "an alias among other terms",
    withChange(everyClassField, "spec.amiSelectorTerms", [{ alias: "al2023@v20240703" }, { name: "my-ami" }]),
    /only term/,
  ],
  ["the pool of a first cluster", getStartedPool],
  ["the class of a first cluster", getStartedClass],
  ["a class for production", productionClass],
  ["a pool for production", productionPool],
  ["weight 200 for a second colour", withChange(productionPool, "spec.weight", 200), /less than or equal to 100/],
  ["weight 100 for a second colour", withChange(productionPool, "spec.weight", 100)],
  ["budgets with a maintenance window", withChange(productionPool, "spec.disruption.budgets", maintenanceBudgets)],
  ["a week's life", withChange(productionPool, "spec.template.spec.expireAfter", "168h")],
  ["a class with a reservation", reservedClass],
  ["a pool for a reservation", reservedPool],
  [
    "a reference without group and kind",
    withChange(reservedPool, "spec.template.spec.nodeClassRef", { name: "spot-flex" }),
    /nodeClassRef\.group: Required value/,
  ],
];

function verdict(object: Loose): string[] {
  const [group = ""] = String(object.apiVersion).split("/");
  const schema = customResourceOf(group, object.kind)!.schema;
  const whole = defaulted(schema, object);
  const errors = objectErrors(schema, whole).map(fieldErrorText);
  if (errors.length === 0 && object.kind === "NodePool") errors.push(...nodePoolProblems(whole));
  return [...unknownFields(schema, object).map((field) => `unknown field "${field}"`), ...errors];
}

describe("manifests of published guides", () => {
  for (const [name, object, refused] of VERDICTS) {
    it(`${name}: ${refused === undefined ? "taken" : "refused"}`, () => {
      if (refused === undefined) assert.deepEqual(verdict(object), []);
      else assert.match(verdict(object).join("\n"), refused);
    });
  }
});
