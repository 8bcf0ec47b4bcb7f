import { settleAll } from "../../base/settle-all.ts";
import { MINUTE_MS } from "../../base/time.ts";
import type { NodeClass } from "../../model/cluster-view.ts";
import { type Kind, NODE_CLAIMS, NODE_CLASS_KINDS } from "../../model/kinds.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { isTrue, setCondition, startedConditions, withConditions } from "../../plan/lifecycle/conditions.ts";
import type { NodeClassCare, NodeClassFindings } from "../../ports/cloud-provider.ts";
import { after, type Change, type Controller, type Outcome, onChange } from "../../runtime/controller.ts";
import type { Needs } from "../ports.ts";
import { patchObject, SHARED_OBJECT_BACKOFF_MS } from "../write.ts";
import { classOf } from "./node-class.ts";

const WAIT_MS = MINUTE_MS;
const WAIT_EVENT_MS = 10 * MINUTE_MS;
const WARN_EVENT_MS = 10 * MINUTE_MS;

/**
 * Shows in each node class what it selects and whether it can be launched with, keeps its hash, and keeps a deleted
 * one until its nodes are gone.
 */
export function nodeClassCareController(needs: Needs, care: NodeClassCare): Controller {
  const { mirror } = needs;
  return {
    name: "nodeclass",
    workers: 10,
    backoffMs: SHARED_OBJECT_BACKOFF_MS,
    keysFor: (change) => keysOf(needs, care, change),
    async reconcile(key) {
      const kind = NODE_CLASS_KINDS.find((one) => isOf(care, one));
      const nodeClass = classOf(mirror.live, { ...care.kind, name: key });
      if (kind === undefined || nodeClass === undefined) return onChange;
      if (nodeClass.metadata.deletionTimestamp !== undefined) return finalize(needs, care, kind, nodeClass);
      return lookAfter(needs, care, kind, nodeClass);
    },
  };
}

/** What we write ourselves calls for nothing; a claim that goes may be the last one of a class that waits. */
function keysOf({ mirror }: Needs, care: NodeClassCare, { kind, key, before, after: now }: Change): readonly string[] {
  if (kind === NODE_CLAIMS) {
    const ref = ((now ?? before) as NodeClaim).spec.nodeClassRef;
    if (now !== undefined || !isOf(care, ref)) return [];
    return classOf(mirror.live, ref)?.metadata.deletionTimestamp === undefined ? [] : [ref.name];
  }
  if (!isOf(care, kind) || now === undefined) return [];
  const isNews =
    before === undefined ||
    before.metadata.generation !== now.metadata.generation ||
    before.metadata.deletionTimestamp !== now.metadata.deletionTimestamp ||
    JSON.stringify(before.metadata.annotations) !== JSON.stringify(now.metadata.annotations);
  return isNews ? [key] : [];
}

function isOf(care: NodeClassCare, { group, kind }: { group: string; kind: string }): boolean {
  return group === care.kind.group && kind === care.kind.kind;
}

async function lookAfter(needs: Needs, care: NodeClassCare, kind: Kind, before: NodeClass): Promise<Outcome> {
  const { annotation, hash, versionAnnotation, version } = care.hash(before);
  const { annotations = {}, finalizers = [] } = before.metadata;
  if (annotations[versionAnnotation] !== version) await migrateClaims(needs, care, before);
  const kept = await patchObject(needs, kind, before, {
    ...before,
    metadata: {
      ...before.metadata,
      finalizers: finalizers.includes(care.finalizer) ? finalizers : [...finalizers, care.finalizer],
      annotations: { ...annotations, [annotation]: hash, [versionAnnotation]: version },
    },
  });
  const found = await care.findings(kept as NodeClass);
  // Finding out takes a while; what somebody wrote meanwhile is not overwritten.
  await patchObject(needs, kind, kept, withFindings(needs, care, kept as NodeClass, found), "status");
  warn(needs, kept as NodeClass, found);
  if (found.failures.length === 1) throw found.failures[0];
  if (found.failures.length > 1) throw new AggregateError(found.failures, "the node class was only partly looked up");
  return after(found.recheckMs, "what the class selects may change");
}

function warn({ events }: Needs, object: NodeClass, { conditions, warnings }: NodeClassFindings): void {
  const bad = conditions.filter(({ status }) => status === "False");
  for (const { reason = "NotReady", message = "" } of [...bad, ...warnings]) {
    const dedupeValues = [object.metadata.uid, message];
    events.record({ object, type: "Warning", reason, message, dedupeValues, dedupeMs: WARN_EVENT_MS });
  }
}

function withFindings(
  { clock }: Needs,
  { conditionTypes }: NodeClassCare,
  nodeClass: NodeClass,
  { status, conditions }: NodeClassFindings,
): NodeClass {
  const types = { dependents: conditionTypes };
  const nowMs = clock.nowMs();
  let next = { ...nodeClass, status: { ...nodeClass.status, ...status } } as NodeClass & { status: object };
  const started = next as Parameters<typeof startedConditions>[0];
  next = withConditions(started, startedConditions(started, types)) as typeof next;
  for (const condition of conditions) {
    const owner = next as Parameters<typeof setCondition>[0];
    next = withConditions(owner, setCondition(owner, types, condition, nowMs)) as typeof next;
  }
  return next;
}

/**
 * The algorithm of the hash has changed: claims get the new one, but for those that had drifted by the old, whether that
 * was noted already or not.
 */
async function migrateClaims(needs: Needs, care: NodeClassCare, nodeClass: NodeClass): Promise<void> {
  const { annotation, hash, versionAnnotation, version } = care.hash(nodeClass);
  const { annotations: ofClass = {} } = nodeClass.metadata;
  const hadChanged = ({ metadata: { annotations: own = {} } }: NodeClaim): boolean =>
    own[versionAnnotation] === ofClass[versionAnnotation] && own[annotation] !== ofClass[annotation];
  const claims = claimsOf(needs, nodeClass).filter(
    ({ metadata }) =>
      metadata.annotations?.[versionAnnotation] !== undefined && metadata.annotations[versionAnnotation] !== version,
  );
  await settleAll(
    claims.map((claim) =>
      patchObject(needs, NODE_CLAIMS, claim, {
        ...claim,
        metadata: {
          ...claim.metadata,
          annotations: {
            ...claim.metadata.annotations,
            [versionAnnotation]: version,
            ...(isTrue(claim, "Drifted") || hadChanged(claim) ? {} : { [annotation]: hash }),
          },
        },
      }),
    ),
  );
}

async function finalize(needs: Needs, care: NodeClassCare, kind: Kind, nodeClass: NodeClass): Promise<Outcome> {
  const { metadata } = nodeClass;
  const finalizers = metadata.finalizers ?? [];
  if (!finalizers.includes(care.finalizer)) return onChange;
  const claims = claimsOf(needs, nodeClass);
  if (claims.length > 0) {
    needs.events.record({
      object: nodeClass,
      type: "Normal",
      reason: "WaitingOnNodeClaimTermination",
      message: `Waiting on NodeClaim termination for ${shown(claims.map((claim) => claim.metadata.name))}`,
      dedupeMs: WAIT_EVENT_MS,
    });
    return after(WAIT_MS, "nodes of the class are still there");
  }
  await care.finalize(nodeClass);
  await patchObject(needs, kind, nodeClass, {
    ...nodeClass,
    metadata: { ...metadata, finalizers: finalizers.filter((one) => one !== care.finalizer) },
  });
  return onChange;
}

function claimsOf({ mirror }: Needs, { kind, metadata }: NodeClass): NodeClaim[] {
  return [...mirror.live.nodeClaims.values()].filter(
    ({ spec: { nodeClassRef } }) => nodeClassRef.kind === kind && nodeClassRef.name === metadata.name,
  );
}

function shown(names: readonly string[]): string {
  const [shownMax, sorted] = [5, [...names].sort()];
  const more = sorted.length > shownMax ? `, and ${sorted.length - shownMax} more` : "";
  return `${sorted.slice(0, shownMax).join(", ")}${more}`;
}
