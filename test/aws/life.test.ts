import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS } from "../../src/base/time.ts";
import { EC2_NODE_CLASSES, NODE_CLAIMS, NODE_POOLS } from "../../src/model/kinds.ts";
import { publishImages } from "../../src/simulation/ec2/account.ts";
import { inWorld } from "./ec2-world.ts";

const onDemand = { key: "karpenter.sh/capacity-type", operator: "In" as const, values: ["on-demand"] };

describe("nodes of EC2", () => {
  it(
    "come for pods, go when they are empty, and leave nothing behind",
    inWorld(async (world) => {
      await world.nodeClass({ tags: { team: "a" } });
      await world.pool();
      await world.deploy(20);
      await world.podsRun(20);
      assert.equal(world.condition("Ready")?.status, "True");
      const alive = world.alive();
      assert.equal(alive.length, world.nodes().length);
      for (const { instance } of alive) {
        assert.equal(instance.tags["karpenter.sh/nodepool"], "default");
        assert.equal(instance.tags["eks:eks-cluster-name"], "shop");
        assert.equal(instance.tags["team"], "a");
        assert.deepEqual(instance.securityGroupIds, [...world.account.securityGroups.keys()]);
      }
      for (const { metadata, status } of world.claims()) {
        const { annotations = {} } = metadata;
        assert.equal(annotations["karpenter.k8s.aws/ec2nodeclass-hash-version"], "v6");
        const { annotations: ofClass = {} } = world.classOf()!.metadata;
        const hash = "karpenter.k8s.aws/ec2nodeclass-hash";
        assert.equal(annotations[hash], ofClass[hash]);
        assert.ok(world.account.profiles.has(annotations["karpenter.k8s.aws/instance-profile-name"] ?? ""));
        assert.match(status?.imageID ?? "", /^ami-/);
        assert.equal(metadata.labels?.["topology.k8s.aws/zone-id"]?.startsWith("use1-az"), true);
      }
      assert.ok(world.calls("ec2:CreateFleet") <= 3, "equal launches go together");
      const isNamed = () => world.alive().every(({ instance: { tags } }) => tags["Name"] !== undefined);
      await world.until("every instance has its node's name", isNamed);
      for (const { instance } of world.alive()) {
        const claim = world.claims().find(({ metadata }) => metadata.name === instance.tags["karpenter.sh/nodeclaim"]);
        assert.equal(claim?.status?.nodeName, instance.tags["Name"]);
      }
      await world.scale(0);
      await world.until("no machine is left", () => world.alive().length === 0 && world.claims().length === 0);
      await world.clock.runFor(10 * MINUTE_MS);
      assert.equal(world.account.templates.size, 0, "unused templates are taken away");
      await world.playground.api.delete(NODE_POOLS, { name: "default" });
      await world.playground.api.delete(EC2_NODE_CLASSES, { name: "default" });
      await world.until("the class is gone", () => world.classOf() === undefined);
      assert.equal(world.account.profiles.size, 0, "the instance profile went with it");
    }),
  );

  it(
    "keep their class until the last of them is gone",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool();
      await world.deploy(1);
      await world.podsRun(1);
      await world.playground.api.delete(EC2_NODE_CLASSES, { name: "default" });
      await world.clock.runFor(MINUTE_MS);
      assert.ok(world.classOf() !== undefined);
      assert.match(world.events("WaitingOnNodeClaimTermination")[0] ?? "", /default-/);
      await world.playground.api.delete(NODE_POOLS, { name: "default" });
      for (const { metadata } of world.claims())
        await world.playground.api.delete(NODE_CLAIMS, { name: metadata.name });
      await world.until("the class is gone", () => world.classOf() === undefined);
    }),
  );

  it(
    "are rolled by an upgrade of EKS where an alias finds their image, and stay where it is pinned",
    inWorld(async (world) => {
      const pinned = { key: "example.com/pinned", operator: "In" as const, values: ["yes"] };
      const [image] = [...world.account.images.values()].filter(({ name }) => /al2023-x86_64-standard/.test(name));
      await world.nodeClass();
      await world.nodeClass({ amiFamily: "AL2023", amiSelectorTerms: [{ id: image!.id }] }, "pinned");
      await world.pool([onDemand]);
      await world.pool([onDemand, pinned], "pinned", "pinned");
      await world.deploy(1, { cpu: "1" }, "web", { "karpenter.sh/nodepool": "default" });
      await world.deploy(1, { cpu: "1" }, "stays", { "example.com/pinned": "yes" });
      await world.podsRun(2);
      const before = new Map(world.claims().map(({ metadata, status }) => [metadata.name, status?.imageID]));
      world.account.cluster.version = "1.35";
      publishImages(world.account, "1.35");
      const isRolled = () =>
        world.claims().length === 2 && world.claims().filter(({ metadata }) => !before.has(metadata.name)).length === 1;
      await world.until("one node is new", () => isRolled() && world.runningPods().length === 2, 20 * MINUTE_MS);
      for (const { metadata, status } of world.claims()) {
        const isPinned = metadata.labels?.["karpenter.sh/nodepool"] === "pinned";
        assert.equal(before.has(metadata.name), isPinned);
        assert.match(world.account.images.get(status?.imageID ?? "")?.name ?? "", isPinned ? /1\.34/ : /1\.35/);
      }
      await world.clock.runFor(10 * MINUTE_MS);
      assert.ok(isRolled(), "nothing is moved a second time");
    }),
  );

  it(
    "are replaced when their class changes",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool();
      await world.deploy(1);
      await world.podsRun(1);
      const [before] = world.claims();
      await world.changeClass({ detailedMonitoring: true });
      await world.until(
        "the node is new",
        () => world.claims().length === 1 && world.claims()[0]!.metadata.name !== before!.metadata.name,
      );
      await world.podsRun(1);
      assert.ok(world.alive().every(({ data }) => data.monitoring.enabled));
    }),
  );

  for (const [what, ofClaim, isKept] of [
    ["stay when an older version's hash is taken over", "1", true],
    ["are replaced when they had drifted by it already", "2", false],
  ] as const) {
    it(
      what,
      inWorld(async (world) => {
        const hash = "karpenter.k8s.aws/ec2nodeclass-hash";
        const annotated = (value: string) => ({
          metadata: { annotations: { [hash]: value, [`${hash}-version`]: "v5" } },
        });
        await world.nodeClass();
        await world.pool();
        await world.deploy(1);
        await world.podsRun(1);
        const { api } = world.playground;
        const { name } = world.claims()[0]!.metadata;
        await api.patch(NODE_CLAIMS, { name }, { type: "merge", body: annotated(ofClaim) });
        await api.patch(EC2_NODE_CLASSES, { name: "default" }, { type: "merge", body: annotated("1") });
        await world.clock.runFor(10 * MINUTE_MS);
        assert.equal(world.claims().length, 1);
        const { metadata } = world.claims()[0]!;
        assert.equal(metadata.name === name, isKept);
        assert.equal(metadata.annotations?.[`${hash}-version`], "v6");
        assert.equal(metadata.annotations?.[hash], world.classOf()?.metadata.annotations?.[hash]);
      }),
    );
  }
});
