import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL } from "../../src/model/labels.ts";
import { type DisruptionCommand, decisionOf } from "../../src/plan/disrupt/command.ts";
import { priceOfNode } from "../../src/plan/disrupt/consolidate-candidates.ts";
import { type DisruptionPlan, planDisruption } from "../../src/plan/disrupt/plan-disruption.ts";
import type { Snapshot } from "../../src/snapshot/snapshot.ts";
import { carriedOut } from "./carried-out.ts";
import { type ClusterInput, snapshotOf } from "./plan-cluster.ts";

export type DisruptionInput = ClusterInput & {
  spotToSpot: boolean;
  /** Commands are carried out and planned again until there are none left. */
  steady: boolean;
};

export type FinalNode = {
  name: string;
  nodePool: string;
  instanceType: string;
  zone: string;
  capacityType: string;
  price: number;
  pods: readonly string[];
};

export type PlannedDisruption = Omit<DisruptionPlan, "commands"> & {
  commands: readonly CommandLine[];
  finalNodes?: readonly FinalNode[];
  solveMs: number;
};

/** A command with what it brings. */
export type CommandLine = DisruptionCommand & { savings: number };

/** A cluster that will not come to rest would be our mistake; it must not hang. */
const ROUNDS_MAX = 1_000;

export function timedDisruption(input: DisruptionInput): PlannedDisruption {
  let { objects } = input;
  let snapshot = snapshotOf(input);
  let solveMs = 0;
  const timed = (): DisruptionPlan => {
    const before = performance.now();
    const plan = planDisruption(snapshot, input);
    solveMs += performance.now() - before;
    return plan;
  };
  let plan = timed();
  const { initialPrice } = plan;
  const commands = linesOf(plan.commands, snapshot);
  const round2 = (): number => Math.round(solveMs * 100) / 100;
  if (!input.steady) return { ...plan, commands, solveMs: round2() };
  for (let round = 0; plan.commands.length > 0 && round < ROUNDS_MAX; round += 1) {
    objects = carriedOut(objects, plan.commands, snapshot);
    snapshot = snapshotOf({ ...input, objects });
    plan = timed();
    commands.push(...linesOf(plan.commands, snapshot));
  }
  return { ...plan, initialPrice, commands, finalNodes: finalNodesOf(snapshot), solveMs: round2() };
}

function linesOf(commands: readonly DisruptionCommand[], snapshot: Snapshot): CommandLine[] {
  return commands.map((command) => {
    const before = command.candidates.reduce((sum, { state }) => sum + priceOfNode(snapshot, state), 0);
    const after = command.replacements.reduce((sum, { cheapestPrice }) => sum + cheapestPrice, 0);
    return { ...command, savings: Math.round((before - after) * 1e6) / 1e6 };
  });
}

function finalNodesOf(snapshot: Snapshot): FinalNode[] {
  return snapshot.stateNodes.map((state) => ({
    name: state.name,
    nodePool: state.nodePool ?? "",
    instanceType: state.labels[INSTANCE_TYPE_LABEL] ?? "",
    zone: state.labels[ZONE_LABEL] ?? "",
    capacityType: state.labels[CAPACITY_TYPE_LABEL] ?? "",
    price: priceOfNode(snapshot, state),
    pods: state.podKeys,
  }));
}

/** The plan as `-o json` prints it: the field names are a contract. */
export function disruptionJson(plan: PlannedDisruption): Record<string, unknown> {
  return {
    commands: plan.commands.map((command) => {
      const bought = new Set(command.replacements.map(({ name }) => name));
      return {
        reason: command.reason,
        decision: decisionOf(command),
        candidates: command.candidates.map(({ state }) => state.name),
        replacements: command.replacements.map(
          ({ name, nodePool, instanceTypes, requirements, cheapestPrice, pods }) => ({
            name,
            nodePool,
            instanceTypes,
            requirements,
            cheapestPrice,
            pods,
          }),
        ),
        moves: Object.fromEntries([...command.moves].map(([pod, name]) => [pod, bought.has(name) ? "new" : name])),
        savings: command.savings,
        podsEvicted: command.moves.size,
      };
    }),
    kept: plan.kept.map(({ state, code, reason }) => ({ node: state.name, code, reason })),
    initialPricePerHour: plan.initialPrice,
    finalPricePerHour: plan.finalPrice,
    solveMs: plan.solveMs,
    ...(plan.finalNodes === undefined ? {} : { finalNodes: plan.finalNodes }),
  };
}
