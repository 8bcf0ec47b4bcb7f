import { byText } from "../../src/base/order.ts";
import type { CloudProvider } from "../../src/ports/cloud-provider.ts";

type Served = { provider: CloudProvider; idPrefix: string };
type ClassUser = { spec: { nodeClassRef: { group: string; kind: string } }; status?: { providerID?: string } };

/**
 * Two clouds in one cluster, each for its own kinds of node class: in the playground one may try both. The first one
 * says when a sick node is replaced.
 */
export function twoProviders(first: Served, second: Served): CloudProvider {
  const all = [first, second];
  const byClass = ({ spec }: ClassUser): CloudProvider =>
    (
      all.find(({ provider }) =>
        provider.nodeClasses.some(
          ({ group, kind }) => group === spec.nodeClassRef.group && kind === spec.nodeClassRef.kind,
        ),
      ) ?? first
    ).provider;
  const byId = (providerId: string): CloudProvider | undefined =>
    all.find(({ idPrefix }) => providerId.startsWith(idPrefix))?.provider;
  const [a, b] = [first.provider, second.provider];
  const care = a.nodeClassCare ?? b.nodeClassCare;
  return {
    name: `${a.name}+${b.name}`,
    nodeClasses: [...a.nodeClasses, ...b.nodeClasses],
    wellKnownLabels: [...new Set([...a.wellKnownLabels, ...b.wellKnownLabels])].sort(byText),
    repairPolicies: a.repairPolicies,
    create: (claim, nodeClass) => byClass(claim).create(claim, nodeClass),
    delete: (claim) => (byId(claim.status?.providerID ?? "") ?? byClass(claim)).delete(claim),
    get: (providerId) => (byId(providerId) ?? a).get(providerId),
    async list() {
      const lists = await Promise.all([a.list(), b.list()]);
      return lists.flat().sort((one, other) => byText(one.providerId, other.providerId));
    },
    instanceTypes: (pool, nodeClass) => byClass(pool.spec.template).instanceTypes(pool, nodeClass),
    driftReason: (claim, nodeClass) => byClass(claim).driftReason(claim, nodeClass),
    interruptions: [...(a.interruptions ?? []), ...(b.interruptions ?? [])],
    tasks: [...(a.tasks ?? []), ...(b.tasks ?? [])],
    changedLabels: (claim) => byClass(claim).changedLabels?.(claim) ?? {},
    async nameInstance(claim) {
      return (await byClass(claim).nameInstance?.(claim)) ?? {};
    },
    ...(care === undefined ? {} : { nodeClassCare: care }),
  };
}
