import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Affinity, NodeSelectorRequirement, Pod, Taint } from "../../model/core.ts";
import type { InstanceType, Offering } from "../../model/instance-type.ts";
import { ARCH_LABEL, CAPACITY_TYPE_LABEL, NODE_POOL_LABEL, OS_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import { matchesNodeAffinity } from "../../model/node-selector.ts";
import { type KubeObject, keyOf } from "../../model/object.ts";
import { templateRequests, totalRequests } from "../../model/pod-requests.ts";
import { allows, type RequirementSpec, type Requirements, requirementsOf } from "../../model/requirements.ts";
import type { NodePool } from "../../model/resources/node-pool.ts";
import { addResources, parseResources, type Resources } from "../../model/resources.ts";
import { untoleratedHardTaint } from "../../model/taints.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { planProvisioning } from "./plan-provisioning.ts";
import type { PlannedClaim, ProvisionPlan } from "./provision-plan.ts";
import { clusterOf, daemonSet, instanceType, node, nodePool, pod } from "./test-cluster.ts";

/**
 * Random small clusters, judged by a slow checker that shares no code with the planner beyond the model: it walks over
 * every launch that a claim allows.
 */
const RUNS = 200;

describe("plans for random clusters", () => {
  it("hold every rule, and leave only pods that fit nowhere", () => {
    fc.assert(
      fc.property(cluster(), ({ objects, types }) => {
        const snapshot = clusterOf({ objects, types });
        judge(snapshot, planProvisioning(snapshot), types);
      }),
      { numRuns: RUNS, seed: 11 },
    );
  });

  it("do not depend on the order of anything", () => {
    fc.assert(
      fc.property(cluster(), fc.integer(), ({ objects, types }, seed) => {
        const shuffled = [...objects].sort((a, b) => order(a, seed) - order(b, seed));
        const reversed = [...types].reverse();
        assert.deepEqual(
          planProvisioning(clusterOf({ objects: shuffled, types: reversed })),
          planProvisioning(clusterOf({ objects, types })),
        );
      }),
      { numRuns: 60, seed: 12 },
    );
  });
});

function order(object: KubeObject, seed: number): number {
  let hash = seed | 0;
  for (const char of keyOf(object)) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return hash;
}

// ---------------------------------------------------------------- clusters

const ZONES = ["zone-a", "zone-b"];
const TEAMS = ["red", "blue"];
const TAINT: Taint = { key: "dedicated", value: "x", effect: "NoSchedule" };
const SOFT: Taint = { key: "soft", effect: "PreferNoSchedule" };

function cluster() {
  const type = fc.record({
    cpu: fc.constantFrom(1, 2, 4, 8),
    memory: fc.constantFrom(2, 4, 16),
    arch: fc.constantFrom("amd64", "amd64", "arm64"),
    os: fc.constantFrom(["linux"], ["linux"], ["linux", "windows"]),
    pods: fc.constantFrom(110, 3),
    gpu: fc.constantFrom(0, 0, 0, 2),
    offerings: fc.uniqueArray(
      fc.record({
        zone: fc.constantFrom(...ZONES),
        capacityType: fc.constantFrom("on-demand" as const, "spot" as const),
        price: fc.integer({ min: 1, max: 50 }).map((n) => n / 100),
        available: fc.constantFrom(true, true, true, false),
      }),
      { minLength: 1, maxLength: 4, selector: ({ zone, capacityType }) => `${zone} ${capacityType}` },
    ),
  });
  const pool = fc.record({
    requirements: fc.subarray<RequirementSpec>(
      [
        { key: ZONE_LABEL, operator: "In", values: ["zone-a"] },
        { key: CAPACITY_TYPE_LABEL, operator: "NotIn", values: ["spot"] },
        { key: ARCH_LABEL, operator: "In", values: ["amd64"] },
        { key: "team", operator: "In", values: TEAMS },
      ],
      { maxLength: 2 },
    ),
    taints: fc.constantFrom<Taint[]>([], [], [TAINT], [SOFT]),
    weight: fc.constantFrom(undefined, undefined, 10),
    limits: fc.constantFrom(undefined, undefined, { cpu: 8 }, { nodes: 2 }, { memory: "20Gi" }),
  });
  const selector = fc.constantFrom<Record<string, string>>(
    {},
    {},
    {},
    { [ZONE_LABEL]: "zone-a" },
    { [ZONE_LABEL]: "zone-b" },
    { [ARCH_LABEL]: "arm64" },
    { [OS_LABEL]: "windows" },
    { team: "red" },
    { team: "blue" },
    { [CAPACITY_TYPE_LABEL]: "spot" },
  );
  const affinity = fc.option(
    fc.array(
      fc.constantFrom<NodeSelectorRequirement[]>(
        { key: ZONE_LABEL, operator: "In", values: ["zone-b"] },
        { key: "team", operator: "NotIn", values: ["red"] },
        { key: "team", operator: "Exists" },
        { key: "team", operator: "DoesNotExist" },
        { key: ARCH_LABEL, operator: "NotIn", values: ["arm64"] },
      ),
      { minLength: 1, maxLength: 2 },
    ),
    { nil: undefined, freq: 3 },
  );
  const onePod = fc.record({
    cpu: fc.constantFrom("100m", "500m", "1", "1500m", "3", "20"),
    memory: fc.constantFrom("100Mi", "1Gi", "3Gi"),
    gpu: fc.constantFrom(0, 0, 0, 0, 1),
    selector,
    affinity,
    tolerates: fc.boolean(),
    port: fc.constantFrom(0, 0, 0, 80),
    apart: fc.constantFrom(false, false, false, true),
    prefers: fc.constantFrom(undefined, undefined, "zone-a", "nowhere"),
    copies: fc.integer({ min: 1, max: 3 }),
  });
  const machine = fc.record({
    cpu: fc.constantFrom(1, 2, 4),
    zone: fc.constantFrom(...ZONES),
    tainted: fc.constantFrom(false, false, true),
    running: fc.constantFrom("500m", "1", "3"),
    deleting: fc.constantFrom(false, false, false, true),
  });
  return fc
    .record({
      types: fc.array(type, { minLength: 1, maxLength: 5 }),
      pools: fc.array(pool, { minLength: 1, maxLength: 3 }),
      pods: fc.array(onePod, { minLength: 1, maxLength: 6 }),
      machines: fc.array(machine, { maxLength: 2 }),
      daemonZone: fc.constantFrom<string | undefined>(undefined, "zone-a", "everywhere"),
    })
    .map(({ types, pools, pods, machines, daemonZone }) => ({
      types: types.map(({ gpu, pods: most, ...sketch }, i) =>
        instanceType({ ...sketch, name: `type-${i}`, more: { pods: most, ...(gpu > 0 ? { gpu } : {}) } }),
      ),
      objects: [
        ...pools.map(({ weight, limits, ...sketch }, i) =>
          nodePool({
            ...sketch,
            name: `pool-${i}`,
            ...(weight === undefined ? {} : { weight }),
            ...(limits === undefined ? {} : { limits }),
          }),
        ),
        ...pods.flatMap(podsOf),
        ...machines.flatMap((sketch, i) => [
          ...node({
            name: `n-${i}`,
            pool: "pool-0",
            cpu: sketch.cpu,
            labels: { [ZONE_LABEL]: sketch.zone },
            taints: sketch.tainted ? [TAINT] : [],
            deleting: sketch.deleting,
          }),
          pod({ name: `r-${i}`, node: `n-${i}`, cpu: sketch.running }),
        ]),
        ...(daemonZone === undefined
          ? []
          : [
              daemonSet(
                "agent",
                "200m",
                daemonZone === "everywhere" ? {} : { nodeSelector: { [ZONE_LABEL]: daemonZone } },
              ),
            ]),
      ],
    }));
}

function podsOf(
  sketch: {
    cpu: string;
    memory: string;
    gpu: number;
    selector: Record<string, string>;
    affinity: readonly NodeSelectorRequirement[] | undefined;
    tolerates: boolean;
    port: number;
    apart: boolean;
    prefers: string | undefined;
    copies: number;
  },
  index: number,
): Pod[] {
  const terms = sketch.affinity?.map((expression) => ({ matchExpressions: [expression] }));
  const app = `app-${index}`;
  const affinity: Affinity = {
    nodeAffinity: {
      ...(terms === undefined ? {} : { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } }),
      preferredDuringSchedulingIgnoredDuringExecution:
        sketch.prefers === undefined
          ? []
          : [
              {
                weight: 1,
                preference: { matchExpressions: [{ key: ZONE_LABEL, operator: "In", values: [sketch.prefers] }] },
              },
            ],
    },
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: sketch.apart
        ? [{ topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app } } }]
        : [],
    },
  };
  return Array.from({ length: sketch.copies }, (_, copy) =>
    pod({
      name: `p-${index}-${copy}`,
      cpu: sketch.cpu,
      memory: sketch.memory,
      labels: { app },
      ...(sketch.gpu > 0 ? { more: { gpu: sketch.gpu } } : {}),
      nodeSelector: sketch.selector,
      affinity,
      ...(sketch.tolerates ? { tolerations: [{ key: "dedicated", operator: "Exists" }] } : {}),
      ...(sketch.port > 0 ? { hostPort: sketch.port } : {}),
    }),
  );
}

// ---------------------------------------------------------------- the judge

type Launch = { type: InstanceType; offering: Offering; labels: Record<string, string> };

function judge(snapshot: Snapshot, plan: ProvisionPlan, types: readonly InstanceType[]): void {
  const { view } = snapshot;
  const gone = new Set(
    snapshot.stateNodes.filter((state) => state.markedForDeletion).map(({ node: n }) => n?.metadata.name),
  );
  const wanted = [...view.pods.values()].filter(({ spec }) => spec.nodeName === undefined || gone.has(spec.nodeName));
  const mentioned = [
    ...plan.newNodeClaims.flatMap(({ pods }) => pods),
    ...plan.existingNodes.flatMap(({ pods }) => pods),
    ...plan.unschedulable.map(({ pod: key }) => key),
  ];
  assert.deepEqual(mentioned.sort(), wanted.map(keyOf).sort(), "every pod is mentioned once");
  for (const claim of plan.newNodeClaims) judgeClaim(snapshot, claim, types);
  for (const { name, pods } of plan.existingNodes) judgeNode(snapshot, name, pods);
  judgeLimits(snapshot, plan, types);
  for (const { pod: key, code } of plan.unschedulable) {
    const refused = view.pods.get(key);
    assert.ok(refused !== undefined);
    if (code !== "LimitsReached" && code !== "ExistingNodesFull") judgeRefused(snapshot, refused, types);
  }
  const sum = plan.newNodeClaims.reduce((all, { cheapestPrice }) => all + cheapestPrice, 0);
  assert.ok(Math.abs(sum - plan.pricePerHour) < 1e-9);
  assert.ok(plan.lowerBoundPerHour <= plan.pricePerHour + 1e-9);
  const names = plan.newNodeClaims.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length, "claims have names of their own");
}

function judgeClaim(snapshot: Snapshot, claim: PlannedClaim, types: readonly InstanceType[]): void {
  const pool = snapshot.view.nodePools.get(claim.nodePool);
  assert.ok(pool !== undefined);
  const pods = claim.pods.map((key) => present(snapshot.view.pods.get(key)));
  const listed = types.filter(({ name }) => claim.instanceTypes.includes(name));
  const launches = listed.flatMap((type) => launchesOf(type, requirementsOf(claim.requirements), claim.labels));
  assert.deepEqual(
    new Set(launches.map(({ type }) => type.name)),
    new Set(claim.instanceTypes),
    "each listed type can be had",
  );
  assert.equal(Math.min(...launches.map(({ offering }) => offering.priceUsdPerHour)), claim.cheapestPrice);
  for (const launch of launches) {
    assert.ok(meets(requirementsOf(pool.spec.template.spec.requirements), launch.labels), "the pool allows the launch");
    const needed = addResources(totalRequests(pods), daemonsOn(snapshot, pool, launch));
    for (const name of Object.keys(needed)) {
      assert.ok((needed[name] ?? 0) <= (launch.type.allocatable[name] ?? 0), `${name} suffices on ${launch.type.name}`);
    }
    for (const one of pods) assert.ok(accepts(launch.labels, one), `${keyOf(one)} accepts the labels`);
  }
  for (const one of pods)
    assert.equal(untoleratedHardTaint(pool.spec.template.spec.taints ?? [], one.spec.tolerations), undefined);
  judgeNeighbours(pods);
}

function judgeNode(snapshot: Snapshot, name: string, keys: readonly string[]): void {
  const state = present(snapshot.stateNodes.find((one) => one.name === name));
  assert.equal(state.markedForDeletion, false);
  const running = state.podKeys.map((key) => present(snapshot.view.pods.get(key)));
  const added = keys.map((key) => present(snapshot.view.pods.get(key)));
  const needed = totalRequests([...running, ...added]);
  for (const resource of Object.keys(totalRequests(added))) {
    assert.ok((needed[resource] ?? 0) <= (state.allocatable[resource] ?? 0), `${resource} suffices on ${name}`);
  }
  for (const one of added) {
    assert.ok(accepts(state.labels, one));
    assert.equal(untoleratedHardTaint(state.taints, one.spec.tolerations), undefined);
  }
  judgeNeighbours([...running, ...added]);
}

function judgeNeighbours(pods: readonly Pod[]): void {
  const ports = pods.flatMap(({ spec }) => spec.containers.flatMap((c) => c.ports?.map((port) => port.hostPort) ?? []));
  assert.equal(new Set(ports).size, ports.length, "no host port is taken twice");
  const apart = pods.filter(({ spec }) => {
    const terms = spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    return terms.length > 0;
  });
  const apps = apart.map(({ metadata }) => metadata.labels?.["app"]);
  assert.equal(new Set(apps).size, apps.length, "pods that keep apart do");
}

/** Whatever each claim launches of what it lists. */
function judgeLimits(snapshot: Snapshot, plan: ProvisionPlan, types: readonly InstanceType[]): void {
  for (const pool of snapshot.view.nodePools.values()) {
    const claims = plan.newNodeClaims.filter(({ nodePool: name }) => name === pool.metadata.name);
    if (pool.spec.limits === undefined || claims.length === 0) continue;
    const running = snapshot.stateNodes.filter(
      (s) => s.nodePool === pool.metadata.name && s.managed && !s.markedForDeletion,
    );
    const limits = parseResources(pool.spec.limits);
    for (const name of Object.keys(limits)) {
      const before = running.reduce((sum, { capacity }) => sum + (name === "nodes" ? 1 : (capacity[name] ?? 0)), 0);
      const bought = claims.map(({ instanceTypes }) =>
        Math.max(
          ...types
            .filter((t) => instanceTypes.includes(t.name))
            .map(({ capacity }) => (name === "nodes" ? 1 : (capacity[name] ?? 0))),
        ),
      );
      assert.ok(
        bought.reduce((sum, amount) => sum + amount, before) <= (limits[name] ?? 0),
        `the limit of ${name} holds`,
      );
    }
  }
}

/** No launch of any pool would take the pod alone. */
function judgeRefused(snapshot: Snapshot, refused: Pod, types: readonly InstanceType[]): void {
  for (const pool of snapshot.view.nodePools.values()) {
    if (untoleratedHardTaint(pool.spec.template.spec.taints ?? [], refused.spec.tolerations) !== undefined) continue;
    for (const labels of poolLabels(pool)) {
      const wanted = requirementsOf(pool.spec.template.spec.requirements);
      for (const launch of types.flatMap((type) => launchesOf(type, wanted, labels))) {
        if (!accepts(launch.labels, refused) || exceedsLimit(snapshot, pool, launch.type)) continue;
        const needed = addResources(totalRequests([refused]), daemonsOn(snapshot, pool, launch));
        const isShort = Object.keys(needed).some((name) => (needed[name] ?? 0) > (launch.type.allocatable[name] ?? 0));
        assert.ok(isShort, `${keyOf(refused)} would fit on ${launch.type.name} of ${pool.metadata.name}`);
      }
    }
  }
}

function exceedsLimit(snapshot: Snapshot, pool: NodePool, type: InstanceType): boolean {
  if (pool.spec.limits === undefined) return false;
  const limits = parseResources(pool.spec.limits);
  const running = snapshot.stateNodes.filter(
    (s) => s.nodePool === pool.metadata.name && s.managed && !s.markedForDeletion,
  );
  return Object.keys(limits).some((name) => {
    const of = (amounts: Resources): number => (name === "nodes" ? 1 : (amounts[name] ?? 0));
    return running.reduce((sum, { capacity }) => sum + of(capacity), 0) + of(type.capacity) > (limits[name] ?? 0);
  });
}

/** The values that a node of the pool may have for the labels that the pool leaves open. */
function poolLabels(pool: NodePool): Record<string, string>[] {
  const fixed = { [NODE_POOL_LABEL]: pool.metadata.name, "karpenter.kwok.sh/kwoknodeclass": "default" };
  const isOpen = pool.spec.template.spec.requirements.some(({ key }) => key === "team");
  return isOpen ? TEAMS.map((team) => ({ ...fixed, team })) : [fixed];
}

/** Everything that a claim with these requirements may come up as. */
function launchesOf(type: InstanceType, requirements: Requirements, labels: Record<string, string>): Launch[] {
  const systems = [...(type.requirements.get(OS_LABEL)?.values ?? [])];
  return type.offerings
    .filter(({ available }) => available)
    .flatMap((offering) =>
      systems.map((os) => {
        const own: Record<string, string> = { ...labels, [OS_LABEL]: os };
        for (const [key, r] of [...type.requirements, ...offering.requirements])
          if (r.values.size === 1) own[key] = [...r.values][0] ?? "";
        own[ZONE_LABEL] = offering.zone;
        own[CAPACITY_TYPE_LABEL] = offering.capacityType;
        return { type, offering, labels: own };
      }),
    )
    .filter((launch) => meets(requirements, launch.labels));
}

function meets(requirements: Requirements, labels: Record<string, string>): boolean {
  return [...requirements.values()].every((r) => {
    const value = labels[r.key];
    if (value !== undefined) return allows(r, value);
    return r.complement ? r.values.size > 0 : r.values.size === 0;
  });
}

function accepts(labels: Readonly<Record<string, string>>, one: Pod): boolean {
  return matchesNodeAffinity(one, { name: "", labels });
}

function daemonsOn(snapshot: Snapshot, pool: NodePool, launch: Launch): Resources {
  const running = [...snapshot.view.daemonSets.values()].filter(({ spec }) => {
    const asPod = { spec: spec.template.spec } as Pod;
    const isKept =
      untoleratedHardTaint(pool.spec.template.spec.taints ?? [], spec.template.spec.tolerations) === undefined;
    return isKept && accepts(launch.labels, asPod);
  });
  return addResources(...running.flatMap(({ spec }) => [templateRequests(spec.template.spec), { pods: 1 }]));
}

function present<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}
