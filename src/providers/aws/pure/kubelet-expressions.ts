import { Environment, type ParseResult } from "@marcbachmann/cel-js";
import { parseQuantity } from "../../../model/quantity.ts";
import type { Ec2Facts } from "../../ec2/facts.ts";
import type { FamilyFacts } from "./ami-family.ts";
import type { Amounts, Kubelet, RawKubelet } from "./kubelet.ts";
import { type NodeInterface, podsByDefault, podsOf } from "./pods.ts";

/** Where an expression may stand, and what it says there. */
type Expression = { field: "maxPods" | "kubeReserved" | "systemReserved"; name: string; text: string };

/** Expressions in spec.kubelet: text instead of a number of pods, or of a quantity that is reserved. */
export function expressionsIn(raw: RawKubelet | undefined): Expression[] {
  const found: Expression[] = [];
  const maxPods = raw?.["maxPods"];
  if (typeof maxPods === "string") found.push({ field: "maxPods", name: "maxPods", text: maxPods });
  for (const field of ["kubeReserved", "systemReserved"] as const) {
    for (const [name, text] of Object.entries((raw?.[field] ?? {}) as Amounts)) {
      if (parseQuantity(text) === undefined) found.push({ field, name, text });
    }
  }
  return found;
}

/** What cannot even be read, or would not be a number; undefined: nothing. */
export function expressionProblem(raw: RawKubelet): string | undefined {
  const problems = expressionsIn(raw).flatMap((expression) => {
    const parsed = compiled(expression.text);
    return "problem" in parsed ? [`${where(expression)}: ${parsed.problem}`] : [];
  });
  return problems.length === 0 ? undefined : problems.join("; ");
}

/**
 * The kubelet's settings on nodes of a type: every expression has become its value.
 * @source reference of the AWS provider's API, section 2.5
 */
export function kubeletOfType(
  kubelet: Kubelet,
  facts: Ec2Facts,
  family: FamilyFacts,
  interfaces: readonly NodeInterface[],
  reservedEnis: number,
): { kubelet: Kubelet } | { problem: string } {
  const expressions = expressionsIn(kubelet);
  if (expressions.length === 0) return { kubelet };
  const variables = {
    vcpus: BigInt(facts.cpu),
    memory_mib: BigInt(facts.memoryMiB),
    default_enis: BigInt(facts.cards[0] ?? 0),
    ips_per_eni: BigInt(facts.addresses),
    instance_type: facts.name,
  };
  let result: Kubelet = kubelet;
  // The number of pods first: what is reserved may depend on it.
  for (const expression of expressions) {
    const { field, name, text } = expression;
    const pods =
      field === "maxPods"
        ? podsByDefault(facts, family, interfaces, reservedEnis)
        : podsOf(facts, family, result, interfaces, reservedEnis);
    const value = evaluated(text, { ...variables, max_pods: BigInt(pods) });
    if ("problem" in value) return { problem: `${where(expression)} on ${facts.name}: ${value.problem}` };
    result =
      field === "maxPods"
        ? { ...result, maxPods: value.number }
        : { ...result, [field]: { ...result[field], [name]: inUnit(name, value.number) } };
  }
  return { kubelet: result };
}

function where({ field, name }: Expression): string {
  return field === name ? field : `${field}.${name}`;
}

const ENVIRONMENT = environment();
const EXPRESSIONS_MAX = 1_000;
const known = new Map<string, { run: ParseResult } | { problem: string }>();

function environment(): Environment {
  const result = new Environment().registerVariable("instance_type", "string");
  for (const name of ["vcpus", "memory_mib", "default_enis", "ips_per_eni", "max_pods"]) {
    result.registerVariable(name, "int");
  }
  type Numeric = number | bigint;
  const pairs = { max: (a: Numeric, b: Numeric) => (a > b ? a : b), min: (a: Numeric, b: Numeric) => (a < b ? a : b) };
  for (const [name, choose] of Object.entries(pairs)) {
    result.registerFunction(`${name}(int, int): int`, choose);
    const inDoubles = (a: Numeric, b: Numeric) => choose(Number(a), Number(b));
    for (const types of ["double, double", "int, double", "double, int"]) {
      result.registerFunction(`${name}(${types}): double`, inDoubles);
    }
  }
  return result;
}

function compiled(text: string): { run: ParseResult } | { problem: string } {
  const before = known.get(text);
  if (before !== undefined) return before;
  if (known.size >= EXPRESSIONS_MAX) known.clear();
  const made = compile(text);
  known.set(text, made);
  return made;
}

function compile(text: string): { run: ParseResult } | { problem: string } {
  try {
    const run = ENVIRONMENT.parse(text);
    const { valid, type, error } = run.check();
    if (!valid) return { problem: `"${text}" cannot be evaluated: ${error?.summary ?? ""}` };
    return type === "int" || type === "double" ? { run } : { problem: `"${text}" is no number, but ${type}` };
  } catch (error) {
    return { problem: `"${text}" cannot be read: ${firstLine(error)}` };
  }
}

const INT32_MAX = 2 ** 31 - 1;

function evaluated(text: string, variables: Record<string, unknown>): { number: number } | { problem: string } {
  const made = compiled(text);
  if ("problem" in made) return made;
  try {
    const value = Number(made.run(variables));
    if (!Number.isFinite(value)) return { problem: `"${text}" is ${value}` };
    const number = Math.trunc(value);
    if (number < 0 || number > INT32_MAX) return { problem: `"${text}" is ${number}: it goes from 0 to ${INT32_MAX}` };
    return { number };
  } catch (error) {
    return { problem: `"${text}" fails: ${firstLine(error)}` };
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n")[0] ?? "";
}

/** Rounded up, so that types of nearly the same size share their launch templates. */
function inUnit(name: string, number: number): string {
  if (name === "cpu") return `${Math.ceil(number / 10) * 10}m`;
  if (name === "memory") return `${Math.ceil(number / 16) * 16}Mi`;
  return name === "ephemeral-storage" ? `${number}Gi` : String(number);
}
