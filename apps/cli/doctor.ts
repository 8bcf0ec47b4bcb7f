import manifest from "../../package.json" with { type: "json" };
import { examine, inOrder } from "../../src/plan/doctor/doctor.ts";
import { type Finding, SEVERITIES, type Severity } from "../../src/plan/doctor/finding.ts";
import {
  CLUSTER_FLAGS,
  CLUSTER_USAGE,
  givenCluster,
  notReadNotes,
  TYPE_FLAGS,
  TYPE_USAGE,
  typesOf,
} from "./cluster-source.ts";
import { junit, sarif } from "./doctor-formats.ts";
import { asCluster } from "./file-cluster.ts";
import { numberFlag, readFlags, spread } from "./flags.ts";
import { EXIT, type Io } from "./io.ts";
import { formatFlag, printed } from "./output.ts";
import { snapshotOf } from "./plan-cluster.ts";
import { count, type Report } from "./report.ts";
import { systemChecks } from "./system-checks.ts";

const USAGE = `Finds what is wrong with a cluster's set-up, as far as its objects tell: each finding with how much it matters, what was seen,
what to do, and the page that says more. Asks AWS nothing, touches nothing.

usage: karpenter doctor [CLUSTER] [OPTION...]

  -f, --filename FILE      the cluster from manifests; may be repeated
${CLUSTER_USAGE}
${TYPE_USAGE}
  --protected-days N       name nodes that a pod with do-not-disrupt has kept for so many days or more, default 7
  -o, --output FORMAT      table (default), json, yaml, markdown, sarif or junit

exit code: 0 nothing but notes, 1 errors or warnings, 2 wrong use, 3 failure
`;

/**
 * `karpenter doctor`.
 * @throws UserError KARP_BAD_FLAG, what reading files throws, and what reading a live cluster throws
 */
export async function doctorCommand(args: string[], io: Io): Promise<number> {
  const flags = readFlags("doctor", spread(args), {
    ...CLUSTER_FLAGS,
    ...TYPE_FLAGS,
    "protected-days": { type: "string", default: "7" },
    output: { type: "string", short: "o", default: "table" },
    help: { type: "boolean", short: "h", default: false },
  });
  if (flags.help) {
    io.out(USAGE);
    return EXIT.fine;
  }
  const write = writer(flags.output, io);
  const protectedDays = numberFlag("doctor", "protected-days", flags["protected-days"], 0, 10_000);
  const given = await givenCluster("doctor", flags, io);
  const { objects } =
    given.base === undefined ? asCluster(given.files) : asCluster([...given.base, ...given.files], () => false);
  const snapshot = snapshotOf({ objects, instanceTypes: typesOf("doctor", flags, objects, io), nowMs: given.nowMs });
  const system = given.base === undefined ? [] : systemChecks(given.base);
  const findings = inOrder([...system, ...examine(snapshot, { protectedDays })]);
  io.out(write(findings, [...notReadNotes(given.notRead), `asked of ${given.source}`]));
  return findings.some(({ severity }) => severity !== "note") ? EXIT.findings : EXIT.fine;
}

type Writer = (findings: readonly Finding[], notes: readonly string[]) => string;

function writer(output: string, io: Io): Writer {
  // Neither has a place for what could not be looked at.
  const aside = (text: string, notes: readonly string[]): string => {
    for (const note of notes) io.err(`${note}\n`);
    return text;
  };
  if (output === "sarif") return (findings, notes) => aside(sarif(findings, manifest.version), notes);
  if (output === "junit") return (findings, notes) => aside(junit(findings), notes);
  const format = formatFlag("doctor", output, ["sarif", "junit"]);
  return (findings, notes) =>
    printed(
      format,
      () => ({ findings, notes }),
      () => report(findings, notes),
    );
}

const TITLES: Readonly<Record<Severity, string>> = {
  error: "Errors: pods wait, or nodes do not come or go",
  warning: "Warnings: that may come, or is not safe",
  note: "Notes: may well be meant so",
};

function report(findings: readonly Finding[], notes: readonly string[]): Report {
  const ofEach = SEVERITIES.map((severity) => ({
    severity,
    found: findings.filter((one) => one.severity === severity),
  }));
  const counts = ofEach.map(({ severity, found }) => count(found.length, severity));
  return {
    headline:
      findings.length === 0 ? "Nothing is wrong, as far as the cluster's objects tell." : `Found ${counts.join(", ")}.`,
    tables: ofEach.map(({ severity, found }) => ({
      title: TITLES[severity],
      head: ["CODE", "OBJECT", "WHAT WAS SEEN, AND WHAT TO DO"],
      rows: found.flatMap(rowsOf),
    })),
    notes,
  };
}

/** What to do has a line of its own: it is there to be copied. */
function rowsOf({ code, object, evidence, fix, docs }: Finding): string[][] {
  return [
    [code, object, evidence],
    ["", docs, `> ${fix}`],
  ];
}
