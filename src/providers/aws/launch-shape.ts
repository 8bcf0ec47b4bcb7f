import { settleAll } from "../../base/settle-all.ts";
import { MIN_VALUES_RELAXED_ANNOTATION, NODE_POOL_LABEL } from "../../model/labels.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { NodeClassNotReadyError } from "../../ports/cloud-provider.ts";
import type { Metrics } from "../../ports/telemetry.ts";
import type { LaunchTemplateData } from "./aws-api.ts";
import type { Cluster } from "./cluster-facts.ts";
import type { LaunchTemplates } from "./launch-templates.ts";
import type { ClassView } from "./pure/class-view.ts";
import { type FleetShape, fleetShape } from "./pure/fleet-request.ts";
import type { TypeSettings } from "./pure/instance-type.ts";
import type { LaunchPlan } from "./pure/launch-plan.ts";
import { launchTemplateData } from "./pure/launch-template.ts";
import { baseTags } from "./pure/tags.ts";
import type { SubnetAddresses } from "./subnet-addresses.ts";
import type { UnavailableOfferings } from "./unavailable-offerings.ts";

export type ShapeNeeds = {
  cluster: Cluster;
  clusterName: string;
  templates: LaunchTemplates;
  addresses: SubnetAddresses;
  unavailable: UnavailableOfferings;
  settings: TypeSettings;
  metrics: Metrics;
};
type Template = { name: string; data: LaunchTemplateData };

/**
 * A plan as CreateFleet takes it, with its launch templates in place.
 * @throws AwsError when a template cannot be made, NodeClassNotReadyError
 */
export async function launchShape(
  needs: ShapeNeeds,
  claim: NodeClaim,
  view: ClassView,
  plan: LaunchPlan,
): Promise<{ shape: FleetShape; templates: readonly Template[] } | { problem: string }> {
  const { clusterName, templates, settings, addresses, unavailable } = needs;
  const needsCidr = view.family === "AL2023";
  const cluster = await needs.cluster.facts({ needsCidr });
  if (needsCidr && cluster.cidr === undefined) {
    throw new NodeClassNotReadyError("the address range of the cluster's services is not known");
  }
  const pool = claim.metadata.labels?.[NODE_POOL_LABEL] ?? "";
  const tags = baseTags(clusterName, { name: view.name, tags: view.spec.tags }, pool);
  const ensured = await settleAll(
    plan.groups.map(async (group) => {
      const template = launchTemplateData(claim, view, plan, group, cluster, tags, settings);
      if ("problem" in template) throw new NodeClassNotReadyError(`userData of the class: ${template.problem}`);
      const bytes = new TextEncoder().encode(template.data.userData).length;
      needs.metrics.gauge("karpenter_ec2nodeclasses_userdata_bytes", bytes, { nodeclass: view.name });
      return { group, name: await templates.ensure(template.data, tags), data: template.data };
    }),
  );
  const subnetOf = (zone: string) =>
    addresses.roomiest(view.subnets.filter((one) => one.zone === zone && !unavailable.isSubnetMarked(one.id)));
  const isRelaxed = claim.metadata.annotations?.[MIN_VALUES_RELAXED_ANNOTATION] === "true";
  const names = new Map(ensured.map(({ group, name }) => [group, name]));
  const shape = fleetShape(plan, names, subnetOf, tags, isRelaxed ? undefined : view.spec.context);
  return "problem" in shape ? shape : { shape, templates: ensured };
}
