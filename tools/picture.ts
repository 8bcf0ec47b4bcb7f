import process from "node:process";

/**
 * Draws terminal text with ANSI colours (standard input) as an SVG picture (standard output).
 * The picture in the README: `tmux capture-pane -e -p | node tools/picture.ts > docs/live-view.svg`
 */
const CELL = { width: 8.4, height: 18 };
const COLOURS: Readonly<Record<string, string>> = {
  "31": "#f47067",
  "32": "#8ddb8c",
  "33": "#f0c674",
  "36": "#76c7d8",
};

let text = "";
process.stdin.setEncoding("utf8");
for await (const chunk of process.stdin) text += chunk as string;
process.stdout.write(picture(text.replace(/\s+$/, "").split("\n")));

function picture(lines: readonly string[]): string {
  const columns = Math.max(...lines.map((line) => visibleLength(line)));
  const width = Math.ceil(columns * CELL.width + 32);
  const height = lines.length * CELL.height + 28;
  const rows = lines.map((line, i) => `<text x="16" y="${28 + i * CELL.height}">${spans(line)}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<rect width="100%" height="100%" rx="8" fill="#1c2128"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#cdd9e5" xml:space="preserve">
${rows.join("\n")}
</g>
</svg>
`;
}

function spans(line: string): string {
  let style = "";
  return (
    pieces(line)
      .map(({ codes, text }) => {
        if (codes !== undefined) style = styleAfter(style, codes);
        if (text === "") return "";
        return style === "" ? escapeXml(text) : `<tspan ${style}>${escapeXml(text)}</tspan>`;
      })
      .join("") || " "
  );
}

function styleAfter(style: string, codes: string): string {
  let now = style;
  for (const code of codes.split(";")) {
    if (code === "" || code === "0" || code === "39") now = "";
    else if (code === "1") now = `${now} font-weight="bold"`.trim();
    else if (code === "2") now = `${now} opacity="0.6"`.trim();
    else if (COLOURS[code] !== undefined) now = `${now.replace(/fill="[^"]*"/, "")} fill="${COLOURS[code]}"`.trim();
  }
  return now;
}

/** Splits at escape sequences: each piece begins with the codes that hold from there. */
function pieces(line: string): { codes: string | undefined; text: string }[] {
  return line.split("\u001b[").map((part, i) => {
    if (i === 0) return { codes: undefined, text: part };
    const end = part.search(/[A-Za-z]/);
    return { codes: part.slice(0, end), text: part.slice(end + 1) };
  });
}

function visibleLength(line: string): number {
  return pieces(line).reduce((sum, { text }) => sum + text.length, 0);
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
