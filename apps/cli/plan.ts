import { resolve } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import type { InstanceType } from "../../src/model/instance-type.ts";
import { CATALOGUE_REGIONS } from "../../src/providers/ec2/catalogue.ts";
import { catalogueInstanceTypes } from "../../src/providers/kwok/catalogue.ts";
import { readInstanceTypesFile } from "../../src/providers/kwok/instance-types-file.ts";
import type { PlanSettings } from "../../src/snapshot/snapshot.ts";
import { readDefaultSpread } from "./default-spread-file.ts";
import { asCluster } from "./file-cluster.ts";
import { momentFlag, readFlags, spread } from "./flags.ts";
import { EXIT, type Io } from "./io.ts";
import { readManifests } from "./manifests.ts";
import { formatFlag, printed } from "./output.ts";
import { planJson, timedPlan } from "./plan-cluster.ts";
import { disruptionJson, timedDisruption } from "./plan-disruption.ts";
import { disruptionTables } from "./plan-disruption-report.ts";
import { planTables } from "./plan-report.ts";
import { planScenarios } from "./plan-scenarios.ts";
import { SEARCH_FLAGS, searchSettings } from "./search-flags.ts";

const REGION_DEFAULT = "us-east-1";
const USAGE = `Says which nodes would be bought for the pods in files, and why some would not get one; or, with --disruption, which
nodes would be taken away, what would come instead, and why the others stay. Touches nothing.

usage: karpenter plan [--disruption [--steady]] -f FILE... [OPTION...]
       karpenter plan --scenario FILE... --catalogs DIR --out DIR

  -f, --filename FILE      files or folders of manifests, or - for standard input: pods, NodePools, nodes, and the
                           workloads whose pods they stand for (Deployment, ReplicaSet, StatefulSet, Job, DaemonSet,
                           and one run of a CronJob), as you wrote them or as "kubectl get -o yaml" printed them; may be repeated
  --instance-types FILE    what can be bought, in the shape of the kwok provider's instance_types.json
  --region REGION          or else: what EC2 offers in a region (any of the ${CATALOGUE_REGIONS.length} commercial ones; default ${REGION_DEFAULT})
  --preference-policy P    Respect (default) or Ignore
  --min-values-policy P    Strict (default) or BestEffort
  --scheduler-config FILE  default spread constraints, as the controller's setting of that name or the scheduler's own file
  --node-surcharge USD     and --launch-price-factor N, --node-cpu-max MILLICORES, --workload-share-max SHARE: as the
                           controller's settings of these names
  --explain-price          also what each phase of the search came to
  --now TIME               the moment to plan for, such as 2026-01-01T12:00:00Z; default: now
  -o, --output FORMAT      table (default), json, yaml or markdown

  --disruption             plans what is taken away instead
  --steady                 plans again on the result until nothing is left to do, and lists the nodes at the end
  --spot-to-spot           spot nodes may make way for cheaper spot nodes (feature gate SpotToSpotConsolidation)

  --scenario FILE          plans clusters described in one file each and writes DIR/NAME.json
  --catalogs DIR           where the files of instance types are that the scenarios name
  --out DIR                where the plans go

exit code: 0 every pod has a place, 1 some have not, 2 wrong use, 3 failure;
           with --disruption 0 nothing is to be done, 1 something is
`;

/**
 * `karpenter plan`.
 * @throws UserError KARP_BAD_FLAG and what reading files throws
 */
export async function planCommand(args: string[], io: Io): Promise<number> {
  const flags = readFlags("plan", spread(args), {
    filename: { type: "string", short: "f", multiple: true },
    "instance-types": { type: "string" },
    region: { type: "string" },
    "preference-policy": { type: "string", default: "Respect" },
    "min-values-policy": { type: "string", default: "Strict" },
    "scheduler-config": { type: "string" },
    "explain-price": { type: "boolean", default: false },
    ...SEARCH_FLAGS,
    now: { type: "string" },
    output: { type: "string", short: "o", default: "table" },
    disruption: { type: "boolean", default: false },
    steady: { type: "boolean", default: false },
    "spot-to-spot": { type: "boolean", default: false },
    scenario: { type: "string", multiple: true },
    catalogs: { type: "string" },
    out: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  });
  if (flags.help) {
    io.out(USAGE);
    return EXIT.fine;
  }
  if (flags.scenario !== undefined) {
    const { catalogs, out } = flags;
    if (catalogs === undefined || out === undefined) throw wrongUse("--scenario needs --catalogs DIR and --out DIR");
    return planScenarios({ scenarios: flags.scenario, catalogs, out }, io);
  }
  if (flags.filename === undefined) throw wrongUse("there is nothing to plan: give -f FILE");
  const format = formatFlag("plan", flags.output);
  if (!flags.disruption && (flags.steady || flags["spot-to-spot"])) {
    throw wrongUse(`--${flags.steady ? "steady" : "spot-to-spot"} goes with --disruption only`);
  }
  const settings: Partial<PlanSettings> = {
    preferencePolicy: oneOf("preference-policy", flags["preference-policy"], ["Respect", "Ignore"]),
    minValuesPolicy: oneOf("min-values-policy", flags["min-values-policy"], ["Strict", "BestEffort"]),
    defaultSpread: readDefaultSpread(flags["scheduler-config"], io),
    ...searchSettings(flags),
  };
  const nowMs = momentFlag("plan", flags.now);
  const instanceTypes = typesOf(flags["instance-types"], flags.region, io);
  const { objects } = await readManifests(flags.filename, io);
  const cluster = asCluster(objects.map(({ object }) => object));
  for (const note of cluster.notes) io.err(`karpenter plan: ${note}\n`);
  const input = { objects: cluster.objects, instanceTypes, nowMs, settings };
  if (flags.disruption) {
    const plan = timedDisruption({ ...input, steady: flags.steady, spotToSpot: flags["spot-to-spot"] });
    io.out(
      printed(
        format,
        () => disruptionJson(plan),
        () => disruptionTables(plan),
      ),
    );
    return plan.commands.length === 0 ? EXIT.fine : EXIT.findings;
  }
  const plan = timedPlan({ ...input, explainsPrice: flags["explain-price"] });
  io.out(
    printed(
      format,
      () => planJson(plan),
      () => planTables(plan),
    ),
  );
  return plan.unschedulable.length === 0 ? EXIT.fine : EXIT.findings;
}

function oneOf<const T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw wrongUse(`--${name} is "${value}", not one of ${allowed.join(", ")}`);
  return found;
}

function typesOf(file: string | undefined, region: string | undefined, io: Io): readonly InstanceType[] {
  if (file === undefined) return catalogueInstanceTypes(region ?? REGION_DEFAULT);
  if (region !== undefined) throw wrongUse("--region and --instance-types exclude each other");
  return readInstanceTypesFile(resolve(io.cwd, file));
}

function wrongUse(what: string): UserError {
  return new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter plan: ${what}`,
    remedy: '"karpenter plan --help" lists the flags',
  });
}
