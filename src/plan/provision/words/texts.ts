import { formatAmount } from "../../../model/resources.ts";

/** "4 cpu", "3 nodes". */
export function amountText(name: string, amount: number): string {
  return name === "nodes" ? `${amount} nodes` : `${formatAmount(name, amount)} ${name}`;
}

/** A share as a whole percentage: "96 %". */
export function shareText(share: number): string {
  return `${Math.round(share * 100)} %`;
}
