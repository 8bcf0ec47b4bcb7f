import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { InstanceType } from "../src/model/instance-type.ts";
import type { KubeObject } from "../src/model/object.ts";
import { findingLines, type JudgedPlan, judgePlan } from "../test/planner/judge.ts";

/** A cluster at one moment, as a scenario file describes it. */
export type Scenario = {
  name: string;
  kind?: string;
  features?: readonly string[];
  objects: KubeObject[];
  instanceTypes: string;
  options?: { preferencePolicy?: string; minValuesPolicy?: string };
};

/** What Karpenter in Go did with it, and the cheapest plan known. Prices are USD per hour. */
export type Reference = {
  newNodeClaims?: readonly unknown[];
  unschedulable?: readonly unknown[];
  pricePerHour?: number;
  bestKnownPerHour?: number;
  finalPricePerHour?: number;
  bestFleetPerHour?: number;
  breaksRules?: unknown;
  solveMs?: number;
};

type ScenarioPlan = JudgedPlan & { solveMs?: number; finalPricePerHour?: number };

export type Outcome = "missing" | "skipped" | "invalid" | "left" | "stiff" | "dearer" | "fine";
export type Verdict = {
  name: string;
  kind: "provisioning" | "disruption";
  /** The worst that is to be said. */
  outcome: Outcome;
  /** Why, with numbers; empty for "fine". */
  reason: string;
  left: number;
  goLeft: number;
  nodes: number;
  goNodes: number;
  price: number;
  goPrice: number;
  bestKnown: number;
  /** The prices can be compared: same pods left, and no preferences, which nobody has to follow. */
  isCompared: boolean;
  solveMs: number;
  goSolveMs: number;
};

const PREFERENCES: ReadonlySet<string> = new Set([
  "preferred-node-affinity",
  "topology-schedule-anyway",
  "pod-affinity-preferred",
  "prefer-no-schedule",
]);
/** Prices that differ by less are the same. */
const isDearer = (a: number, b: number): boolean => a > b * 1.000_001 + 1e-6;

/** One scenario's plan beside what Karpenter in Go did. `plan` is undefined where there is none. */
export function compareScenario(
  scenario: Scenario,
  instanceTypes: readonly InstanceType[],
  plan: ScenarioPlan | undefined,
  go: Reference,
): Verdict {
  const nothing = { left: 0, goLeft: 0, nodes: 0, goNodes: 0, isCompared: false, solveMs: 0, goSolveMs: 0 };
  const kind = scenario.kind === "disruption" ? "disruption" : "provisioning";
  const base: Verdict = {
    ...nothing,
    name: scenario.name,
    kind,
    outcome: "fine",
    reason: "",
    price: 0,
    goPrice: 0,
    bestKnown: 0,
  };
  if (plan === undefined) return { ...base, outcome: "missing", reason: "no plan was written" };
  return kind === "disruption"
    ? compareFleet(base, plan, go)
    : comparePlan(base, { scenario, instanceTypes, plan, go });
}

/** Of a disruption only the price of the final fleet is compared: its moves are not judged here. */
function compareFleet(base: Verdict, plan: ScenarioPlan, go: Reference): Verdict {
  const price = plan.finalPricePerHour;
  const goPrice = go.finalPricePerHour ?? 0;
  const verdict = { ...base, goPrice, bestKnown: go.bestFleetPerHour ?? goPrice };
  if (price === undefined)
    return { ...verdict, outcome: "skipped", reason: "disruption is not planned by this command" };
  const isOver = isDearer(price, goPrice);
  const reason = isOver ? `fleet ${price.toFixed(4)}, Go ${goPrice.toFixed(4)}` : "";
  return { ...verdict, price, isCompared: true, outcome: isOver ? "dearer" : "fine", reason };
}

type Compared = { scenario: Scenario; instanceTypes: readonly InstanceType[]; plan: ScenarioPlan; go: Reference };

function comparePlan(base: Verdict, { scenario, instanceTypes, plan, go }: Compared): Verdict {
  const { features = [], objects, options } = scenario;
  const problem = shapeProblem(plan);
  if (problem !== undefined) return { ...base, outcome: "invalid", reason: problem };
  const { minValuesPolicy } = options ?? {};
  const { violations, stiff } = judgePlan({ objects, instanceTypes, minValuesPolicy }, plan);
  const [first] = violations;
  if (first !== undefined) {
    return { ...base, outcome: "invalid", reason: `${violations.length}: ${findingLines([first])[0]}` };
  }
  const left = plan.unschedulable.length;
  const goLeft = go.unschedulable?.length ?? 0;
  const price = plan.pricePerHour ?? 0;
  const goPrice = go.pricePerHour ?? 0;
  const bestKnown = go.bestKnownPerHour ?? goPrice;
  const hasWishes = options?.preferencePolicy !== "Ignore" && features.some((feature) => PREFERENCES.has(feature));
  // Where Go's own plan breaks rules there is nothing to compare with.
  const isComparable = go.breaksRules === undefined;
  const verdict: Verdict = {
    ...base,
    ...{ left, goLeft, price, goPrice, bestKnown },
    nodes: plan.newNodeClaims.length,
    goNodes: go.newNodeClaims?.length ?? 0,
    isCompared: isComparable && left === goLeft && !hasWishes,
    solveMs: plan.solveMs ?? 0,
    goSolveMs: go.solveMs ?? 0,
  };
  if (isComparable && left > goLeft) {
    return { ...verdict, outcome: "left", reason: `${left} pods left, Go ${goLeft}` };
  }
  if (verdict.isCompared && isDearer(price, goPrice)) {
    const reason = `${price.toFixed(4)}, Go ${goPrice.toFixed(4)}, best known ${bestKnown.toFixed(4)}`;
    return { ...verdict, outcome: "dearer", reason };
  }
  const [stiffFirst] = stiff;
  if (stiffFirst === undefined) return verdict;
  return { ...verdict, outcome: "stiff", reason: `${stiff.length}: ${findingLines([stiffFirst])[0]}` };
}

/** What is wrong with the plan as a document, before anybody looks at what it says. */
function shapeProblem(plan: ScenarioPlan): string | undefined {
  const isKeys = (keys: unknown): boolean => Array.isArray(keys) && keys.every((key) => typeof key === "string");
  for (const field of ["newNodeClaims", "existingNodes", "unschedulable"] as const) {
    if (!Array.isArray(plan[field])) return `it has no list ${field}`;
  }
  const isWhole =
    plan.newNodeClaims.every(({ pods, instanceTypes }) => isKeys(pods) && isKeys(instanceTypes)) &&
    plan.existingNodes.every(({ pods }) => isKeys(pods)) &&
    plan.unschedulable.every(({ pod }) => typeof pod === "string") &&
    typeof plan.pricePerHour === "number";
  return isWhole ? undefined : "a field of its claims, nodes or pods is missing";
}

export type Totals = Record<
  "cases" | "missing" | "invalid" | "left" | "fewerLeft" | "stiff" | "dearer" | "cheaper" | "compared",
  number
> & {
  price: number;
  goPrice: number;
  bestKnown: number;
  nodes: number;
  goNodes: number;
  worseThanBestKnown: number;
  disruption: number;
  disruptionSkipped: number;
  dearerFleet: number;
  finalPrice: number;
  goFinalPrice: number;
  bestFleet: number;
  solveMs: number;
  goSolveMs: number;
};

/** The sums over all scenarios; prices and nodes over those that are compared. */
export function totalsOf(verdicts: readonly Verdict[]): Totals {
  const provisioning = verdicts.filter(({ kind }) => kind === "provisioning");
  const fleets = verdicts.filter(({ kind }) => kind === "disruption");
  const compared = provisioning.filter(({ isCompared }) => isCompared);
  const finished = fleets.filter(({ isCompared }) => isCompared);
  const count = (of: readonly Verdict[], outcome: Outcome): number => of.filter((v) => v.outcome === outcome).length;
  const sum = (of: readonly Verdict[], field: (verdict: Verdict) => number): number =>
    Math.round(of.reduce((total, verdict) => total + field(verdict), 0) * 1e4) / 1e4;
  return {
    cases: verdicts.length,
    missing: count(verdicts, "missing"),
    invalid: count(verdicts, "invalid"),
    left: count(provisioning, "left"),
    fewerLeft: provisioning.filter(({ left, goLeft, outcome }) => outcome !== "invalid" && left < goLeft).length,
    stiff: count(provisioning, "stiff"),
    dearer: count(provisioning, "dearer"),
    cheaper: compared.filter(({ price, goPrice }) => isDearer(goPrice, price)).length,
    compared: compared.length,
    price: sum(compared, ({ price }) => price),
    goPrice: sum(compared, ({ goPrice }) => goPrice),
    bestKnown: sum(compared, ({ bestKnown }) => bestKnown),
    nodes: sum(compared, ({ nodes }) => nodes),
    goNodes: sum(compared, ({ goNodes }) => goNodes),
    worseThanBestKnown: compared.filter(({ price, bestKnown }) => isDearer(price, bestKnown)).length,
    disruption: fleets.length,
    disruptionSkipped: count(fleets, "skipped"),
    dearerFleet: count(fleets, "dearer"),
    finalPrice: sum(finished, ({ price }) => price),
    goFinalPrice: sum(finished, ({ goPrice }) => goPrice),
    bestFleet: sum(finished, ({ bestKnown }) => bestKnown),
    solveMs: sum(provisioning, ({ solveMs }) => solveMs),
    goSolveMs: sum(provisioning, ({ goSolveMs }) => goSolveMs),
  };
}

/** The plan in DIR/NAME.json, or undefined where none can be read. */
export async function readPlan(dir: string, name: string): Promise<ScenarioPlan | undefined> {
  try {
    return JSON.parse(await readFile(join(dir, `${name}.json`), "utf8")) as ScenarioPlan;
  } catch {
    return undefined;
  }
}
