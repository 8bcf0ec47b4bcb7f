/** A table: a heading for each column, then rows. */
export type Table = { title: string; head: readonly string[]; rows: readonly (readonly string[])[] };

/** What a command found out, for people. Tables without rows are left out. */
export type Report = { headline: string; tables: readonly Table[]; notes: readonly string[] };

const LISTED_MAX = 50;

export function reportText(report: Report): string {
  return joined(
    report,
    ({ title, head, rows }) => `${title}\n${aligned(head.every((cell) => cell === "") ? rows : [head, ...rows])}`,
  );
}

/** The same as Markdown, for pull requests. */
export function reportMarkdown(report: Report): string {
  return joined(report, ({ title, head, rows }) => {
    const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(escaped).join(" | ")} |`);
    return `**${title}**\n\n${lines.join("\n")}`;
  });
}

function joined({ headline, tables, notes }: Report, drawn: (table: Table) => string): string {
  const filled = tables.filter(({ rows }) => rows.length > 0).map(drawn);
  const listed = notes.length === 0 ? [] : [notes.map((note) => `- ${note}`).join("\n")];
  return `${[headline, ...filled, ...listed].join("\n\n")}\n`;
}

/** The first rows; the last one says how many were left out. */
export function listed(rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  if (rows.length <= LISTED_MAX) return rows;
  return [...rows.slice(0, LISTED_MAX), [`and ${rows.length - LISTED_MAX} more: see -o json`]];
}

export function dollars(amount: number): string {
  return `$${amount.toFixed(4)}`;
}

/** With its sign, to one decimal. */
export function signed(amount: number): string {
  return `${amount >= 0 ? "+" : "-"}${Math.abs(amount).toFixed(1)}`;
}

/** A span of time in its two largest units: "3 h 20 min". */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const [hours, restMinutes] = [Math.floor(minutes / 60), minutes % 60];
  if (hours < 24) return restMinutes === 0 ? `${hours} h` : `${hours} h ${restMinutes} min`;
  const [days, restHours] = [Math.floor(hours / 24), hours % 24];
  return restHours === 0 ? `${days} d` : `${days} d ${restHours} h`;
}

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows
    .map((row) => `  ${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join("  ")}`)
    .join("\n");
}

function escaped(cell: string): string {
  return cell.replaceAll("|", "\\|");
}
