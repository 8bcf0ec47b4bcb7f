import type { FleetOverride, FleetRequest, TagSpecification, Tags } from "../aws-api.ts";
import { hash64 } from "./hash64.ts";
import { LAUNCHED_FOR_TAG, NODE_CLAIM_TAG } from "./labels.ts";
import type { LaunchGroup, LaunchPlan } from "./launch-plan.ts";

/** One launch, as all claims of a batch must have it. */
export type FleetShape = Omit<FleetRequest, "clientToken" | "count" | "tags"> & { tags: Tags };

/**
 * @param templates the launch template of each group
 * @param subnetOf  where in the zone; undefined: nowhere
 * @source reference of the AWS provider, section 7
 */
export function fleetShape(
  plan: LaunchPlan,
  templates: ReadonlyMap<LaunchGroup, string>,
  subnetOf: (zone: string) => string | undefined,
  tags: Tags,
  context: string | undefined,
): FleetShape | { problem: string } {
  const configs = plan.groups.flatMap((group) => {
    const overrides = overridesOf(group, subnetOf);
    const templateName = templates.get(group);
    return overrides.length === 0 || templateName === undefined ? [] : [{ templateName, overrides }];
  });
  if (configs.length === 0) return { problem: "no subnet of the class has addresses left in the zones that would do" };
  return {
    ...purchase(plan),
    templates: configs,
    tags,
    ...(context === undefined ? {} : { context }),
  };
}

/** How the machines are bought. Plain reservations are targets of the template, bought as on-demand capacity. */
function purchase({
  capacityType,
  groups,
}: LaunchPlan): Pick<FleetRequest, "targetCapacityType" | "allocationStrategy"> {
  if (capacityType === "spot") return { targetCapacityType: "spot", allocationStrategy: "price-capacity-optimized" };
  const [first] = groups;
  if (first?.reservation?.reservationType === "capacity-block") return { targetCapacityType: "capacity-block" };
  if (first?.reservation?.interruptible === true) return { targetCapacityType: "reserved-capacity" };
  return { targetCapacityType: "on-demand", allocationStrategy: "lowest-price" };
}

function overridesOf(
  { ami, candidates }: LaunchGroup,
  subnetOf: (zone: string) => string | undefined,
): FleetOverride[] {
  return candidates.flatMap(({ type, offerings }) => {
    const byZone = new Map<string, number>();
    // Partitions of a placement group are no places of their own.
    for (const { zone, priceUsdPerHour } of offerings) {
      byZone.set(zone, Math.min(priceUsdPerHour, byZone.get(zone) ?? Number.POSITIVE_INFINITY));
    }
    return [...byZone].flatMap(([zone, priority]) => {
      const subnetId = subnetOf(zone);
      return subnetId === undefined ? [] : [{ instanceType: type.name, zone, subnetId, imageId: ami.id, priority }];
    });
  });
}

/** A claim of a batch; how often EC2 has answered an earlier launch for it. */
export type Member = { name: string; uid: string; answers: number };

/**
 * One request for several equal launches. Its token is that of its claims, so that a request that is repeated without
 * having been answered launches nothing more; its instances carry their claims' names, so that whoever comes later can
 * tell whose they are.
 */
export function fleetRequest(shape: FleetShape, members: readonly Member[]): FleetRequest {
  const tags = { ...shape.tags, ...launchedFor(members) };
  const on = (resourceType: string): TagSpecification => ({ resourceType, tags });
  return {
    ...shape,
    clientToken: `karpenter-${hash64(JSON.stringify([shape, members]))}`,
    count: members.length,
    tags: [on("fleet"), on("instance"), on("volume")],
  };
}

const TAG_CHARACTERS_MAX = 256;

function launchedFor(members: readonly Member[]): Tags {
  const [first] = members;
  if (members.length === 1 && first !== undefined) return { [NODE_CLAIM_TAG]: first.name };
  const tags: Record<string, string> = {};
  let [number, text] = [0, ""];
  for (const { name } of members) {
    const longer = text === "" ? name : `${text} ${name}`;
    if (longer.length > TAG_CHARACTERS_MAX) {
      number += 1;
      text = name;
    } else text = longer;
    tags[`${LAUNCHED_FOR_TAG}-${number}`] = text;
  }
  return tags;
}

/** The names that `fleetRequest` has written, in their order. */
export function claimsLaunchedFor(tags: Tags): string[] {
  const single = tags[NODE_CLAIM_TAG];
  if (single !== undefined) return [single];
  const names: string[] = [];
  for (let number = 0; ; number += 1) {
    const text = tags[`${LAUNCHED_FOR_TAG}-${number}`];
    if (text === undefined) return names;
    names.push(...text.split(" "));
  }
}
