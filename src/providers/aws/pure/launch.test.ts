import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FleetError } from "../aws-api.ts";
import type { Ec2NodeClassSpec } from "./ami-family.ts";
import type { ClassView, StatusReservation } from "./class-view.ts";
import { isUnfulfillable, launchFailure } from "./fleet-errors.ts";
import { claimsLaunchedFor, fleetRequest, fleetShape } from "./fleet-request.ts";
import { type LaunchPlan, planLaunch } from "./launch-plan.ts";
import { launchTemplateData, launchTemplateName } from "./launch-template.ts";
import type { Market } from "./offerings.ts";
import { baseTags, reservedTag } from "./tags.ts";
import { claimOf, SETTINGS, typesOf, viewOf } from "./test-class.ts";

type Requirement = Parameters<typeof claimOf>[0][number];
const capacityTypes = (...values: string[]): Requirement => ({
  key: "karpenter.sh/capacity-type",
  operator: "In",
  values,
});
const OPTIONS = { reservedCapacity: true, minValuesBestEffort: false };

type Asked = {
  types: readonly string[];
  requirements: Requirement[];
  view?: ClassView;
  market?: Partial<Market>;
  requests?: Record<string, string>;
  options?: typeof OPTIONS;
};
function ask({ types, requirements, view = viewOf(), market = {}, requests = {}, options = OPTIONS }: Asked) {
  return planLaunch(claimOf(requirements, { requests }), typesOf(types, view, market), view, options);
}
function planned(asked: Asked): LaunchPlan {
  const plan = ask(asked);
  return "problem" in plan ? assert.fail(plan.problem) : plan;
}
function problem(asked: Asked): string {
  const plan = ask(asked);
  return "problem" in plan ? plan.problem : assert.fail("a launch was planned");
}
const namesIn = ({ groups }: LaunchPlan) =>
  groups.flatMap(({ candidates }) => candidates.map(({ type }) => type.name)).sort();

const reservation = (id: string, instanceType: string, change: Partial<StatusReservation> = {}): StatusReservation => ({
  id,
  availabilityZone: "us-east-1a",
  instanceMatchCriteria: "targeted",
  instanceType,
  ownerID: "111122223333",
  ...change,
});
const reserving = (...capacityReservations: StatusReservation[]) => viewOf({}, { capacityReservations });

describe("what a launch asks for", () => {
  const ANY = capacityTypes("spot", "on-demand", "reserved");

  it("reserved capacity before spot before on-demand", () => {
    const types = ["m5.large", "m5.xlarge"];
    assert.equal(
      planned({ types, requirements: [ANY], view: reserving(reservation("cr-1", "m5.large")) }).capacityType,
      "reserved",
    );
    assert.equal(planned({ types, requirements: [ANY] }).capacityType, "spot");
    const isUnavailable: Market["isUnavailable"] = ({ capacityType }) => capacityType === "spot";
    assert.equal(planned({ types, requirements: [ANY], market: { isUnavailable } }).capacityType, "on-demand");
    assert.equal(planned({ types, requirements: [] }).capacityType, "spot", "nothing said is everything allowed");
  });

  it("the class' reservation for a pool that only says on-demand, and calls the node on-demand", () => {
    const plan = planned({
      types: ["m5.large", "m5.xlarge"],
      requirements: [capacityTypes("on-demand")],
      view: reserving(reservation("cr-1", "m5.xlarge")),
    });
    assert.deepEqual([plan.capacityType, plan.labelledAs, namesIn(plan)], ["reserved", "on-demand", ["m5.xlarge"]]);
    const full = planned({
      types: ["m5.large", "m5.xlarge"],
      requirements: [capacityTypes("on-demand")],
      view: reserving(reservation("cr-1", "m5.xlarge")),
      market: { reservationLeft: () => 0 },
    });
    assert.deepEqual([full.capacityType, namesIn(full)], ["on-demand", ["m5.large", "m5.xlarge"]]);
  });

  it("no bare metal and no accelerators unless nothing else is left or minValues ask for variety", () => {
    const types = ["m5.large", "g4dn.xlarge", "m5.metal", "inf2.xlarge"];
    assert.deepEqual(namesIn(planned({ types, requirements: [capacityTypes("on-demand")] })), ["m5.large"]);
    assert.deepEqual(
      namesIn(planned({ types: ["m5.metal", "g4dn.xlarge"], requirements: [capacityTypes("on-demand")] })),
      ["g4dn.xlarge", "m5.metal"],
    );
    const varied: Requirement = { key: "node.kubernetes.io/instance-type", operator: "Exists", minValues: 2 };
    assert.equal(
      namesIn(planned({ types: ["m5.large", "g4dn.xlarge"], requirements: [capacityTypes("on-demand"), varied] }))
        .length,
      2,
    );
  });

  it("no spot capacity that costs more than on-demand capacity does", () => {
    const dear: Partial<Market> = { spotPrice: (type) => (type === "m5.large" ? 10 : 0.05) };
    assert.deepEqual(namesIn(planned({ types: ["m5.large", "c5.large"], requirements: [ANY], market: dear })), [
      "c5.large",
    ]);
    const spotOnly = planned({ types: ["m5.large", "c5.large"], requirements: [capacityTypes("spot")], market: dear });
    assert.deepEqual(namesIn(spotOnly), ["c5.large", "m5.large"]);
    const equal: Partial<Market> = { spotPrice: () => 0.096, onDemandPrice: () => 0.096 };
    assert.deepEqual(namesIn(planned({ types: ["m5.large"], requirements: [ANY], market: equal })), ["m5.large"]);
  });

  it("at most 60 types, the cheapest; too few for minValues is no launch unless that is only a wish", () => {
    const SPOT = capacityTypes("spot");
    const sizes = ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge"];
    const families = ["c5", "m5", "r5", "c6i", "m6i", "r6i", "c7i", "m7i", "r7i", "c6a", "m6a", "r6a", "m7a"];
    const types = families
      .flatMap((family) => sizes.map((size) => `${family}.${size}`))
      .filter((name) => !name.includes("c5.8x"));
    assert.ok(types.length > 60);
    const plan = planned({ types, requirements: [SPOT] });
    assert.equal(namesIn(plan).length, 60);
    const wanted: Requirement = { key: "node.kubernetes.io/instance-type", operator: "Exists", minValues: 61 };
    assert.match(
      problem({ types, requirements: [SPOT, wanted] }),
      /minValues of node.kubernetes.io\/instance-type is 61.*have 60/,
    );
    assert.ok(planned({ types, requirements: [SPOT, wanted], options: { ...OPTIONS, minValuesBestEffort: true } }));
  });

  it("the kind of reservation that is cheapest; plain ones before blocks before interruptible ones", () => {
    const block = reservation("cr-2", "c5.large", { reservationType: "capacity-block" });
    const lent = reservation("cr-3", "c5.large", { interruptible: true });
    const idsOf = (view: ClassView, types: string[]) =>
      planned({ types, requirements: [ANY], view }).groups.map((group) => group.reservation?.id);
    assert.deepEqual(idsOf(reserving(reservation("cr-1", "m5.large"), block), ["m5.large", "c5.large"]), ["cr-2"]);
    assert.deepEqual(idsOf(reserving(reservation("cr-1", "c5.large"), block), ["c5.large"]), ["cr-1"]);
    assert.deepEqual(idsOf(reserving(lent, block), ["c5.large"]), ["cr-2"]);
  });

  it("of two reservations for the same the one with more room, of two blocks the cheaper", () => {
    const view = reserving(reservation("cr-1", "m5.large"), reservation("cr-2", "m5.large"));
    const market: Partial<Market> = { reservationLeft: (id) => (id === "cr-2" ? 9 : 1) };
    const plan = planned({ types: ["m5.large"], requirements: [ANY], view, market });
    assert.deepEqual(
      plan.groups.map((group) => group.reservation?.id),
      ["cr-2"],
    );
    const block = { reservationType: "capacity-block" } as const;
    const blocks = reserving(reservation("cr-1", "m5.large", block), reservation("cr-2", "c5.large", block));
    assert.deepEqual(namesIn(planned({ types: ["m5.large", "c5.large"], requirements: [ANY], view: blocks })), [
      "c5.large",
    ]);
  });

  it("says what is wrong when nothing will do", () => {
    assert.match(problem({ types: ["m5.large"], requirements: [capacityTypes("reserved")] }), /nothing is available/);
    assert.match(problem({ types: ["m5.large"], requirements: [ANY], requests: { cpu: "4" } }), /nothing is available/);
  });

  const tenancies: readonly [values: string[] | undefined, tenancy: string][] = [
    [undefined, "default"],
    [["default", "dedicated"], "default"],
    [["dedicated"], "dedicated"],
  ];
  for (const [values, tenancy] of tenancies) {
    it(`tenancy ${values?.join(" or ") ?? "unset"} is ${tenancy}`, () => {
      const wanted: Requirement[] =
        values === undefined ? [] : [{ key: "karpenter.k8s.aws/instance-tenancy", operator: "In", values }];
      assert.equal(planned({ types: ["m5.large"], requirements: wanted }).tenancy, tenancy);
    });
  }
});

describe("the request to EC2", () => {
  const subnetOf = (zone: string): string | undefined => (zone === "us-east-1a" ? "subnet-a" : "subnet-b");
  const shape = (plan: LaunchPlan, subnets = subnetOf, context?: string) => {
    const templates = new Map(plan.groups.map((group, i) => [group, `template-${i}`]));
    const made = fleetShape(plan, templates, subnets, { a: "b" }, context);
    return "problem" in made ? assert.fail(made.problem) : made;
  };

  it("names each type and zone once, with its price", () => {
    const group = { id: "pg-1", name: "g", strategy: "partition", partitions: 3 };
    const view = viewOf({}, {}, group);
    const plan = planned({ types: ["m5.large"], requirements: [capacityTypes("on-demand")], view });
    assert.deepEqual(shape(plan, subnetOf, "context-1"), {
      targetCapacityType: "on-demand",
      allocationStrategy: "lowest-price",
      templates: [
        {
          templateName: "template-0",
          overrides: [
            { instanceType: "m5.large", zone: "us-east-1a", subnetId: "subnet-a", imageId: "ami-amd", priority: 0.096 },
            { instanceType: "m5.large", zone: "us-east-1b", subnetId: "subnet-b", imageId: "ami-amd", priority: 0.096 },
          ],
        },
      ],
      tags: { a: "b" },
      context: "context-1",
    });
  });

  const kinds: readonly [StatusReservation | undefined, string, string | undefined][] = [
    [undefined, "spot", "price-capacity-optimized"],
    [reservation("cr-1", "m5.large"), "on-demand", "lowest-price"],
    [reservation("cr-1", "m5.large", { reservationType: "capacity-block" }), "capacity-block", undefined],
    [reservation("cr-1", "m5.large", { interruptible: true }), "reserved-capacity", undefined],
  ];
  for (const [selected, target, strategy] of kinds) {
    it(`buys ${target} by ${strategy ?? "no strategy"}`, () => {
      const view = selected === undefined ? viewOf() : reserving(selected);
      const made = shape(planned({ types: ["m5.large"], requirements: [], view }));
      assert.deepEqual([made.targetCapacityType, made.allocationStrategy], [target, strategy]);
    });
  }

  it("leaves out zones whose subnets are full, and is none when all are", () => {
    const plan = planned({ types: ["m5.large"], requirements: [] });
    const inB = (zone: string) => (zone === "us-east-1b" ? "subnet-b" : undefined);
    assert.deepEqual(
      shape(plan, inB).templates[0]!.overrides.map(({ zone }) => zone),
      ["us-east-1b"],
    );
    const none = fleetShape(plan, new Map(), () => undefined, {}, undefined);
    assert.match("problem" in none ? none.problem : "", /addresses/);
  });

  it("carries its claims' names, whatever their number, and a token that is theirs", () => {
    const made = shape(planned({ types: ["m5.large"], requirements: [] }));
    const members = Array.from({ length: 100 }, (_, i) => ({ name: `default-pool-${i}`, uid: `uid-${i}`, answers: 0 }));
    const request = fleetRequest(made, members);
    assert.equal(request.count, 100);
    const { tags } = request.tags.find(({ resourceType }) => resourceType === "instance")!;
    assert.deepEqual(
      claimsLaunchedFor(tags),
      members.map(({ name }) => name),
    );
    assert.ok(Object.values(tags).every((value) => value.length <= 256) && Object.keys(tags).length <= 12);
    assert.equal(fleetRequest(made, members).clientToken, request.clientToken);
    const again = members.map((one) => ({ ...one, answers: 1 }));
    assert.notEqual(fleetRequest(made, again).clientToken, request.clientToken, "a new try gets a new answer");
    assert.deepEqual(claimsLaunchedFor(fleetRequest(made, members.slice(0, 1)).tags[0]!.tags), ["default-pool-0"]);
  });
});

describe("launch templates", () => {
  const CLUSTER = { name: "shop", endpoint: "https://shop.example", caBundle: "Y2E=", cidr: "10.100.0.0/16" };
  function dataOf(
    spec: Partial<Ec2NodeClassSpec> = {},
    {
      requirements = [],
      requests = {},
      dnsIp,
      region = "us-east-1",
      view = viewOf(spec),
      type = "m5.large",
      labels = {},
    }: {
      requirements?: Requirement[];
      requests?: Record<string, string>;
      dnsIp?: string;
      region?: string;
      view?: ClassView;
      type?: string;
      labels?: Record<string, string>;
    } = {},
  ) {
    const claim = claimOf(requirements, { requests, labels });
    const plan = planLaunch(claim, typesOf([type], view), view, OPTIONS);
    if ("problem" in plan) return assert.fail(plan.problem);
    const cluster = dnsIp === undefined ? CLUSTER : { ...CLUSTER, dnsIp };
    const made = launchTemplateData(claim, view, plan, plan.groups[0]!, cluster, { a: "b" }, { ...SETTINGS, region });
    return "problem" in made ? assert.fail(made.problem) : made.data;
  }

  it("have what the class says, and safe defaults for the rest", () => {
    const { userData, ...data } = dataOf({ detailedMonitoring: true }, { requirements: [capacityTypes("on-demand")] });
    assert.match(userData, /NodeConfig/);
    assert.deepEqual(data, {
      imageId: "ami-amd",
      iamInstanceProfile: { name: "profile-1" },
      blockDeviceMappings: [{ deviceName: "/dev/xvda", ebs: { volumeType: "gp3", encrypted: true, volumeSize: 20 } }],
      monitoring: { enabled: true },
      networkInterfaces: [{ networkCardIndex: 0, deviceIndex: 0, groups: ["sg-1"] }],
      tagSpecifications: [{ resourceType: "network-interface", tags: { a: "b" } }],
      metadataOptions: {
        httpEndpoint: "enabled",
        httpProtocolIpv6: "disabled",
        httpPutResponseHopLimit: 1,
        httpTokens: "required",
        instanceMetadataTags: "disabled",
      },
      placement: { tenancy: "default" },
      enclaveOptions: { enabled: false },
      capacityReservationSpecification: { capacityReservationPreference: "none" },
    });
  });

  it("tag spot requests only where there are any", () => {
    const kinds = dataOf({}, { requirements: [capacityTypes("spot")] }).tagSpecifications.map(
      (one) => one.resourceType,
    );
    assert.deepEqual(kinds, ["network-interface", "spot-instances-request"]);
  });

  const sizes: readonly [written: string, gib: number][] = [
    ["20G", 19],
    ["20Gi", 20],
    ["1T", 932],
  ];
  for (const [volumeSize, gib] of sizes) {
    it(`a volume of ${volumeSize} is ${gib} to EC2`, () => {
      const data = dataOf({
        blockDeviceMappings: [{ deviceName: "/dev/xvda", ebs: { volumeSize, iops: 0, kmsKeyID: "k" } }],
      });
      assert.deepEqual(data.blockDeviceMappings?.[0]?.ebs, { volumeSize: gib, kmsKeyId: "k" });
    });
  }

  it("say nothing of volumes for an own image that says nothing", () => {
    const own = { amiFamily: "Custom", amiSelectorTerms: [{ id: "ami-1" }] } as const;
    const data = dataOf({ ...own, amiSelectorTerms: [...own.amiSelectorTerms] });
    assert.equal("blockDeviceMappings" in data, false);
    assert.equal(data.userData, "");
  });

  it("lay out interfaces: as written, for EFA, with prefixes, for IPv6", () => {
    const written = dataOf(
      {
        networkInterfaces: [
          { networkCardIndex: 0, deviceIndex: 0, interfaceType: "interface" },
          { networkCardIndex: 0, deviceIndex: 1, interfaceType: "efa-only" },
        ],
        associatePublicIPAddress: false,
        ipPrefixCount: 2,
        connectionTracking: { udpTimeout: 45 },
      },
      { type: "c6in.32xlarge" },
    ).networkInterfaces;
    assert.deepEqual(written, [
      {
        networkCardIndex: 0,
        deviceIndex: 0,
        interfaceType: "interface",
        groups: ["sg-1"],
        associatePublicIpAddress: false,
        ipv4PrefixCount: 2,
        connectionTrackingSpecification: { udpTimeout: 45 },
      },
      { networkCardIndex: 0, deviceIndex: 1, interfaceType: "efa-only", groups: ["sg-1"] },
    ]);
    const efa = dataOf({}, { type: "c6in.32xlarge", requests: { "vpc.amazonaws.com/efa": "1" } }).networkInterfaces;
    assert.deepEqual(
      efa.map(({ networkCardIndex, deviceIndex, interfaceType }) => [networkCardIndex, deviceIndex, interfaceType]),
      [
        [0, 0, "efa"],
        [1, 1, "efa"],
      ],
    );
    const [v6] = dataOf({ ipPrefixCount: 1 }, { dnsIp: "fd00::a" }).networkInterfaces;
    assert.deepEqual(
      [v6!.primaryIpv6, v6!.ipv6AddressCount, v6!.ipv6PrefixCount, v6!.ipv4PrefixCount],
      [true, 1, 1, undefined],
    );
  });

  it("know which regions have no IPv6 metadata, and the smallest partition by number", () => {
    assert.equal(dataOf({}, { region: "us-iso-east-1" }).metadataOptions.httpProtocolIpv6, undefined);
    const view = viewOf({}, {}, { id: "pg-1", name: "g", strategy: "partition", partitions: 12 });
    const wanted: Requirement = {
      key: "karpenter.k8s.aws/placement-group-partition",
      operator: "In",
      values: ["10", "2"],
    };
    assert.deepEqual(dataOf({}, { view, requirements: [wanted] }).placement, {
      tenancy: "default",
      groupId: "pg-1",
      partitionNumber: 2,
    });
    assert.equal("partitionNumber" in dataOf({}, { view }).placement!, false, "EC2 may choose");
  });

  it("target the reservation", () => {
    const view = reserving(reservation("cr-1", "m5.large", { reservationType: "capacity-block" }));
    const data = dataOf({}, { view });
    assert.deepEqual(data.capacityReservationSpecification, {
      capacityReservationPreference: "capacity-reservations-only",
      capacityReservationTarget: { capacityReservationId: "cr-1" },
    });
    assert.deepEqual(data.instanceMarketOptions, { marketType: "capacity-block" });
  });

  it("do not let the kubelet label itself with Kubernetes' own labels", () => {
    const { userData } = dataOf(
      {},
      { labels: { "kubernetes.io/role": "x", "sub.k8s.io/y": "z", "team.example/a": "b" } },
    );
    assert.match(userData, /team\.example\/a=b/);
    assert.match(userData, /karpenter\.sh\/do-not-sync-taints=true/);
    assert.doesNotMatch(userData, /kubernetes\.io\/role|sub\.k8s\.io/);
  });

  it("have a name that depends on all of this and on nothing else", () => {
    const name = launchTemplateName(dataOf());
    assert.match(name, /^karpenter\.k8s\.aws\/\d+$/);
    assert.equal(launchTemplateName(dataOf()), name);
    assert.notEqual(launchTemplateName(dataOf({ userData: "echo" })), name);
    assert.notEqual(launchTemplateName(dataOf({ kubelet: { maxPods: 10 } })), name);
    assert.equal(launchTemplateName(dataOf({}, { type: "c5.large" })), name, "types of the same room share it");
  });
});

describe("tags", () => {
  it("are the user's with ours over them", () => {
    assert.deepEqual(baseTags("shop", { name: "default", tags: { team: "a", "karpenter.sh/nodepool": "x" } }, "pool"), {
      team: "a",
      "karpenter.sh/nodepool": "pool",
      "kubernetes.io/cluster/shop": "owned",
      "eks:eks-cluster-name": "shop",
      "karpenter.k8s.aws/ec2nodeclass": "default",
    });
    assert.equal(reservedTag({ team: "a", Name: "mine" }), undefined);
    for (const key of [
      "karpenter.sh/nodepool",
      "karpenter.sh/nodeclaim",
      "eks:eks-cluster-name",
      "kubernetes.io/cluster/x",
    ]) {
      assert.equal(reservedTag({ [key]: "x" }), key);
    }
  });
});

describe("errors of a launch", () => {
  const error = (code: string, message = ""): FleetError => ({
    code,
    message,
    instanceType: "m5.large",
    zone: "a",
    subnetId: "s",
  });
  const rows: readonly [code: string, message: string, capacity: boolean, reason: string][] = [
    ["InsufficientInstanceCapacity", "", true, "LaunchFailed"],
    ["UnfulfillableCapacity", "", true, "LaunchFailed"],
    ["MaxSpotInstanceCountExceeded", "", true, "SpotQuotaExceeded"],
    ["VcpuLimitExceeded", "", true, "VCPULimitExceeded"],
    ["InsufficientFreeAddressesInSubnet", "", true, "InsufficientFreeAddressesInSubnet"],
    ["ReservationCapacityExceeded", "", true, "LaunchFailed"],
    ["AuthFailure.ServiceLinkedRoleCreationNotPermitted", "", true, "SpotSLRCreationFailed"],
    ["UnauthorizedOperation", "not authorized", false, "Unauthorized"],
    ["AuthFailure", "Not authorized for images: [ami-1]", false, "AMIAuthorizationFailure"],
    ["InvalidLaunchTemplateName.NotFoundException", "", false, "LaunchTemplateNotFound"],
    ["InvalidUserData.Malformed", "User data is limited to 16384 bytes", false, "UserDataSizeLimitExceeded"],
    ["InvalidAMIID.NotFound", "", false, "AMINotFound"],
    ["RequestLimitExceeded", "", false, "RequestLimitExceeded"],
    ["Whatever", "", false, "LaunchFailed"],
    ["InvalidParameterCombination", "not eligible for Free Tier", false, "FreeTierIneligible"],
  ];
  for (const [code, message, capacity, reason] of rows) {
    it(`${code} ${message}: ${capacity ? "no capacity" : "to be mended"}, ${reason}`, () => {
      assert.equal(isUnfulfillable(error(code, message)), capacity);
      assert.equal(launchFailure(code, message).reason, reason);
    });
  }
});
