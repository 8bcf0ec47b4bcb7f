import { isObject } from "../../json.ts";

type Step =
  | { kind: "member"; name: string }
  | { kind: "index"; at: number }
  | { kind: "every" }
  | { kind: "filter"; path: readonly Step[]; equals: string; isNegated: boolean };

const parsed = new Map<string, readonly Step[]>();

/**
 * The first value at a path of the kind that printer columns use: members (dots escaped by a backslash), indexes, "*" and
 * filters such as [?(@.type=="Ready")]. Undefined when there is none, or when the path is of another kind.
 */
export function firstAt(root: unknown, path: string): unknown {
  let steps = parsed.get(path);
  if (steps === undefined) {
    steps = parse(path.replace(/^\{(.*)\}$/, "$1"));
    if (parsed.size > 1_000) parsed.clear();
    parsed.set(path, steps);
  }
  return walk([root], steps)[0];
}

function walk(roots: readonly unknown[], steps: readonly Step[]): unknown[] {
  let values = [...roots];
  for (const step of steps) values = values.flatMap((value) => take(value, step));
  return values;
}

function take(value: unknown, step: Step): unknown[] {
  switch (step.kind) {
    case "member":
      return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case "index": {
      const item = Array.isArray(value) ? value.at(step.at) : undefined;
      return item === undefined ? [] : [item];
    }
    case "every":
      return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
    case "filter":
      if (!Array.isArray(value)) return [];
      return value.filter((item) => (String(walk([item], step.path)[0]) === step.equals) !== step.isNegated);
  }
}

const TOKEN =
  /\.?\[\?\(@((?:\.|\[)[^=!)]*?)\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)'|([^\s)]*))\s*\)\]|\.?\[\s*'((?:[^'\\]|\\.)*)'\s*\]|\.?\[\s*"((?:[^"\\]|\\.)*)"\s*\]|\[(-?\d+)\]|\[\*\]|\.\*|\.((?:[^.[\]\\]|\\.)+)/y;

function parse(path: string): Step[] {
  const text = path.startsWith("$") ? path.slice(1) : path;
  const steps: Step[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    // Nothing is found by what cannot be read.
    if (match === null) return [{ kind: "member", name: "" }];
    steps.push(stepOf(match));
    // A filter's own path was parsed with the same expression.
    TOKEN.lastIndex = match.index + match[0].length;
  }
  return steps;
}

function stepOf(match: RegExpExecArray): Step {
  const [all, inner, operator, double, single, bare, quoted, doubleQuoted, index, member] = match;
  if (inner !== undefined) {
    return { kind: "filter", path: parse(inner), equals: double ?? single ?? bare ?? "", isNegated: operator === "!=" };
  }
  const name = quoted ?? doubleQuoted ?? member;
  if (name !== undefined) return { kind: "member", name: name.replace(/\\(.)/g, "$1") };
  return index === undefined || all === undefined ? { kind: "every" } : { kind: "index", at: Number(index) };
}
