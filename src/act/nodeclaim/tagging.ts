import { NODE_CLAIMS } from "../../model/kinds.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { CloudProvider } from "../../ports/cloud-provider.ts";
import { type Controller, onChange } from "../../runtime/controller.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "../write.ts";

/** Lets the cloud know which node an instance has become, one at a time: nothing depends on it. */
export function nodeClaimTaggingController(
  needs: Needs,
  nameInstance: NonNullable<CloudProvider["nameInstance"]>,
): Controller {
  return {
    name: "nodeclaim.tagging",
    workers: 1,
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor({ kind, key, before, after }) {
      if (kind !== NODE_CLAIMS || after === undefined) return [];
      return nodeOf(after as NodeClaim) !== nodeOf(before as NodeClaim | undefined) ? [key] : [];
    },
    async reconcile(key) {
      const claim = needs.mirror.live.nodeClaims.get(key);
      if (claim === undefined || nodeOf(claim) === "" || !isServed(needs.provider, claim)) return onChange;
      if (claim.metadata.deletionTimestamp !== undefined) return onChange;
      const annotations = await nameInstance(claim);
      const now = needs.mirror.live.nodeClaims.get(key) ?? claim;
      const { metadata } = now;
      await patchObject(needs, NODE_CLAIMS, now, {
        ...now,
        metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } },
      });
      return onChange;
    },
  };
}

function nodeOf(claim: NodeClaim | undefined): string {
  return claim?.status?.nodeName ?? "";
}
