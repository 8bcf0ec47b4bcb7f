import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { UserError } from "../../base/errors.ts";
import { OwnPrices, ownPrices } from "./pure/own-prices.ts";

/**
 * @param name as the user gave it
 * @throws UserError KARP_BAD_PRICES, naming every mistake
 */
export function readPriceFile(path: string, name = path): OwnPrices {
  const mistakes: string[] = [];
  try {
    const document = parseDocument(readFileSync(path, "utf8"), { prettyErrors: true });
    mistakes.push(...document.errors.map(({ message }) => message.split("\n")[0] ?? ""));
    const prices = mistakes.length > 0 ? { mistakes } : ownPrices(document.toJS());
    if (prices instanceof OwnPrices) return prices;
    if (mistakes.length === 0) mistakes.push(...prices.mistakes);
  } catch (error) {
    mistakes.push(error instanceof Error ? error.message : String(error));
  }
  throw new UserError({
    code: "KARP_BAD_PRICES",
    what: `the file of prices ${name} cannot be used: ${mistakes.join("; ")}`,
    remedy: "docs/aws.md shows how it is written",
  });
}
