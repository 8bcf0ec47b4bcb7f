import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { costCommand } from "../apps/cli/cost.ts";
import { doctorCommand } from "../apps/cli/doctor.ts";
import { explainCommand } from "../apps/cli/explain.ts";
import type { Io } from "../apps/cli/io.ts";
import { planCommand } from "../apps/cli/plan.ts";
import { snapshotCommand } from "../apps/cli/snapshot/snapshot.ts";
import { playgroundCommand } from "../apps/playground/playground.ts";
import { eventsMarkdown, gatesMarkdown, metricsMarkdown, settingsMarkdown } from "./reference-tables.ts";

const root = new URL("..", import.meta.url).pathname;
const pages = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\0")
  .filter((page) => page !== "" && existsSync(root + page));
const scripts = Object.keys((JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { scripts: object }).scripts);

type Block = { language: string; text: string; line: number };

function blocksOf(page: string): Block[] {
  const text = readFileSync(root + page, "utf8");
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map((match) => ({
    language: match[1] ?? "",
    text: match[2] ?? "",
    line: text.slice(0, match.index).split("\n").length,
  }));
}

/** What is wrong with a line of shell, or undefined. */
function mistakeIn(line: string): string | undefined {
  for (const command of line.replace(/\s+#.*$/, "").split(/&&|\|/)) {
    const [program, ...args] = command
      .trim()
      .replace(/^([A-Z_]+=\S+\s+)+/, "")
      .split(/\s+/);
    if (program === "npm" && args[0] === "run" && !scripts.includes(args[1] ?? "")) return `no script ${args[1]}`;
    if (program === "npx" && args[0] !== "karpenter") return `npx ${args[0]} is not ours`;
    if (program === "node" || program === "bash") {
      const file = args.find((arg) => !arg.startsWith("-"));
      if (file !== undefined && !existsSync(root + file)) return `no file ${file}`;
    }
  }
  return undefined;
}

describe("the documentation", () => {
  for (const page of pages) {
    it(`${page}: links lead somewhere, commands exist, YAML is YAML`, () => {
      checkLinks(page);
      for (const block of blocksOf(page)) checkBlock(page, block);
    });
  }
});

function checkLinks(page: string): void {
  for (const [, target] of readFileSync(root + page, "utf8").matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
    if (target === undefined || /^[a-z]+:/.test(target)) continue;
    assert.ok(existsSync(join(root, dirname(page), target)), `${page} links to ${target}`);
  }
}

function checkBlock(page: string, { language, text, line }: Block): void {
  if (language === "sh") {
    for (const command of text.split("\n")) assert.equal(mistakeIn(command), undefined, `${page}:${line} ${command}`);
  }
  if (language === "yaml") {
    for (const document of parseAllDocuments(text)) assert.deepEqual(document.errors, [], `${page}:${line}`);
  }
  if (language === "json") JSON.parse(text);
}

async function outputOf(run: (io: Io) => Promise<number>): Promise<string> {
  let text = "";
  await run({
    out: (more) => {
      text += more;
    },
    err: (more) => {
      text += more;
    },
    stdin: async () => "",
    env: {},
    cwd: root,
    terminal: undefined,
  });
  return text.replace(/[ \t]+$/gm, "").trim();
}

/** UPDATE_DOCS=1 writes the present output into the page instead. */
function shows(page: string, marker: string, output: string): void {
  const text = readFileSync(root + page, "utf8");
  const start = text.indexOf("```text\n", text.indexOf(marker)) + "```text\n".length;
  const end = text.indexOf("\n```", start);
  assert.ok(text.includes(marker) && start > 8 && end > start, `${page} has a text block after "${marker}"`);
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(root + page, text.slice(0, start) + output + text.slice(end));
  else assert.equal(text.slice(start, end), output, "UPDATE_DOCS=1 npm test -- tools/docs.test.ts writes it anew");
}

describe("the documentation shows real output", () => {
  it("of one round of the playground", async () => {
    shows("README.md", "--once --virtual", await outputOf((io) => playgroundCommand(["--once", "--virtual"], io)));
  });
  it("of a plan for files", async () => {
    const args = ["-f", "examples/kwok.yaml", "-f", "examples/shop.yaml"];
    shows("README.md", `npx karpenter plan ${args.join(" ")}`, await outputOf((io) => planCommand(args, io)));
  });
});

type RunCommand = (args: string[], io: Io) => Promise<number>;

/** Pages whose text blocks follow the command that prints them. */
const SHOWN: readonly [page: string, command: string, run: RunCommand][] = [
  ["docs/commands/snapshot.md", "snapshot -f examples/inflate.yaml --now 2026-03-04T12:00:00Z", snapshotCommand],
  ["docs/commands/plan.md", "plan --snapshot docs/commands/shop.jsonl -f docs/commands/change.yaml", planCommand],
  ["docs/commands/cost.md", "cost --snapshot docs/commands/shop.jsonl\n```\n", costCommand],
  ["docs/commands/doctor.md", "doctor --snapshot docs/commands/shop.jsonl\n```\n", doctorCommand],
  [
    "docs/commands/explain.md",
    "explain node ip-10-0-0-13.us-east-1.compute.internal --snapshot docs/commands/shop.jsonl\n```\n",
    explainCommand,
  ],
  ["docs/commands/plan.md", "plan --snapshot docs/commands/shop.jsonl --lose-spot\n```\n", planCommand],
];

describe("docs/commands shows real output", () => {
  for (const [page, command, run] of SHOWN) {
    it(`of karpenter ${command.split("\n")[0]}`, async () => {
      const [, ...args] = command.split("\n")[0]?.split(" ") ?? [];
      shows(page, `npx karpenter ${command}`, await outputOf((io) => run(args, io)));
    });
  }
});

/** What stands between the markers of a page comes from the product's own tables; UPDATE_DOCS=1 writes it. */
function isGenerated(page: string, name: string, markdown: string): void {
  const text = readFileSync(root + page, "utf8");
  const marker = `<!-- generated: ${name} -->\n`;
  const start = text.indexOf(marker) + marker.length;
  const end = text.indexOf("<!-- end -->", start);
  assert.ok(text.includes(marker) && end > 0, `${page} has the markers of "${name}"`);
  const wanted = `${markdown}\n`;
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(root + page, text.slice(0, start) + wanted + text.slice(end));
  else assert.equal(text.slice(start, end), wanted, "UPDATE_DOCS=1 npm test -- tools/docs.test.ts writes it anew");
}

describe("reference pages come from the product's tables", () => {
  it("settings", () => isGenerated("docs/settings.md", "settings", settingsMarkdown()));
  it("feature gates", () => isGenerated("docs/settings.md", "gates", gatesMarkdown()));
  it("metrics", () => isGenerated("docs/metrics.md", "metrics", metricsMarkdown()));
  it("events", () => isGenerated("docs/metrics.md", "events", eventsMarkdown()));
});

describe("docs/planner.md shows real output", () => {
  it("of the plan that it explains", async () => {
    const files = ["-f", "docs/planner/workloads.yaml", "--instance-types", "docs/planner/instance-types.json"];
    const args = [...files, "--explain-price"];
    shows("docs/planner.md", `npx karpenter plan ${args.join(" ")}`, await outputOf((io) => planCommand(args, io)));
  });
  it("of what budgets allow", async () => {
    const args = ["budgets", "-f", "examples/office-hours.yaml", "--nodes", "40", "--now", "2026-03-04T12:00:00Z"];
    const command = `npx karpenter explain ${args.join(" ")}`;
    shows("docs/disruption.md", command, await outputOf((io) => explainCommand(args, io)));
  });
});
