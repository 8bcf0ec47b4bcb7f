import type { Node } from "../../model/core.ts";
import { NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import { REPLACEMENT_ANNOTATION } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { type ReplacementRecord, readReplacementRecord } from "../../plan/disrupt/replacement-record.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import type { Judge, JudgeNeeds } from "./judge.ts";

/**
 * Law 6: a consolidation never raises the price, once it is carried through: when the last of its candidates is deleted,
 * what came instead costs less than they did, at the prices of that moment. Where prices have changed since the command
 * began nothing is said.
 */
export function judgeConsolidations({ state, priceChanges, priceOf: priceNow, report }: JudgeNeeds): Judge {
  const nodes = new Map<string, Node>();
  const gone = new Set<string>();
  const pricesAtBirth = new Map<string, number>();
  state.of(NODES).onChange((_, node) => {
    const id = node?.spec.providerID;
    if (node !== undefined && id !== undefined) nodes.set(id, node);
  });
  const idOf = new Map<string, string>();
  const priceOf = (claimName: string): number | undefined => {
    const node = nodes.get(idOf.get(claimName) ?? "");
    return node === undefined ? undefined : priceNow(node);
  };
  state.of(NODE_CLAIMS).onChange((before, after) => {
    const id = after?.status?.providerID;
    if (after !== undefined && id !== undefined) idOf.set(after.metadata.name, id);
    if (before === undefined && after !== undefined) pricesAtBirth.set(after.metadata.name, priceChanges());
    const isNews = after?.metadata.deletionTimestamp !== undefined && before?.metadata.deletionTimestamp === undefined;
    if (!isNews || after === undefined || !isUnderutilized(after)) return;
    gone.add(after.metadata.name);
    const command = commandOf(state, after.metadata.name);
    if (command === undefined || !command.candidates.every((name) => gone.has(name))) return;
    if (command.replacements.some((name) => pricesAtBirth.get(name) !== priceChanges())) return;
    const [old, now] = [command.candidates, command.replacements].map((names) => sumOf(names.map(priceOf)));
    if (old === undefined || now === undefined || now < old) return;
    report("consolidations", `${command.candidates.join(", ")} cost ${old} per hour, what came instead costs ${now}`);
  });
  return {};
}

/** The consolidation that took this claim away and bought something for it. */
function commandOf(state: ClusterState, candidate: string): ReplacementRecord | undefined {
  for (const { metadata } of state.of(NODE_CLAIMS).values()) {
    const record = readReplacementRecord(metadata.annotations?.[REPLACEMENT_ANNOTATION]);
    if (record?.reason === "Underutilized" && record.candidates.includes(candidate)) return record;
  }
  return undefined;
}

function isUnderutilized({ status }: NodeClaim): boolean {
  return (status?.conditions ?? []).some(
    ({ type, status: is, reason }) => type === "DisruptionReason" && is === "True" && reason === "Underutilized",
  );
}

/** Undefined when one of them is not known. */
function sumOf(prices: readonly (number | undefined)[]): number | undefined {
  let sum = 0;
  for (const price of prices) {
    if (price === undefined) return undefined;
    sum += price;
  }
  return sum;
}
