import { Environment, Optional, type ParseResult } from "@marcbachmann/cel-js";
import { duplicate, type FieldError, forbidden, invalid, required } from "./field-error.ts";
import { allMatches, firstMatch } from "./pattern.ts";
import { childPath, isJsonObject, type JsonObject, type Rule, type Schema, sameJson, setProperty } from "./schema.ts";

/**
 * The violations of the schema's CEL rules. Rules run at every node that is there, with `self` the node's value; those
 * that speak of `oldSelf` run only where there is an old value to compare with. A rule that cannot be evaluated counts
 * as violated, and its error is in the message. Call it on objects without schema errors only, as the API server does.
 */
export function celErrors(schema: Schema, object: unknown, oldObject?: unknown): FieldError[] {
  const run = runnerOf(schema);
  if (run === undefined) return [];
  const convert = converterOf(schema) ?? unchanged;
  const errors: FieldError[] = [];
  run({ self: convert(object), old: oldObject === undefined ? undefined : convert(oldObject), path: "", errors });
  return errors;
}

/** What is wrong with a rule as such, or undefined: a CustomResourceDefinition with such a rule is refused. */
export function ruleProblem({ rule, messageExpression }: Rule): string | undefined {
  for (const expression of [rule, messageExpression]) {
    if (expression === undefined) continue;
    try {
      const { valid, error } = compiled(expression).check();
      if (!valid) return error?.summary ?? "it cannot be evaluated";
    } catch (error) {
      return textOf(error);
    }
  }
  return undefined;
}

type Visit = {
  self: unknown;
  /** The value before, where there was one and one can tell which. */
  old: unknown;
  path: string;
  errors: FieldError[];
  parent?: Visit;
};
type Runner = (visit: Visit) => void;

const runners = new WeakMap<Schema, { run: Runner | undefined }>();

/** Undefined when there is no rule anywhere below. */
function runnerOf(schema: Schema): Runner | undefined {
  let entry = runners.get(schema);
  if (entry === undefined) {
    entry = { run: compileRunner(schema) };
    runners.set(schema, entry);
  }
  return entry.run;
}

function compileRunner(schema: Schema): Runner | undefined {
  const steps: Runner[] = [];
  for (const rule of schema["x-kubernetes-validations"] ?? []) steps.push(ruleStep(schema, rule));
  const properties = propertiesStep(schema);
  if (properties !== undefined) steps.push(properties);
  const items = itemsStep(schema);
  if (items !== undefined) steps.push(items);
  if (steps.length === 0) return undefined;
  return (visit) => {
    if (visit.self === null || visit.self === undefined) return;
    for (const step of steps) step(visit);
  };
}

function ruleStep(schema: Schema, rule: Rule): Runner {
  const isTransition = /\boldSelf\b/.test(rule.rule);
  return (visit) => {
    const { self, old, path, errors } = visit;
    if (isTransition && old === undefined && rule.optionalOldSelf !== true) return;
    const context: JsonObject = { self };
    if (rule.optionalOldSelf === true) context["oldSelf"] = old === undefined ? Optional.none() : Optional.of(old);
    else if (isTransition) context["oldSelf"] = old;
    const failure = failureOf(rule, context);
    if (failure === undefined) return;
    if ((!isTransition || failure.isError) && isUnchanged(visit)) return;
    errors.push(violation(schema, rule, path, failure.message));
  };
}

/** What nobody touched is let pass, so that a stricter schema does not lock its old objects. */
function isUnchanged(visit: Visit): boolean {
  for (let at: Visit | undefined = visit; at !== undefined; at = at.parent) {
    if (at.old !== undefined && sameJson(at.self, at.old)) return true;
  }
  return false;
}

/** Undefined when the rule holds. */
function failureOf(rule: Rule, context: JsonObject): { message: string; isError: boolean } | undefined {
  const message = rule.message ?? `failed rule: ${rule.rule}`;
  try {
    if (compiled(rule.rule)(context) === true) return undefined;
  } catch (error) {
    return { message: `${textOf(error)} evaluating rule: ${message}`, isError: true };
  }
  return { message: computedMessage(rule, context) ?? message, isError: false };
}

/** Undefined when there is none, or none that fits on a line. */
function computedMessage({ messageExpression }: Rule, context: JsonObject): string | undefined {
  if (messageExpression === undefined) return undefined;
  try {
    const text: unknown = compiled(messageExpression)(context);
    return typeof text === "string" && text.trim() !== "" && !text.includes("\n") ? text : undefined;
  } catch {
    return undefined;
  }
}

function violation(schema: Schema, rule: Rule, path: string, message: string): FieldError {
  const below = rule.fieldPath ?? "";
  const field = path === "" ? below.replace(/^\./, "") : `${path}${below}`;
  const type = schema.type ?? "object";
  if (rule.reason === "FieldValueForbidden") return forbidden(field, message);
  if (rule.reason === "FieldValueRequired") return required(field, message);
  if (rule.reason === "FieldValueDuplicate") return duplicate(field, type);
  return invalid(field, type, message);
}

function propertiesStep(schema: Schema): Runner | undefined {
  const { properties = {}, additionalProperties } = schema;
  const declared: { name: string; escaped: string; run: Runner }[] = [];
  const known = new Set<string>();
  for (const [name, property] of Object.entries(properties)) {
    const escaped = escapedName(name);
    known.add(escaped);
    const run = runnerOf(property);
    if (run !== undefined) declared.push({ name, escaped, run });
  }
  const other = typeof additionalProperties === "object" ? runnerOf(additionalProperties) : undefined;
  if (declared.length === 0 && other === undefined) return undefined;
  // Members of an atomic map have no history of their own.
  const hasHistory = schema["x-kubernetes-map-type"] !== "atomic";
  return (parent) => {
    const { self, old, path, errors } = parent;
    if (!isJsonObject(self)) return;
    const before = hasHistory && isJsonObject(old) ? old : {};
    for (const { name, escaped, run } of declared) {
      if (!Object.hasOwn(self, escaped)) continue;
      run({ self: self[escaped], old: own(before, escaped), path: childPath(path, name), errors, parent });
    }
    if (other === undefined) return;
    for (const name of Object.keys(self)) {
      if (known.has(name)) continue;
      other({ self: self[name], old: own(before, name), path: `${path}[${name}]`, errors, parent });
    }
  };
}

function own(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function itemsStep(schema: Schema): Runner | undefined {
  const run = schema.items === undefined ? undefined : runnerOf(schema.items);
  if (run === undefined) return undefined;
  const keys = schema["x-kubernetes-list-type"] === "map" ? (schema["x-kubernetes-list-map-keys"] ?? []) : [];
  return (parent) => {
    const { self, old, path, errors } = parent;
    if (!Array.isArray(self)) return;
    for (const [i, item] of self.entries()) {
      run({ self: item, old: counterpart(item, old, keys), path: `${path}[${i}]`, errors, parent });
    }
  };
}

/** The old item with the same keys; only items of a list that is a map can be told apart. */
function counterpart(item: unknown, old: unknown, keys: readonly string[]): unknown {
  if (keys.length === 0 || !Array.isArray(old) || !isJsonObject(item)) return undefined;
  return old.find((before) => isJsonObject(before) && keys.every((key) => before[key] === item[key]));
}

type Converter = (value: unknown) => unknown;
const unchanged: Converter = (value) => value;
const converters = new WeakMap<Schema, { convert: Converter | undefined }>();

/** CEL tells whole numbers from others: they become BigInt where the schema says integer. Undefined: nothing to do. */
function converterOf(schema: Schema): Converter | undefined {
  let entry = converters.get(schema);
  if (entry === undefined) {
    entry = { convert: compileConverter(schema) };
    converters.set(schema, entry);
  }
  return entry.convert;
}

function compileConverter(schema: Schema): Converter | undefined {
  if (schema.type === "integer" || schema["x-kubernetes-int-or-string"] === true) {
    return (value) => (Number.isInteger(value) ? BigInt(value as number) : value);
  }
  if (schema.items !== undefined) {
    const item = converterOf(schema.items);
    return item && ((value) => (Array.isArray(value) ? value.map(item) : value));
  }
  const { properties = {}, additionalProperties } = schema;
  const declared = new Map<string, Converter>();
  const escaped = new Map<string, string>();
  for (const [name, property] of Object.entries(properties)) {
    const convert = converterOf(property);
    if (convert !== undefined) declared.set(name, convert);
    if (escapedName(name) !== name) escaped.set(name, escapedName(name));
  }
  const other = typeof additionalProperties === "object" ? converterOf(additionalProperties) : undefined;
  if (declared.size === 0 && escaped.size === 0 && other === undefined) return undefined;
  return (value) => {
    if (!isJsonObject(value)) return value;
    const result: JsonObject = {};
    for (const name of Object.keys(value)) {
      const convert = declared.get(name) ?? (Object.hasOwn(properties, name) ? undefined : other);
      setProperty(result, escaped.get(name) ?? name, convert === undefined ? value[name] : convert(value[name]));
    }
    return result;
  };
}

const RESERVED_WORDS: ReadonlySet<string> = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);
const SPECIAL_CHARACTERS: Readonly<Record<string, string>> = {
  __: "underscores",
  ".": "dot",
  "-": "dash",
  "/": "slash",
};

/** The name under which rules speak of a field whose own name is no CEL identifier: "x-y" is x__dash__y. */
function escapedName(name: string): string {
  if (RESERVED_WORDS.has(name)) return `__${name}__`;
  if (!/__|[./-]/.test(name)) return name;
  return name.replaceAll(/__|[./-]/g, (special) => `__${SPECIAL_CHARACTERS[special]}__`);
}

const environment = new Environment({
  unlistedVariablesAreDyn: true,
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
});
// The regular expression functions that Kubernetes adds to CEL.
environment.registerFunction("string.find(string): string", (text: string, pattern: string) =>
  firstMatch(pattern, text),
);
environment.registerFunction("string.findAll(string): list<string>", (text: string, pattern: string) =>
  allMatches(pattern, text),
);

const programs = new Map<string, ParseResult>();

/** Parsed once, for the life of the process: the rules come from a handful of schemas. */
function compiled(expression: string): ParseResult {
  let program = programs.get(expression);
  if (program === undefined) {
    program = environment.parse(expression);
    programs.set(expression, program);
  }
  return program;
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { summary } = error as { summary?: unknown };
  const text = typeof summary === "string" ? summary : (error.message.split("\n", 1)[0] ?? error.name);
  // In the words of the API server's own evaluator.
  return /cannot convert to int/.test(text) ? "type conversion error from 'string' to 'int'" : text;
}
