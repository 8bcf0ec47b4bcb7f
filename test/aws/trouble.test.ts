import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatTime, MINUTE_MS, SECOND_MS } from "../../src/base/time.ts";
import type { Machine } from "../../src/simulation/ec2/machine.ts";
import { type Ec2World, inWorld } from "./ec2-world.ts";

const exposed = (world: Ec2World) => world.playground.products.map(({ metrics }) => metrics.expose()).join("\n");

const spot = { key: "karpenter.sh/capacity-type", operator: "In" as const, values: ["spot"] };
const spotFirst = { key: "karpenter.sh/capacity-type", operator: "In" as const, values: ["spot", "on-demand"] };
const labelOf = (claim: { metadata: { labels?: Record<string, string> } }, key: string) =>
  claim.metadata.labels?.[key] ?? "";

describe("when EC2 has not what is wanted", () => {
  it(
    "other types, then on-demand capacity",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool([spotFirst]);
      world.playground.ec2.isSoldOut = ({ capacityType }) => capacityType === "spot";
      await world.deploy(3);
      await world.podsRun(3);
      assert.deepEqual(
        world
          .alive()
          .map(({ instance }) => instance.isSpot)
          .filter((isSpot) => isSpot),
        [],
      );
      for (const claim of world.claims()) assert.equal(labelOf(claim, "karpenter.sh/capacity-type"), "on-demand");
    }),
  );

  it(
    "it is asked again after a few minutes, and never in a storm",
    inWorld(async (world) => {
      await world.nodeClass();
      const types = {
        key: "node.kubernetes.io/instance-type",
        operator: "In" as const,
        values: ["m5.large", "c5.large"],
      };
      await world.pool([spot, types]);
      world.playground.ec2.isSoldOut = () => true;
      await world.deploy(1);
      await world.clock.runFor(20 * MINUTE_MS);
      const calls = world.calls("ec2:CreateFleet");
      assert.ok(calls >= 3 && calls <= 60, `${calls} calls in 20 minutes`);
      assert.equal(world.alive().length, 0);
      world.playground.ec2.isSoldOut = () => false;
      await world.podsRun(1);
    }),
  );

  it(
    "full subnets are left alone",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool();
      for (const subnet of world.account.subnets.values()) if (subnet.zone !== "us-east-1d") subnet.freeAddresses = 0;
      await world.deploy(3);
      await world.podsRun(3);
      assert.deepEqual([...new Set(world.alive().map(({ instance }) => instance.zone))], ["us-east-1d"]);
    }),
  );
});

describe("reservations", () => {
  const reserve = (world: Parameters<Parameters<typeof inWorld>[0]>[0], availableCount: number) => {
    world.account.reservations.set("cr-0abc", {
      id: "cr-0abc",
      instanceType: "m5.xlarge",
      zone: "us-east-1a",
      ownerId: "111122223333",
      matchCriteria: "targeted",
      type: "default",
      isInterruptible: false,
      availableCount,
      tags: {},
    });
  };

  it(
    "are used before everything else, then the open market",
    inWorld(async (world) => {
      reserve(world, 1);
      await world.nodeClass({ capacityReservationSelectorTerms: [{ id: "cr-0abc" }] });
      await world.pool();
      await world.deploy(1, { cpu: "3" });
      await world.podsRun(1);
      const [first] = world.claims();
      assert.equal(labelOf(first!, "karpenter.sh/capacity-type"), "reserved");
      assert.equal(labelOf(first!, "karpenter.k8s.aws/capacity-reservation-id"), "cr-0abc");
      await world.scale(2);
      await world.podsRun(2);
      assert.deepEqual(
        world
          .claims()
          .map((claim) => labelOf(claim, "karpenter.sh/capacity-type"))
          .sort(),
        ["reserved", "spot"],
      );
    }),
  );

  it(
    "are used by a pool that only says on-demand",
    inWorld(async (world) => {
      reserve(world, 1);
      await world.nodeClass({ capacityReservationSelectorTerms: [{ id: "cr-0abc" }] });
      const types = { key: "node.kubernetes.io/instance-type", operator: "In" as const, values: ["m5.xlarge"] };
      await world.pool([{ ...spot, values: ["on-demand"] }, types]);
      await world.deploy(2, { cpu: "3" });
      await world.podsRun(2);
      assert.deepEqual(
        world.claims().map((claim) => labelOf(claim, "karpenter.sh/capacity-type")),
        ["on-demand", "on-demand"],
      );
      const ids = world
        .alive()
        .map(({ instance }) => instance.capacityReservationId ?? "none")
        .sort();
      assert.deepEqual(ids, ["cr-0abc", "none"]);
      assert.match(world.events("ReservationUsed").join(), /cr-0abc.*write "reserved" beside "on-demand"/);
    }),
  );

  it(
    "that an instance leaves make it on-demand capacity, on claim and node",
    inWorld(async (world) => {
      reserve(world, 1);
      await world.nodeClass({ capacityReservationSelectorTerms: [{ id: "cr-0abc" }] });
      await world.pool();
      await world.deploy(1, { cpu: "3" });
      await world.podsRun(1);
      const [machine] = world.alive();
      machine!.instance.usesReservationOnly = false;
      delete machine!.instance.capacityReservationId;
      const labels = () =>
        [world.claims()[0], world.nodes()[0]].map((one) => [
          labelOf(one!, "karpenter.sh/capacity-type"),
          ...["id", "type", "interruptible"].map((name) =>
            labelOf(one!, `karpenter.k8s.aws/capacity-reservation-${name}`),
          ),
        ]);
      const left = ["on-demand", "", "", ""];
      await world.until("both are relabelled", () => JSON.stringify(labels()) === JSON.stringify([left, left]));
    }),
  );

  it(
    "of a block that is about to end: its nodes go before EC2 takes them",
    inWorld(async (world) => {
      reserve(world, 1);
      const endMs = world.clock.nowMs() + 60 * MINUTE_MS;
      const block = world.account.reservations.get("cr-0abc")!;
      world.account.reservations.set("cr-0abc", { ...block, type: "capacity-block", endTime: formatTime(endMs) });
      await world.nodeClass({ capacityReservationSelectorTerms: [{ id: "cr-0abc" }] });
      await world.pool();
      await world.deploy(1, { cpu: "3" });
      await world.podsRun(1);
      const [{ instance }] = world.alive() as [Machine];
      assert.equal(instance.capacityReservationId, "cr-0abc");
      await world.clock.runFor(endMs - 41 * MINUTE_MS - world.clock.nowMs());
      assert.equal(world.classOf()?.status?.capacityReservations?.[0]?.state, "active");
      assert.equal(instance.state, "running");
      await world.until("it is gone", () => instance.state === "terminated", 11 * MINUTE_MS);
      await world.podsRun(1);
      assert.equal(world.alive()[0]?.instance.capacityReservationId, undefined);
      assert.match(world.events("TerminatingOnInterruption").join(), /capacity block ends/);
    }),
  );
});

describe("node classes that cannot be used", () => {
  type Spec = Parameters<Parameters<Parameters<typeof inWorld>[0]>[0]["nodeClass"]>[0];
  const rows: readonly [what: string, spec: Spec, type: string, reason: string, message: RegExp][] = [
    ["no subnet", { subnetSelectorTerms: [{ id: "subnet-none" }] }, "SubnetsReady", "SubnetsNotFound", /subnet-none/],
    [
      "no group",
      { securityGroupSelectorTerms: [{ name: "none" }] },
      "SecurityGroupsReady",
      "SecurityGroupsNotFound",
      /none/,
    ],
    [
      "no image",
      { amiFamily: "AL2023", amiSelectorTerms: [{ id: "ami-none" }] },
      "AMIsReady",
      "AMINotFound",
      /ami-none/,
    ],
    [
      "an alias without images",
      { amiSelectorTerms: [{ alias: "al2@latest" }] },
      "AMIsReady",
      "UnsupportedAlias",
      /AL2/,
    ],
    ["no such role", { role: "missing" }, "InstanceProfileReady", "RoleNotFound", /missing/],
    ["an ARN for a role", { role: "arn:aws:iam::1:role/node" }, "InstanceProfileReady", "RoleInvalid", /write "node"/],
    [
      "an unknown kubelet setting",
      { kubelet: { maxPodz: 3 } },
      "ValidationSucceeded",
      "InvalidKubeletConfiguration",
      /maxPodz/,
    ],
    [
      "an expression",
      { kubelet: { maxPods: "vcpus * 10" } },
      "ValidationSucceeded",
      "KubeletExpressionsDisabled",
      /NodeClassCEL/,
    ],
    [
      "a setting that Bottlerocket has not",
      { amiSelectorTerms: [{ alias: "bottlerocket@latest" }], kubelet: { registryPullQPS: 3 } },
      "ValidationSucceeded",
      "UnsupportedKubeletConfiguration",
      /registryPullQPS/,
    ],
    [
      "user data that is no TOML",
      { amiSelectorTerms: [{ alias: "bottlerocket@latest" }], userData: "[settings\n" },
      "ValidationSucceeded",
      "UserDataInvalid",
      /line 1/,
    ],
  ];
  for (const [what, spec, type, reason, message] of rows) {
    it(
      `${what}: ${reason} on the class, and other classes go on`,
      inWorld(async (world) => {
        world.account.missingRoles.add("missing");
        await world.nodeClass(spec, "bad");
        await world.nodeClass();
        await world.pool([], "bad", "bad");
        await world.pool();
        await world.deploy(1);
        await world.podsRun(1);
        const condition = world.condition(type, "bad");
        assert.deepEqual([condition?.status, condition?.reason], ["False", reason]);
        assert.match(condition?.message ?? "", message);
        assert.equal(world.condition("Ready", "bad")?.status, "False");
        for (const claim of world.claims()) assert.equal(labelOf(claim, "karpenter.sh/nodepool"), "default");
      }),
    );
  }

  it(
    "are used as soon as they are mended",
    inWorld(async (world) => {
      await world.nodeClass({ kubelet: { maxPods: -1 } });
      await world.pool();
      await world.deploy(1);
      await world.clock.runFor(MINUTE_MS);
      assert.equal(world.runningPods().length, 0);
      await world.changeClass({ kubelet: { maxPods: 20 } });
      await world.podsRun(1);
      assert.equal(world.nodes()[0]?.status?.capacity?.["pods"], "20");
    }),
  );
});

describe("instances that EC2 finds ill", () => {
  const since = (world: Ec2World, seconds: number) => formatTime(world.clock.nowMs() - seconds * SECOND_MS);
  const rows = [
    ["instance_status", { instanceImpairedSince: "" }],
    ["system_status", { systemImpairedSince: "" }],
  ] as const;
  for (const [kind, illness] of rows) {
    it(
      `${kind}: after two minutes its node goes at once, and is replaced`,
      inWorld(async (world) => {
        await world.nodeClass();
        await world.pool();
        await world.deploy(1);
        await world.podsRun(1);
        const [{ instance }] = world.alive() as [Machine];
        const key = Object.keys(illness)[0] as "instanceImpairedSince";
        world.playground.ec2.ill.set(instance.id, { events: [], [key]: since(world, 0) });
        await world.clock.runFor(100 * SECOND_MS);
        assert.equal(instance.state, "running");
        await world.until("it is gone", () => instance.state === "terminated", 4 * MINUTE_MS);
        await world.podsRun(1);
        const unhealthy = "karpenter_interruption_instance_status_unhealthy_total";
        assert.match(exposed(world), new RegExp(`${unhealthy}\\{category="${kind}"\\} 1\\n`));
        assert.match(exposed(world), new RegExp(`nodeclaims_disrupted_total\\{[^}]*reason="${kind}"`));
        assert.match(world.events("InstanceUnhealthy").join(), /does not work/);
      }),
    );
  }

  it(
    "with scheduled work: the node goes as others do",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool();
      await world.deploy(1);
      await world.podsRun(1);
      const [{ instance }] = world.alive() as [Machine];
      world.playground.ec2.ill.set(instance.id, { events: ["instance-retirement"] });
      await world.until("it is gone", () => instance.state === "terminated", 5 * MINUTE_MS);
      await world.podsRun(1);
      assert.match(world.events("TerminatingOnInterruption").join(), /work on the machine is scheduled/);
      for (const claim of world.claims()) {
        assert.equal(claim.metadata.annotations?.["karpenter.sh/nodeclaim-termination-timestamp"], undefined);
      }
    }),
  );

  it(
    "are not asked for all the time when that is forbidden",
    inWorld(async (world) => {
      world.playground.ec2.denied.add("ec2:DescribeInstanceStatus");
      await world.nodeClass();
      await world.clock.runFor(30 * MINUTE_MS);
      assert.ok(world.calls("ec2:DescribeInstanceStatus") <= 3);
    }),
  );
});

describe("a zonal shift", () => {
  it(
    "nothing is launched or ended in the zone, until it is over",
    inWorld(
      async (world) => {
        const zoneOf = (instance: Machine["instance"]) => world.account.subnets.get(instance.subnetId)?.zoneId ?? "";
        await world.nodeClass();
        await world.pool();
        await world.deploy(3);
        await world.podsRun(3);
        const [{ instance }] = world.alive() as [Machine];
        const shifted = zoneOf(instance);
        const expiryTime = formatTime(world.clock.nowMs() + 30 * MINUTE_MS);
        world.playground.ec2.shifts.push({ zoneId: shifted, expiryTime });
        await world.until("it is told", () => world.events("ZonalShiftActive").length > 0);
        const before = new Set(world.machines());
        await world.scale(12);
        await world.podsRun(12);
        const launched = world.machines().filter((machine) => !before.has(machine));
        assert.ok(launched.length > 0);
        for (const machine of launched) assert.notEqual(zoneOf(machine.instance), shifted);
        await world.scale(0);
        await world.clock.runFor(10 * MINUTE_MS);
        assert.equal(instance.state, "running");
        assert.deepEqual(
          world
            .alive()
            .map((machine) => zoneOf(machine.instance))
            .filter((zone) => zone !== shifted),
          [],
        );
        await world.until("it is over", () => world.events("ZonalShiftCleared").length > 0, 40 * MINUTE_MS);
        await world.until("nothing is left", () => world.alive().length === 0);
      },
      { enableZonalShift: true },
    ),
  );
});

describe("interruptions", () => {
  it(
    "of spot capacity: a new node comes before the old one goes, and not of that offering",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool([spot]);
      await world.deploy(2);
      await world.podsRun(2);
      const before = world.alive();
      const [victim] = before;
      const { id, instanceType, zone } = victim!.instance;
      world.playground.ec2.interrupt(id);
      await world.until("the machine is gone", () => !world.alive().some(({ instance }) => instance.id === id));
      await world.podsRun(2);
      const isNew = ({ instance }: (typeof before)[number]) => !before.some((one) => one.instance.id === instance.id);
      for (const { instance } of world.alive().filter(isNew)) {
        assert.notDeepEqual([instance.instanceType, instance.zone], [instanceType, zone]);
      }
      assert.match(world.events("SpotInterrupted").join(), /./);
      await world.until("the queue is empty", () => world.playground.ec2.queue.length === 0, MINUTE_MS);
    }),
  );

  it(
    "that nobody understands are taken away, ten thousand of them within twenty seconds",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool();
      await world.deploy(1);
      await world.podsRun(1);
      const { queue } = world.playground.ec2;
      for (let i = 0; i < 5_000; i += 1) {
        queue.send(`garbage ${i}`);
        queue.event("aws.ec2", "EC2 Instance Rebalance Recommendation", {
          "instance-id": world.alive()[0]!.instance.id,
        });
      }
      await world.until("the queue is empty", () => queue.length === 0, 20 * SECOND_MS);
      assert.equal(world.runningPods().length, 1);
    }),
  );
});
