import type { Operator } from "../../../model/requirements.ts";
import { intersects, type Requirements, requirementsOf } from "../../../model/requirements.ts";
import type { Ec2Facts } from "../../ec2/facts.ts";
import type { ClassView, StatusAmi } from "./class-view.ts";

/**
 * Why nodes of the class cannot be of the type; undefined when they can. Such a type stays in the list, with nothing
 * of it to buy.
 * @source reference of the AWS provider, section 1.5; upstream looks for the image only when it launches
 */
export function misfit(facts: Ec2Facts, requirements: Requirements, view: ClassView): string | undefined {
  const { spec, placementGroup: group } = view;
  if (amiFor(requirements, view.amis) === undefined) return "the class has no image for it";
  if (view.family === "AL2023" && facts.name.startsWith("a1.")) return "AL2023 does not run on a1";
  if (spec.cpuOptions?.nestedVirtualization === "enabled" && !facts.hasNestedVirtualization) {
    return "it cannot run virtual machines";
  }
  if (spec.connectionTracking !== undefined && facts.hypervisor !== "nitro") {
    return "its connections cannot be tracked as the class wants: it is no virtual machine on Nitro";
  }
  if (group !== undefined && !facts.placementStrategies.includes(group.strategy)) {
    return `it cannot be in a placement group of strategy ${group.strategy}`;
  }
  return spec.networkInterfaces === undefined ? undefined : interfacesMisfit(facts, view);
}

function interfacesMisfit(facts: Ec2Facts, { spec }: ClassView): string | undefined {
  const interfaces = spec.networkInterfaces ?? [];
  if (!facts.hasEna) return "it has no elastic network adapter";
  for (const { networkCardIndex, deviceIndex } of interfaces) {
    const most = facts.cards[networkCardIndex];
    if (most === undefined) return `it has no network card ${networkCardIndex}`;
    if (deviceIndex >= most) return `its network card ${networkCardIndex} has no device ${deviceIndex}`;
  }
  const efaOnly = interfaces.filter(({ interfaceType }) => interfaceType === "efa-only").length;
  return efaOnly > facts.efaInterfaces ? `it has ${facts.efaInterfaces} EFA interfaces, not ${efaOnly}` : undefined;
}

const requirementsOfAmi = new WeakMap<StatusAmi, Requirements>();

/** The first image, in the status' order, that nodes with such labels can start from. */
export function amiFor(requirements: Requirements, amis: readonly StatusAmi[]): StatusAmi | undefined {
  return amis.find((ami) => {
    let wanted = requirementsOfAmi.get(ami);
    if (wanted === undefined) {
      wanted = requirementsOf(ami.requirements.map((one) => ({ ...one, operator: one.operator as Operator })));
      requirementsOfAmi.set(ami, wanted);
    }
    return intersects(requirements, wanted) === undefined;
  });
}
