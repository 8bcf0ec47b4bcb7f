import { MINUTE_MS } from "../../base/time.ts";
import { NODE_POOLS } from "../../model/kinds.ts";
import { CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, NODE_POOL_LABEL } from "../../model/labels.ts";
import type { Ec2NodeClass } from "../../model/resources/ec2-node-class.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KubeApi } from "../../ports/kube-api.ts";
import { listAll } from "../../ports/list-all.ts";
import { type AwsApi, AwsError } from "./aws-api.ts";
import type { ClassTypes } from "./class-types.ts";
import { launchShape, type ShapeNeeds } from "./launch-shape.ts";
import { Lookup } from "./lookup.ts";
import { isWindows } from "./pure/ami-family.ts";
import type { ClassView } from "./pure/class-view.ts";
import { launchFailure } from "./pure/fleet-errors.ts";
import { type FleetShape, fleetRequest } from "./pure/fleet-request.ts";
import { LEARNED_MEMORY_ANNOTATION } from "./pure/labels.ts";
import { type LaunchPlan, planLaunch } from "./pure/launch-plan.ts";
import { explained, isDenied } from "./pure/permissions.ts";

/** Why nothing could be launched of a class: reason and message of its condition. */
export type Verdict = { reason: string; message: string } | undefined;
type Needs = ShapeNeeds & { aws: AwsApi; kube: KubeApi; clock: Clock; types: ClassTypes };

const TTL_MS = 30 * MINUTE_MS;
/** Types that every region has, one for each architecture. */
const COMMON_TYPES = ["m5.large", "m6g.large"];

/**
 * Tries out, with requests that launch nothing, whether the controller may launch what a class asks for.
 * @source reference of the AWS provider, section 12
 */
export class LaunchTrial {
  readonly #needs: Needs;
  readonly #verdicts: Lookup<Verdict>;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#verdicts = new Lookup({ clock: needs.clock, ttlMs: TTL_MS });
  }

  /** Remembered as long as class and findings stay the same. @throws AwsError when it cannot be told now */
  async verdict(nodeClass: Ec2NodeClass, view: ClassView): Promise<Verdict> {
    const { metadata, spec } = nodeClass;
    // What nodes have shown changes nothing about permissions; any other annotation has them tried out again.
    const { [LEARNED_MEMORY_ANNOTATION]: _, ...annotations } = metadata.annotations ?? {};
    const { subnets, securityGroupIds, amis, instanceProfile, reservations } = view;
    const found = [subnets, securityGroupIds, amis, instanceProfile, reservations.map(({ id }) => id)];
    const key = JSON.stringify([metadata.uid, spec, annotations, found]);
    const verdict = await this.#verdicts.get(key, () => this.#tryOut(nodeClass, view));
    // A profile of the user's may come any moment.
    if (verdict?.reason === "InstanceProfileNotFound") this.#verdicts.forget(key);
    return verdict;
  }

  async #tryOut(nodeClass: Ec2NodeClass, view: ClassView): Promise<Verdict> {
    const tried = await this.#planFor(nodeClass, view);
    // Nothing is to be had at the moment: then launches will tell.
    if (tried === undefined) return undefined;
    const { claim, plan } = tried;
    let step = "CreateLaunchTemplate";
    try {
      const made = await launchShape(this.#needs, claim, view, plan);
      if ("problem" in made) return undefined;
      step = "CreateFleet";
      const request = fleetRequest(made.shape, [{ name: "", uid: nodeClass.metadata.uid, answers: 0 }]);
      await this.#needs.aws.tryFleet(request);
      step = "RunInstances";
      const [template] = made.templates;
      const tags = [...request.tags, ...(template?.data.tagSpecifications ?? [])].filter(
        ({ resourceType }) => resourceType !== "fleet",
      );
      await this.#tryAnySubnet(made.shape, template?.data.networkInterfaces ?? [], tags);
      return undefined;
    } catch (error) {
      return this.#verdictOn(error, step, nodeClass);
    }
  }

  /** One subnet in which it works is enough; else the first one's refusal counts. */
  async #tryAnySubnet(
    { templates }: FleetShape,
    networkInterfaces: Parameters<AwsApi["tryInstance"]>[0]["networkInterfaces"],
    tags: Parameters<AwsApi["tryInstance"]>[0]["tags"],
  ): Promise<void> {
    const refusals: unknown[] = [];
    for (const { templateName, overrides } of templates) {
      for (const { instanceType, imageId, subnetId } of overrides) {
        try {
          await this.#needs.aws.tryInstance({ templateName, instanceType, imageId, subnetId, networkInterfaces, tags });
          return;
        } catch (refusal) {
          refusals.push(refusal);
        }
      }
    }
    if (refusals.length > 0) throw refusals[0];
  }

  #verdictOn(error: unknown, step: string, { spec }: Ec2NodeClass): Verdict {
    if (!(error instanceof AwsError)) throw error;
    const { code, words: message, action } = error;
    const { clusterName, settings } = this.#needs;
    if (isDenied(error)) {
      const scope = { clusterName, region: settings.region };
      return { reason: `${step}AuthCheckFailed`, message: explained({ action, code, message }, scope) };
    }
    const { reason } = launchFailure(code, message);
    if (reason === "UserDataSizeLimitExceeded") {
      return { reason, message: "userData is too long: EC2 takes 16 KiB of it, ours included" };
    }
    if (reason === "InstanceProfileNameInvalid" && spec?.instanceProfile !== undefined) {
      return { reason: "InstanceProfileNotFound", message: `IAM has no instance profile "${spec.instanceProfile}"` };
    }
    throw error;
  }

  /** As a pool of the class would launch, of one type; else of a type that is everywhere. */
  async #planFor(
    { metadata, kind }: Ec2NodeClass,
    view: ClassView,
  ): Promise<{ claim: NodeClaim; plan: LaunchPlan } | undefined> {
    const { kube, types, settings } = this.#needs;
    const all = await types.of(view);
    const pools = isWindows(view.family) ? [] : await listAll(kube, NODE_POOLS);
    const claims = pools
      .filter(({ spec }) => {
        const { nodeClassRef } = spec.template.spec;
        return nodeClassRef.kind === kind && nodeClassRef.name === metadata.name;
      })
      .map((pool) => trialClaim(pool.metadata.name, metadata.name, pool.spec.template.spec.requirements));
    claims.push(trialClaim("", metadata.name, [{ key: INSTANCE_TYPE_LABEL, operator: "In", values: COMMON_TYPES }]));
    for (const claim of claims) {
      const plan = planLaunch(claim, all, view, { ...settings, reservedCapacity: false, minValuesBestEffort: true });
      if (!("problem" in plan)) return { claim, plan: ofOneType(plan) };
    }
    return undefined;
  }
}

function trialClaim(
  pool: string,
  className: string,
  requirements: NodePool["spec"]["template"]["spec"]["requirements"],
): NodeClaim {
  const onDemand = { key: CAPACITY_TYPE_LABEL, operator: "In" as const, values: ["on-demand"] };
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: {
      name: "",
      uid: "",
      resourceVersion: "",
      creationTimestamp: "",
      labels: pool === "" ? {} : { [NODE_POOL_LABEL]: pool },
    },
    spec: {
      nodeClassRef: { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name: className },
      requirements: [
        ...requirements.map(({ minValues: _, ...one }) => one),
        onDemand,
      ] as NodeClaim["spec"]["requirements"],
    },
  };
}

function ofOneType(plan: LaunchPlan): LaunchPlan {
  const groups = plan.groups.slice(0, 1).map((group) => ({ ...group, candidates: group.candidates.slice(0, 1) }));
  return { ...plan, groups };
}
