import { readFileSync } from "node:fs";
import { UserError } from "../base/errors.ts";
import { realClock } from "./real-clock.ts";

/** Tokens of pods are renewed in their file long before they end: to look once a minute is enough. */
const REREAD_AFTER_MS = 60_000;

/**
 * Gives the token that stands in a file, reading it again now and then.
 * @throws UserError KARP_KUBECONFIG when it cannot be read
 */
export function tokenFromFile(path: string): (isFresh: boolean) => string {
  let known: { token: string; readMs: number } | undefined;
  return (isFresh) => {
    const nowMs = realClock().nowMs();
    if (known === undefined || isFresh || nowMs - known.readMs > REREAD_AFTER_MS) {
      known = { token: read(path), readMs: nowMs };
    }
    return known.token;
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new UserError({
      code: "KARP_KUBECONFIG",
      what: `the token file ${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`,
      remedy: "see that the file is there and may be read",
      cause,
    });
  }
}
