import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import type { CloudProvider } from "../../ports/cloud-provider.ts";
import type { Interruptions } from "../../ports/interruptions.ts";
import { type FaultNeeds, FaultyCalls } from "./faulty-call.ts";

/** The CloudProvider as one life of the product gets it. */
export function faultyProvider(provider: CloudProvider, needs: FaultNeeds): CloudProvider {
  const calls = new FaultyCalls(needs);
  const call: Call = (verb, key, run) => {
    const { cloudRefused, cloudLostReply } = needs.mix();
    const chances = { refused: cloudRefused, throttled: 0, conflict: 0, lostReply: cloudLostReply };
    return calls.call({ verb, kind: "instance", key }, chances, run);
  };
  const care = provider.nodeClassCare;
  const name = provider.nameInstance?.bind(provider);
  const changedLabels = provider.changedLabels?.bind(provider);
  return {
    name: provider.name,
    nodeClasses: provider.nodeClasses,
    wellKnownLabels: provider.wellKnownLabels,
    repairPolicies: provider.repairPolicies,
    create: (claim: NodeClaim, nodeClass) =>
      call("launch", claim.metadata.name, () => provider.create(claim, nodeClass)),
    delete: (claim: NodeClaim) => call("terminate", claim.metadata.name, () => provider.delete(claim)),
    get: (providerId: string) => call("get", providerId, () => provider.get(providerId)),
    list: () => call("list", "", () => provider.list()),
    ...(provider.interruptions === undefined
      ? {}
      : { interruptions: provider.interruptions.map((source) => faultyInterruptions(source, call)) }),
    instanceTypes: (pool: NodePool, nodeClass) =>
      call("types", pool.metadata.name, () => provider.instanceTypes(pool, nodeClass)),
    driftReason: (claim: NodeClaim, nodeClass) =>
      call("drift", claim.metadata.name, () => provider.driftReason(claim, nodeClass)),
    ...(care === undefined
      ? {}
      : {
          nodeClassCare: {
            kind: care.kind,
            conditionTypes: care.conditionTypes,
            finalizer: care.finalizer,
            hash: (nodeClass) => care.hash(nodeClass),
            findings: (nodeClass) => call("find", nodeClass.metadata.name, () => care.findings(nodeClass)),
            learn: (nodeClass, nodes) => care.learn(nodeClass, nodes),
            finalize: (nodeClass) => call("finalize", nodeClass.metadata.name, () => care.finalize(nodeClass)),
          },
        }),
    ...(name === undefined
      ? {}
      : { nameInstance: (claim: NodeClaim) => call("name", claim.metadata.name, () => name(claim)) }),
    ...(changedLabels === undefined ? {} : { changedLabels }),
    ...(provider.tasks === undefined
      ? {}
      : { tasks: provider.tasks.map(({ name: task, run }) => ({ name: task, run: () => call("task", task, run) })) }),
  };
}

type Call = <T>(verb: string, key: string, run: () => Promise<T>) => Promise<T>;

/** Receiving fails like every other call; what was received is then hidden for a while. */
function faultyInterruptions(interruptions: Interruptions, call: Call): Interruptions {
  return {
    name: interruptions.name,
    isQueue: interruptions.isQueue,
    idleMs: interruptions.idleMs,
    receive: () => call("receive", "", () => interruptions.receive()),
    note: (notice, claim) => interruptions.note(notice, claim),
    remove: (notice) => call("acknowledge", notice.id, () => interruptions.remove(notice)),
  };
}
