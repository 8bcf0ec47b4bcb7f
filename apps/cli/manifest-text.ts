import { type Document, isMap, isNode, isPair, isSeq, LineCounter, type Node, parse, parseAllDocuments } from "yaml";
import { readPlainYaml } from "./plain-yaml.ts";

/** One document of a file. */
export type ManifestDocument = {
  value: unknown;
  /** From 1, empty documents counted. */
  number: number;
  /**
   * The line (from 1) of the field at a path such as "spec.containers[0].image" below the given steps; where there is
   * no such field, of the deepest one on the way to it. A JSON document is one line when no field is asked for.
   */
  lineOf(steps: readonly (string | number)[], path: string): number;
};

export type TextMistake = { line: number; text: string };

/** What a text holds: the documents that can be read, and what is wrong with the others. */
type ReadText = { documents: ManifestDocument[]; mistakes: TextMistake[] };

/** The documents of a YAML or JSON text, and what is wrong with it. Empty documents are left out. */
export function readDocuments(text: string): ReadText {
  return readJson(text) ?? readLargeYaml(text) ?? readYaml(text);
}

/** Below this the full reader takes no time that anybody would notice. */
const LARGE_CHARACTERS = 100_000;

/** A dump of a cluster as kubectl prints it, read fast; undefined when it is small or looks otherwise. */
function readLargeYaml(text: string): ReadText | undefined {
  if (text.length < LARGE_CHARACTERS) return undefined;
  const lines = text.split("\n");
  if (lines[0] === "---") lines[0] = "";
  if (lines.some((line) => /^(?:---|\.\.\.|%)/.test(line))) return undefined;
  const list = readLargeList(lines);
  if (list === undefined) return undefined;
  let slow: ReadText | undefined;
  const lineOf: ManifestDocument["lineOf"] = (steps, path) => {
    const item = steps.length === 2 ? list.itemLines[Number(steps[1])] : undefined;
    if (path === "" && item !== undefined) return item;
    slow ??= readYaml(text);
    return slow.documents[0]?.lineOf(steps, path) ?? 1;
  };
  return { documents: [{ value: list.value, number: 1, lineOf }], mistakes: [] };
}

/** A map with a list "items". What is unusual in an item costs the time of a full reader for that item. */
function readLargeList(lines: readonly string[]): { value: unknown; itemLines: number[] } | undefined {
  const top = lines.indexOf("items:");
  if (top < 0) return undefined;
  const dash = `${/^ */.exec(lines[top + 1] ?? "")?.[0] ?? ""}- `;
  const isEnd = (line: string) => /^[^ #-]/.test(line);
  let end = top + 1;
  while (end < lines.length && !isEnd(lines[end] ?? "")) end += 1;
  const frame = readPlainYaml([...lines.slice(0, top), ...lines.slice(end)])?.value;
  if (typeof frame !== "object" || frame === null || Array.isArray(frame) || Object.hasOwn(frame, "items")) {
    return undefined;
  }
  const items: unknown[] = [];
  const itemLines: number[] = [];
  for (let start = top + 1; start < end; ) {
    let next = start + 1;
    while (next < end && !lines[next]?.startsWith(dash)) next += 1;
    const item = readItem(lines.slice(start, next));
    if (item === undefined) return undefined;
    items.push(item.value);
    itemLines.push(start + 1);
    start = next;
  }
  return { value: { ...frame, items }, itemLines };
}

function readItem(lines: readonly string[]): { value: unknown } | undefined {
  let value = readPlainYaml(lines)?.value;
  if (value === undefined) {
    try {
      value = parse(lines.join("\n"), { merge: true, prettyErrors: false });
    } catch {
      return undefined;
    }
  }
  return Array.isArray(value) && value.length === 1 ? { value: value[0] } : undefined;
}

/** JSON is read by the engine, which is a hundred times faster; positions are looked for only when they are needed. */
function readJson(text: string): ReadText | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  let slow: ReadText | undefined;
  const lineOf: ManifestDocument["lineOf"] = (steps, path) => {
    if (path === "") return 1;
    slow ??= readYaml(text);
    return slow.documents[0]?.lineOf(steps, path) ?? 1;
  };
  return { documents: [{ value, number: 1, lineOf }], mistakes: [] };
}

function readYaml(text: string): ReadText {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const read: ReadText = { documents: [], mistakes: [] };
  const all: readonly Document.Parsed[] = Array.isArray(parsed) ? parsed : [];
  for (const [i, document] of all.entries()) {
    for (const { code, message, pos } of document.errors) {
      read.mistakes.push({ line: lineAt(pos[0]), text: inWords(code, message) });
    }
    if (document.errors.length > 0) continue;
    let value: unknown;
    try {
      value = document.toJS();
    } catch (error) {
      // Aliases that unfold into more than anybody would write.
      read.mistakes.push({
        line: lineAt(document.range[0]),
        text: error instanceof Error ? error.message : String(error),
      });
      continue;
    }
    if (value === null || value === undefined) continue;
    read.documents.push({
      value,
      number: i + 1,
      lineOf: (steps, path) => lineAt(offsetOf(document.contents, steps, path) ?? document.range[0]),
    });
  }
  return read;
}

function inWords(code: string, message: string): string {
  if (code === "TAB_AS_INDENT") return "a tab indents this line: YAML wants spaces";
  if (code === "DUPLICATE_KEY") return `a field is there twice (${message}): keep one of them`;
  return `this is no YAML: ${message}`;
}

/** Where the field starts: at its key. */
function offsetOf(root: unknown, steps: readonly (string | number)[], path: string): number | undefined {
  let at: unknown = root;
  let found = isNode(at) ? at.range?.[0] : undefined;
  const enter = (next: { at: unknown; offset: number | undefined } | undefined): boolean => {
    if (next === undefined) return false;
    at = next.at;
    found = next.offset ?? found;
    return true;
  };
  for (const step of steps) if (!enter(child(at, step))) return found;
  let rest = path;
  while (rest !== "") {
    const index = /^\[(\d+)\]\.?/.exec(rest);
    const step = index === null ? longestKey(at, rest) : Number(index[1]);
    if (step === undefined || !enter(child(at, step))) return found;
    rest = index === null ? rest.slice(String(step).length).replace(/^\.|^\[(?!\d)/, "") : rest.slice(index[0].length);
  }
  return found;
}

function child(node: unknown, step: string | number): { at: unknown; offset: number | undefined } | undefined {
  if (isSeq(node) && typeof step === "number") {
    const item = node.items[step];
    return isNode(item) ? { at: item, offset: item.range?.[0] } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find((item) => isPair(item) && keyText(item.key) === String(step));
  if (pair === undefined) return undefined;
  return { at: pair.value, offset: isNode(pair.key) ? (pair.key as Node).range?.[0] : undefined };
}

/** Keys may hold dots themselves: of those that the path begins with, the longest is meant. */
function longestKey(node: unknown, path: string): string | undefined {
  if (!isMap(node)) return undefined;
  let longest: string | undefined;
  for (const { key } of node.items) {
    const text = keyText(key);
    const isNext = path.startsWith(text) && /^$|^[.[\]]/.test(path.slice(text.length));
    if (isNext && text.length > (longest?.length ?? 0)) longest = text;
  }
  return longest;
}

function keyText(key: unknown): string {
  return String(isNode(key) && "value" in key ? key.value : key);
}
