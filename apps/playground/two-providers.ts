import { byText } from "../../src/base/order.ts";
import { SECOND_MS } from "../../src/base/time.ts";
import type { NodeClaim } from "../../src/model/resources/node-claim.ts";
import type { CloudProvider } from "../../src/ports/cloud-provider.ts";
import type { Interruptions } from "../../src/ports/interruptions.ts";

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
  const queues = [a.interruptions, b.interruptions].filter((one) => one !== undefined);
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
    ...(queues.length === 0 ? {} : { interruptions: bothQueues(queues, (claim) => byClass(claim).interruptions) }),
    async nameInstance(claim) {
      return (await byClass(claim).nameInstance?.(claim)) ?? {};
    },
    ...(care === undefined ? {} : { nodeClassCare: care }),
    async collectHelpers() {
      await a.collectHelpers?.();
      await b.collectHelpers?.();
    },
  };
}

/** What each of the clouds says, together. */
function bothQueues(
  queues: readonly Interruptions[],
  ofClaim: (claim: NodeClaim) => Interruptions | undefined,
): Interruptions {
  const from = new Map<string, Interruptions>();
  return {
    idleMs: SECOND_MS,
    async receive() {
      const received = await Promise.all(
        queues.map(async (queue) => {
          const notices = await queue.receive();
          for (const { id } of notices) from.set(id, queue);
          return notices;
        }),
      );
      return received.flat();
    },
    async remove(notice) {
      await from.get(notice.id)?.remove(notice);
      from.delete(notice.id);
    },
    note: (notice, claim) => ofClaim(claim)?.note(notice, claim),
  };
}
