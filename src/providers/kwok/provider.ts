import { byText } from "../../base/order.ts";
import { MINUTE_MS, parseTime } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { parseDuration } from "../../model/duration.ts";
import type { InstanceType, Offering } from "../../model/instance-type.ts";
import { KWOK_NODE_CLASSES, NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import { INSTANCE_TYPE_LABEL, WELL_KNOWN_LABELS, ZONE_LABEL } from "../../model/labels.ts";
import { formatRequirements, requirementsOf } from "../../model/requirements.ts";
import type { KwokNodeClass } from "../../model/resources/kwok-node-class.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { parseResources } from "../../model/resources.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CloudProvider,
  type Instance,
  InstanceNotFoundError,
  InsufficientCapacityError,
  NodeClassNotReadyError,
  type RepairPolicy,
} from "../../ports/cloud-provider.ts";
import type { Interruptions, NoticeQueue } from "../../ports/interruptions.ts";
import { isNotFound, type KubeApi } from "../../ports/kube-api.ts";
import { listAll } from "../../ports/list-all.ts";
import { cheapestOffering } from "./cheapest-offering.ts";
import { chosenInstance, instanceOf, launchedInstance, nodeNameOf, nodeNameOfId } from "./fake-node.ts";
import { labelledNotices } from "./labelled-notices.ts";
import { KWOK_GROUP } from "./labels.ts";
import { NodeJoins } from "./node-joins.ts";
import { NO_PLACES_TAKEN, type PlacesTaken, placesLeft, placesTaken, reservationLabels } from "./reservation-places.ts";
import { type OfferingName, UnavailableOfferings } from "./unavailable-offerings.ts";

export type KwokProviderOptions = {
  api: KubeApi;
  clock: Clock;
  /** In order of their names. */
  instanceTypes: readonly InstanceType[];
  /** What cannot be bought at the moment; asked at every launch and at every look at the types. */
  isSoldOut?(offering: OfferingName): boolean;
  /** What an offering costs at the moment, as a part of its usual price; default 1. */
  priceFactor?(offering: OfferingName): number;
  /** Where notices of interruptions come from; default: labels on the nodes. */
  notices?: NoticeQueue;
};

export type KwokProvider = CloudProvider & {
  /** Takes back its timers: nodes that are still to appear do so in the next process. */
  stop(): void;
};

/**
 * A cloud whose instances are Node objects and nothing else, for any cluster: kwok's controllers (or the simulation's
 * kubelets) play the machines. An instance exists from its launch on; its Node appears after the class' delay.
 * All it knows is in the cluster: names come from the claim's uid, and after a crash `list` finds launched claims whose
 * Node has not appeared and lets it. (Upstream draws names, and forgets such claims.)
 */
export function kwokProvider({
  api,
  clock,
  instanceTypes,
  isSoldOut,
  priceFactor,
  notices = labelledNotices(api, clock),
}: KwokProviderOptions): KwokProvider {
  const joins = new NodeJoins({ api, clock });
  const unavailable = new UnavailableOfferings(clock);
  const isGone = (offering: OfferingName): boolean => unavailable.has(offering) || isSoldOut?.(offering) === true;
  const reservationKeys = reservationLabels(instanceTypes);
  const mayChange = (): boolean =>
    isSoldOut !== undefined || priceFactor !== undefined || reservationKeys.length > 0 || unavailable.hasAny();
  const presentTypes = typesNow({ instanceTypes, isSoldOut: isGone, priceFactor: priceFactor ?? (() => 1), mayChange });
  const needs: Needs = { api, clock, joins, presentTypes, reservationKeys };
  return {
    name: "kwok",
    nodeClasses: [{ group: KWOK_GROUP, kind: KWOK_NODE_CLASSES.kind }],
    wellKnownLabels: providerLabels(instanceTypes),
    repairPolicies: REPAIR_POLICIES,
    create: (claim) => create(needs, claim),
    delete: (claim) => terminate(needs, claim),
    get: (providerId) => find(needs, providerId),
    list: () => list(needs),
    instanceTypes: async () => presentTypes((await listForPlaces(needs))()),
    driftReason: async () => undefined,
    interruptions: [interruptionsOf(notices, unavailable)],
    stop: () => joins.stop(),
  };
}

const REPAIR_POLICIES: readonly RepairPolicy[] = ["False", "Unknown"].map((conditionStatus) => ({
  conditionType: "Ready",
  conditionStatus,
  tolerationMs: 10 * MINUTE_MS,
}));

type Needs = Pick<KwokProviderOptions, "api" | "clock"> & {
  joins: NodeJoins;
  presentTypes(taken: PlacesTaken): readonly InstanceType[];
  reservationKeys: readonly string[];
};

/** A spot offering that is taken from one instance is not sold for a while. */
function interruptionsOf(notices: NoticeQueue, unavailable: UnavailableOfferings): Interruptions {
  return {
    name: "interruption.kwok",
    isQueue: true,
    idleMs: notices.idleMs,
    receive: () => notices.receive(),
    remove: (notice) => notices.remove(notice),
    note({ kind }, { metadata: { labels = {} } }) {
      if (kind !== "spot_interrupted") return;
      unavailable.mark({
        instanceType: labels[INSTANCE_TYPE_LABEL] ?? "",
        zone: labels[ZONE_LABEL] ?? "",
        capacityType: "spot",
      });
    },
  };
}

/** Every label that a type or an offering decides, but for those that all providers know. */
function providerLabels(types: readonly InstanceType[]): string[] {
  const keys = new Set<string>();
  for (const { requirements, offerings } of types) {
    for (const key of requirements.keys()) keys.add(key);
    for (const offering of offerings) for (const key of offering.requirements.keys()) keys.add(key);
  }
  for (const key of WELL_KNOWN_LABELS) keys.delete(key);
  return [...keys].sort(byText);
}

async function create(needs: Needs, claim: NodeClaim): Promise<Instance> {
  const { clock, joins } = needs;
  const delayMs = registrationDelayMs(await readyClass(needs, claim));
  const before = joins.pending(claim.metadata.uid) ?? (await instanceOfNode(needs, nodeNameOf(claim)));
  if (before !== undefined) return before;
  const requirements = requirementsOf(claim.spec.requirements);
  const requests = parseResources(claim.spec.resources?.requests);
  const takenNow = await listForPlaces(needs);
  const choice = cheapestOffering(needs.presentTypes(takenNow()), requirements, requests);
  if (choice === undefined) {
    throw new InsufficientCapacityError(`no offering is available for ${formatRequirements(requirements)}`);
  }
  const instance = chosenInstance(claim, choice, clock.nowMs());
  if (delayMs === 0) await joins.join(claim, instance);
  else joins.schedule(claim, instance, delayMs);
  return instance;
}

/** Where some type is in a reservation: what the instances there are, and what to count of them. */
async function listForPlaces(needs: Needs): Promise<() => PlacesTaken> {
  if (needs.reservationKeys.length === 0) return () => NO_PLACES_TAKEN;
  const listed = await list(needs);
  // Launches go on meanwhile: they are counted at the moment of the choice.
  return () => placesTaken([...listed, ...needs.joins.unlisted()], needs.reservationKeys);
}

async function readyClass({ api }: Needs, claim: NodeClaim): Promise<KwokNodeClass> {
  const { name } = claim.spec.nodeClassRef;
  let nodeClass: KwokNodeClass;
  try {
    nodeClass = await api.get(KWOK_NODE_CLASSES, { name });
  } catch (error) {
    if (isNotFound(error)) throw new NodeClassNotReadyError(`there is no KWOKNodeClass "${name}"`);
    throw error;
  }
  if (nodeClass.metadata.deletionTimestamp !== undefined) {
    throw new NodeClassNotReadyError(`KWOKNodeClass "${name}" is being deleted`);
  }
  const ready = nodeClass.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready !== undefined && ready.status !== "True") {
    throw new NodeClassNotReadyError(`KWOKNodeClass "${name}" is not ready: ${ready.message}`);
  }
  return nodeClass;
}

function registrationDelayMs({ spec }: KwokNodeClass): number {
  return parseDuration(spec?.nodeRegistrationDelay ?? "0s") ?? 0;
}

/**
 * Deletes the Node. One that is being drained has been deleted already: then its instance ends here and now, and what
 * is left of it is an object whose finalizer Karpenter takes off.
 */
async function terminate({ api, joins }: Needs, claim: NodeClaim): Promise<void> {
  const nodeName = nodeNameOfId(claim.status?.providerID ?? "") ?? nodeNameOf(claim);
  const wasPending = joins.cancel(nodeName);
  const node = await nodeOrNone(api, nodeName);
  if (node === undefined || node.metadata.deletionTimestamp !== undefined) {
    throw new InstanceNotFoundError(`${nodeName} is gone${wasPending ? " before its node appeared" : ""}`);
  }
  try {
    await api.delete(NODES, { name: nodeName }, { preconditions: { uid: node.metadata.uid } });
  } catch (error) {
    if (isNotFound(error)) throw new InstanceNotFoundError(`${nodeName} is gone`);
    throw error;
  }
}

async function find(needs: Needs, providerId: string): Promise<Instance> {
  const nodeName = nodeNameOfId(providerId);
  const joined = nodeName === undefined ? undefined : await instanceOfNode(needs, nodeName);
  if (joined !== undefined) return joined;
  const claims = await listAll(needs.api, NODE_CLAIMS);
  const claim = claims.find(({ status }) => status?.providerID === providerId);
  const instance = claim === undefined ? undefined : await resumed(needs, claim);
  if (instance === undefined) throw new InstanceNotFoundError(`there is no instance ${providerId}`);
  return instance;
}

async function instanceOfNode({ api }: Needs, nodeName: string): Promise<Instance | undefined> {
  const node = await nodeOrNone(api, nodeName);
  return node === undefined ? undefined : instanceOf(node);
}

async function nodeOrNone(api: KubeApi, name: string): Promise<Node | undefined> {
  try {
    return await api.get(NODES, { name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function list(needs: Needs): Promise<Instance[]> {
  const { api, joins } = needs;
  // Claims first: a node that appears in between is then in the list of nodes.
  const claims = await listAll(api, NODE_CLAIMS);
  const nodes = await listAll(api, NODES);
  const instances = new Map<string, Instance>();
  for (const node of nodes) {
    const { providerID = "" } = node.spec;
    if (nodeNameOfId(providerID) !== undefined) instances.set(providerID, instanceOf(node));
  }
  for (const claim of claims) {
    const { providerID = "" } = claim.status ?? {};
    if (providerID === "" || instances.has(providerID)) continue;
    const instance = await resumed(needs, claim);
    if (instance !== undefined) instances.set(providerID, instance);
  }
  joins.listed(instances);
  joins.keepOnly(new Set(claims.map(({ metadata }) => metadata.uid)));
  return [...instances.values()].sort((a, b) => byText(a.providerId, b.providerId));
}

/**
 * The instance of a launched claim whose Node is still to appear; if nobody in this process sees to that, we do. A
 * claim that has registered, or whose node was there once, has lost its instance: undefined.
 */
async function resumed(needs: Needs, claim: NodeClaim): Promise<Instance | undefined> {
  const { clock, joins } = needs;
  const { metadata, status, spec } = claim;
  const pending = joins.pending(metadata.uid);
  if (pending !== undefined) return pending;
  const isOurs = status?.providerID !== undefined && nodeNameOfId(status.providerID) !== undefined;
  if (!isOurs || metadata.deletionTimestamp !== undefined || joins.hasJoined(metadata.uid)) return undefined;
  const hasRegistered = status.conditions?.some(({ type, status: is }) => type === "Registered" && is === "True");
  if (hasRegistered === true || (status.nodeName ?? "") !== "") return undefined;
  const launched = status.conditions?.find(({ type }) => type === "Launched");
  const launchedAtMs = parseTime(launched?.lastTransitionTime ?? "");
  if (launched?.status !== "True" || launchedAtMs === undefined) return undefined;
  const instance = launchedInstance(claim, launchedAtMs);
  const delayMs = await delayOf(needs, spec.nodeClassRef.name);
  joins.schedule(claim, instance, Math.max(0, launchedAtMs + delayMs - clock.nowMs()));
  return instance;
}

/** A class that is gone meanwhile delays nothing: its machines are on their way. */
async function delayOf({ api }: Needs, className: string): Promise<number> {
  try {
    return registrationDelayMs(await api.get(KWOK_NODE_CLASSES, { name: className }));
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
}

type Market = Required<Pick<KwokProviderOptions, "instanceTypes" | "isSoldOut" | "priceFactor">> & {
  /** False while every offering is to be had at its usual price. */
  mayChange(): boolean;
};

/**
 * The types as they can be bought now. While nothing changes the very same list, so that a planner can keep its own; and while
 * everything is to be had nothing is looked at.
 */
function typesNow(market: Market): (taken: PlacesTaken) => readonly InstanceType[] {
  const { instanceTypes, mayChange } = market;
  let last = instanceTypes;
  return (taken) => {
    const next = mayChange()
      ? instanceTypes.map((type, i) => typeNow(type, last[i] ?? type, { ...market, taken }))
      : instanceTypes;
    if (next.some((type, i) => type !== last[i])) last = next;
    return last;
  };
}

function typeNow(
  type: InstanceType,
  last: InstanceType,
  { isSoldOut, priceFactor, taken }: Market & { taken: PlacesTaken },
): InstanceType {
  const nameOf = ({ zone, capacityType }: Offering): OfferingName => ({ instanceType: type.name, zone, capacityType });
  const isToBeHad = (offering: Offering): boolean => offering.available && !isSoldOut(nameOf(offering));
  const priceNow = (offering: Offering): number => offering.priceUsdPerHour * priceFactor(nameOf(offering));
  const isAsNow = ({ available, priceUsdPerHour, reservationCapacity }: Offering, i: number): boolean => {
    const offering = type.offerings[i];
    if (offering === undefined || available !== isToBeHad(offering)) return false;
    return priceUsdPerHour === priceNow(offering) && reservationCapacity === placesLeft(offering, taken);
  };
  const known = [last, type].find((one) => one.offerings.every(isAsNow));
  if (known !== undefined) return known;
  const offerings = type.offerings.map((offering): Offering => {
    const places = placesLeft(offering, taken);
    const reservation = places === undefined ? {} : { reservationCapacity: places };
    return { ...offering, available: isToBeHad(offering), priceUsdPerHour: priceNow(offering), ...reservation };
  });
  return { ...type, offerings };
}
