/** One part of a MIME message: its type and what it says. */
export type MimePart = { contentType: string; body: string };

export const SHELL_SCRIPT = 'text/x-shellscript; charset="us-ascii"';
const BOUNDARY = "//";

export function mimeMessage(parts: readonly MimePart[]): string {
  const written = parts.map(
    ({ contentType, body }) => `--${BOUNDARY}\nContent-Type: ${contentType}\n\n${body.replaceAll("\r", "")}\n`,
  );
  return `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${BOUNDARY}"\n\n${written.join("")}--${BOUNDARY}--\n`;
}

/** Whether the text means to be a MIME message. */
export function looksLikeMime(text: string): boolean {
  return /^(MIME-Version|Content-Type):/i.test(text.trimStart());
}

/** The parts of a multipart message, or what is wrong with it, by the line. */
export function mimeParts(message: string): { parts: MimePart[] } | { problem: string } {
  const lines = message.trimStart().replaceAll("\r", "").split("\n");
  const headerEnd = lines.indexOf("");
  const header = unfolded(lines.slice(0, headerEnd < 0 ? lines.length : headerEnd));
  const boundary = /boundary="?([^";]+)"?/i.exec(header.get("content-type") ?? "")?.[1];
  if (boundary === undefined) return { problem: "line 1: the MIME header names no boundary" };
  const starts = lines.flatMap((line, i) => (line.trimEnd() === `--${boundary}` ? [i] : []));
  const end = lines.findIndex((line) => line.trimEnd() === `--${boundary}--`);
  if (starts.length === 0) return { problem: `line ${lines.length}: no part begins with --${boundary}` };
  if (end < 0) return { problem: `line ${lines.length}: the last part does not end with --${boundary}--` };
  const parts: MimePart[] = [];
  for (const [i, start] of starts.entries()) {
    const text = lines.slice(start + 1, starts[i + 1] ?? end);
    const blank = text.indexOf("");
    if (blank < 0) return { problem: `line ${start + 2}: no empty line ends the headers of this part` };
    const headers = unfolded(text.slice(0, blank));
    const body = text.slice(blank + 1).join("\n");
    parts.push({ contentType: headers.get("content-type") ?? "text/plain", body: body.replace(/\n+$/, "") });
  }
  return { parts };
}

/** Headers by their names in lower case; a line that begins with a blank goes on with the one before. */
function unfolded(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  let last = "";
  for (const line of lines) {
    const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      last = name.toLowerCase();
      headers.set(last, value ?? "");
    } else if (/^\s/.test(line) && last !== "") headers.set(last, `${headers.get(last) ?? ""} ${line.trim()}`);
  }
  return headers;
}
