import { RetryError } from "../../base/errors.ts";
import { byText } from "../../base/order.ts";
import { DAY_MS, MINUTE_MS, parseTime, SECOND_MS } from "../../base/time.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { CapacityType } from "../../model/instance-type.ts";
import { EC2_NODE_CLASSES } from "../../model/kinds.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL } from "../../model/labels.ts";
import { allows, requirementFor, requirementsOf } from "../../model/requirements.ts";
import type { Ec2NodeClass } from "../../model/resources/ec2-node-class.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CloudProvider,
  CreateError,
  type Instance,
  InstanceNotFoundError,
  InsufficientCapacityError,
  NodeClassNotReadyError,
  type ProviderTask,
  type RepairPolicy,
} from "../../ports/cloud-provider.ts";
import type { KubeApi } from "../../ports/kube-api.ts";
import type { Events, Log, Metrics } from "../../ports/telemetry.ts";
import type { AwsApi, Ec2Instance } from "./aws-api.ts";
import { blockExpirations } from "./block-expiration.ts";
import { ClassTypes } from "./class-types.ts";
import { Cluster, type ClusterOptions } from "./cluster-facts.ts";
import { Finders } from "./finders.ts";
import { InstanceProfiles } from "./instance-profiles.ts";
import { statusInterruptions } from "./instance-status.ts";
import { Instances } from "./instances.ts";
import { queueInterruptions } from "./interruptions.ts";
import { LaunchTemplates } from "./launch-templates.ts";
import { LaunchTrial } from "./launch-trial.ts";
import { Launcher } from "./launcher.ts";
import { Lookup } from "./lookup.ts";
import { ec2NodeClassCare } from "./node-class-care.ts";
import { OfferingMetrics } from "./offering-metrics.ts";
import { Prices } from "./prices.ts";
import { type ClassView, classView } from "./pure/class-view.ts";
import { dynamicDrift, isClassChanged } from "./pure/drift.ts";
import { claimsLaunchedFor } from "./pure/fleet-request.ts";
import { capacityTypeOf, instanceIdOf, instanceOf, launchedInstance } from "./pure/instance.ts";
import { kubeletProblem } from "./pure/kubelet.ts";
import {
  AWS_GROUP,
  AWS_WELL_KNOWN_LABELS,
  CLUSTER_TAG,
  EFA_RESOURCE,
  HASH_ANNOTATION,
  HASH_VERSION_ANNOTATION,
  NODE_CLAIM_TAG,
  PARTITION_LABEL,
  PLACEMENT_GROUP_LABEL,
  PROFILE_ANNOTATION,
  RESERVATION_ID_LABEL,
  RESERVATION_INTERRUPTIBLE_LABEL,
  RESERVATION_TYPE_LABEL,
} from "./pure/labels.ts";
import type { OwnPrices } from "./pure/own-prices.ts";
import { reservedTag } from "./pure/tags.ts";
import { ReservationCounts } from "./reservation-counts.ts";
import { SubnetAddresses } from "./subnet-addresses.ts";
import { TypeBook } from "./type-book.ts";
import { UnavailableOfferings } from "./unavailable-offerings.ts";
import { ZonalShift } from "./zonal-shift.ts";

export type AwsProviderOptions = ClusterOptions & {
  aws: AwsApi;
  kube: KubeApi;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  events: Events;
  region: string;
  isIsolated: boolean;
  vmMemoryOverhead: number;
  reservedEnis: number;
  reservedCapacity: boolean;
  minValuesBestEffort: boolean;
  subnetRefreshMs: number;
  amiRefreshMs: number;
  /** "": interruptions are not heard of. */
  interruptionQueue: string;
  /** Permissions are not tried out before they are needed. */
  isDryRunDisabled: boolean;
  /** Zones that ARC shifts the cluster away from are left alone. */
  followsZonalShift: boolean;
  /** Settings of the kubelet may be expressions of the type's size. */
  allowsExpressions: boolean;
  /** Reads the prices that the user has written down; absent: there are none. */
  readOwnPrices?: () => OwnPrices;
};

/** A cloud of EC2 instances, for node classes of kind EC2NodeClass. */
export function awsProvider(options: AwsProviderOptions): CloudProvider {
  const parts = partsOf(options);
  return {
    name: "aws",
    nodeClasses: [{ group: AWS_GROUP, kind: EC2_NODE_CLASSES.kind }],
    wellKnownLabels: AWS_WELL_KNOWN_LABELS,
    repairPolicies: REPAIR_POLICIES,
    create: (claim, nodeClass) => create(parts, claim, nodeClass as Ec2NodeClass | undefined),
    delete: (claim) => terminate(parts, claim),
    async get(providerId) {
      const id = instanceIdOf(providerId);
      const instance = id === undefined ? undefined : await parts.instances.get(id);
      if (instance === undefined) throw new InstanceNotFoundError(`there is no instance ${providerId}`);
      return instanceOf(instance, options.region);
    },
    list: () => list(parts),
    async instanceTypes(_pool, nodeClass) {
      return parts.types.of(await viewOf(parts, nodeClass as Ec2NodeClass | undefined));
    },
    driftReason: (claim, nodeClass) => driftReason(parts, claim, nodeClass as Ec2NodeClass | undefined),
    interruptions: [
      ...(options.interruptionQueue === ""
        ? []
        : [queueInterruptions({ ...options, ...parts, queueName: options.interruptionQueue })]),
      statusInterruptions(options),
      ...(options.reservedCapacity ? [blockExpirations(parts)] : []),
    ],
    nameInstance: (claim) => nameInstance(parts, options, claim),
    nodeClassCare: ec2NodeClassCare({ ...parts, ...options }),
    changedLabels: (claim) => changedLabels(claim, parts.instances),
    tasks: tasksOf(parts, options),
  };
}

function tasksOf(parts: Parts, options: AwsProviderOptions): ProviderTask[] {
  const { templates, profiles, shift, prices, book, types, finders, clock } = parts;
  const shown = new OfferingMetrics(options.metrics);
  const task = (name: string, periodMs: number, work: () => Promise<void>): ProviderTask => ({
    name,
    async run() {
      await work();
      return { afterMs: periodMs };
    },
  });
  return [
    book.task(),
    prices.task(),
    task("providers.ssm.invalidation", 30 * MINUTE_MS, () => finders.forgetDeprecated(clock.nowMs())),
    task("cloudprovider.metrics", MINUTE_MS, async () => shown.show(types.known())),
    task("launchtemplate.garbagecollection", 2 * MINUTE_MS, () => templates.collect()),
    ...(options.isIsolated
      ? []
      : [task("instanceprofile.garbagecollection", 30 * MINUTE_MS, () => profiles.collect())]),
    ...(options.followsZonalShift ? [shift.task()] : []),
  ];
}

/** An instance that has left its reservation, and a partition that EC2 has chosen, as EC2 told last. */
function changedLabels({ metadata: { labels = {} }, status }: NodeClaim, instances: Instances): LabelChanges {
  const seen = instances.remembered(instanceIdOf(status?.providerID ?? "") ?? "");
  if (seen === undefined) return {};
  const hasLeft = labels[CAPACITY_TYPE_LABEL] === "reserved" && capacityTypeOf(seen) === "on-demand";
  const isChosen = seen.placementPartition !== undefined && labels[PLACEMENT_GROUP_LABEL] === seen.placementGroupId;
  return {
    ...(hasLeft
      ? {
          [CAPACITY_TYPE_LABEL]: "on-demand",
          [RESERVATION_ID_LABEL]: null,
          [RESERVATION_TYPE_LABEL]: null,
          [RESERVATION_INTERRUPTIBLE_LABEL]: null,
        }
      : {}),
    ...(isChosen && labels[PARTITION_LABEL] === undefined
      ? { [PARTITION_LABEL]: String(seen.placementPartition) }
      : {}),
  };
}
type LabelChanges = ReturnType<NonNullable<CloudProvider["changedLabels"]>>;

/** @source reference of the AWS provider, section 8 */
const REPAIR_POLICIES: readonly RepairPolicy[] = [
  { conditionType: "Ready", conditionStatus: "False", tolerationMs: 30 * MINUTE_MS },
  { conditionType: "Ready", conditionStatus: "Unknown", tolerationMs: 30 * MINUTE_MS },
  { conditionType: "AcceleratedHardwareReady", conditionStatus: "False", tolerationMs: 10 * MINUTE_MS },
  ...["StorageReady", "NetworkingReady", "KernelReady", "ContainerRuntimeReady"].map((conditionType) => ({
    conditionType,
    conditionStatus: "False",
    tolerationMs: 30 * MINUTE_MS,
  })),
];

/** An instance that was launched a moment ago may not show in EC2's answers yet. */
const SETTLING_MS = MINUTE_MS;
/** Launches of an earlier process are looked for once for many claims. */
const EARLIER_TTL_MS = 5 * SECOND_MS;

type Parts = ReturnType<typeof partsOf>;

function partsOf(options: AwsProviderOptions) {
  const { aws, clock, log, events, metrics, clusterName, region, reservedCapacity, vmMemoryOverhead, reservedEnis } =
    options;
  const settings = { region, vmMemoryOverhead, reservedEnis, reservedCapacity };
  const cluster = new Cluster(options);
  const templates = new LaunchTemplates(options);
  const addresses = new SubnetAddresses();
  const reservations = new ReservationCounts();
  const unavailable = new UnavailableOfferings(clock);
  const shift = new ZonalShift(options);
  const book = new TypeBook(options);
  const prices = new Prices(options);
  const types = new ClassTypes({
    shift,
    book,
    prices,
    unavailable,
    reservations,
    settings,
  });
  const shapeNeeds = {
    aws,
    clock,
    log,
    events,
    metrics,
    cluster,
    clusterName,
    templates,
    addresses,
    unavailable,
    settings,
  };
  return {
    clock,
    log,
    region,
    reservedCapacity,
    allowsExpressions: options.allowsExpressions,
    cluster,
    templates,
    addresses,
    reservations,
    unavailable,
    types,
    shift,
    book,
    prices,
    finders: new Finders(options),
    profiles: new InstanceProfiles(options),
    instances: new Instances({ ...options, shift }),
    tagging: new TokenBucket({ perSecond: 1, burst: 1 }),
    earlier: new Lookup<Map<string, Ec2Instance>>({ clock, ttlMs: EARLIER_TTL_MS }),
    startedMs: clock.nowMs(),
    /** By claim uid: launches whose outcome is not known. */
    uncertain: new Set<string>(),
    /** By instance id: when we launched it. */
    launchedMs: new Map<string, number>(),
    launcher: new Launcher({
      ...shapeNeeds,
      reservations,
      settings: { ...settings, minValuesBestEffort: options.minValuesBestEffort },
    }),
    trial: new LaunchTrial({ ...shapeNeeds, kube: options.kube, types }),
  };
}

/** @throws NodeClassNotReadyError when there is nothing to make types of */
async function viewOf({ finders, allowsExpressions }: Parts, nodeClass: Ec2NodeClass | undefined): Promise<ClassView> {
  const spec = nodeClass?.spec;
  const group = spec === undefined ? undefined : await finders.placementGroup(spec);
  const view = nodeClass === undefined ? undefined : classView(nodeClass, group);
  if (view === undefined) throw new NodeClassNotReadyError("there is no such EC2NodeClass");
  if (view.subnets.length === 0) throw new NodeClassNotReadyError(`EC2NodeClass "${view.name}" has found no subnets`);
  const problem = kubeletProblem(view.spec.kubelet, view.family, allowsExpressions);
  if (problem !== undefined) throw new NodeClassNotReadyError(`EC2NodeClass "${view.name}": ${problem.message}`);
  return view;
}

async function create(parts: Parts, claim: NodeClaim, nodeClass: Ec2NodeClass | undefined): Promise<Instance> {
  const ready = readyClass(claim, nodeClass);
  const view = await viewOf(parts, ready);
  const types = await parts.types.of(view);
  const annotations = {
    [HASH_ANNOTATION]: ready.metadata.annotations?.[HASH_ANNOTATION] ?? "",
    [HASH_VERSION_ANNOTATION]: ready.metadata.annotations?.[HASH_VERSION_ANNOTATION] ?? "",
    [PROFILE_ANNOTATION]: view.instanceProfile,
  };
  const earlier = await earlierLaunch(parts, claim);
  if (earlier !== undefined) {
    const type = types.find(({ name }) => name === earlier.instanceType);
    if (type !== undefined) {
      const launched = {
        ...earlier,
        capacityType: labelledCapacityType(claim, earlier),
        reservationId: earlier.capacityReservationId,
      };
      const wantsEfa = claim.spec.resources?.requests?.[EFA_RESOURCE] !== undefined;
      const atMs = parseTime(earlier.launchTime) ?? parts.clock.nowMs();
      return launchedInstance(launched, type, view, annotations, wantsEfa, claim.metadata.name, atMs);
    }
  }
  const { uid } = claim.metadata;
  try {
    const instance = await parts.launcher.launch(claim, view, types, annotations);
    parts.uncertain.delete(uid);
    rememberLaunch(parts, instanceIdOf(instance.providerId) ?? "");
    return instance;
  } catch (error) {
    if (error instanceof CreateError) parts.uncertain.add(uid);
    else parts.uncertain.delete(uid);
    throw error;
  }
}

/** A pool that knows nothing of reservations has on-demand nodes in them. */
function labelledCapacityType({ spec }: NodeClaim, instance: Ec2Instance): CapacityType {
  const capacityType = capacityTypeOf(instance);
  const wanted = requirementFor(requirementsOf(spec.requirements), CAPACITY_TYPE_LABEL);
  return capacityType === "reserved" && !allows(wanted, "reserved") ? "on-demand" : capacityType;
}

/** @throws InsufficientCapacityError, NodeClassNotReadyError, CreateError as upstream */
function readyClass(claim: NodeClaim, nodeClass: Ec2NodeClass | undefined): Ec2NodeClass {
  const { name } = claim.spec.nodeClassRef;
  if (nodeClass === undefined) throw new InsufficientCapacityError(`there is no EC2NodeClass "${name}"`);
  const { metadata, spec, status } = nodeClass;
  if (metadata.deletionTimestamp !== undefined) {
    throw new InsufficientCapacityError(`EC2NodeClass "${name}" is being deleted`);
  }
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status === "False") {
    throw new NodeClassNotReadyError(`EC2NodeClass "${name}" is not ready: ${ready.message}`);
  }
  if (ready?.status !== "True") {
    const message = `whether EC2NodeClass "${name}" is ready is not known yet`;
    throw new CreateError("NodeClassReadinessUnknown", message);
  }
  if (ready.observedGeneration !== metadata.generation) {
    throw new NodeClassNotReadyError(`EC2NodeClass "${name}" has changed and was not looked at since`);
  }
  const tag = reservedTag(spec?.tags);
  if (tag !== undefined) throw new NodeClassNotReadyError(`EC2NodeClass "${name}" sets the tag "${tag}"`);
  return nodeClass;
}

/**
 * The instance of a launch whose answer was lost: of an earlier process, or of this one. Only claims that may have one
 * are looked for.
 */
async function earlierLaunch(parts: Parts, { metadata }: NodeClaim): Promise<Ec2Instance | undefined> {
  const isOlder = (parseTime(metadata.creationTimestamp) ?? 0) <= parts.startedMs + SECOND_MS;
  if (!isOlder && !parts.uncertain.has(metadata.uid)) return undefined;
  const byClaim = await parts.earlier.get("", async () => launchesByClaim(await parts.instances.list()));
  return byClaim.get(metadata.name);
}

/** Instances of one request were dealt to its claims in order of their ids. */
function launchesByClaim(instances: readonly Ec2Instance[]): Map<string, Ec2Instance> {
  const requests = new Map<string, { claims: readonly string[]; instances: Ec2Instance[] }>();
  for (const instance of instances) {
    const claims = claimsLaunchedFor(instance.tags);
    if (claims.length === 0) continue;
    const key = claims.join(" ");
    const request = requests.get(key) ?? { claims, instances: [] };
    request.instances.push(instance);
    requests.set(key, request);
  }
  const byClaim = new Map<string, Ec2Instance>();
  for (const request of requests.values()) {
    request.instances.sort((a, b) => byText(a.id, b.id));
    for (const [i, name] of request.claims.entries()) {
      const instance = request.instances[i];
      if (instance !== undefined && instance.state !== "shutting-down") byClaim.set(name, instance);
    }
  }
  return byClaim;
}

async function list(parts: Parts): Promise<Instance[]> {
  const instances = await parts.instances.list();
  const names = new Map([...launchesByClaim(instances)].map(([name, { id }]) => [id, name]));
  const known = instances.map((one) => {
    const claimName = names.get(one.id);
    return { ...instanceOf(one, parts.region), ...(claimName === undefined ? {} : { claimName }) };
  });
  return known.sort((a, b) => byText(a.providerId, b.providerId));
}

async function terminate(parts: Parts, claim: NodeClaim): Promise<void> {
  const id = instanceIdOf(claim.status?.providerID ?? "") ?? (await unnamedInstance(parts, claim));
  if (id === undefined) throw new InstanceNotFoundError(`${claim.metadata.name} has no instance`);
  const instance = await parts.instances.find(id);
  if (instance?.state === "shutting-down") return;
  refuseInShift(parts, instance);
  const isNew = parts.clock.nowMs() - (parts.launchedMs.get(id) ?? Number.NEGATIVE_INFINITY) < SETTLING_MS;
  if (instance?.state !== "terminated" && (instance !== undefined || isNew)) {
    const state = await parts.instances.terminate(id);
    if (state === undefined) throw new RetryError(`EC2 does not know ${id} yet`, SECOND_MS);
    if (state !== "terminated") return;
  }
  const reservation = parts.instances.takeReservation(id);
  if (reservation !== undefined) parts.reservations.ended(reservation);
  parts.launchedMs.delete(id);
  throw new InstanceNotFoundError(`${id} is gone`);
}

/** In a zone that is shifted away from nothing is changed: what is asked for there may come late, or twice. */
function refuseInShift({ shift }: Parts, instance: Ec2Instance | undefined): void {
  if (instance === undefined || !shift.isZoneShifted(instance.zone)) return;
  throw new RetryError(
    `${instance.id} is left alone while the cluster is shifted away from ${instance.zone}`,
    MINUTE_MS,
  );
}

/** Of a claim whose launch may have been cut short. */
async function unnamedInstance(parts: Parts, { metadata }: NodeClaim): Promise<string | undefined> {
  if (metadata.name === "") return undefined;
  return launchesByClaim(await parts.instances.list()).get(metadata.name)?.id;
}

async function driftReason(
  parts: Parts,
  claim: NodeClaim,
  nodeClass: Ec2NodeClass | undefined,
): Promise<string | undefined> {
  if (nodeClass === undefined || nodeClass.metadata.deletionTimestamp !== undefined) return undefined;
  if (isClassChanged(claim, nodeClass)) return "NodeClassDrift";
  const id = instanceIdOf(claim.status?.providerID ?? "");
  if (id === undefined) throw new InstanceNotFoundError(`${claim.status?.providerID ?? ""} is no id of EC2`);
  const instance = await parts.instances.seen(id);
  if (instance === undefined) throw new InstanceNotFoundError(`${id} is gone`);
  const view = await viewOf(parts, nodeClass);
  const types = await parts.types.of(view);
  const type = types.find(({ name }) => name === claim.metadata.labels?.[INSTANCE_TYPE_LABEL]);
  const drift = dynamicDrift(claim, instance, type?.requirements, view);
  if (drift.kind === "unknown") throw new RetryError(`whether the node has drifted cannot be told: ${drift.why}`);
  if (drift.kind === "none") return undefined;
  if (drift.reason !== "CapacityReservationDrift") return drift.reason;
  // What was seen last may be old: the reservation may have ended, and the instance gone on without it.
  const now = await parts.instances.get(id);
  if (now === undefined) throw new InstanceNotFoundError(`${id} is gone`);
  const again = dynamicDrift(claim, now, type?.requirements, view);
  return again.kind === "drifted" ? again.reason : undefined;
}

const NAMED: Readonly<Record<string, string>> = {
  "karpenter.k8s.aws/tagged": "true",
  "compatibility.karpenter.k8s.aws/cluster-name-tagged": "true",
};

/** Tags that only make sense once the node is there; those that somebody has set already stay. */
async function nameInstance(
  parts: Parts,
  { aws, clusterName }: AwsProviderOptions,
  { metadata, status }: NodeClaim,
): Promise<Record<string, string>> {
  const id = instanceIdOf(status?.providerID ?? "");
  const isNamed = Object.keys(NAMED).every((key) => metadata.annotations?.[key] !== undefined);
  if (id === undefined || isNamed) return {};
  const { instances, tagging, clock } = parts;
  const instance = await instances.seen(id);
  refuseInShift(parts, instance);
  const wanted = { Name: status?.nodeName ?? "", [NODE_CLAIM_TAG]: metadata.name, [CLUSTER_TAG]: clusterName };
  const missing = Object.entries(wanted).filter(([key]) => instance?.tags[key] === undefined);
  if (instance !== undefined && missing.length > 0) {
    await clock.sleep(tagging.reserve(clock.nowMs()));
    await aws.createTags(id, Object.fromEntries(missing));
  }
  return NAMED;
}

function rememberLaunch({ launchedMs, clock }: Parts, id: string): void {
  const nowMs = clock.nowMs();
  for (const [other, atMs] of launchedMs) if (nowMs - atMs > DAY_MS) launchedMs.delete(other);
  launchedMs.set(id, nowMs);
}
