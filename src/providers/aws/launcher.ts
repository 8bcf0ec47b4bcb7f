import { byText } from "../../base/order.ts";
import { SECOND_MS } from "../../base/time.ts";
import type { InstanceType } from "../../model/instance-type.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { parseResources } from "../../model/resources.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  CreateError,
  type Instance,
  InsufficientCapacityError,
  NodeClassNotReadyError,
} from "../../ports/cloud-provider.ts";
import type { Events, Log } from "../../ports/telemetry.ts";
import { type AwsApi, AwsError, type FleetError } from "./aws-api.ts";
import { Batch } from "./batch.ts";
import { launchShape, type ShapeNeeds } from "./launch-shape.ts";
import type { ClassView } from "./pure/class-view.ts";
import {
  isSpotRoleMissing,
  isSpreadLimit,
  isSubnetFull,
  isTemplateMissing,
  isUnfulfillable,
  launchFailure,
} from "./pure/fleet-errors.ts";
import { type FleetShape, fleetRequest, type Member } from "./pure/fleet-request.ts";
import { type Launched, launchedInstance } from "./pure/instance.ts";
import type { TypeSettings } from "./pure/instance-type.ts";
import { EFA_RESOURCE } from "./pure/labels.ts";
import { type LaunchGroup, type LaunchPlan, planLaunch } from "./pure/launch-plan.ts";
import { explained } from "./pure/permissions.ts";
import type { ReservationCounts } from "./reservation-counts.ts";

export type LauncherNeeds = ShapeNeeds & {
  aws: AwsApi;
  clock: Clock;
  log: Log;
  events: Events;
  reservations: ReservationCounts;
  settings: TypeSettings & { minValuesBestEffort: boolean };
};
type Request = { shape: FleetShape; member: Member };
/** Of one member of a batch: its instance, or what stood against it. */
type Answer = { instance: (Bought & { subnetId: string }) | undefined; errors: readonly FleetError[] };
type Bought = Omit<Launched, "capacityType" | "tenancy" | "reservationId">;

/** Few enough names to stand in the instances' tags. */
const BATCH = { idleMs: 35, maxMs: SECOND_MS, itemsMax: 100 };

/** Buys machines: equal launches that come together are one request. */
export class Launcher {
  readonly #needs: LauncherNeeds;
  readonly #fleet: Batch<Request, Answer>;
  /** By what is offered, then by what is asked for. */
  readonly #plans = new WeakMap<readonly InstanceType[], Map<string, ReturnType<typeof planLaunch>>>();
  /** By claim uid: launches that EC2 has answered without an instance. A new try must not get the old answer. */
  readonly #answers = new Map<string, number>();

  constructor(needs: LauncherNeeds) {
    this.#needs = needs;
    this.#fleet = new Batch({
      clock: needs.clock,
      metrics: needs.metrics,
      name: "create_fleet",
      ...BATCH,
      key: ({ shape }) => JSON.stringify(shape),
      run: (requests) => this.#createFleet(requests),
    });
  }

  /** @throws InsufficientCapacityError, CreateError, NodeClassNotReadyError */
  async launch(
    claim: NodeClaim,
    view: ClassView,
    types: readonly InstanceType[],
    annotations: Record<string, string>,
  ): Promise<Instance> {
    const plan = this.#plan(claim, view, types);
    if ("problem" in plan) throw new InsufficientCapacityError(plan.problem);
    const answer = await this.#buy(claim, view, plan);
    for (const error of answer.errors) this.#note(error, plan, view);
    if (answer.instance === undefined) throw this.#refusal(answer.errors);
    const launched: Launched = {
      ...answer.instance,
      capacityType: plan.labelledAs,
      tenancy: plan.tenancy,
      reservationId: groupOf(plan, answer.instance)?.reservation?.id,
    };
    if (launched.reservationId !== undefined) {
      this.#needs.reservations.launched(launched.reservationId);
      if (plan.labelledAs !== "reserved") this.#tellHidden(claim, launched.reservationId);
    }
    const type = types.find(({ name }) => name === launched.instanceType);
    if (type === undefined) throw new CreateError("LaunchFailed", `EC2 launched a ${launched.instanceType} unasked`);
    const wantsEfa = parseResources(claim.spec.resources?.requests)[EFA_RESOURCE] !== undefined;
    const nowMs = this.#needs.clock.nowMs();
    return launchedInstance(launched, type, view, annotations, wantsEfa, claim.metadata.name, nowMs);
  }

  /** What the pool's author may not have meant. */
  #tellHidden(object: NodeClaim, reservationId: string): void {
    const message = `Launched in capacity reservation ${reservationId}, which the node class selects, though the pool allows on-demand capacity only: write "reserved" beside "on-demand" in its requirement karpenter.sh/capacity-type`;
    this.#needs.events.record({ object, type: "Warning", reason: "ReservationUsed", message });
  }

  /** Equal claims that come while nothing changes have equal plans; there may be a thousand of them. */
  #plan(claim: NodeClaim, view: ClassView, types: readonly InstanceType[]): ReturnType<typeof planLaunch> {
    const plans = this.#plans.get(types) ?? new Map<string, ReturnType<typeof planLaunch>>();
    this.#plans.set(types, plans);
    const key = JSON.stringify([claim.spec.requirements, claim.spec.resources?.requests]);
    const plan = plans.get(key) ?? planLaunch(claim, types, view, this.#needs.settings);
    if (plans.size >= PLANS_MAX) plans.clear();
    plans.set(key, plan);
    return plan;
  }

  /** Once more when a template that we thought was there is not. */
  async #buy(claim: NodeClaim, view: ClassView, plan: LaunchPlan): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const { shape, names } = await this.#shape(claim, view, plan);
      const answer = await this.#send(claim, shape, plan);
      if (answer.instance !== undefined || attempt > 1 || !answer.errors.some(isTemplateMissing)) return answer;
      for (const template of names) this.#needs.templates.forget(template);
    }
  }

  async #send({ metadata: { name, uid } }: NodeClaim, shape: FleetShape, plan: LaunchPlan): Promise<Answer> {
    const taken = this.#takeAddresses(shape, plan);
    const answers = this.#answers.get(uid) ?? 0;
    let answer: Answer | undefined;
    try {
      answer = await this.#fleet.add({ shape, member: { name, uid, answers } });
    } catch (error) {
      if (!(error instanceof AwsError) || !isTemplateMissing(error)) throw this.#asCreateError(error);
      answer = { instance: undefined, errors: [{ ...NOWHERE, code: error.code, message: error.message }] };
    } finally {
      this.#giveBackAddresses(taken, answer?.instance?.subnetId);
    }
    if (answer.instance !== undefined) this.#answers.delete(uid);
    else this.#remember(uid, answers + 1);
    return answer;
  }

  #remember(uid: string, answers: number): void {
    if (this.#answers.size >= ANSWERS_MAX) this.#answers.clear();
    this.#answers.set(uid, answers);
  }

  async #shape(claim: NodeClaim, view: ClassView, plan: LaunchPlan): Promise<{ shape: FleetShape; names: string[] }> {
    const made = await launchShape(this.#needs, claim, view, plan).catch((error: unknown) => {
      throw error instanceof NodeClassNotReadyError ? error : this.#asCreateError(error);
    });
    if ("problem" in made) throw new InsufficientCapacityError(made.problem);
    return { shape: made.shape, names: made.templates.map(({ name }) => name) };
  }

  /** Until EC2 tells otherwise, the launch may fill any of its subnets. */
  #takeAddresses(shape: FleetShape, plan: LaunchPlan): { subnets: string[]; count: number } {
    const subnets = [...new Set(shape.templates.flatMap(({ overrides }) => overrides.map(({ subnetId }) => subnetId)))];
    const count = Math.min(...plan.groups.map(({ maxPods }) => maxPods));
    for (const id of subnets) this.#needs.addresses.take(id, count);
    return { subnets, count };
  }

  #giveBackAddresses({ subnets, count }: { subnets: string[]; count: number }, used: string | undefined): void {
    for (const id of subnets) if (id !== used) this.#needs.addresses.giveBack(id, count);
  }

  async #createFleet(requests: readonly Request[]): Promise<PromiseSettledResult<Answer>[]> {
    const [first] = requests;
    if (first === undefined) return [];
    const { instances, errors } = await this.#needs.aws.createFleet(
      fleetRequest(
        first.shape,
        requests.map(({ member }) => member),
      ),
    );
    const dealt = instances
      .flatMap(({ instanceIds, ...rest }) => instanceIds.map((id) => ({ id, ...rest })))
      .sort((a, b) => byText(a.id, b.id));
    this.#needs.log.debug("created fleet", { wanted: requests.length, launched: dealt.length, errors: errors.length });
    return requests.map((_, i) => ({ status: "fulfilled", value: { instance: dealt[i], errors } }));
  }

  /** What cannot be had, nobody plans with for a while. */
  #note(error: FleetError, plan: LaunchPlan, view: ClassView): void {
    const { unavailable, reservations, addresses, metrics } = this.#needs;
    const { instanceType: type, zone, subnetId } = error;
    metrics.count("karpenter_cloudprovider_instance_launch_failures_total", {
      zone,
      zone_id: view.zoneIds.get(zone) ?? "",
      capacity_type: plan.capacityType,
      reason: launchFailure(error.code, error.message).reason,
    });
    if (isSpotRoleMissing(error)) unavailable.markCapacityType("spot");
    if (isSubnetFull(error)) {
      unavailable.markSubnet(subnetId);
      addresses.told(subnetId, 0);
    }
    if (!isUnfulfillable(error)) return;
    const reservation = groupOf(plan, { instanceType: type, zone })?.reservation;
    const { capacityType } = plan;
    if (reservation !== undefined) reservations.full(reservation.id);
    else if (!isSpreadLimit(error.message)) {
      unavailable.markOffering({ type, zone, capacityType }, view.placementGroup?.id);
    } else {
      // The group is full in the zone, whatever the type.
      const names = plan.groups.flatMap(({ candidates }) => candidates.map((one) => one.type.name));
      for (const name of names) unavailable.markOffering({ type: name, zone, capacityType }, view.placementGroup?.id);
    }
  }

  /** Why nothing was launched: for lack of capacity alone, or for another reason that must be mended. */
  #refusal(errors: readonly FleetError[]): Error {
    const texts = errors.map(({ code, message }) => this.#explained({ action: "ec2:RunInstances", code, message }));
    const text = [...new Set(texts)].join("; ");
    const other = errors.find((error) => !isUnfulfillable(error));
    if (other === undefined) {
      return new InsufficientCapacityError(text === "" ? "EC2 launched nothing and gave no reason" : text);
    }
    return new CreateError(launchFailure(other.code, other.message).reason, text);
  }

  #asCreateError(error: unknown): Error {
    if (!(error instanceof AwsError)) {
      return new CreateError("LaunchFailed", error instanceof Error ? error.message : String(error), error);
    }
    const { action, code, words: message } = error;
    return new CreateError(launchFailure(code, message).reason, this.#explained({ action, code, message }), error);
  }

  #explained(refusal: Parameters<typeof explained>[0]): string {
    const { clusterName, settings } = this.#needs;
    return explained(refusal, { clusterName, region: settings.region });
  }
}

const ANSWERS_MAX = 10_000;
const PLANS_MAX = 1_000;
const NOWHERE = { instanceType: "", zone: "", subnetId: "" };

type Place = { instanceType: string; zone: string };

function groupOf({ groups }: LaunchPlan, { instanceType, zone }: Place): LaunchGroup | undefined {
  return groups.find(({ candidates }) =>
    candidates.some(({ type, offerings }) => type.name === instanceType && offerings.some((one) => one.zone === zone)),
  );
}
