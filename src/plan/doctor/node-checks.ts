import { MINUTE_MS, parseTime } from "../../base/time.ts";
import { NODE_POOL_LABEL } from "../../model/labels.ts";
import type { Ec2NodeClass } from "../../model/resources/ec2-node-class.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { findCondition, isTrue, NODE_CLAIM_CONDITIONS } from "../lifecycle/conditions.ts";
import type { Finding } from "./finding.ts";

/** Nodes come within minutes; what has not come by then will hardly come by itself. */
const COMING_MS = 10 * MINUTE_MS;
/** Draining waits for pods that may take their time. */
const GOING_MS = 60 * MINUTE_MS;

/** Claims and nodes that do not come or go as they should, and node classes that are careless. */
export function nodeChecks(snapshot: Snapshot): Finding[] {
  return [
    ...[...snapshot.view.nodeClaims.values()].flatMap((claim) => stuckClaim(claim, snapshot.nowMs)),
    ...orphanNodes(snapshot),
    ...classChecks(snapshot),
  ];
}

function stuckClaim(claim: NodeClaim, nowMs: number): Finding[] {
  const { name, creationTimestamp, deletionTimestamp } = claim.metadata;
  const common = { object: `NodeClaim ${name}`, fix: `karpenter explain nodeclaim ${name}` };
  const sinceMs = nowMs - (parseTime(deletionTimestamp ?? creationTimestamp) ?? nowMs);
  const minutes = Math.floor(sinceMs / MINUTE_MS);
  if (deletionTimestamp !== undefined) {
    if (sinceMs < GOING_MS) return [];
    const evidence = `it was deleted ${minutes} min ago and is still there${because(claim, "Drained")}`;
    return [{ code: "NodeClaimStuckGoing", severity: "warning", ...common, evidence, docs: "docs/disruption.md" }];
  }
  const step = NODE_CLAIM_CONDITIONS.dependents.find((type) => !isTrue(claim, type));
  if (step === undefined || sinceMs < COMING_MS) return [];
  const evidence = `it is ${minutes} min old and not ${step.toLowerCase()}${because(claim, step)}`;
  return [{ code: `NodeClaimNot${step}`, severity: "error", ...common, evidence, docs: "docs/troubleshooting.md" }];
}

/** What the condition says of why it is not met, where it says so. */
function because(claim: NodeClaim, type: string): string {
  const { status, reason = "", message = "" } = findCondition(claim, type) ?? {};
  const why = message === "" ? reason : message;
  return why === "" || status === "True" ? "" : `: ${why}`;
}

function orphanNodes({ stateNodes, view, nowMs }: Snapshot): Finding[] {
  // Files with nodes alone tell nothing of claims.
  if (view.nodeClaims.size === 0) return [];
  return stateNodes.flatMap(({ node, managed }): Finding[] => {
    const pool = node?.metadata.labels?.[NODE_POOL_LABEL];
    if (node === undefined || managed || pool === undefined || node.metadata.deletionTimestamp !== undefined) return [];
    if (nowMs - (parseTime(node.metadata.creationTimestamp) ?? nowMs) < COMING_MS) return [];
    const { name } = node.metadata;
    return [
      {
        code: "OrphanNode",
        severity: "warning",
        object: `Node ${name}`,
        evidence: `it has the label of NodePool ${pool}, but no NodeClaim stands for it: it is neither consolidated nor renewed`,
        fix: `kubectl drain ${name} --ignore-daemonsets --delete-emptydir-data   # then end ${node.spec.providerID ?? "its instance"}`,
        docs: "docs/disruption.md",
      },
    ];
  });
}

function classChecks({ view }: Snapshot): Finding[] {
  return [...view.nodeClasses.values()].flatMap((nodeClass): Finding[] => {
    if (nodeClass.kind !== "EC2NodeClass") return [];
    const { name } = nodeClass.metadata;
    const common = { object: `EC2NodeClass ${name}`, docs: "docs/aws.md" };
    return carelessness(nodeClass as unknown as Ec2NodeClass).map((one) => ({
      ...one,
      ...common,
      fix:
        one.fix === ""
          ? `kubectl edit ec2nodeclass ${name}`
          : `kubectl patch ec2nodeclass ${name} --type merge -p '${one.fix}'`,
    }));
  });
}

/** As `fix` what is to be merged into the node class; "" where that would take the rest of a list away. */
function carelessness({ spec }: Ec2NodeClass): Omit<Finding, "object" | "docs">[] {
  const { httpTokens, httpPutResponseHopLimit = 1 } = spec?.metadataOptions ?? {};
  const found: Omit<Finding, "object" | "docs">[] = [];
  if (httpTokens === "optional") {
    const evidence =
      "metadataOptions.httpTokens is optional: a program tricked into one request gives the node's role away";
    const fix = '{"spec":{"metadataOptions":{"httpTokens":"required"}}}';
    found.push({ code: "ImdsTokensOptional", severity: "warning", evidence, fix });
  }
  if (httpPutResponseHopLimit > 1) {
    const evidence = `metadataOptions.httpPutResponseHopLimit is ${httpPutResponseHopLimit}: pods can take the node's role`;
    const fix = '{"spec":{"metadataOptions":{"httpPutResponseHopLimit":1}}}';
    found.push({ code: "ImdsHopLimit", severity: "note", evidence, fix });
  }
  for (const { deviceName = "", ebs } of spec?.blockDeviceMappings ?? []) {
    if (ebs?.encrypted !== false) continue;
    const evidence = `blockDeviceMappings: ${deviceName} says encrypted: false`;
    found.push({ code: "UnencryptedVolume", severity: "warning", evidence, fix: "" });
  }
  return found;
}
