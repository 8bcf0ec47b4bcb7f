import type { Ec2Facts } from "../../ec2/facts.ts";
import type { FamilyFacts } from "./ami-family.ts";
import type { Kubelet } from "./kubelet.ts";

export type NodeInterface = { networkCardIndex: number; interfaceType: string };

/**
 * How many pods the addresses of the default network card allow: one address of each interface is the interface's
 * own, and two pods use the node's. Prefixes are not reckoned with: whoever delegates them sets maxPods.
 * @param reserved interfaces of the card that pods do not get
 */
export function eniLimitedPods(facts: Ec2Facts, interfaces: readonly NodeInterface[], reserved: number): number {
  const efaOnly = interfaces.filter((one) => one.interfaceType === "efa-only" && one.networkCardIndex === 0).length;
  const usable = (facts.cards[0] ?? 0) - reserved - efaOnly;
  return usable <= 0 ? 0 : usable * (facts.addresses - 1) + 2;
}

const PODS_DEFAULT = 110;

/** How many pods a node takes when its class does not say. */
export function podsByDefault(
  facts: Ec2Facts,
  family: FamilyFacts,
  interfaces: readonly NodeInterface[],
  reservedEnis: number,
): number {
  return family.hasEniLimit ? eniLimitedPods(facts, interfaces, reservedEnis) : PODS_DEFAULT;
}

/** How many pods a node takes. */
export function podsOf(
  facts: Ec2Facts,
  family: FamilyFacts,
  { maxPods, podsPerCore = 0 }: Kubelet,
  interfaces: readonly NodeInterface[],
  reservedEnis: number,
): number {
  const most = maxPods ?? podsByDefault(facts, family, interfaces, reservedEnis);
  return podsPerCore > 0 && family.honoursPodsPerCore ? Math.min(most, podsPerCore * facts.cpu) : most;
}
