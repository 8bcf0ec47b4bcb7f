import type { Node, Pod } from "../../model/core.ts";
import { NODE_CLAIMS, NODES, PODS } from "../../model/kinds.ts";
import { keyOf } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClusterState } from "../cache/cluster-state.ts";

/** What happened in a world, line by line: equal for two runs of one seed. */
export class History {
  readonly lines: string[] = [];
  readonly #clock: Clock;
  readonly #startMs: number;

  constructor(clock: Clock, state: ClusterState) {
    this.#clock = clock;
    this.#startMs = clock.nowMs();
    state.of(NODE_CLAIMS).onChange((before, after) => this.#note("claim", claimSteps(before, after), after ?? before));
    state.of(NODES).onChange((before, after) => this.#note("node", nodeSteps(before, after), after ?? before));
    state.of(PODS).onChange((before, after) => this.#note("pod", podSteps(before, after), after ?? before));
  }

  /** Adds a line of its own, such as a fault or a deed of the story. */
  tell(line: string): void {
    const seconds = (this.#clock.nowMs() - this.#startMs) / 1_000;
    this.lines.push(`${seconds.toFixed(3).padStart(9, "0")} ${line}`);
  }

  #note(what: string, steps: readonly string[], object: Pod | Node | NodeClaim | undefined): void {
    if (object === undefined) return;
    for (const step of steps) this.tell(`${what} ${keyOf(object)} ${step}`);
  }
}

function claimSteps(before: NodeClaim | undefined, after: NodeClaim | undefined): string[] {
  if (after === undefined) return ["gone"];
  const isTrue = (claim: NodeClaim | undefined, wanted: string): boolean =>
    claim?.status?.conditions?.some(({ type, status }) => type === wanted && status === "True") ?? false;
  const steps: string[] = [];
  if (before === undefined) steps.push(`created for ${JSON.stringify(after.spec.resources?.requests ?? {})}`);
  for (const type of ["Launched", "Registered", "Initialized", "DisruptionReason", "Drained"]) {
    if (!isTrue(before, type) && isTrue(after, type)) {
      const reason = after.status?.conditions?.find((condition) => condition.type === type)?.reason;
      steps.push(reason === type ? type : `${type} (${reason})`);
    }
  }
  if (isLeaving(after) && (before === undefined || !isLeaving(before))) steps.push("deleting");
  return steps;
}

function nodeSteps(before: Node | undefined, after: Node | undefined): string[] {
  if (after === undefined) return ["gone"];
  const steps: string[] = [];
  if (before === undefined) steps.push("created");
  const readiness = (node: Node | undefined): string | undefined =>
    node?.status?.conditions?.find(({ type }) => type === "Ready")?.status;
  const isReady = readiness(after);
  if (isReady !== undefined && readiness(before) !== isReady) steps.push(`Ready=${isReady}`);
  const taintsOf = (node: Node | undefined): string =>
    (node?.spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`).join(" ");
  if (taintsOf(before) !== taintsOf(after)) steps.push(`taints [${taintsOf(after)}]`);
  if (isLeaving(after) && (before === undefined || !isLeaving(before))) steps.push("deleting");
  return steps;
}

function podSteps(before: Pod | undefined, after: Pod | undefined): string[] {
  if (after === undefined) return ["gone"];
  const steps: string[] = [];
  if (before === undefined) steps.push("created");
  if (after.spec.nodeName !== undefined && before?.spec.nodeName === undefined)
    steps.push(`bound to ${after.spec.nodeName}`);
  const phase = after.status?.phase;
  if (phase !== undefined && phase !== "Pending" && before?.status?.phase !== phase) steps.push(phase);
  if (isLeaving(after) && (before === undefined || !isLeaving(before))) steps.push("deleting");
  return steps;
}

function isLeaving({ metadata }: Pod | Node | NodeClaim): boolean {
  return metadata.deletionTimestamp !== undefined;
}
