import { UserError } from "../../src/base/errors.ts";
import type { PlanSettings } from "../../src/snapshot/snapshot.ts";
import {
  CLUSTER_FLAGS,
  CLUSTER_USAGE,
  givenCluster,
  notReadNotes,
  TYPE_FLAGS,
  TYPE_USAGE,
  typesOf,
} from "./cluster-source.ts";
import { readDefaultSpread } from "./default-spread-file.ts";
import { asCluster } from "./file-cluster.ts";
import { readFlags, spread } from "./flags.ts";
import { EXIT, type Io } from "./io.ts";
import { type Format, formatFlag, printed } from "./output.ts";
import { type ClusterInput, planJson, timedPlan } from "./plan-cluster.ts";
import { disruptionJson, timedDisruption } from "./plan-disruption.ts";
import { disruptionTables } from "./plan-disruption-report.ts";
import { planTables } from "./plan-report.ts";
import { planScenarios } from "./plan-scenarios.ts";
import { SEARCH_FLAGS, searchSettings } from "./search-flags.ts";
import { type Change, NO_CHANGE, readChange, WHAT_IF_FLAGS } from "./what-if/change-flags.ts";
import { type ChangeInput, changedCluster } from "./what-if/what-if.ts";
import { whatIfJson, whatIfTables } from "./what-if/what-if-report.ts";

const USAGE = `Says which nodes would be bought for the pods that wait, and why some would not get one; or what would come of a change
to a cluster; or, with --disruption, which nodes would be taken away, what would come instead, and why the others stay. Touches
nothing.

usage: karpenter plan [-f FILE...] [CLUSTER] [OPTION...]                  of files alone, or of the cluster as it is
       karpenter plan CLUSTER -f CHANGE.yaml [--remove ...] [OPTION...]   of a change to the cluster
       karpenter plan --scenario FILE... --catalogs DIR --out DIR

  -f, --filename FILE      files or folders of manifests, or - for standard input: pods, NodePools, nodes, and the
                           workloads whose pods they stand for (Deployment, ReplicaSet, StatefulSet, Job, DaemonSet,
                           and one run of a CronJob), as you wrote them or as "kubectl get -o yaml" printed them; laid over
                           the cluster where one is given as well; may be repeated
${CLUSTER_USAGE}
${TYPE_USAGE}
  --preference-policy P    Respect (default) or Ignore
  --min-values-policy P    Strict (default) or BestEffort
  --scheduler-config FILE  default spread constraints, as the controller's setting of that name or the scheduler's own file
  --node-surcharge USD     and --launch-price-factor N, --node-cpu-max MILLICORES, --workload-share-max SHARE: as the
                           controller's settings of these names
  --explain-price          also what each phase of the search came to
  -o, --output FORMAT      table (default), json, yaml or markdown

what if, each of them may be repeated:
  --remove KIND/NAME       without this object: node/NAME, nodepool/NAME, deployment/NAMESPACE/NAME, ...
  --lose-zone ZONE         without the nodes of a zone, where nothing is to be had either; a letter will do
  --lose-spot              without spot capacity
  --price-change WHAT=HOW  at other prices: spot=+30%, m5=-10% (a family), m5.large=0.05, us-east-1a=+5%
  --fail-on BOUNDS         ends with 1 when one is passed, and only then: unschedulable, drift>10%, cost>5%, held, gone,
                           moved>100, ..., separated by commas
  --node-ready TIME        for the roll-out: until a node is ready, default 60s
  --pod-ready TIME         until a pod is ready again after its eviction, default 30s

  --disruption             plans what is taken away instead
  --steady                 plans again on the result until nothing is left to do, and lists the nodes at the end
  --spot-to-spot           spot nodes may make way for cheaper spot nodes (feature gate SpotToSpotConsolidation)

  --scenario FILE          plans clusters described in one file each and writes DIR/NAME.json
  --catalogs DIR           where the files of instance types are that the scenarios name
  --out DIR                where the plans go

exit code: 0 every pod has a place, 1 some have not (of a change: that have one without it), 2 wrong use, 3 failure;
           with --disruption 0 nothing is to be done, 1 something is
`;

const FLAGS = {
  ...CLUSTER_FLAGS,
  ...TYPE_FLAGS,
  ...SEARCH_FLAGS,
  ...WHAT_IF_FLAGS,
  "preference-policy": { type: "string", default: "Respect" },
  "min-values-policy": { type: "string", default: "Strict" },
  "scheduler-config": { type: "string" },
  "explain-price": { type: "boolean", default: false },
  output: { type: "string", short: "o", default: "table" },
  disruption: { type: "boolean", default: false },
  steady: { type: "boolean", default: false },
  "spot-to-spot": { type: "boolean", default: false },
  scenario: { type: "string", multiple: true },
  catalogs: { type: "string" },
  out: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/**
 * `karpenter plan`.
 * @throws UserError KARP_BAD_FLAG, KARP_NO_SUCH_OBJECT, what reading files throws, and what reading a live cluster throws
 */
export async function planCommand(args: string[], io: Io): Promise<number> {
  const flags = readFlags("plan", spread(args), FLAGS);
  if (flags.help) {
    io.out(USAGE);
    return EXIT.fine;
  }
  if (flags.scenario !== undefined) {
    const { catalogs, out } = flags;
    if (catalogs === undefined || out === undefined) throw wrongUse("--scenario needs --catalogs DIR and --out DIR");
    return planScenarios({ scenarios: flags.scenario, catalogs, out }, io);
  }
  const format = formatFlag("plan", flags.output);
  refuseCombinations(flags);
  const settings = planSettings(flags, io);
  const change = readChange(flags);
  const given = await givenCluster("plan", flags, io);
  const instanceTypes = typesOf("plan", flags, [...(given.base ?? []), ...given.files], io);
  for (const note of notReadNotes(given.notRead)) io.err(`karpenter plan: ${note}\n`);
  const { nowMs, source } = given;
  if (change === undefined && (given.base === undefined || given.files.length === 0)) {
    const cluster = given.base === undefined ? asCluster(given.files) : asCluster(given.base, () => false);
    for (const note of cluster.notes) io.err(`karpenter plan: ${note}\n`);
    return printPlan({ objects: cluster.objects, instanceTypes, nowMs, settings }, { ...flags, format }, io);
  }
  if (flags["explain-price"]) throw wrongUse("--explain-price goes with plans of a cluster as it is, not of a change");
  // A cluster that is only in files has the pods that its workloads are to have.
  const [base, files] = given.base === undefined ? [asCluster(given.files).objects, []] : [given.base, given.files];
  const input = { ...(change ?? NO_CHANGE), base, files, instanceTypes, nowMs, settings };
  return printChange(input, { ...flags, format, source }, io);
}

function refuseCombinations(flags: { disruption: boolean; steady: boolean; "spot-to-spot": boolean }): void {
  if (flags.disruption || !(flags.steady || flags["spot-to-spot"])) return;
  throw wrongUse(`--${flags.steady ? "steady" : "spot-to-spot"} goes with --disruption only`);
}

type Printing = {
  format: Format;
  disruption: boolean;
  steady: boolean;
  "spot-to-spot": boolean;
};

function printPlan(input: ClusterInput, flags: Printing & { "explain-price": boolean }, io: Io): number {
  if (flags.disruption) return printDisruption(input, flags, io);
  const plan = timedPlan({ ...input, explainsPrice: flags["explain-price"] });
  io.out(
    printed(
      flags.format,
      () => planJson(plan),
      () => planTables(plan),
    ),
  );
  return plan.unschedulable.length === 0 ? EXIT.fine : EXIT.findings;
}

function printDisruption(input: ClusterInput, flags: Printing, io: Io): number {
  const plan = timedDisruption({ ...input, steady: flags.steady, spotToSpot: flags["spot-to-spot"] });
  io.out(
    printed(
      flags.format,
      () => disruptionJson(plan),
      () => disruptionTables(plan),
    ),
  );
  return plan.commands.length === 0 ? EXIT.fine : EXIT.findings;
}

function printChange(input: ChangeInput & Change, flags: Printing & { source: string }, io: Io): number {
  const changed = changedCluster(input);
  const { objects, instanceTypes, whatIf } = changed;
  const { nowMs, settings, failOn } = input;
  if (flags.disruption) return printDisruption({ objects, instanceTypes, nowMs, settings }, flags, io);
  const failed = failOn?.filter((one) => one.isPassed(whatIf)).map(({ text }) => text) ?? [];
  io.out(
    printed(
      flags.format,
      () => ({ cluster: flags.source, ...whatIfJson(changed, failed) }),
      () => whatIfTables(changed, { failed, pace: input.pace, source: flags.source }),
    ),
  );
  if (failOn !== undefined) return failed.length === 0 ? EXIT.fine : EXIT.findings;
  return whatIf.stuck.length === 0 ? EXIT.fine : EXIT.findings;
}

type PlanFlags = { [K in keyof typeof SEARCH_FLAGS]?: string | undefined } & {
  "preference-policy": string;
  "min-values-policy": string;
  "scheduler-config"?: string | undefined;
};

function planSettings(flags: PlanFlags, io: Io): Partial<PlanSettings> {
  return {
    preferencePolicy: oneOf("preference-policy", flags["preference-policy"], ["Respect", "Ignore"]),
    minValuesPolicy: oneOf("min-values-policy", flags["min-values-policy"], ["Strict", "BestEffort"]),
    defaultSpread: readDefaultSpread(flags["scheduler-config"], io),
    ...searchSettings(flags),
  };
}

function oneOf<const T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw wrongUse(`--${name} is "${value}", not one of ${allowed.join(", ")}`);
  return found;
}

function wrongUse(what: string): UserError {
  return new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter plan: ${what}`,
    remedy: '"karpenter plan --help" lists the flags',
  });
}
