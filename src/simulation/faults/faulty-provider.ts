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
  return {
    name: provider.name,
    nodeClasses: provider.nodeClasses,
    wellKnownLabels: provider.wellKnownLabels,
    repairPolicies: provider.repairPolicies,
    create: (claim: NodeClaim) => call("launch", claim.metadata.name, () => provider.create(claim)),
    delete: (claim: NodeClaim) => call("terminate", claim.metadata.name, () => provider.delete(claim)),
    get: (providerId: string) => call("get", providerId, () => provider.get(providerId)),
    list: () => call("list", "", () => provider.list()),
    instanceTypes: (pool: NodePool) => call("types", pool.metadata.name, () => provider.instanceTypes(pool)),
    ...(provider.interruptions === undefined
      ? {}
      : { interruptions: faultyInterruptions(provider.interruptions, call) }),
    driftReason: (claim: NodeClaim) => call("drift", claim.metadata.name, () => provider.driftReason(claim)),
  };
}

type Call = <T>(verb: string, key: string, run: () => Promise<T>) => Promise<T>;

/** Receiving fails like every other call; what was received is then hidden for a while. */
function faultyInterruptions(interruptions: Interruptions, call: Call): Interruptions {
  return {
    idleMs: interruptions.idleMs,
    receive: () => call("receive", "", () => interruptions.receive()),
    note: (notice, claim) => interruptions.note(notice, claim),
    remove: (notice) => call("acknowledge", notice.id, () => interruptions.remove(notice)),
  };
}
