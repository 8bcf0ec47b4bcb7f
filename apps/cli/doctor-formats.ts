import type { Finding } from "../../src/plan/doctor/finding.ts";

/** SARIF 2.1.0, for code scanning. */
export function sarif(findings: readonly Finding[], version: string): string {
  const rules = [...new Set(findings.map(({ code }) => code))].map((id) => ({ id }));
  const results = findings.map(({ code, severity, object, evidence, fix, docs }) => ({
    ruleId: code,
    level: severity,
    message: { text: `${object}: ${evidence}. Do this: ${fix} (${docs})` },
    locations: [{ logicalLocations: [{ fullyQualifiedName: object }] }],
  }));
  const runs = [{ tool: { driver: { name: "karpenter doctor", version, rules } }, results }];
  const $schema = "https://json.schemastore.org/sarif-2.1.0.json";
  return `${JSON.stringify({ $schema, version: "2.1.0", runs }, null, 2)}\n`;
}

/** JUnit's XML: a test for each finding, failed unless it is a note; one that passed when there is none. */
export function junit(findings: readonly Finding[]): string {
  const failures = findings.filter(({ severity }) => severity !== "note").length;
  const cases = findings.map(({ code, severity, object, evidence, fix, docs }) => {
    const text = escaped(`${evidence}\ndo this: ${fix} (${docs})`);
    const isNote = severity === "note";
    const failure = `<failure message="${escaped(evidence)}" type="${severity}">${text}</failure>`;
    const inner = isNote ? `<system-out>${text}</system-out>` : failure;
    return `  <testcase classname="${escaped(code)}" name="${escaped(object)}">${inner}</testcase>`;
  });
  const all = cases.length === 0 ? ['  <testcase classname="doctor" name="nothing found"/>'] : cases;
  const suite = `<testsuite name="karpenter doctor" tests="${all.length}" failures="${failures}">`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', suite, ...all, "</testsuite>", ""].join("\n");
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\n", "&#10;");
}
