import { type CommandReason, isCommandReason } from "./budgets.ts";

/**
 * What a replacement says about the command that it was bought for. Written on every replacement, so that a controller
 * that is started anew finds the whole command in the cluster.
 */
export type ReplacementRecord = {
  reason: CommandReason;
  consolidationType: "" | "empty" | "multi" | "single";
  /** Names of the claims that go. */
  candidates: readonly string[];
  /** Names of all claims that were to be bought. */
  replacements: readonly string[];
};

/** Equal records give equal texts. */
export function writeReplacementRecord({
  reason,
  consolidationType,
  candidates,
  replacements,
}: ReplacementRecord): string {
  return JSON.stringify({
    reason,
    ...(consolidationType === "" ? {} : { consolidationType }),
    candidates,
    replacements,
  });
}

/** Undefined for a text that is no record: it may have been edited. */
export function readReplacementRecord(text: string | undefined): ReplacementRecord | undefined {
  if (text === undefined) return undefined;
  const record = parsed(text);
  if (record === undefined || !isCommandReason(record["reason"])) return undefined;
  const { reason, candidates, replacements } = record;
  if (!isNames(candidates) || !isNames(replacements)) return undefined;
  const type = record["consolidationType"];
  const consolidationType = type === "empty" || type === "multi" || type === "single" ? type : "";
  return { reason, consolidationType, candidates, replacements };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string");
}
