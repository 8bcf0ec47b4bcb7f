import { isDeepStrictEqual } from "node:util";
import {
  NODE_POOL_HASH_ANNOTATION,
  NODE_POOL_HASH_VERSION_ANNOTATION,
  NODE_POOL_LABEL,
} from "../../../src/model/labels.ts";
import type { KubeObject } from "../../../src/model/object.ts";
import type { Ec2NodeClass } from "../../../src/model/resources/ec2-node-class.ts";
import type { NodeClaim } from "../../../src/model/resources/node-claim.ts";
import type { NodePool } from "../../../src/model/resources/node-pool.ts";
import type { JsonObject } from "../../../src/model/schema/schema.ts";
import { driftOf } from "../../../src/plan/disrupt/drift-reason.ts";
import { isTrue } from "../../../src/plan/lifecycle/conditions.ts";
import { hashedPool } from "../../../src/plan/nodepool/claim-hash.ts";
import type { Leaving } from "../../../src/plan/what-if/what-if.ts";
import { nodeClassHash } from "../../../src/providers/aws/pure/node-class-hash.ts";
import type { ObjectChange } from "./overlay.ts";

export type DriftContext = { claims: readonly NodeClaim[]; nowMs: number };

/** By claim name: nodes that would be replaced because of the changes, and are not being replaced already. */
export function driftsOf(changes: readonly ObjectChange[], context: DriftContext): Map<string, Leaving> {
  const drifts = new Map<string, Leaving>();
  for (const change of changes) {
    const judge = judgeOf(change, context.nowMs);
    if (judge === undefined) continue;
    for (const claim of context.claims) {
      if (isTrue(claim, "Drifted") || drifts.has(claim.metadata.name)) continue;
      const drift = judge(claim);
      if (drift !== undefined) drifts.set(claim.metadata.name, drift);
    }
  }
  return drifts;
}

type Judge = (claim: NodeClaim) => Leaving | undefined;

function judgeOf({ before, after }: ObjectChange, nowMs: number): Judge | undefined {
  if (before === undefined || after === undefined) return undefined;
  if (after.kind === "NodePool") return poolJudge(before as unknown as NodePool, after as unknown as NodePool, nowMs);
  if (after.kind !== "EC2NodeClass" || hashOf(before) === hashOf(after)) return undefined;
  const drift = { code: "NodeClassDrift", reason: `EC2NodeClass ${after.metadata.name} has changed` };
  return ({ spec: { nodeClassRef } }) =>
    nodeClassRef.kind === after.kind && nodeClassRef.name === after.metadata.name ? drift : undefined;
}

function poolJudge(before: NodePool, after: NodePool, nowMs: number): Judge {
  const [old, pool] = [hashedPool(before), hashedPool(after)];
  return (claim) => {
    if (claim.metadata.labels?.[NODE_POOL_LABEL] !== pool.metadata.name) return undefined;
    const known = withHash(claim, old);
    const drift = driftOf({ claim: known, pool, nowMs, instanceTypes: undefined });
    if (drift === undefined || driftOf({ claim: known, pool: old, nowMs, instanceTypes: undefined })) return undefined;
    return { code: drift.reason, reason: drift.message };
  };
}

/** A claim that no controller has marked yet is as its pool is now. */
function withHash(claim: NodeClaim, pool: NodePool): NodeClaim {
  const { annotations } = claim.metadata;
  if (annotations?.[NODE_POOL_HASH_ANNOTATION] !== undefined) return claim;
  const own: Record<string, string> = {};
  for (const key of [NODE_POOL_HASH_ANNOTATION, NODE_POOL_HASH_VERSION_ANNOTATION]) {
    own[key] = pool.metadata.annotations?.[key] ?? "";
  }
  return { ...claim, metadata: { ...claim.metadata, annotations: { ...annotations, ...own } } };
}

/** What else is in the hash does not change by an edit. */
function hashOf(nodeClass: KubeObject): string | undefined {
  const { spec } = nodeClass as unknown as Ec2NodeClass;
  return spec === undefined ? undefined : nodeClassHash(spec, "");
}

/** An edited field with what it alone would do. */
export type FieldEffect = { object: string; field: string; effect: string; nodes: number };

/** Of each edited field how many nodes it alone would replace: an edit of ten fields seldom needs all ten to be undone. */
export function blastRadius(changes: readonly ObjectChange[], context: DriftContext): FieldEffect[] {
  return changes.flatMap((change) => {
    const { before, after } = change;
    const object = `${(after ?? before)?.kind} ${nameOf(after ?? before)}`;
    if (before === undefined) return [{ object, field: "-", effect: "new", nodes: 0 }];
    if (after === undefined) return [{ object, field: "-", effect: "removed", nodes: 0 }];
    return editedFields(before, after).map((edit) => ({
      object,
      field: edit.field,
      ...effectOf(change, edit, context),
    }));
  });
}

function nameOf(object: KubeObject | undefined): string {
  const { namespace, name = "" } = object?.metadata ?? {};
  return namespace === undefined ? name : `${namespace}/${name}`;
}

type Edit = { field: string; alone: KubeObject; was: unknown; is: unknown };

/** Fields of the spec that differ, each with the object in which only it is edited. Lists count as one field. */
function editedFields(before: KubeObject, after: KubeObject): Edit[] {
  const edits: Edit[] = [];
  const compare = (old: unknown, now: unknown, path: readonly string[]): void => {
    if (isDeepStrictEqual(old, now)) return;
    if (isMap(old) && isMap(now)) {
      for (const key of new Set([...Object.keys(old), ...Object.keys(now)]))
        compare(old[key], now[key], [...path, key]);
    } else edits.push({ field: path.join("."), alone: withValue(before, path, now), was: old, is: now });
  };
  compare((before as { spec?: unknown }).spec ?? {}, (after as { spec?: unknown }).spec ?? {}, ["spec"]);
  return edits;
}

function isMap(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withValue(object: KubeObject, path: readonly string[], value: unknown): KubeObject {
  const copy = structuredClone(object) as unknown as JsonObject;
  let at = copy;
  for (const key of path.slice(0, -1)) {
    at[key] = isMap(at[key]) ? at[key] : {};
    at = at[key] as JsonObject;
  }
  const last = path.at(-1) ?? "";
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy as unknown as KubeObject;
}

/** What the selectors of a class find is looked up in AWS. */
const LOOKED_UP = /^spec\.(ami|subnet|securityGroup|capacityReservation)SelectorTerms/;

function effectOf(change: ObjectChange, { field, alone, was, is }: Edit, context: DriftContext) {
  const { before } = change;
  const kind = before?.kind ?? "";
  if (kind === "NodePool" || kind === "EC2NodeClass") {
    const nodes = driftsOf([{ before, after: alone }], context).size;
    if (nodes > 0) return { effect: `replaces ${nodes} ${nodes === 1 ? "node" : "nodes"}`, nodes };
    if (LOOKED_UP.test(field)) return { effect: "replaces nodes where AWS finds something else by it", nodes };
    return { effect: "replaces no node", nodes };
  }
  const isShort = [was, is].every((value) => ["string", "number", "boolean", "undefined"].includes(typeof value));
  return { effect: isShort ? `${was ?? "unset"} becomes ${is ?? "unset"}` : "edited", nodes: 0 };
}
