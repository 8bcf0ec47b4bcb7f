import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { filled } from "../../apps/cli/template.ts";
import type { Loose } from "../../src/model/resources/test-objects.ts";

/** A part of a guide that is YAML: a whole manifest, or some fields of one. */
export type GuidePart = { file: string; line: number; value: Loose };

/** All YAML at the first column of the guides in a folder, in order; the variables filled in as envsubst would. */
export function guideParts(folder: string, variables: Readonly<Record<string, string>>): GuidePart[] {
  return readdirSync(folder)
    .sort()
    .flatMap((file) => {
      // Variables that only shell commands use stay as they are.
      const { text } = filled(readFileSync(join(folder, file), "utf8"), variables);
      return partsOf(text).map((part) => ({ file, ...part }));
    });
}

const FIRST_LINE = /^(apiVersion|requirements|disruption|metadataOptions|tags|metadata|spec):/;
const YAML_LINE = /^(\s|#|$|[A-Za-z]\w*:( |$))/;

/** From a first line to the first that is no YAML, that begins a document, or that repeats a field. */
function partsOf(text: string): { line: number; value: Loose }[] {
  const parts: { line: number; value: Loose }[] = [];
  let open: { line: number; lines: string[] } | undefined;
  const close = (): void => {
    if (open !== undefined) parts.push(...parsed(open));
    open = undefined;
  };
  for (const [index, line] of text.split("\n").entries()) {
    const field = /^\w+:/.exec(line)?.[0];
    const isRepeated = field !== undefined && open?.lines.some((one) => one.startsWith(field)) === true;
    if (open !== undefined && (isRepeated || !YAML_LINE.test(line))) close();
    if (open === undefined && FIRST_LINE.test(line)) open = { line: index + 1, lines: [] };
    open?.lines.push(line);
  }
  close();
  return parts;
}

function parsed({ line, lines }: { line: number; lines: readonly string[] }): { line: number; value: Loose }[] {
  const document = parseDocument(lines.join("\n"));
  return document.errors.length > 0 ? [] : [{ line, value: document.toJS() }];
}
