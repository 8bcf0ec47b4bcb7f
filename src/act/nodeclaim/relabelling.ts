import { settleAll } from "../../base/settle-all.ts";
import { MINUTE_MS } from "../../base/time.ts";
import { NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isTrue } from "../../plan/lifecycle/conditions.ts";
import type { CloudProvider } from "../../ports/cloud-provider.ts";
import { after, type Controller } from "../../runtime/controller.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { patchObject } from "../write.ts";

const PERIOD_MS = MINUTE_MS;

type Changes = ReturnType<NonNullable<CloudProvider["changedLabels"]>>;

/**
 * Keeps the labels of claims and their nodes true where an instance changes during its life: one that has left its
 * capacity reservation is on-demand capacity from then on.
 */
export function nodeClaimRelabellingController(
  needs: Needs,
  changedLabels: NonNullable<CloudProvider["changedLabels"]>,
): Controller {
  const { mirror, provider, log } = needs;
  const relabel = async (claim: NodeClaim): Promise<void> => {
    const changes = changedLabels(claim);
    if (Object.keys(changes).length === 0) return;
    const nodeName = mirror.live.nodeByProviderId.get(claim.status?.providerID ?? "") ?? "";
    const node = mirror.live.nodes.get(nodeName);
    // The node goes first: as long as it lacks the labels the claim shows that they are to be changed.
    if (node !== undefined) await patchObject(needs, NODES, node, withLabels(node, changes));
    await patchObject(needs, NODE_CLAIMS, claim, withLabels(claim, changes));
    log.info("changed labels of a nodeclaim", { NodeClaim: claim.metadata.name, labels: changes });
  };
  return {
    name: "capacityreservation.capacitytype",
    workers: 1,
    initialKeys: [""],
    keysFor: () => [],
    async reconcile() {
      const claims = [...mirror.live.nodeClaims.values()].filter(
        (claim) =>
          isServed(provider, claim) && isTrue(claim, "Registered") && claim.metadata.deletionTimestamp === undefined,
      );
      await settleAll(claims.map(relabel));
      return after(PERIOD_MS, "instances change");
    },
  };
}

function withLabels<T extends KubeObject>(object: T, changes: Changes): T {
  const labels: Record<string, string> = { ...object.metadata.labels };
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) delete labels[key];
    else labels[key] = value;
  }
  return { ...object, metadata: { ...object.metadata, labels } };
}
