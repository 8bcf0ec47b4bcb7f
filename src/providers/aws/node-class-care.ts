import { MINUTE_MS, parseTime } from "../../base/time.ts";
import { EC2_NODE_CLASSES } from "../../model/kinds.ts";
import { INSTANCE_TYPE_LABEL } from "../../model/labels.ts";
import type { Ec2NodeClass } from "../../model/resources/ec2-node-class.ts";
import { parseResources } from "../../model/resources.ts";
import type { Clock } from "../../ports/clock.ts";
import type { NodeClassCare, NodeClassFindings } from "../../ports/cloud-provider.ts";
import type { Log } from "../../ports/telemetry.ts";
import { AwsError, type CapacityReservation } from "./aws-api.ts";
import type { ClassTypes } from "./class-types.ts";
import type { Cluster } from "./cluster-facts.ts";
import type { Finders } from "./finders.ts";
import type { InstanceProfiles } from "./instance-profiles.ts";
import type { LaunchTemplates } from "./launch-templates.ts";
import type { LaunchTrial, Verdict } from "./launch-trial.ts";
import { type Ec2NodeClassSpec, familyOf } from "./pure/ami-family.ts";
import { statusAmis } from "./pure/ami-selection.ts";
import { type ClassView, classView, type StatusReservation } from "./pure/class-view.ts";
import { amiFor } from "./pure/compatibility.ts";
import {
  AWS_GROUP,
  HASH_ANNOTATION,
  HASH_VERSION_ANNOTATION,
  LEARNED_MEMORY_ANNOTATION,
  NODE_CLASS_FINALIZER,
} from "./pure/labels.ts";
import { withSeenMemory } from "./pure/learned-memory.ts";
import { NODE_CLASS_HASH_VERSION, nodeClassHash } from "./pure/node-class-hash.ts";
import { explained, isCallerUnknown, isDenied } from "./pure/permissions.ts";
import { specProblem } from "./pure/spec-problem.ts";
import { EXPIRING_MS, type ReservationCounts } from "./reservation-counts.ts";
import type { SubnetAddresses } from "./subnet-addresses.ts";
import type { ZonalShift } from "./zonal-shift.ts";

export type CareNeeds = {
  clock: Clock;
  log: Log;
  cluster: Cluster;
  finders: Finders;
  profiles: InstanceProfiles;
  templates: LaunchTemplates;
  addresses: SubnetAddresses;
  reservations: ReservationCounts;
  types: ClassTypes;
  shift: ZonalShift;
  trial: LaunchTrial;
  isDryRunDisabled: boolean;
  allowsExpressions: boolean;
  clusterName: string;
  region: string;
  clusterCaBundle: string;
  reservedCapacity: boolean;
};
type Found = {
  status?: Readonly<Record<string, unknown>>;
  condition?: Condition;
  warning?: NodeClassFindings["warnings"][number];
  failure?: unknown;
  /** Look again at the latest then. */
  recheckMs?: number;
};
type Look = (needs: CareNeeds, nodeClass: Ec2NodeClass, spec: Ec2NodeClassSpec) => Promise<Found>;

const RECHECK_MS = MINUTE_MS;

/** Looks after EC2NodeClasses. @source reference of the AWS provider's API, section 3 */
export function ec2NodeClassCare(needs: CareNeeds): NodeClassCare {
  return {
    kind: { group: AWS_GROUP, kind: EC2_NODE_CLASSES.kind },
    conditionTypes: [
      "AMIsReady",
      "SubnetsReady",
      "SecurityGroupsReady",
      "InstanceProfileReady",
      "ValidationSucceeded",
      "PlacementGroupReady",
      ...(needs.reservedCapacity ? ["CapacityReservationsReady"] : []),
    ],
    finalizer: NODE_CLASS_FINALIZER,
    hash(nodeClass) {
      const { spec } = nodeClass as Ec2NodeClass;
      return {
        annotation: HASH_ANNOTATION,
        hash: spec === undefined ? "" : nodeClassHash(spec, needs.clusterCaBundle),
        versionAnnotation: HASH_VERSION_ANNOTATION,
        version: NODE_CLASS_HASH_VERSION,
      };
    },
    findings: (nodeClass) => findings(needs, nodeClass as Ec2NodeClass),
    learn: (nodeClass, nodes) => learn(needs, nodeClass as Ec2NodeClass, nodes),
    async finalize(nodeClass) {
      const ec2Class = nodeClass as Ec2NodeClass;
      needs.types.forget(ec2Class.metadata.name);
      if (ec2Class.spec?.role !== undefined) await needs.profiles.deleteOf(ec2Class);
      await needs.templates.deleteOf(ec2Class.metadata.name);
    },
  };
}

/** Nodes that were started from other images say nothing about the next ones. */
async function learn(
  { types, finders }: CareNeeds,
  nodeClass: Ec2NodeClass,
  nodes: Parameters<NodeClassCare["learn"]>[1],
): Promise<Readonly<Record<string, string>>> {
  const { spec } = nodeClass;
  const view = spec === undefined ? undefined : classView(nodeClass, await finders.placementGroup(spec));
  if (view === undefined || nodes.length === 0) return {};
  const byName = new Map((await types.of(view)).map((type) => [type.name, type]));
  const seen = nodes.flatMap(({ claim, node }) => {
    const type = byName.get(node.metadata.labels?.[INSTANCE_TYPE_LABEL] ?? "");
    const isCurrent = type !== undefined && amiFor(type.requirements, view.amis)?.id === claim.status?.imageID;
    const bytes = parseResources(node.status?.capacity)["memory"] ?? 0;
    return isCurrent ? [{ type: type.name, bytes }] : [];
  });
  const text = withSeenMemory(view.learnedMemory, seen, view.amis);
  return text === undefined ? {} : { [LEARNED_MEMORY_ANNOTATION]: text };
}

async function findings(needs: CareNeeds, nodeClass: Ec2NodeClass): Promise<NodeClassFindings> {
  const { spec } = nodeClass;
  if (spec === undefined) return { status: {}, conditions: [], warnings: [], failures: [], recheckMs: RECHECK_MS };
  const looks: [type: string, look: Look][] = [
    ["AMIsReady", amis],
    ["SubnetsReady", subnets],
    ["SecurityGroupsReady", securityGroups],
    ["InstanceProfileReady", instanceProfile],
    ["PlacementGroupReady", placementGroup],
  ];
  if (needs.reservedCapacity) looks.push(["CapacityReservationsReady", capacityReservations]);
  const found = await Promise.all(looks.map(([type, look]) => caught(type, look, needs, nodeClass, spec)));
  found.push(await caught("ValidationSucceeded", validation(found), needs, nodeClass, spec));
  const present = <T>(list: readonly (T | undefined)[]): T[] => list.filter((one) => one !== undefined);
  return {
    status: statusOf(found),
    conditions: present(found.map(({ condition }) => condition)),
    warnings: present(found.map(({ warning }) => warning)),
    failures: found.flatMap((one) => ("failure" in one ? [one.failure] : [])),
    recheckMs: Math.min(RECHECK_MS, ...found.map(({ recheckMs = RECHECK_MS }) => Math.max(1, recheckMs))),
  };
}

function statusOf(found: readonly Found[]): Readonly<Record<string, unknown>> {
  return Object.assign({}, ...found.map(({ status }) => status));
}

/** One look that fails does not keep the others from being shown. */
async function caught(
  type: string,
  look: Look,
  needs: CareNeeds,
  nodeClass: Ec2NodeClass,
  spec: Ec2NodeClassSpec,
): Promise<Found> {
  try {
    return await look(needs, nodeClass, spec);
  } catch (failure) {
    return { failure, ...refused(type, needs, nodeClass, failure) };
  }
}

/** AWS would not answer this controller. What was found earlier still holds; what was never found cannot be. */
function refused(type: string, { clusterName, region }: CareNeeds, nodeClass: Ec2NodeClass, failure: unknown): Found {
  const errors = failure instanceof AggregateError ? failure.errors : [failure];
  const error = errors.find((one) => one instanceof AwsError && (isDenied(one) || isCallerUnknown(one)));
  if (!(error instanceof AwsError)) return {};
  const { action, code, words } = error;
  const warning = {
    reason: isDenied(error) ? "AccessDenied" : "CredentialsNotTaken",
    message: explained({ action, code, message: words }, { clusterName, region }),
  };
  if (knownStatus(nodeClass, type) === "True") return { warning };
  return { warning, condition: { type, status: "Unknown", ...warning } };
}

function knownStatus({ status }: Ec2NodeClass, type: string): string | undefined {
  return status?.conditions?.find((condition) => condition.type === type)?.status;
}

type Condition = NodeClassFindings["conditions"][number];
const isReady = (type: string): Condition => ({ type, status: "True" });
const isNot = (type: string, reason: string, message: string): Condition => ({
  type,
  status: "False",
  reason,
  message,
});

const amis: Look = async ({ finders, cluster, clock }, _nodeClass, spec) => {
  const found = await finders.images(spec, () => cluster.kubernetesVersion());
  if ("problem" in found)
    return { status: { amis: [] }, condition: isNot("AMIsReady", "UnsupportedAlias", found.problem) };
  const list = statusAmis(found, familyOf(spec), clock.nowMs());
  const condition =
    list.length > 0
      ? isReady("AMIsReady")
      : isNot("AMIsReady", "AMINotFound", `amiSelectorTerms find no image: ${JSON.stringify(spec.amiSelectorTerms)}`);
  return { status: { amis: list }, condition };
};

const subnets: Look = async ({ finders, addresses, shift }, _nodeClass, spec) => {
  const found = await finders.subnets(spec);
  shift.noteZones(found);
  for (const { id, freeAddresses } of found) addresses.told(id, freeAddresses);
  const list = found.map(({ id, zone, zoneId }) => ({ id, zone, ...(zoneId === "" ? {} : { zoneID: zoneId }) }));
  const condition =
    list.length > 0
      ? isReady("SubnetsReady")
      : isNot(
          "SubnetsReady",
          "SubnetsNotFound",
          `subnetSelectorTerms find no subnet: ${JSON.stringify(spec.subnetSelectorTerms)}`,
        );
  return { status: { subnets: list }, condition };
};

const securityGroups: Look = async ({ finders }, _nodeClass, spec) => {
  const list = (await finders.securityGroups(spec)).map(({ id, name }) => ({ id, name }));
  const condition =
    list.length > 0
      ? isReady("SecurityGroupsReady")
      : isNot(
          "SecurityGroupsReady",
          "SecurityGroupsNotFound",
          `securityGroupSelectorTerms find no group: ${JSON.stringify(spec.securityGroupSelectorTerms)}`,
        );
  return { status: { securityGroups: list }, condition };
};

const instanceProfile: Look = async ({ profiles }, nodeClass, spec) => {
  const { role, instanceProfile: given } = spec;
  if (role?.includes(":") === true) {
    const name = role.slice(role.lastIndexOf("/") + 1);
    return { condition: isNot("InstanceProfileReady", "RoleInvalid", `role is a name, no ARN: write "${name}"`) };
  }
  const found = role === undefined ? { name: given ?? "" } : await profiles.ensure(nodeClass, role);
  if ("reason" in found) return { condition: isNot("InstanceProfileReady", found.reason, found.message) };
  return { status: { instanceProfile: found.name }, condition: isReady("InstanceProfileReady") };
};

const placementGroup: Look = async ({ finders }, _nodeClass, spec) => {
  const type = "PlacementGroupReady";
  if (spec.placementGroupSelector === undefined) return { condition: isReady(type) };
  const wanted = JSON.stringify(spec.placementGroupSelector);
  try {
    const group = await finders.placementGroup(spec);
    const condition =
      group === undefined
        ? isNot(type, "PlacementGroupNotFound", `there is no placement group ${wanted}`)
        : isReady(type);
    return { condition };
  } catch (failure) {
    const why = failure instanceof Error ? failure.message : String(failure);
    return { condition: isNot(type, "PlacementGroupResolutionFailed", `${wanted}: ${why}`), failure };
  }
};

const capacityReservations: Look = async ({ finders, reservations, clock, log }, _nodeClass, spec) => {
  const nowMs = clock.nowMs();
  const found = (await finders.reservations(spec)).filter(({ endTime }) => (endMs(endTime) ?? nowMs + 1) > nowMs);
  const known = found.filter(({ type, matchCriteria }) => {
    const isKnown = ["default", "capacity-block"].includes(type) && ["open", "targeted"].includes(matchCriteria);
    if (!isKnown) log.error("a capacity reservation is of an unknown kind", { type, matchCriteria });
    return isKnown;
  });
  for (const one of known) {
    reservations.told(one.id, one.availableCount);
    if (one.type === "capacity-block") reservations.ends(one.id, endMs(one.endTime));
  }
  const ends = known.map(({ endTime }) => (endMs(endTime) ?? Number.POSITIVE_INFINITY) - nowMs);
  return {
    status: { capacityReservations: known.map((one) => statusReservation(one, nowMs)) },
    condition: isReady("CapacityReservationsReady"),
    recheckMs: Math.min(RECHECK_MS, ...ends),
  };
};

const endMs = (endTime: string | undefined): number | undefined => parseTime(endTime ?? "");

function statusReservation(one: CapacityReservation, nowMs: number): StatusReservation {
  const { id, instanceType, zone, ownerId, matchCriteria, type, isInterruptible, endTime } = one;
  const isExpiring = type === "capacity-block" && nowMs >= (endMs(endTime) ?? Number.POSITIVE_INFINITY) - EXPIRING_MS;
  return {
    id,
    instanceType,
    availabilityZone: zone,
    ownerID: ownerId,
    instanceMatchCriteria: matchCriteria as StatusReservation["instanceMatchCriteria"],
    reservationType: type as NonNullable<StatusReservation["reservationType"]>,
    state: isExpiring ? "expiring" : "active",
    ...(isInterruptible ? { interruptible: true } : {}),
    ...(endTime === undefined ? {} : { endTime }),
  };
}

/** What launches depend on. */
const DEPENDENCIES: readonly string[] = ["AMIsReady", "InstanceProfileReady", "SecurityGroupsReady", "SubnetsReady"];

/** The class itself, then what it depends on, then whether all that may be launched. */
function validation(found: readonly Found[]): Look {
  return async (needs, nodeClass, spec) => {
    const type = "ValidationSucceeded";
    const problem = specProblem(spec, needs.allowsExpressions);
    if (problem !== undefined) return { condition: isNot(type, problem.reason, problem.message) };
    if (familyOf(spec) === "AL2023" && (await needs.cluster.facts({ needsCidr: true })).cidr === undefined) {
      const message = "EKS tells no address range of the cluster's services, which nodes of AL2023 need";
      return { condition: isNot(type, "ClusterCIDRResolutionFailed", message) };
    }
    const statusNow = (name: string) =>
      found.find(({ condition }) => condition?.type === name)?.condition?.status ?? knownStatus(nodeClass, name);
    const failed = DEPENDENCIES.filter((name) => statusNow(name) === "False");
    const open = DEPENDENCIES.filter((name) => !["True", "False"].includes(statusNow(name) ?? ""));
    const reason = "DependenciesNotReady";
    if (failed.length > 0) return { condition: isNot(type, reason, `not ready: ${failed.join(", ")}`) };
    if (open.length > 0) {
      return { condition: { type, status: "Unknown", reason, message: `not known yet: ${open.join(", ")}` } };
    }
    const status = { ...nodeClass.status, ...statusOf(found) };
    const view = classView({ ...nodeClass, status }, await needs.finders.placementGroup(spec));
    const verdict = view === undefined ? undefined : await verdictOn(needs, nodeClass, view);
    return { condition: verdict === undefined ? isReady(type) : isNot(type, verdict.reason, verdict.message) };
  };
}

/** On a class whose parts are all there. */
async function verdictOn(
  { types, trial, isDryRunDisabled }: CareNeeds,
  nodeClass: Ec2NodeClass,
  view: ClassView,
): Promise<Verdict> {
  const message = await types.problem(view);
  if (message !== undefined) return { reason: "KubeletExpressionEvaluationFailed", message };
  return isDryRunDisabled ? undefined : trial.verdict(nodeClass, view);
}
