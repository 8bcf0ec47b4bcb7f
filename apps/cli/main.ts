import { readFile } from "node:fs/promises";
import process from "node:process";
import { InvariantError, UserError } from "../../src/base/errors.ts";
import type { Io } from "./io.ts";
import { EXIT } from "./io.ts";

type Command = { summary: string; run(args: string[], io: Io): Promise<number> };

/** Commands are loaded when they are called: the shell completion of `karpenter crds` needs no planner. */
const commands: Readonly<Record<string, Command>> = {
  playground: {
    summary: "start a simulated EKS cluster on loopback with Karpenter at work in it",
    run: async (args, io) => (await import("../playground/playground.ts")).playgroundCommand(args, io),
  },
  plan: {
    summary: "say which nodes would be bought for the pods in files",
    run: async (args, io) => (await import("./plan.ts")).planCommand(args, io),
  },
  explain: {
    summary: "say why: of a pod, a node, a pool, or what budgets allow",
    run: async (args, io) => (await import("./explain.ts")).explainCommand(args, io),
  },
  doctor: {
    summary: "find what is wrong with a cluster's set-up, and say what to do",
    run: async (args, io) => (await import("./doctor.ts")).doctorCommand(args, io),
  },
  cost: {
    summary: "say what the nodes cost, and whose that is",
    run: async (args, io) => (await import("./cost.ts")).costCommand(args, io),
  },
  snapshot: {
    summary: "write the cluster into one file, for questions later or elsewhere",
    run: async (args, io) => (await import("./snapshot/snapshot.ts")).snapshotCommand(args, io),
  },
  crds: {
    summary: "print the CustomResourceDefinitions",
    run: async (args, io) => (await import("./crds.ts")).crdsCommand(args, io),
  },
  policy: {
    summary: "print the IAM policies that a cluster needs",
    run: async (args, io) => (await import("./policy.ts")).policyCommand(args, io),
  },
  controller: {
    summary: "run the controller against a cluster (what the chart starts)",
    run: async (args, io) => (await import("../controller/controller.ts")).controllerCommand(args, io),
  },
};

/** Codes of failures that no other command line would have avoided. */
const failures: ReadonlySet<string> = new Set([
  "KARP_PORT_IN_USE",
  "KARP_NO_CLUSTER",
  "KARP_PLAYGROUND_RUNS",
  "KARP_API_REFUSED",
  "KARP_API_UNREACHABLE",
  "KARP_NO_ANSWER",
  "KARP_UNAUTHORIZED",
  "KARP_OLD_API_SERVER",
  "KARP_MISSING_KINDS",
  "KARP_MISSING_PERMISSIONS",
  "KARP_OTHER_CONTROLLER",
]);

const io: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  stdin: async () => {
    let text = "";
    process.stdin.setEncoding("utf8");
    for await (const chunk of process.stdin) text += chunk as string;
    return text;
  },
  env: process.env,
  cwd: process.cwd(),
  terminal: process.stdout.isTTY ? { columns: process.stdout.columns, rows: process.stdout.rows } : undefined,
};

// A reader who has seen enough (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.fine);
  throw error;
});

process.exitCode = await main(process.argv.slice(2), io);

async function main(argv: string[], io: Io): Promise<number> {
  const [name, ...args] = argv;
  try {
    if (name === undefined || name === "help" || name === "--help" || name === "-h") {
      io.out(usage());
      return name === undefined ? EXIT.wrongUse : EXIT.fine;
    }
    if (name === "version" || name === "--version") {
      io.out(`karpenter ${await version()}\n`);
      return EXIT.fine;
    }
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined) {
      throw new UserError({
        code: "KARP_UNKNOWN_COMMAND",
        what: `there is no command "${name}"`,
        remedy: `use one of: ${Object.keys(commands).join(", ")}`,
      });
    }
    return await command.run(args, io);
  } catch (error) {
    io.err(`${describe(error)}\n`);
    return exitCodeOf(error);
  }
}

async function version(): Promise<string> {
  const manifest: { version: string } = JSON.parse(
    await readFile(new URL("../../package.json", import.meta.url), "utf8"),
  );
  return manifest.version;
}

function usage(): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`);
  return `Karpenter: a Kubernetes node autoscaler\n\nusage: karpenter COMMAND [OPTION...]\n\n${rows.join("\n")}\n\n"karpenter COMMAND --help" lists the options of a command, "karpenter version" tells the version.\n`;
}

function describe(error: unknown): string {
  if (error instanceof UserError) return error.message;
  if (error instanceof InvariantError) return `${error.stack ?? error.message}\n${JSON.stringify(error.details) ?? ""}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof UserError && !failures.has(error.code)) return EXIT.wrongUse;
  return EXIT.failure;
}
