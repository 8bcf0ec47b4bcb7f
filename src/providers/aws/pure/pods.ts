import type { Ec2Facts } from "../../ec2/facts.ts";
import type { FamilyFacts } from "./ami-family.ts";
import type { Kubelet } from "./kubelet.ts";

type Interface = { networkCardIndex: number; interfaceType: string };

/**
 * How many pods the addresses of the default network card allow: one address of each interface is the interface's
 * own, and two pods use the node's. Prefixes are not reckoned with: whoever delegates them sets maxPods.
 * @param reserved interfaces of the card that pods do not get
 */
export function eniLimitedPods(facts: Ec2Facts, interfaces: readonly Interface[], reserved: number): number {
  const efaOnly = interfaces.filter((one) => one.interfaceType === "efa-only" && one.networkCardIndex === 0).length;
  const usable = (facts.cards[0] ?? 0) - reserved - efaOnly;
  return usable <= 0 ? 0 : usable * (facts.addresses - 1) + 2;
}

const PODS_DEFAULT = 110;

/** How many pods a node takes. */
export function podsOf(
  facts: Ec2Facts,
  family: FamilyFacts,
  kubelet: Kubelet,
  interfaces: readonly Interface[],
  reservedEnis: number,
): number {
  const most = kubelet.maxPods ?? (family.hasEniLimit ? eniLimitedPods(facts, interfaces, reservedEnis) : PODS_DEFAULT);
  const { podsPerCore = 0 } = kubelet;
  return podsPerCore > 0 && family.honoursPodsPerCore ? Math.min(most, podsPerCore * facts.cpu) : most;
}
