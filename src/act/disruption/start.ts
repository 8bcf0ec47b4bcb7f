import { RetryError } from "../../base/errors.ts";
import { settleAll } from "../../base/settle-all.ts";
import { SECOND_MS } from "../../base/time.ts";
import { NODE_CLAIMS, NODE_POOLS, NODES, POD_DISRUPTION_BUDGETS } from "../../model/kinds.ts";
import { REPLACEMENT_ANNOTATION } from "../../model/labels.ts";
import type { Candidate } from "../../plan/disrupt/candidates.ts";
import type { DisruptionCommand } from "../../plan/disrupt/command.ts";
import { nextRound } from "../../plan/disrupt/consolidation-round.ts";
import { writeReplacementRecord } from "../../plan/disrupt/replacement-record.ts";
import { listAll } from "../../ports/list-all.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Needs } from "../ports.ts";
import { createClaims } from "../provision/create-claims.ts";
import { markNode } from "./mark.ts";
import type { DisruptionQueue } from "./queue.ts";
import { reportCommand } from "./report.ts";

/**
 * Begins to carry a command out: closes its candidates, buys its replacements, and hands it to the queue. What cannot be
 * begun is taken back by the next look at the cluster.
 * @param snapshot what the command was planned from
 * @returns the candidates that are being disrupted: all, some of a command without replacements, or none
 */
export async function startCommand(
  needs: Needs,
  queue: DisruptionQueue,
  snapshot: Snapshot,
  command: DisruptionCommand,
): Promise<readonly Candidate[]> {
  const { memory } = needs;
  const { replacements, moves } = command;
  const names = command.candidates.map(({ claim }) => claim.metadata.name);
  // From here on no plan counts on nodes without pods. Those with pods go on counting until these have a place to go:
  // otherwise provisioning would buy one for them.
  if (moves.size === 0 && replacements.length === 0) memory.markForDeletion(names);
  const marked = await settleAll(command.candidates.map((candidate) => markNode(needs, candidate, command)));
  const candidates = command.candidates.filter((_, i) => marked[i]);
  const isEnough = candidates.length === (replacements.length > 0 ? names.length : Math.max(1, candidates.length));
  if (!isEnough || !(await buy(needs, snapshot, command))) {
    memory.unmarkForDeletion(names);
    return [];
  }
  const left = new Set(candidates);
  memory.unmarkForDeletion(command.candidates.filter((one) => !left.has(one)).map(({ claim }) => claim.metadata.name));
  queue.start({ ...command, candidates });
  reportCommand(needs, { ...command, candidates });
  await queue.advance();
  return candidates;
}

/** True when all replacements are there. */
async function buy(needs: Needs, snapshot: Snapshot, command: DisruptionCommand): Promise<boolean> {
  const { reason, consolidationType, candidates, replacements } = command;
  if (replacements.length === 0) return true;
  const record = writeReplacementRecord({
    reason,
    consolidationType,
    candidates: candidates.map(({ claim }) => claim.metadata.name),
    replacements: replacements.map(({ name }) => name),
  });
  const claims = candidates.map(({ claim }) => claim);
  const rounds = reason === "Underutilized" ? nextRound(claims, snapshot) : {};
  const result = await createClaims(
    needs,
    snapshot,
    { newNodeClaims: [...replacements] },
    {
      isLastAttempt: false,
      reason: reason.toLowerCase(),
      annotations: { [REPLACEMENT_ANNOTATION]: record, ...rounds },
    },
  );
  return result.kind === "done" && result.created.length === replacements.length;
}

/** What a decision must not get wrong is read anew past the watches: they may be late, or another leader just at work. */
export async function refreshCluster({ api, mirror, clock, settings }: Needs): Promise<void> {
  const startMs = clock.nowMs();
  for (const claim of await listAll(api, NODE_CLAIMS)) mirror.remember(claim);
  for (const node of await listAll(api, NODES)) mirror.remember(node);
  for (const pool of await listAll(api, NODE_POOLS)) mirror.remember(pool);
  for (const budget of await listAll(api, POD_DISRUPTION_BUDGETS)) mirror.remember(budget);
  const { disruptionKnowledgeMaxMs } = settings;
  if (disruptionKnowledgeMaxMs > 0 && clock.nowMs() - startMs > disruptionKnowledgeMaxMs) {
    throw new RetryError("the API server is so slow that nothing is disrupted", SECOND_MS);
  }
}
