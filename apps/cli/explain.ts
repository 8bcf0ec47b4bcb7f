import { UserError } from "../../src/base/errors.ts";
import { explainBudgets } from "./explain-budgets.ts";
import { explainObject } from "./explain-object.ts";
import { EXIT, type Io } from "./io.ts";

type Topic = { summary: string; run(args: string[], io: Io): Promise<number> };

const topics: Readonly<Record<string, Topic>> = {
  pod: explainObject("pod"),
  node: explainObject("node"),
  nodeclaim: explainObject("nodeclaim"),
  nodepool: explainObject("nodepool"),
  budgets: { summary: "what the disruption budgets allow in the next 24 hours", run: explainBudgets },
};

/**
 * `karpenter explain TOPIC`.
 * @throws UserError KARP_BAD_FLAG for a topic that there is not, and what the topics throw
 */
export async function explainCommand([name, ...args]: string[], io: Io): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h") {
    io.out(usage());
    return name === undefined ? EXIT.wrongUse : EXIT.fine;
  }
  const topic = Object.hasOwn(topics, name) ? topics[name] : undefined;
  if (topic !== undefined) return await topic.run(args, io);
  throw new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter explain: there is nothing to explain about "${name}"`,
    remedy: `use one of: ${Object.keys(topics).join(", ")}`,
  });
}

function usage(): string {
  const rows = Object.entries(topics).map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`);
  return `usage: karpenter explain TOPIC [OPTION...]\n\n${rows.join("\n")}\n\n"karpenter explain TOPIC --help" lists the options of a topic.\n`;
}
