import { RE2JS } from "re2js";

/** Entries kept per table; manifests repeat the same labels and quantities. */
const entriesMax = 2_000;
/** Longer texts are rarely repeated, and are not worth their memory. */
const keptLengthMax = 256;

/**
 * Whether the pattern occurs in the text, with the syntax and the linear time of Go's regular expressions.
 * @throws RE2JSSyntaxException for a pattern that is none; `patternProblem` says so beforehand
 */
export const matcherOf: (pattern: string) => (text: string) => boolean = remembering((pattern) => {
  const regex = RE2JS.compile(pattern);
  return remembering((text) => regex.matcher(text).find());
});

/** The first match of the pattern in the text, or "". */
export function firstMatch(pattern: string, text: string): string {
  return finderOf(pattern)(text);
}

const finderOf = remembering((pattern) => {
  const regex = RE2JS.compile(pattern);
  return remembering((text) => {
    const matcher = regex.matcher(text);
    return matcher.find() ? (matcher.group() ?? "") : "";
  });
});

/** All matches that do not overlap, in order. */
export function allMatches(pattern: string, text: string): string[] {
  const matcher = RE2JS.compile(pattern).matcher(text);
  const found: string[] = [];
  while (matcher.find()) found.push(matcher.group() ?? "");
  return found;
}

/** Why the pattern is none, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  try {
    matcherOf(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function remembering<T>(compute: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const answer = compute(text);
    if (known.size >= entriesMax) known.clear();
    if (text.length <= keptLengthMax) known.set(text, answer);
    return answer;
  };
}
