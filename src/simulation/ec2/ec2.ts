import type { Random } from "../../base/random.ts";
import { formatTime } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import type { InterruptionKind } from "../../ports/interruptions.ts";
import {
  type AwsApi,
  AwsError,
  type Ec2Instance,
  type Filter,
  type FleetAnswer,
  type FleetOverride,
  type FleetRequest,
  type InstanceStatus,
  type InstanceTrial,
  type Shift,
  type Tags,
} from "../../providers/aws/aws-api.ts";
import { spotFraction } from "../../providers/ec2/catalogue.ts";
import { type Account, hex, type SimulatedTemplate } from "./account.ts";
import { accountCalls } from "./account-calls.ts";
import { matches } from "./filters.ts";
import type { Machine } from "./machine.ts";
import { SimulatedQueue } from "./queue.ts";
import { Quotas } from "./quotas.ts";

type Range = { min: number; max: number };
export type Ec2Options = {
  clock: Clock;
  random: Random;
  account: Account;
  /** Of the queue that hears of interruptions; default: "interruptions". */
  queueName?: string;
  /** Of each call; default: 5 to 60 ms. */
  latencyMs?: Range;
  /** Until an instance shows in answers; default: up to 2 s. */
  settlingMs?: Range;
  /** From its launch until a machine runs. Default: 2 to 4 s. */
  pendingMs?: Range;
  /** From the request until an instance is terminated. Default: 3 to 8 s. */
  shuttingDownMs?: Range;
};

/** Told of what becomes of machines. */
export type MachineObserver = {
  runs(machine: Machine): void;
  stops(machine: Machine): void;
  ends(machine: Machine): void;
};

const WARNING_MS = 120_000;
/** How long EC2 tells of an instance that has ended. */
const TERMINATED_MS = 3_600_000;

/**
 * EC2, SSM, IAM, EKS and the price list of one account and region, as far as the product uses them: instances with a
 * life of their own, stock that runs out, answers that lag behind, requests that are refused when there are too many.
 */
export class SimulatedEc2 {
  readonly account: Account;
  readonly quotas = new Quotas();
  readonly queue: SimulatedQueue;
  /** Whether an offering has no capacity at the moment. */
  isSoldOut: (offering: { instanceType: string; zone: string; capacityType: string }) => boolean = () => false;
  /** By instance id: what is wrong with it. */
  readonly ill = new Map<string, Omit<InstanceStatus, "id" | "zone">>();
  /** Zonal shifts of the cluster. */
  readonly shifts: Shift[] = [];
  /** Actions that the controller's role does not have. */
  readonly denied = new Set<string>();
  /** AWS no longer knows who is asking. */
  credentialsExpired = false;
  readonly #options: Required<Ec2Options>;
  readonly #machines = new Map<string, Machine>();
  readonly #answers = new Map<string, FleetAnswer>();
  readonly #observers: MachineObserver[] = [];
  #launches = 0;

  constructor(options: Ec2Options) {
    this.account = options.account;
    this.#options = {
      queueName: "interruptions",
      latencyMs: { min: 5, max: 60 },
      settlingMs: { min: 0, max: 2_000 },
      pendingMs: { min: 2_000, max: 4_000 },
      shuttingDownMs: { min: 3_000, max: 8_000 },
      ...options,
    };
    this.queue = new SimulatedQueue(this.#options.queueName, options.clock);
  }

  observe(observer: MachineObserver): void {
    this.#observers.push(observer);
  }

  machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  /** EC2 takes spot capacity back: it says so, and two minutes later the machine is gone. */
  interrupt(id: string): void {
    const machine = this.#machines.get(id);
    if (machine === undefined) return;
    this.announce("spot_interrupted", id);
    this.#options.clock.after(WARNING_MS, () => this.#shutDown(machine));
  }

  /** A machine breaks: EC2 ends the instance. */
  end(id: string): void {
    const machine = this.#machines.get(id);
    if (machine !== undefined) this.#shutDown(machine);
  }

  /** What EventBridge tells of an instance; nothing happens to it but for that. */
  announce(kind: InterruptionKind, id: string): void {
    const [source, type, detail] = eventOf(kind, id);
    this.queue.event(source, type, detail);
  }

  /** No machine changes any more. */
  stop(): void {
    for (const { cancel } of this.#machines.values()) cancel();
  }

  /** The account as a client sees it: every call takes its time, and counts. */
  api(): AwsApi {
    const calls = { ...accountCalls(this.account, () => this.#options.clock.nowMs()), ...this.#instanceCalls() };
    const call = async <T>(action: string, run: () => T): Promise<T> => {
      const { clock, random, latencyMs } = this.#options;
      await clock.sleep(random.between(latencyMs.min, latencyMs.max));
      this.quotas.take(action, clock.nowMs());
      if (this.credentialsExpired) {
        throw new AwsError(action, "ExpiredToken", "The security token included in the request is expired");
      }
      if (this.denied.has(action)) throw refusedBy(action);
      return run();
    };
    const api: Record<string, unknown> = {};
    for (const [name, { action, run }] of Object.entries(calls)) {
      api[name] = (...parameters: unknown[]) =>
        call(action, () => (run as (...all: unknown[]) => unknown)(...parameters));
    }
    return api as unknown as AwsApi;
  }

  #instanceCalls() {
    return {
      createFleet: { action: "ec2:CreateFleet", run: (request: FleetRequest) => this.#createFleet(request) },
      tryFleet: {
        action: "ec2:CreateFleet",
        run: ({ templates }: FleetRequest) => {
          for (const { templateName } of templates) this.#template(templateName);
        },
      },
      tryInstance: {
        action: "ec2:RunInstances",
        run: ({ templateName }: InstanceTrial) => this.#tryInstance(this.#template(templateName)),
      },
      describeInstances: {
        action: "ec2:DescribeInstances",
        run: (query: Parameters<AwsApi["describeInstances"]>[0]) => this.#describeInstances(query),
      },
      terminateInstances: {
        action: "ec2:TerminateInstances",
        run: (ids: readonly string[]) => ids.map((id) => this.#terminate(id)),
      },
      describeInstanceStatus: {
        action: "ec2:DescribeInstanceStatus",
        run: ({ filters }: Parameters<AwsApi["describeInstanceStatus"]>[0]) => this.#statuses(filters),
      },
      zonalShifts: {
        action: "arc-zonal-shift:GetManagedResource",
        run: () => [...this.shifts],
      },
      getQueueUrl: { action: "sqs:GetQueueUrl", run: (name: string) => this.queue.url(name) },
      receiveMessages: { action: "sqs:ReceiveMessage", run: () => this.queue.receive() },
      deleteMessage: {
        action: "sqs:DeleteMessage",
        run: (_url: string, receipt: string) => this.queue.remove(receipt),
      },
      createTags: {
        action: "ec2:CreateTags",
        run: (id: string, tags: Tags) => {
          const { instance } = this.#machine(id, "ec2:CreateTags");
          instance.tags = { ...instance.tags, ...tags };
        },
      },
    };
  }

  #describeInstances({ filters = [], ids }: Parameters<AwsApi["describeInstances"]>[0]): Ec2Instance[] {
    const nowMs = this.#options.clock.nowMs();
    const asked = ids?.map((id) => {
      const machine = this.#machine(id, "ec2:DescribeInstances");
      if (machine.visibleMs > nowMs) throw notFound("ec2:DescribeInstances", id);
      return machine;
    });
    return (asked ?? [...this.#machines.values()])
      .filter(({ visibleMs }) => visibleMs <= nowMs)
      .map(({ instance }) => instance)
      .filter(({ state, tags }) => matches({ fields: { "instance-state-name": state }, tags }, filters))
      .map((instance) => ({ ...instance }));
  }

  #statuses(filters: readonly Filter[]): InstanceStatus[] {
    const wanted = new Set(filters.map(({ name }) => name));
    return [...this.ill].flatMap(([id, illness]) => {
      const { instanceImpairedSince, systemImpairedSince, events } = illness;
      const isMeant =
        (wanted.has("instance-status.status") && instanceImpairedSince !== undefined) ||
        (wanted.has("system-status.status") && systemImpairedSince !== undefined) ||
        (wanted.has("event.code") && events.length > 0);
      const machine = this.#machines.get(id);
      return isMeant && machine?.instance.state === "running" ? [{ id, zone: machine.instance.zone, ...illness }] : [];
    });
  }

  #terminate(id: string): { id: string; state: string } {
    const machine = this.#machine(id, "ec2:TerminateInstances");
    if (machine.instance.state !== "terminated") this.#shutDown(machine);
    return { id, state: machine.instance.state };
  }

  #machine(id: string, action: string): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw notFound(action, id);
    return machine;
  }

  /** The same token gets the same answer, however often it comes. */
  #createFleet(request: FleetRequest): FleetAnswer {
    const known = this.#answers.get(request.clientToken);
    if (known !== undefined) return known;
    const templates = new Map(
      request.templates.map(({ templateName }) => [templateName, this.#template(templateName)]),
    );
    const answer: { instances: FleetAnswer["instances"][number][]; errors: FleetAnswer["errors"][number][] } = {
      instances: [],
      errors: [],
    };
    const offers = this.#offers(request);
    for (let i = 0; i < request.count; i += 1) {
      const offer = offers.find(({ override }) => this.#refusal(override, request) === undefined);
      if (offer === undefined) break;
      const machine = this.#launch(offer.override, templates.get(offer.templateName) as SimulatedTemplate, request);
      const { id, instanceType, zone, subnetId, imageId } = machine.instance;
      const lifecycle = machine.instance.isSpot ? "spot" : "on-demand";
      answer.instances.push({ instanceIds: [id], instanceType, zone, subnetId, imageId, lifecycle });
    }
    if (answer.instances.length < request.count) {
      for (const { override } of offers) {
        const { instanceType, zone, subnetId } = override;
        const refused = this.#refusal(override, request);
        if (refused !== undefined) answer.errors.push({ ...refused, instanceType, zone, subnetId });
      }
    }
    const result = { id: `fleet-${hex(this.#answers.size + 1)}`, ...answer };
    this.#answers.set(request.clientToken, result);
    return result;
  }

  /** EC2 knows no profile that IAM does not know. */
  #tryInstance({ data }: SimulatedTemplate): void {
    const { name } = data.iamInstanceProfile;
    if (this.account.hasWhateverIsNamed || this.account.profiles.has(name)) return;
    const message = `Value (${name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name`;
    throw new AwsError("ec2:RunInstances", "InvalidParameterValue", message);
  }

  #template(name: string): SimulatedTemplate {
    const template = this.account.templates.get(name);
    if (template !== undefined) return template;
    const code = "InvalidLaunchTemplateName.NotFoundException";
    throw new AwsError(
      "ec2:CreateFleet",
      code,
      `The specified launch template, with template name ${name}, does not exist.`,
    );
  }

  /** Cheapest first; EC2 also looks at how much capacity there is, which here is all or nothing. */
  #offers(request: FleetRequest): { override: FleetOverride; templateName: string; usdPerHour: number }[] {
    const offers = request.templates.flatMap(({ templateName, overrides }) =>
      overrides.map((override) => ({
        templateName,
        override,
        usdPerHour: this.price(override, request.targetCapacityType),
      })),
    );
    return offers.sort((a, b) => a.usdPerHour - b.usdPerHour);
  }

  /** What the offering costs in truth, in US dollars per hour. */
  price({ instanceType, zone }: { instanceType: string; zone: string }, capacityType: string): number {
    const onDemand = this.account.types.get(instanceType)?.usdPerHour ?? Number.POSITIVE_INFINITY;
    return capacityType === "spot" ? Math.round(onDemand * spotFraction(instanceType, zone) * 1e6) / 1e6 : onDemand;
  }

  #refusal(override: FleetOverride, request: FleetRequest): { code: string; message: string } | undefined {
    const { instanceType, zone, subnetId } = override;
    const template = request.templates.find(({ overrides }) => overrides.includes(override));
    const data = this.account.templates.get(template?.templateName ?? "")?.data;
    const reservationId = data?.capacityReservationSpecification?.capacityReservationTarget?.capacityReservationId;
    if (reservationId !== undefined) {
      const left = this.account.reservations.get(reservationId)?.availableCount ?? 0;
      const message = `There is no capacity left in ${reservationId}.`;
      return left > 0 ? undefined : { code: "ReservationCapacityExceeded", message };
    }
    const capacityType = request.targetCapacityType;
    if (!(this.account.types.get(instanceType)?.zones.includes(zone) ?? false)) {
      return {
        code: "Unsupported",
        message: `Your requested instance type (${instanceType}) is not supported in ${zone}.`,
      };
    }
    if (this.isSoldOut({ instanceType, zone, capacityType })) {
      const message = `We currently do not have sufficient ${instanceType} capacity in ${zone}.`;
      return { code: capacityType === "spot" ? "UnfulfillableCapacity" : "InsufficientInstanceCapacity", message };
    }
    if ((this.account.subnets.get(subnetId)?.freeAddresses ?? 0) < 1) {
      return { code: "InsufficientFreeAddressesInSubnet", message: `There are no free addresses in ${subnetId}.` };
    }
    return undefined;
  }

  #launch(override: FleetOverride, { data }: SimulatedTemplate, request: FleetRequest): Machine {
    const { clock, random, settlingMs, pendingMs } = this.#options;
    const { instanceType, zone, subnetId, imageId } = override;
    const nowMs = clock.nowMs();
    this.#launches += 1;
    const number = this.#launches;
    const subnet = this.account.subnets.get(subnetId);
    if (subnet !== undefined) subnet.freeAddresses -= 1;
    const reservation = data.capacityReservationSpecification?.capacityReservationTarget?.capacityReservationId;
    const reserved = this.account.reservations.get(reservation ?? "");
    if (reserved !== undefined) reserved.availableCount -= 1;
    const machine: Machine = {
      instance: {
        id: `i-${hex(number * 0x1000 + random.between(0, 0xfff))}`,
        state: "pending",
        instanceType,
        imageId,
        zone,
        subnetId,
        securityGroupIds: data.networkInterfaces[0]?.groups ?? [],
        launchTime: formatTime(nowMs),
        tags: Object.assign(
          {},
          ...request.tags.filter(({ resourceType }) => resourceType === "instance").map(({ tags }) => tags),
        ),
        isSpot: request.targetCapacityType === "spot",
        tenancy: data.placement?.tenancy ?? "default",
        ...(reservation === undefined ? {} : { capacityReservationId: reservation }),
        usesReservationOnly: reservation !== undefined,
        ...(data.placement?.groupId === undefined ? {} : { placementGroupId: data.placement.groupId }),
      },
      facts: (this.account.types.get(instanceType) as { facts: Machine["facts"] }).facts,
      data,
      imageKind: this.account.images.get(imageId)?.kind ?? "any",
      privateIp: `10.0.${(number >> 8) & 255}.${number & 255}`,
      usdPerHour: this.price(override, request.targetCapacityType),
      visibleMs: nowMs + random.between(settlingMs.min, settlingMs.max),
      cancel: () => undefined,
    };
    this.#machines.set(machine.instance.id, machine);
    machine.cancel = clock.after(random.between(pendingMs.min, pendingMs.max), () => {
      machine.instance.state = "running";
      for (const observer of this.#observers) observer.runs(machine);
    });
    return machine;
  }

  #shutDown(machine: Machine): void {
    const { clock, random, shuttingDownMs } = this.#options;
    const { instance } = machine;
    if (instance.state === "shutting-down" || instance.state === "terminated") return;
    machine.cancel();
    instance.state = "shutting-down";
    const detail = { "instance-id": instance.id, state: instance.state };
    this.queue.event("aws.ec2", "EC2 Instance State-change Notification", detail);
    for (const observer of this.#observers) observer.stops(machine);
    machine.cancel = clock.after(random.between(shuttingDownMs.min, shuttingDownMs.max), () => {
      instance.state = "terminated";
      const subnet = this.account.subnets.get(instance.subnetId);
      if (subnet !== undefined) subnet.freeAddresses += 1;
      const reserved = this.account.reservations.get(instance.capacityReservationId ?? "");
      if (reserved !== undefined) reserved.availableCount += 1;
      for (const observer of this.#observers) observer.ends(machine);
      machine.cancel = clock.after(TERMINATED_MS, () => this.#machines.delete(instance.id));
    });
  }
}

function eventOf(kind: InterruptionKind, id: string): [source: string, type: string, detail: unknown] {
  const detail = { "instance-id": id };
  switch (kind) {
    case "spot_interrupted":
      return ["aws.ec2", "EC2 Spot Instance Interruption Warning", { ...detail, "instance-action": "terminate" }];
    case "capacity_reservation_interrupted":
      return ["aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning", detail];
    case "rebalance_recommendation":
      return ["aws.ec2", "EC2 Instance Rebalance Recommendation", detail];
    case "scheduled_change": {
      const health = { service: "EC2", eventTypeCategory: "scheduledChange", affectedEntities: [{ entityValue: id }] };
      return ["aws.health", "AWS Health Event", health];
    }
    case "instance_stopped":
      return ["aws.ec2", "EC2 Instance State-change Notification", { ...detail, state: "stopping" }];
    case "instance_terminated":
      return ["aws.ec2", "EC2 Instance State-change Notification", { ...detail, state: "shutting-down" }];
    default:
      return ["aws.ec2", "EC2 Instance Launch Successful", detail];
  }
}

function refusedBy(action: string): AwsError {
  const code = action.startsWith("ec2:") ? "UnauthorizedOperation" : "AccessDenied";
  const message = `You are not authorized to perform this operation. User: arn:aws:sts::111122223333:assumed-role/karpenter is not authorized to perform: ${action}`;
  return new AwsError(action, code, message);
}

function notFound(action: string, id: string): AwsError {
  return new AwsError(action, "InvalidInstanceID.NotFound", `The instance ID '${id}' does not exist`);
}
