import type { Node } from "../../model/core.ts";
import { type Kind, NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isTrue } from "../../plan/lifecycle/conditions.ts";
import { type Change, type Controller, onChange } from "../../runtime/controller.ts";
import { workerCount } from "../../runtime/worker-count.ts";
import { classLabelOf } from "../node-class/node-class.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { patchObject } from "../write.ts";

/** Gives claims that were made before there was such a label the label of their node class. */
export function nodeClaimHydrationController(needs: Needs): Controller {
  const { mirror, provider } = needs;
  return {
    name: "nodeclaim.hydration",
    workers: workersOf(needs),
    keysFor: ({ kind, key, after }) => (kind === NODE_CLAIMS && after !== undefined ? [key] : []),
    async reconcile(key) {
      const claim = mirror.live.nodeClaims.get(key);
      if (claim === undefined || !isServed(provider, claim)) return onChange;
      await hydrate(needs, NODE_CLAIMS, claim, claim);
      return onChange;
    },
  };
}

/** The same for their nodes, once registered: before, registration does it. */
export function nodeHydrationController(needs: Needs): Controller {
  const { mirror, provider } = needs;
  return {
    name: "node.hydration",
    workers: workersOf(needs),
    keysFor: nodeKeys,
    async reconcile(key) {
      const node = mirror.live.nodes.get(key);
      const claim = claimOf(needs, node);
      if (node === undefined || claim === undefined || !isServed(provider, claim)) return onChange;
      if (isTrue(claim, "Registered")) await hydrate(needs, NODES, node, claim);
      return onChange;
    },
  };
}

async function hydrate<T extends KubeObject>(needs: Needs, kind: Kind<T>, object: T, claim: NodeClaim): Promise<void> {
  const ref = claim.spec.nodeClassRef;
  const label = classLabelOf(ref);
  const { metadata } = object;
  if (metadata.labels?.[label] === ref.name || metadata.deletionTimestamp !== undefined) return;
  const hydrated = { ...object, metadata: { ...metadata, labels: { ...metadata.labels, [label]: ref.name } } };
  await patchObject(needs, kind, object, hydrated);
}

function nodeKeys({ kind, key, before, after: now }: Change): readonly string[] {
  if (kind === NODES) return now === undefined ? [] : [key];
  if (kind !== NODE_CLAIMS || now === undefined) return [];
  const claim = now as NodeClaim;
  const becameRegistered =
    isTrue(claim, "Registered") && !isTrue((before ?? { ...claim, status: {} }) as NodeClaim, "Registered");
  const name = claim.status?.nodeName;
  return becameRegistered && name !== undefined ? [name] : [];
}

function claimOf({ mirror }: Needs, node: Node | undefined): NodeClaim | undefined {
  const id = node?.spec.providerID;
  const name = id === undefined ? undefined : mirror.live.claimByProviderId.get(id);
  return name === undefined ? undefined : mirror.live.nodeClaims.get(name);
}

function workersOf({ settings }: Needs): number {
  return workerCount({ min: 1_000, max: 5_000, cpuMilli: settings.cpuRequestsMilli });
}
