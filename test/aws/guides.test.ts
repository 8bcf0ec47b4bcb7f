import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { HOUR_MS, MINUTE_MS } from "../../src/base/time.ts";
import { NODE_POOLS, NODES, PODS } from "../../src/model/kinds.ts";
import { type Loose, withChange } from "../../src/model/resources/test-objects.ts";
import { parseAmount } from "../../src/model/resources.ts";
import type { Machine } from "../../src/simulation/ec2/machine.ts";
import { type Ec2World, inWorld, type Place } from "./ec2-world.ts";
import { type Guide, ownGuide, publishedGuide } from "./guide.ts";

const GI = 2 ** 30;
const OREGON: Place = { region: "us-west-2", clusterName: "shop" };
const MUMBAI: Place = { region: "ap-south-1", clusterName: "eks-cluster" };
const STOCKHOLM: Place = { region: "eu-north-1", clusterName: "my-cluster" };
/** A Thursday, 16:35. */
const AFTERNOON: Place = { ...STOCKHOLM, startMs: 1_767_285_300_000 };

type Walk = (world: Ec2World, guide: Guide) => Promise<void>;

/** Each manifest is applied, and nodes come that are as it says; what cannot stand is refused in these words, and its corrected form applied. */
const WALKS: readonly (readonly [what: string, place: Place, walk: Walk])[] = [
  ["a pool with every field: a choice is no value, each alternative is one", OREGON, alternatives],
  [
    "a pool with every field: the values that nothing has are named, and with fewer nodes come as it says",
    OREGON,
    everyPool,
  ],
  ["a pool without requirements is refused", OREGON, barePool],
  ["a class with every field: a role or an instance profile", OREGON, roleOrProfile],
  [
    "a class with every field: each shows in the machine, and the status of the manifest is dropped",
    OREGON,
    everyClass,
  ],
  ["the first pool and class of a cluster", MUMBAI, firstCluster],
  ["pool and class for production", STOCKHOLM, production],
  ["office hours: nothing is replaced in them, and the rest after them", AFTERNOON, officeHours],
  ["the class stays as it was written", STOCKHOLM, unwritten],
  ["a reservation of a pool for on-demand: used first, then the open market", STOCKHOLM, reservation],
  ["two colours: weight 200 is refused, 100 gets the new pods, and the old pool goes", STOCKHOLM, twoColours],
  ["pools by weight", STOCKHOLM, weights],
  ["lists of requirements in a pool", STOCKHOLM, requirementLists],
  ["rules of disruption in a pool", STOCKHOLM, disruptionRules],
  ["disruption budgets of pods hold while nodes are replaced", STOCKHOLM, podBudgets],
  ["tags and metadata options in a class", STOCKHOLM, tagsAndMetadata],
  ["a reference to the node class without group and kind", STOCKHOLM, bareReference],
  ["an ARN in the place of a role's name", MUMBAI, roleArn],
  ["a spot interruption: the node is closed and replaced within two minutes", STOCKHOLM, interruption],
];

for (const { title, skip, read } of guides()) {
  describe(title, { skip }, () => {
    for (const [what, place, walk] of WALKS) {
      const use = async (world: Ec2World): Promise<void> => {
        world.account.hasWhateverIsNamed = true;
        await walk(world, read());
      };
      it(what, inWorld(use, {}, place));
    }
  });
}

function guides(): { title: string; skip: string | false; read: () => Guide }[] {
  const folder = process.env["KARPENTER_GUIDES"] ?? "";
  const skip = folder === "" && "set KARPENTER_GUIDES to a folder of guides as text files";
  const published = () => publishedGuide(folder, { CLUSTER_NAME: OREGON.clusterName });
  return [
    { title: "guides in our own words", skip: false, read: ownGuide },
    { title: "guides as they are published", skip, read: published },
  ];
}

/** What the API server adds where a field is wrong and rules over several fields are left. */
const UNCHECKED =
  '<nil>: Invalid value: "null": some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
const POLICY = "spec.disruption.consolidationPolicy";
const PATIENCE = "spec.disruption.consolidateAfter";
const AGE = "spec.template.spec.expireAfter";

/** The pool with the first alternative of each choice. */
function chosen(pool: Loose): Loose {
  const first: readonly [string, string][] = [
    [POLICY, "WhenEmptyOrUnderutilized"],
    [PATIENCE, "1m"],
    [AGE, "720h"],
  ];
  return first.reduce((object, [path, value]) => withChange(object, path, value), pool);
}

async function alternatives(world: Ec2World, { everyPool: pool }: Guide): Promise<void> {
  const duration = "in body should match '^(([0-9]+(s|m|h))+|Never)$'";
  assert.equal(
    await world.refusal(pool),
    `NodePool.karpenter.sh "default" is invalid: [${AGE}: Invalid value: "720h | Never": ${AGE} ${duration}, ` +
      `${POLICY}: Unsupported value: "WhenEmptyOrUnderutilized | WhenEmpty": supported values: "WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced", ` +
      `${PATIENCE}: Invalid value: "1m | Never": ${PATIENCE} ${duration}, ` +
      `${UNCHECKED}]`,
  );
  const each: readonly [string, string][] = [
    [POLICY, "WhenEmpty"],
    [PATIENCE, "Never"],
    [AGE, "Never"],
  ];
  for (const [path, value] of each) {
    await world.apply(withChange(chosen(pool), path, value));
    await world.playground.api.delete(NODE_POOLS, { name: "default" });
    await world.until("the pool is gone", () => world.pools().length === 0);
  }
}

async function everyPool(world: Ec2World, { everyPool: pool, everyClass: nodeClass }: Guide): Promise<void> {
  await world.apply(withChange(nodeClass, "spec.instanceProfile", undefined));
  await world.apply(chosen(pool));
  const { taints, startupTaints } = pool.spec.template.spec;
  const spec = { tolerations: [{ key: taints[0].key, operator: "Exists" }] };
  await world.deploy(2, { cpu: "1" }, "web", {}, spec);
  const reason = "NoCompatibleInstanceTypes";
  await world.until("the pool says what it lacks", () => world.events(reason).length > 0);
  assert.deepEqual(world.events(reason), [
    "No instance type is left for this pool: karpenter.k8s.aws/instance-family must keep 5 different values and has 4 left " +
      "(c5, c5d, m5, m5d): c4, r4 are ruled out by karpenter.k8s.aws/instance-hypervisor In [nitro]",
  ]);
  assert.equal(world.claims().length, 0);
  const requirements = structuredClone(pool.spec.template.spec.requirements);
  requirements.find(({ key }: Loose) => key.endsWith("/instance-family")).minValues = 4;
  await world.changePool({ template: { spec: { requirements } } });
  await world.until("a node has joined", () => world.nodes().length > 0);
  const [node] = world.nodes();
  assert.ok(node?.spec.taints?.some(({ key }) => key === startupTaints[0].key));
  for (const { metadata } of world.nodes()) {
    await world.playground.api.patch(NODES, { name: metadata.name }, { type: "merge", body: { spec: { taints } } });
  }
  await world.podsRun(2);
  assert.equal(world.nodes()[0]?.metadata.labels?.["billing-team"], "my-team");
  assert.equal(world.nodes()[0]?.metadata.annotations?.["example.com/owner"], "my-team");
  for (const { instance, facts } of world.alive()) {
    assert.match(instance.instanceType, /^(m5|m5d|c5|c5d)\./);
    assert.ok([4, 8, 16, 32].includes(facts.cpu) && ["us-west-2a", "us-west-2b"].includes(instance.zone));
  }
}

async function barePool(world: Ec2World, { barePool: pool }: Guide): Promise<void> {
  assert.equal(
    await world.refusal(pool),
    `NodePool.karpenter.sh "default" is invalid: [spec.template.spec.requirements: Required value, ${UNCHECKED}]`,
  );
  await world.apply(withChange(pool, "spec.template.spec.requirements", []));
}

async function roleOrProfile(world: Ec2World, { everyClass: nodeClass }: Guide): Promise<void> {
  assert.equal(
    await world.refusal(nodeClass),
    `EC2NodeClass.karpenter.k8s.aws "default" is invalid: spec: Invalid value: "object": exactly one of 'role', 'instanceProfile' must be set`,
  );
  for (const [other, name] of [
    ["instanceProfile", "with-role"],
    ["role", "with-profile"],
  ]) {
    await world.apply(withChange(withChange(nodeClass, `spec.${other}`, undefined), "metadata.name", name));
    await world.until(`${name} is ready`, () => world.condition("Ready", name)?.status === "True");
  }
  assert.equal(world.classOf("with-profile")?.status?.["instanceProfile"], nodeClass.spec.instanceProfile);
  assert.deepEqual(
    [...world.account.profiles.values()].flatMap(({ roles }) => roles),
    [nodeClass.spec.role],
  );
}

async function everyClass(world: Ec2World, { everyClass: nodeClass }: Guide): Promise<void> {
  const manifest = withChange(nodeClass, "spec.instanceProfile", undefined);
  assert.ok(manifest.status.subnets.length > 0);
  await world.apply(manifest);
  assert.equal(world.classOf()?.status, undefined);
  await world.pool();
  await world.deploy(2);
  await world.podsRun(2);
  for (const machine of world.alive()) checkEveryField(world, machine);
}

function checkEveryField(world: Ec2World, { instance, data, facts }: Machine): void {
  assert.equal(instance.subnetId, "subnet-09fa4a0a8f233a921");
  assert.deepEqual(instance.securityGroupIds, ["sg-063d7acfb4b06c82c"]);
  assert.deepEqual([instance.imageId, instance.tags["team"]], ["ami-123", "team-a"]);
  assert.match(
    data.userData,
    /echo "Hello world"[\s\S]*bootstrap\.sh 'shop'[\s\S]*--dns-cluster-ip '10\.0\.1\.100'[\s\S]*--local-disks raid0/,
  );
  const [device] = data.blockDeviceMappings ?? [];
  assert.deepEqual(
    [device?.ebs?.volumeSize, device?.ebs?.iops, device?.ebs?.kmsKeyId, device?.ebs?.snapshotId],
    [100, 10_000, "1234abcd-12ab-34cd-56ef-1234567890ab", "snap-0123456789"],
  );
  assert.deepEqual([data.monitoring.enabled, data.networkInterfaces[0]?.associatePublicIpAddress], [true, true]);
  assert.deepEqual([data.metadataOptions.httpTokens, data.metadataOptions.httpPutResponseHopLimit], ["required", 1]);
  const node = world.nodes().find(({ spec }) => spec.providerID?.endsWith(instance.id));
  assert.equal(node?.status?.capacity?.["pods"], String(Math.min(20, 2 * facts.cpu)));
  const claim = world.claims().find(({ status }) => status?.providerID === node?.spec.providerID);
  for (const { allocatable } of [node?.status ?? {}, claim?.status ?? {}]) {
    assert.equal(parseAmount("cpu", allocatable?.["cpu"] ?? 0), facts.cpu * 1_000 - 300);
  }
}

async function firstCluster(world: Ec2World, { firstPool, firstClass }: Guide): Promise<void> {
  await world.apply(firstPool);
  await world.apply(firstClass);
  await world.deploy(10);
  await world.podsRun(10);
  for (const { instance, facts } of world.alive()) {
    assert.equal(instance.imageId, firstClass.spec.amiSelectorTerms[0].id);
    assert.ok(facts.arch === "amd64" && /^[cmr][3-9]/.test(instance.instanceType), instance.instanceType);
  }
  await world.scale(0);
  await world.until("no machine is left", () => world.alive().length === 0);
}

/** A pod of 2 cpu and 4 GiB does not fit a c6a.large, whose kubelet keeps some of both. */
async function production(world: Ec2World, { productionPool, productionClass }: Guide): Promise<void> {
  await world.apply(productionClass);
  await world.apply(productionPool);
  await world.deploy(6, { cpu: "2", memory: "4Gi" });
  await world.podsRun(6);
  assert.equal(world.account.profiles.size, 0, "the instance profile is the user's");
  for (const { metadata, status, spec } of world.claims()) {
    assert.equal(metadata.annotations?.["karpenter.k8s.aws/instance-profile-name"], "karpenter-node-profile");
    assert.equal(parseAmount("ephemeral-storage", status?.capacity?.["ephemeral-storage"] ?? 0), 50 * GI);
    const families = spec.requirements.find(({ key }) => key === "karpenter.k8s.aws/instance-family");
    assert.ok((families?.values?.length ?? 0) >= 3, "EC2 has a choice of three families");
    assert.deepEqual([metadata.labels?.["nodepool"], spec.terminationGracePeriod], ["default", "48h"]);
  }
  for (const { instance, data } of world.alive()) {
    assert.match(instance.instanceType, /^(m6i|m6a|m7i|m7a|c6i|c6a|r6i)\.(xlarge|2xlarge)$/);
    assert.match(instance.zone, /^eu-north-1[abc]$/);
    assert.deepEqual([instance.tags["Environment"], instance.tags["ManagedBy"]], ["production", "karpenter"]);
    const { encrypted, iops, throughput, volumeType } = data.blockDeviceMappings?.[0]?.ebs ?? {};
    assert.deepEqual([encrypted, iops, throughput, volumeType], [true, 3_000, 125, "gp3"]);
  }
}

async function officeHours(world: Ec2World, { productionPool, productionClass }: Guide): Promise<void> {
  await world.apply(productionClass);
  await world.apply(productionPool);
  await world.deploy(1);
  await world.podsRun(1);
  const [before] = world.claims();
  await world.changeClass({ detailedMonitoring: true });
  await world.clock.runFor(20 * MINUTE_MS);
  assert.deepEqual(
    world.claims().map(({ metadata }) => metadata.name),
    [before?.metadata.name],
  );
  assert.ok(before !== undefined && world.hasDrifted());
  const isNew = () => world.claims().length === 1 && world.claims()[0]?.metadata.name !== before.metadata.name;
  await world.until("the node is replaced", isNew, HOUR_MS);
}

async function unwritten(world: Ec2World, { productionPool, productionClass }: Guide): Promise<void> {
  await world.apply(productionClass);
  await world.apply(productionPool);
  const written = JSON.stringify([world.classOf()?.spec, world.pools()[0]?.spec]);
  await world.deploy(1);
  await world.podsRun(1);
  await world.clock.runFor(HOUR_MS);
  assert.equal(JSON.stringify([world.classOf()?.spec, world.pools()[0]?.spec]), written);
  assert.deepEqual(world.classOf()?.spec?.amiSelectorTerms, [{ alias: "al2023@latest" }]);
}

async function reservation(world: Ec2World, { reservedPool, reservedClass }: Guide): Promise<void> {
  const { id } = reservedClass.spec.capacityReservationSelectorTerms[0];
  world.account.reservations.set(id, {
    id,
    instanceType: "p5.48xlarge",
    zone: "eu-north-1a",
    ownerId: "111122223333",
    matchCriteria: "targeted",
    type: "default",
    isInterruptible: false,
    availableCount: 1,
    tags: {},
  });
  await world.apply(reservedClass);
  await world.apply(reservedPool);
  await world.deploy(2, { "nvidia.com/gpu": "8", cpu: "100" });
  await world.podsRun(2);
  const ids = world.alive().map(({ instance }) => instance.capacityReservationId ?? "open market");
  assert.deepEqual(ids.sort(), [id, "open market"]);
  for (const { metadata } of world.claims()) {
    assert.equal(metadata.labels?.["karpenter.sh/capacity-type"], "on-demand");
  }
  assert.match(world.events("ReservationUsed").join(), new RegExp(`${id}.*write "reserved" beside "on-demand"`));
}

async function twoColours(world: Ec2World, { productionPool, productionClass }: Guide): Promise<void> {
  await world.apply(productionClass);
  await world.apply(productionPool);
  await world.deploy(3);
  await world.podsRun(3);
  const second = withChange(productionPool, "metadata.name", "default-v2");
  assert.equal(
    await world.refusal(withChange(second, "spec.weight", 200)),
    'NodePool.karpenter.sh "default-v2" is invalid: spec.weight: Invalid value: 200: spec.weight in body should be less than or equal to 100',
  );
  await world.apply(withChange(second, "spec.weight", 100));
  const old = world.nodes().map(({ metadata }) => metadata.name);
  for (const name of old) {
    await world.playground.api.patch(NODES, { name }, { type: "merge", body: { spec: { unschedulable: true } } });
  }
  for (const { metadata } of world.runningPods()) {
    await world.playground.api.delete(PODS, { namespace: "default", name: metadata.name });
  }
  const isMoved = () =>
    world.runningPods().length === 3 && world.runningPods().every(({ spec }) => !old.includes(spec.nodeName ?? ""));
  await world.until("all pods are on the second colour", isMoved);
  await world.playground.api.delete(NODE_POOLS, { name: "default" });
  await world.until("the first colour is gone", () =>
    world.nodes().every(({ metadata }) => !old.includes(metadata.name)),
  );
  for (const { metadata } of world.nodes()) assert.equal(metadata.labels?.["karpenter.sh/nodepool"], "default-v2");
}

async function weights(world: Ec2World, { productionPool, productionClass }: Guide): Promise<void> {
  await world.apply(productionClass);
  const names: readonly [string, number][] = [
    ["default", 10],
    ["spot-flex", 50],
    ["critical-ondemand", 100],
  ];
  for (const [name, weight] of names) {
    await world.apply(withChange(withChange(productionPool, "metadata.name", name), "spec.weight", weight));
  }
  await world.deploy(2);
  await world.podsRun(2);
  for (const { metadata } of world.claims())
    assert.equal(metadata.labels?.["karpenter.sh/nodepool"], "critical-ondemand");
}

async function requirementLists(
  world: Ec2World,
  { productionPool, productionClass, requirements }: Guide,
): Promise<void> {
  await world.apply(productionClass);
  assert.ok(requirements.length > 1);
  for (const [index, list] of requirements.entries()) {
    const team = { key: "example.com/list", operator: "In", values: [`list-${index}`] };
    const pool = withChange(productionPool, "spec.template.spec.requirements", [...list, team]);
    await world.apply(withChange(pool, "metadata.name", `list-${index}`));
    await world.deploy(1, { cpu: "1" }, `web-${index}`, { "example.com/list": `list-${index}` });
  }
  await world.podsRun(requirements.length);
  for (const { instance } of world.alive()) {
    assert.match(instance.instanceType, /^(m6i|m6a|m7i|m7a|c6i|c6a|c7i|c7a|r6i|r7i)\./);
  }
}

async function disruptionRules(
  world: Ec2World,
  { productionPool, productionClass, disruptions }: Guide,
): Promise<void> {
  await world.apply(productionClass);
  assert.ok(disruptions.length > 1);
  for (const [index, rules] of disruptions.entries()) {
    const disruption = { consolidateAfter: "0s", ...rules };
    const pool = withChange(productionPool, "spec.disruption", disruption);
    await world.apply(withChange(pool, "metadata.name", `rules-${index}`));
  }
  await world.until("all are ready", () => world.pools().length === disruptions.length && world.pools().every(isReady));
}

function isReady({ status }: Loose): boolean {
  return status?.conditions?.some(({ type, status: is }: Loose) => type === "Ready" && is === "True") === true;
}

/** The budget lets one of three go at a time: never are there fewer than it says. */
async function podBudgets(world: Ec2World, { productionPool, productionClass, budgets }: Guide): Promise<void> {
  const [redis] = budgets;
  assert.ok(budgets.length > 1);
  for (const budget of budgets) {
    await world.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: budget.metadata.namespace } });
    await world.apply(budget);
  }
  await world.apply(productionClass);
  await world.apply(
    withChange(productionPool, "spec.disruption", { consolidateAfter: "0s", budgets: [{ nodes: "100%" }] }),
  );
  await world.deploy(3, { cpu: "1500m" }, redis.metadata.name, {}, {}, redis.metadata.namespace);
  await world.podsRun(3, redis.metadata.namespace);
  const old = new Set(world.claims().map(({ metadata }) => metadata.name));
  let fewest = 3;
  const stopWatching = world.watchPods(redis.metadata.namespace, (running) => {
    fewest = Math.min(fewest, running);
  });
  await world.changeClass({ detailedMonitoring: true });
  await world.until(
    "all nodes are new",
    () => world.claims().every(({ metadata }) => !old.has(metadata.name)),
    HOUR_MS,
  );
  await world.podsRun(3, redis.metadata.namespace);
  stopWatching();
  assert.ok(fewest >= redis.spec.minAvailable, `${fewest} ran`);
}

async function tagsAndMetadata(
  world: Ec2World,
  { productionPool, productionClass, tags, metadataOptions }: Guide,
): Promise<void> {
  await world.apply(
    withChange(withChange(productionClass, "spec.tags", tags), "spec.metadataOptions", metadataOptions),
  );
  await world.apply(productionPool);
  await world.deploy(1);
  await world.podsRun(1);
  const [machine] = world.alive();
  for (const [key, value] of Object.entries(tags)) assert.equal(machine?.instance.tags[key], value);
  for (const { resourceType, tags: written } of machine?.data.tagSpecifications ?? []) {
    assert.equal(written["CostCenter"], tags.CostCenter, resourceType);
  }
  const { instanceMetadataTags: _, httpProtocolIpv6: _ipv6, ...shown } = machine?.data.metadataOptions ?? {};
  assert.deepEqual(shown, { httpEndpoint: "enabled", httpPutResponseHopLimit: 1, httpTokens: "required" });
}

async function bareReference(world: Ec2World, { productionPool, nodeClassRef }: Guide): Promise<void> {
  const pool = withChange(productionPool, "spec.template.spec.nodeClassRef", nodeClassRef);
  const path = "spec.template.spec.nodeClassRef";
  assert.match(
    await world.refusal(pool),
    new RegExp(
      `^NodePool.karpenter.sh "default" is invalid: \\[${path}.group: Required value, ${path}.kind: Required value`,
    ),
  );
  const whole = { group: "karpenter.k8s.aws", kind: "EC2NodeClass", ...nodeClassRef };
  await world.apply(withChange(productionPool, path, whole));
}

async function roleArn(world: Ec2World, { firstClass }: Guide): Promise<void> {
  await world.apply(withChange(firstClass, "spec.role", "arn:aws:iam::123456789012:role/karpenter-node"));
  await world.until("the class says so", () => world.condition("InstanceProfileReady")?.status === "False");
  assert.deepEqual(
    [world.condition("InstanceProfileReady")?.reason, world.condition("InstanceProfileReady")?.message],
    ["RoleInvalid", 'role is a name, no ARN: write "karpenter-node"'],
  );
  await world.changeClass({ role: "karpenter-node" });
  await world.until("the class is ready", () => world.condition("Ready")?.status === "True");
}

async function interruption(world: Ec2World, { productionPool, productionClass }: Guide): Promise<void> {
  await world.apply(productionClass);
  await world.apply(productionPool);
  await world.deploy(2);
  await world.podsRun(2);
  const [victim] = world.alive().filter(({ instance }) => instance.isSpot);
  assert.ok(victim !== undefined);
  world.playground.ec2.interrupt(victim.instance.id);
  const node = () => world.nodes().find(({ spec }) => spec.providerID?.endsWith(victim.instance.id));
  await world.until(
    "the node is closed",
    () => node()?.spec.taints?.some(({ key }) => key === "karpenter.sh/disrupted") === true,
  );
  await world.until("it is replaced", () => node() === undefined, 2 * MINUTE_MS);
  await world.podsRun(2);
}
