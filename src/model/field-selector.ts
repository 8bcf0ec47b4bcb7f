/** One condition on a field path such as "status.phase". */
export type FieldRequirement = { field: string; operator: "=" | "!="; value: string };

export type ParsedFieldSelector = { requirements: FieldRequirement[] } | { error: string };

/**
 * Reads `a=b,c==d,e!=f`; a backslash takes the meaning from the comma, equals sign or backslash after it. Which fields
 * exist is the server's business.
 * @source k8s.io/apimachinery pkg/fields, ParseSelector
 */
export function parseFieldSelector(text: string): ParsedFieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const part of splitUnescaped(text)) {
    if (part === "") continue;
    const match = /^((?:\\.|[^\\!=])*)(==|!=|=)(.*)$/s.exec(part);
    if (match === null) return { error: `invalid selector: '${text}'; can't understand '${part}'` };
    const [, field = "", operator, written = ""] = match;
    const value = unescapeValue(written);
    if (value === undefined) return { error: `invalid field selector: invalid escape sequence in '${part}'` };
    requirements.push({ field, operator: operator === "!=" ? "!=" : "=", value });
  }
  return { requirements };
}

/** True when every condition holds; `fieldText` gives the field's text, "" for an empty one. */
export function matchesFields(
  requirements: readonly FieldRequirement[],
  fieldText: (field: string) => string | undefined,
): boolean {
  return requirements.every(
    ({ field, operator, value }) => ((fieldText(field) ?? "") === value) === (operator === "="),
  );
}

function splitUnescaped(text: string): string[] {
  const parts: string[] = [];
  let part = "";
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === "\\") {
      part += text.slice(at, at + 2);
      at += 1;
    } else if (char === ",") {
      parts.push(part);
      part = "";
    } else {
      part += char;
    }
  }
  return [...parts, part];
}

function unescapeValue(written: string): string | undefined {
  if (!/^(?:\\[\\,=]|[^\\,=])*$/s.test(written)) return undefined;
  return written.replace(/\\([\\,=])/g, "$1");
}
