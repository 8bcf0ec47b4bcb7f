import type { Node } from "../../model/core.ts";
import { NODE_CLASS_KINDS, NODES } from "../../model/kinds.ts";
import { REGISTERED_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodeClassCare } from "../../ports/cloud-provider.ts";
import { type Change, type Controller, onChange } from "../../runtime/controller.ts";
import type { Needs } from "../ports.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "../write.ts";
import { classOf } from "./node-class.ts";

/** What nodes show of their types once they are there stays with their node class: it outlives nodes and processes. */
export function nodeClassLearningController(needs: Needs, care: NodeClassCare): Controller {
  const { mirror } = needs;
  const isOf = ({ group, kind }: { group: string; kind: string }) =>
    group === care.kind.group && kind === care.kind.kind;
  const kind = NODE_CLASS_KINDS.find(isOf);
  return {
    name: "providers.instancetype.capacity",
    workers: 1,
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor(change) {
      const claim = hasRegistered(change) ? claimOf(needs, change.after as Node) : undefined;
      return claim !== undefined && isOf(claim.spec.nodeClassRef) ? [claim.spec.nodeClassRef.name] : [];
    },
    async reconcile(key) {
      const nodeClass = classOf(mirror.live, { ...care.kind, name: key });
      if (kind === undefined || nodeClass === undefined) return onChange;
      const nodes = [...mirror.live.nodes.values()].flatMap((node) => {
        const claim = isRegistered(node) ? claimOf(needs, node) : undefined;
        const isMeant = claim !== undefined && isOf(claim.spec.nodeClassRef) && claim.spec.nodeClassRef.name === key;
        return isMeant ? [{ claim, node }] : [];
      });
      const annotations = { ...nodeClass.metadata.annotations, ...(await care.learn(nodeClass, nodes)) };
      await patchObject(needs, kind, nodeClass, { ...nodeClass, metadata: { ...nodeClass.metadata, annotations } });
      return onChange;
    },
  };
}

/** A heartbeat is nothing new. */
function hasRegistered({ kind, before, after }: Change): boolean {
  return (
    kind === NODES && after !== undefined && isRegistered(after) && (before === undefined || !isRegistered(before))
  );
}

function isRegistered({ metadata }: Pick<KubeObject, "metadata">): boolean {
  return metadata.labels?.[REGISTERED_LABEL] === "true";
}

function claimOf({ mirror }: Needs, node: Node): NodeClaim | undefined {
  return mirror.live.nodeClaims.get(mirror.live.claimByProviderId.get(node.spec.providerID ?? "") ?? "");
}
