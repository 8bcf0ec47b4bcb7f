import { NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import { REPLACEMENT_ANNOTATION } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { readReplacementRecord } from "../../plan/disrupt/replacement-record.ts";
import type { Judge, JudgeNeeds } from "./judge.ts";

const PRICE_LABEL = "eks-node-viewer/instance-price";

/**
 * Law 6: a consolidation never raises the price, once it is carried through: when the last of its candidates is deleted,
 * what came instead costs less than they did.
 */
export function judgeConsolidations({ state, report }: JudgeNeeds): Judge {
  const prices = new Map<string, number>();
  const gone = new Set<string>();
  state.of(NODES).onChange((_, node) => {
    const price = Number(node?.metadata.labels?.[PRICE_LABEL] ?? Number.NaN);
    const id = node?.spec.providerID;
    if (id !== undefined && Number.isFinite(price)) prices.set(id, price);
  });
  const idOf = new Map<string, string>();
  const priceOf = (claimName: string): number | undefined => prices.get(idOf.get(claimName) ?? "");
  state.of(NODE_CLAIMS).onChange((before, after) => {
    const id = after?.status?.providerID;
    if (after !== undefined && id !== undefined) idOf.set(after.metadata.name, id);
    const isNews = after?.metadata.deletionTimestamp !== undefined && before?.metadata.deletionTimestamp === undefined;
    if (!isNews || after === undefined || !isUnderutilized(after)) return;
    gone.add(after.metadata.name);
    for (const claim of state.of(NODE_CLAIMS).values()) {
      const record = readReplacementRecord(claim.metadata.annotations?.[REPLACEMENT_ANNOTATION]);
      if (record?.reason !== "Underutilized" || !record.candidates.includes(after.metadata.name)) continue;
      if (!record.candidates.every((name) => gone.has(name))) return;
      const [old, now] = [record.candidates, record.replacements].map((names) => sumOf(names.map(priceOf)));
      if (old === undefined || now === undefined || now < old) return;
      report("consolidations", `${record.candidates.join(", ")} cost ${old} per hour, what came instead costs ${now}`);
      return;
    }
  });
  return {};
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
