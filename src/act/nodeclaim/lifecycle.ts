import { InvariantError } from "../../base/errors.ts";
import type { Node } from "../../model/core.ts";
import { NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import { NODE_POOL_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isTrue } from "../../plan/lifecycle/conditions.ts";
import { launchedClaim, shortened, unlaunchedClaim } from "../../plan/lifecycle/launch.ts";
import { livenessOf } from "../../plan/lifecycle/liveness.ts";
import { type LifecycleStep, nextLifecycleStep } from "../../plan/lifecycle/next-step.ts";
import {
  CreateError,
  type Instance,
  InsufficientCapacityError,
  NodeClassNotReadyError,
} from "../../ports/cloud-provider.ts";
import { isConflict } from "../../ports/kube-api.ts";
import { after, type Change, type Controller, type Outcome, onChange } from "../../runtime/controller.ts";
import { workerCount } from "../../runtime/worker-count.ts";
import { CLOCK_RECHECK_MS, clockProblem } from "../clock-problem.ts";
import { tellRemoval } from "../disruption/tell-removal.ts";
import { classOf } from "../node-class/node-class.ts";
import { recordRegistration } from "../nodepool/registration-health.ts";
import type { Needs } from "../ports.ts";
import { isServed } from "../snapshot-now.ts";
import { deleteObject, patchObject } from "../write.ts";
import { countDisrupted } from "./claim-metrics.ts";
import { finalizeNodeClaim } from "./finalization.ts";

const CONFLICT_RETRY_MS = 100;

type Write = Extract<LifecycleStep, { do: "write" }>;

/** Takes every claim from created to initialized, or gives it up; what to do is decided in plan/lifecycle. */
export function nodeClaimLifecycleController(needs: Needs): Controller {
  /** By claim uid: a launch whose result could not be written yet is not asked for again. */
  const launches = new Map<string, Instance>();
  return {
    name: "nodeclaim.lifecycle",
    workers: workerCount({ min: 1_000, max: 5_000, cpuMilli: needs.settings.cpuRequestsMilli }),
    keysFor: (change) => claimKeys(needs, change),
    async reconcile(key) {
      const claim = needs.mirror.live.nodeClaims.get(key);
      if (claim === undefined || !isServed(needs.provider, claim)) return onChange;
      try {
        return await advance(needs, claim, launches);
      } catch (error) {
        // Others write to claims and nodes too; that is no reason to back off as from a failed launch.
        if (isConflict(error)) return after(CONFLICT_RETRY_MS, "somebody else wrote in between");
        throw error;
      }
    },
  };
}

async function advance(needs: Needs, claim: NodeClaim, launches: Map<string, Instance>): Promise<Outcome> {
  const step = nextLifecycleStep(claim, nodesOf(needs, claim), needs.clock.nowMs());
  switch (step.do) {
    case "finalize":
      launches.delete(claim.metadata.uid);
      return finalizeNodeClaim(needs, claim);
    case "add-finalizer":
      await patchObject(needs, NODE_CLAIMS, claim, step.claim);
      return onChange;
    case "launch":
      return launch(needs, claim, launches);
    case "give-up":
      if (clockProblem(needs) !== undefined) return after(CLOCK_RECHECK_MS, "the clock is wrong");
      await giveUp(needs, claim, step.reason);
      return onChange;
    case "write":
      return write(needs, claim, step, launches);
  }
}

function claimKeys({ mirror }: Needs, { kind, key, before, after: now }: Change): readonly string[] {
  if (kind === NODE_CLAIMS) return now === undefined ? [] : [key];
  if (kind !== NODES) return [];
  const providerId = ((now ?? before) as Node | undefined)?.spec.providerID;
  const name = providerId === undefined ? undefined : mirror.live.claimByProviderId.get(providerId);
  const claim = name === undefined ? undefined : mirror.live.nodeClaims.get(name);
  if (claim === undefined || name === undefined) return [];
  // A heartbeat of a node that is up changes nothing for its claim, but another name does.
  const isNamed = (now ?? before)?.metadata.name === claim.status?.nodeName;
  const isSettled = isNamed && isTrue(claim, "Initialized") && claim.metadata.deletionTimestamp === undefined;
  return isSettled ? [] : [name];
}

/** Usually one; while a claim waits for its node it must not be fooled by two. */
function nodesOf({ mirror }: Needs, claim: NodeClaim): readonly Node[] {
  const providerId = claim.status?.providerID;
  if (providerId === undefined) return [];
  if (isTrue(claim, "Registered")) {
    const name = mirror.live.nodeByProviderId.get(providerId);
    const node = name === undefined ? undefined : mirror.live.nodes.get(name);
    return node === undefined ? [] : [node];
  }
  if (!mirror.live.nodeByProviderId.has(providerId)) return [];
  return [...mirror.live.nodes.values()].filter(({ spec }) => spec.providerID === providerId);
}

async function launch(needs: Needs, claim: NodeClaim, launches: Map<string, Instance>): Promise<Outcome> {
  const { provider, clock, log, mirror } = needs;
  const { uid, name } = claim.metadata;
  try {
    const instance = launches.get(uid) ?? (await provider.create(claim, classOf(mirror.live, claim.spec.nodeClassRef)));
    if (!launches.has(uid)) log.info("launched nodeclaim", launchFields(claim, instance));
    launches.set(uid, instance);
    const launched = launchedClaim(claim, instance, clock.nowMs());
    const named = await patchObject(needs, NODE_CLAIMS, claim, { ...launched, status: claim.status ?? {} });
    await patchObject(needs, NODE_CLAIMS, named, { ...named, status: launched.status ?? {} }, "status");
    return onChange;
  } catch (error) {
    if (error instanceof InvariantError || launches.has(uid)) throw error;
    if (error instanceof InsufficientCapacityError) {
      needs.events.record({
        object: claim,
        type: "Warning",
        reason: "InsufficientCapacityError",
        message: `NodeClaim ${name} is given up for lack of capacity: ${shortened(error.message)}`,
      });
      await dropClaim(needs, claim, "insufficient_capacity", error);
      return onChange;
    }
    if (error instanceof NodeClassNotReadyError) {
      await dropClaim(needs, claim, "nodeclass_not_ready", error);
      return onChange;
    }
    await noteFailedLaunch(needs, claim, error);
    throw error;
  }
}

/** Shows the reason in the claim; after too long a time the claim is given up. */
async function noteFailedLaunch(needs: Needs, claim: NodeClaim, error: unknown): Promise<void> {
  const nowMs = needs.clock.nowMs();
  if (livenessOf(claim, nowMs).kind === "lost" && clockProblem(needs) === undefined) {
    await giveUp(needs, claim, "launch_timeout");
    return;
  }
  const [reason, message] =
    error instanceof CreateError
      ? [error.conditionReason, error.conditionMessage]
      : ["LaunchFailed", error instanceof Error ? error.message : String(error)];
  needs.events.record({
    object: claim,
    type: "Warning",
    reason: "LaunchFailed",
    message: reason === "LaunchFailed" ? shortened(message) : `${reason}: ${shortened(message)}`,
  });
  await patchObject(needs, NODE_CLAIMS, claim, unlaunchedClaim(claim, reason, message, nowMs), "status");
}

async function giveUp(
  needs: Needs,
  claim: NodeClaim,
  reason: "launch_timeout" | "registration_timeout",
): Promise<void> {
  await recordRegistration(needs, claim, false);
  const what = reason === "launch_timeout" ? "launched within 5 minutes" : "registered within 15 minutes";
  tellRemoval(
    needs,
    claim,
    `${reason === "launch_timeout" ? "LaunchTimeout" : "RegistrationTimeout"}: no node has ${what}`,
  );
  await dropClaim(needs, claim, reason);
}

/** The claim goes; its pods are planned anew as soon as that is seen. */
async function dropClaim(needs: Needs, claim: NodeClaim, reason: string, error?: unknown): Promise<void> {
  await deleteObject(needs, NODE_CLAIMS, claim);
  countDisrupted(needs.metrics, claim, reason);
  needs.log.info("gave up nodeclaim", {
    NodeClaim: claim.metadata.name,
    reason,
    ...(error === undefined ? {} : { error }),
  });
}

async function write(needs: Needs, claim: NodeClaim, step: Write, launches: Map<string, Instance>): Promise<Outcome> {
  const { log, events } = needs;
  launches.delete(claim.metadata.uid);
  if (step.taintMissing) {
    events.record({
      object: claim,
      type: "Warning",
      reason: "UnregisteredTaintMissing",
      message: "The node joined without the taint karpenter.sh/unregistered: pods may land on it too early",
    });
  }
  const { node, renamedFrom } = step;
  if (renamedFrom !== undefined) {
    const message = `Node ${renamedFrom} has come back as ${node?.after.metadata.name ?? ""}: the same instance under another name`;
    events.record({ object: claim, type: "Warning", reason: "NodeRenamed", message });
  }
  if (node !== undefined) await patchObject(needs, NODES, node.before, node.after);
  const written = await patchObject(needs, NODE_CLAIMS, claim, step.claim, "status");
  const fields = { NodeClaim: claim.metadata.name, Node: written.status?.nodeName };
  if (step.registers) {
    log.info("registered nodeclaim", fields);
    countCreated(needs, claim);
    await recordRegistration(needs, written, true);
  } else if (renamedFrom !== undefined) log.info("took a renamed node over", { ...fields, renamedFrom });
  else if (node !== undefined) log.info("initialized nodeclaim", fields);
  return step.recheckMs === undefined ? onChange : after(step.recheckMs, "the node must register in time");
}

function countCreated({ metrics }: Needs, { metadata: { labels = {} } }: NodeClaim): void {
  const zone = labels[ZONE_LABEL] ?? "";
  metrics.count("karpenter_nodes_created_total", { nodepool: labels[NODE_POOL_LABEL] ?? "", zone });
}

function launchFields({ metadata }: NodeClaim, { providerId, labels, allocatable }: Instance): Record<string, unknown> {
  return {
    NodeClaim: metadata.name,
    "provider-id": providerId,
    "instance-type": labels["node.kubernetes.io/instance-type"],
    zone: labels[ZONE_LABEL],
    "capacity-type": labels["karpenter.sh/capacity-type"],
    allocatable,
  };
}
