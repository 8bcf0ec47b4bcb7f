import { someOf } from "../../base/some-of.ts";
import { parseTime, SECOND_MS } from "../../base/time.ts";
import type { Node, Pod, VolumeAttachment } from "../../model/core.ts";
import { NODE_CLAIMS, NODES, PODS, VOLUME_ATTACHMENTS } from "../../model/kinds.ts";
import {
  EXCLUDE_BALANCERS_LABEL,
  NODE_POOL_LABEL,
  TERMINATION_FINALIZER,
  TERMINATION_TIMESTAMP_ANNOTATION,
  ZONE_LABEL,
} from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { DISRUPTED_TAINT } from "../../model/taints.ts";
import {
  findCondition,
  isTrue,
  type NewCondition,
  NODE_CLAIM_CONDITIONS,
  setCondition,
  withConditions,
} from "../../plan/lifecycle/conditions.ts";
import { planDrain } from "../../plan/terminate/drain.ts";
import { forcedGraceMaxSeconds } from "../../plan/terminate/interruption.ts";
import { blockingAttachments } from "../../plan/terminate/volumes.ts";
import { InstanceNotFoundError } from "../../ports/cloud-provider.ts";
import { listAll } from "../../ports/list-all.ts";
import { after, type Change, type Controller, type Outcome, onChange } from "../../runtime/controller.ts";
import { workerCount } from "../../runtime/worker-count.ts";
import type { Needs } from "../ports.ts";
import { deleteObject, patchObject } from "../write.ts";
import { EvictionQueue } from "./eviction-queue.ts";
import { tellForeignFinalizers } from "./foreign-finalizers.ts";
import { terminateInstance } from "./terminate-instance.ts";

/** A drain takes at least so long, so that load balancers and schedulers have seen the node close. */
const DRAIN_MIN_MS = 5 * SECOND_MS;
const POLL_MS = SECOND_MS;

/** What one pass over a node needs to know. */
type Pass = { node: Node; claim: NodeClaim | undefined; deadlineMs: number | undefined };

/** Why a stage is not over; undefined: go on with the next. */
type Wait = Outcome | undefined;

/**
 * Takes a deleted node out of service: closes it, lets its pods leave, waits for their volumes, ends the instance, and
 * only then lets the Node object go. Every stage is read from the cluster again, so it can be cut short anywhere.
 */
export function nodeTerminationController(needs: Needs): Controller {
  const evictions = new EvictionQueue(needs);
  return {
    name: "node.termination",
    workers: workerCount({ min: 100, max: 5_000, cpuMilli: needs.settings.cpuRequestsMilli }),
    backoffMs: { first: 100, max: 10_000 },
    keysFor: (change) => terminatingNodes(needs, change),
    async reconcile(key) {
      const node = needs.mirror.live.nodes.get(key);
      if (node === undefined || !isTerminating(node) || !isOurs(needs, node)) {
        evictions.forget(key);
        const isLeft = node !== undefined && isOurs(needs, node);
        return isLeft ? tellForeignFinalizers(needs, node).outcome : onChange;
      }
      const claim = claimOf(needs, node);
      if (claim !== undefined && claim.metadata.deletionTimestamp === undefined) {
        await deleteObject(needs, NODE_CLAIMS, claim);
      }
      if (!isReady(node) && (await isInstanceGone(needs, node))) return finish(needs, node, claim);
      const pass = { node: await close(needs, node), claim, deadlineMs: deadlineOf(needs, node, claim) };
      return (
        (await drain(needs, pass, evictions)) ??
        (await detachVolumes(needs, pass)) ??
        (await endInstance(needs, pass)) ??
        (await finish(needs, pass.node, claim))
      );
    },
  };
}

function terminatingNodes({ mirror }: Needs, { kind, key, before, after: now }: Change): readonly string[] {
  const nodeName = ((): string | undefined => {
    switch (kind) {
      case NODES:
        return now === undefined ? undefined : key;
      case PODS:
        return ((now ?? before) as Pod | undefined)?.spec.nodeName;
      case VOLUME_ATTACHMENTS:
        return ((now ?? before) as VolumeAttachment | undefined)?.spec.nodeName;
      default:
        return undefined;
    }
  })();
  const node = nodeName === undefined ? undefined : mirror.live.nodes.get(nodeName);
  return node?.metadata.deletionTimestamp === undefined ? [] : [node.metadata.name];
}

function isTerminating({ metadata }: Node): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(TERMINATION_FINALIZER) === true;
}

/** Made for a node class that our provider serves: another Karpenter's nodes are left alone. */
function isOurs({ provider }: Needs, { metadata }: Node): boolean {
  return provider.nodeClasses.some(({ group, kind }) => {
    return metadata.labels?.[`${group}/${kind.toLowerCase()}`] !== undefined;
  });
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
}

function claimOf({ mirror }: Needs, node: Node): NodeClaim | undefined {
  const name = mirror.live.claimByProviderId.get(node.spec.providerID ?? "");
  return name === undefined ? undefined : mirror.live.nodeClaims.get(name);
}

async function isInstanceGone({ provider }: Needs, node: Node): Promise<boolean> {
  const { providerID = "" } = node.spec;
  if (providerID === "") return false;
  try {
    await provider.get(providerID);
    return false;
  } catch (error) {
    if (error instanceof InstanceNotFoundError) return true;
    throw error;
  }
}

/** By the API server's clock, as deletion times and deadlines are: ours may have jumped. */
function serverNowMs({ api, clock }: Needs): number {
  return clock.nowMs() + (api.clockSkewMs?.() ?? 0);
}

/** The time by which all pods are gone, whatever holds them. A text that is no time gives none: nothing is forced. */
function deadlineOf({ events, log }: Needs, node: Node, claim: NodeClaim | undefined): number | undefined {
  const written = claim?.metadata.annotations?.[TERMINATION_TIMESTAMP_ANNOTATION];
  if (written === undefined) return undefined;
  const deadlineMs = parseTime(written);
  if (deadlineMs === undefined) {
    log.error("the termination timestamp is no time: no deadline", { NodeClaim: claim?.metadata.name, value: written });
    return undefined;
  }
  events.record({
    object: node,
    type: "Warning",
    reason: "TerminationGracePeriodExpiring",
    message: `All pods will be deleted by ${written}`,
  });
  return deadlineMs;
}

/** No new pods, and no new connections from balancers outside. */
async function close(needs: Needs, node: Node): Promise<Node> {
  const others = (node.spec.taints ?? []).filter(({ key }) => key !== DISRUPTED_TAINT.key);
  const isClosed = node.spec.taints?.some(
    ({ key, effect }) => key === DISRUPTED_TAINT.key && effect === DISRUPTED_TAINT.effect,
  );
  return patchObject(needs, NODES, node, {
    ...node,
    metadata: { ...node.metadata, labels: { ...node.metadata.labels, [EXCLUDE_BALANCERS_LABEL]: "karpenter" } },
    spec: isClosed === true ? node.spec : { ...node.spec, taints: [...others, DISRUPTED_TAINT] },
  });
}

async function drain(needs: Needs, pass: Pass, evictions: EvictionQueue): Promise<Wait> {
  const { events, metrics } = needs;
  const { node, deadlineMs } = pass;
  if (pass.claim !== undefined && isTrue(pass.claim, "Drained")) return undefined;
  await note(needs, pass, { type: "Drained", status: "Unknown", reason: "Draining", message: "Draining" });
  const nowMs = serverNowMs(needs);
  const plan = planDrain(podsOn(needs, node), nowMs, deadlineMs, forcedGraceMaxSeconds(pass.claim));
  await evictions.run({ node, claim: pass.claim, plan, deadlineMs });
  if (plan.waiting.length > 0) {
    const message = `Failed to drain the node, ${plan.waiting.length} pod(s) are still to go`;
    events.record({ object: node, type: "Warning", reason: "FailedDraining", message });
    return after(POLL_MS, "pods are leaving");
  }
  if (pass.claim !== undefined) {
    const sinceMs = parseTime(findCondition(pass.claim, "Drained")?.lastTransitionTime ?? "") ?? nowMs;
    const restMs = sinceMs + DRAIN_MIN_MS - nowMs;
    if (restMs > 0) return after(restMs, "others must see that the node is closed");
  }
  if (await hasUnseenPods(needs, pass)) return after(POLL_MS, "pods are leaving that the watch has not told of");
  if (pass.claim === undefined) return undefined;
  await note(needs, pass, { type: "Drained", status: "True", message: "Drained" });
  metrics.count("karpenter_nodes_drained_total", { nodepool: node.metadata.labels?.[NODE_POOL_LABEL] ?? "" });
  return undefined;
}

/** Asks the server itself once more: a late watch must not end an instance with pods on it. */
async function hasUnseenPods(needs: Needs, { node, deadlineMs }: Pass): Promise<boolean> {
  const { api, mirror } = needs;
  const pods = await listAll(api, PODS, { fieldSelector: `spec.nodeName=${node.metadata.name}` });
  for (const pod of pods) mirror.remember(pod);
  return planDrain(pods, serverNowMs(needs), deadlineMs).waiting.length > 0;
}

async function detachVolumes(needs: Needs, pass: Pass): Promise<Wait> {
  const { events, mirror } = needs;
  const type = "VolumesDetached";
  const { node, deadlineMs } = pass;
  const nowMs = serverNowMs(needs);
  const left = blockingAttachments(mirror.live, node.metadata.name, podsOn(needs, node), nowMs);
  if (left.length === 0) {
    await note(needs, pass, { type, status: "True", message: type });
    return undefined;
  }
  if (deadlineMs !== undefined && nowMs > deadlineMs) {
    const reason = "TerminationGracePeriodElapsed";
    await note(needs, pass, { type, status: "False", reason, message: reason });
    return undefined;
  }
  const reason = "AwaitingVolumeDetachment";
  await note(needs, pass, { type, status: "Unknown", reason, message: reason });
  const names = someOf(
    left.map(({ metadata }) => metadata.name),
    5,
  );
  events.record({ object: node, type: "Normal", reason, message: `Volumes are still attached (${names})` });
  return after(POLL_MS, "volumes are being detached");
}

async function endInstance(needs: Needs, pass: Pass): Promise<Wait> {
  if (pass.claim === undefined) return undefined;
  const { isGone, waitMs, claim } = await terminateInstance(needs, pass.claim);
  pass.claim = claim;
  return isGone ? undefined : after(waitMs, "the instance is terminating");
}

async function finish(needs: Needs, node: Node, claim: NodeClaim | undefined): Promise<Outcome> {
  const { clock, metrics, log } = needs;
  const finalizers = (node.metadata.finalizers ?? []).filter((finalizer) => finalizer !== TERMINATION_FINALIZER);
  await patchObject(needs, NODES, node, { ...node, metadata: { ...node.metadata, finalizers } });
  const nowMs = clock.nowMs();
  const nodepool = node.metadata.labels?.[NODE_POOL_LABEL] ?? "";
  const zone = node.metadata.labels?.[ZONE_LABEL] ?? "";
  const ageMs = nowMs - (parseTime(node.metadata.creationTimestamp) ?? nowMs);
  const dyingMs = nowMs - (parseTime(node.metadata.deletionTimestamp ?? "") ?? nowMs);
  metrics.count("karpenter_nodes_terminated_total", { nodepool, zone });
  metrics.observe("karpenter_nodes_termination_duration_seconds", dyingMs / SECOND_MS, { nodepool });
  metrics.observe("karpenter_nodes_lifetime_duration_seconds", ageMs / SECOND_MS, { nodepool });
  log.info("deleted node", { Node: node.metadata.name, NodeClaim: claim?.metadata.name });
  return onChange;
}

/** Writes a condition of the pass's claim, when there is one. */
async function note(needs: Needs, pass: Pass, condition: NewCondition): Promise<void> {
  const { claim } = pass;
  if (claim === undefined) return;
  const before = findCondition(claim, condition.type);
  const reason = condition.reason ?? condition.type;
  if (before?.status === condition.status && before.reason === reason) return;
  const conditions = setCondition(claim, NODE_CLAIM_CONDITIONS, condition, needs.clock.nowMs());
  pass.claim = await patchObject(needs, NODE_CLAIMS, claim, withConditions(claim, conditions), "status");
}

function podsOn({ mirror }: Needs, node: Node): Pod[] {
  const keys = mirror.live.podsByNode.get(node.metadata.name) ?? new Set<string>();
  return [...keys].map((key) => mirror.live.pods.get(key)).filter((pod) => pod !== undefined);
}
