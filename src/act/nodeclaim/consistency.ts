import { MINUTE_MS } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { NODE_CLAIMS } from "../../model/kinds.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isTrue, NODE_CLAIM_CONDITIONS, setCondition, withConditions } from "../../plan/lifecycle/conditions.ts";
import { consistencyProblems, twinProblems } from "../../plan/lifecycle/consistency.ts";
import { after, type Change, type Controller, onChange } from "../../runtime/controller.ts";
import { workerCount } from "../../runtime/worker-count.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { patchObject } from "../write.ts";

const PERIOD_MS = 10 * MINUTE_MS;

/** Compares every ten minutes what a node has with what its claim was promised. */
export function nodeClaimConsistencyController(needs: Needs): Controller {
  const { mirror, provider, clock, events, settings } = needs;
  const checkedMs = new Map<string, number>();
  return {
    name: "nodeclaim.consistency",
    workers: workerCount({ min: 10, max: 1_000, cpuMilli: settings.cpuRequestsMilli }),
    keysFor: settledClaims,
    async reconcile(key) {
      const claim = mirror.live.nodeClaims.get(key);
      if (claim === undefined || claim.metadata.deletionTimestamp !== undefined || !isServed(provider, claim)) {
        checkedMs.delete(key);
        return onChange;
      }
      const nowMs = clock.nowMs();
      const waitMs = (checkedMs.get(key) ?? Number.NEGATIVE_INFINITY) + PERIOD_MS - nowMs;
      if (waitMs > 0) return after(waitMs, "the next check");
      const name = mirror.live.nodeByProviderId.get(claim.status?.providerID ?? "");
      const node = name === undefined ? undefined : mirror.live.nodes.get(name);
      if (node === undefined || !isTrue(claim, "Initialized")) return onChange;
      const problems = [...consistencyProblems(claim, node), ...twinProblems(sameMachine(needs, node))];
      for (const message of problems) {
        const dedupeValues = [claim.metadata.uid, message];
        events.record({ object: claim, type: "Warning", reason: "FailedConsistencyCheck", message, dedupeValues });
      }
      await patchObject(needs, NODE_CLAIMS, claim, withVerdict(claim, problems, nowMs), "status");
      checkedMs.set(key, nowMs);
      return after(PERIOD_MS, "the next check");
    },
  };
}

/** Nodes with the provider id of this one. Where every id is another there is nothing to look for. */
function sameMachine({ mirror }: Needs, node: Node): readonly Node[] {
  const { nodes, nodeByProviderId } = mirror.live;
  if (nodes.size === nodeByProviderId.size) return [node];
  return [...nodes.values()].filter(({ spec }) => spec.providerID === node.spec.providerID);
}

function withVerdict(claim: NodeClaim, problems: readonly string[], nowMs: number): NodeClaim {
  const type = "ConsistentStateFound";
  const condition =
    problems.length === 0
      ? ({ type, status: "True" } as const)
      : ({ type, status: "False", reason: "ConsistencyCheckFailed", message: problems.join("; ") } as const);
  return withConditions(claim, setCondition(claim, NODE_CLAIM_CONDITIONS, condition, nowMs));
}

function settledClaims({ kind, key, before, after: now }: Change): readonly string[] {
  if (kind !== NODE_CLAIMS) return [];
  if (now === undefined) return [key];
  const isSettled = isTrue(now, "Initialized");
  const wasSettled = before !== undefined && isTrue(before, "Initialized");
  return isSettled && !wasSettled ? [key] : [];
}
