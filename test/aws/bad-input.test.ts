import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { MINUTE_MS } from "../../src/base/time.ts";
import { leftInAccount } from "../../src/simulation/checks/account.ts";
import { type Ec2World, inWorld } from "./ec2-world.ts";

type Spec = NonNullable<Parameters<Ec2World["nodeClass"]>[0]>;
type Row = {
  reason: string;
  condition: string;
  spec: Spec;
  /** As the class says it; where AWS' own words follow, the beginning. */
  message: string;
  before?(world: Ec2World): void;
};

const PAGE = readFileSync(new URL("../../docs/troubleshooting.md", import.meta.url), "utf8");
/** The part of the page under the heading; it ends with the next one. */
function section(reason: string): string {
  const heading = PAGE.indexOf(`\n### ${reason}`);
  assert.ok(heading >= 0, `docs/troubleshooting.md has a part "${reason}"`);
  const end = PAGE.indexOf("\n##", heading + 1);
  return PAGE.slice(heading, end < 0 ? undefined : end);
}

/** What a reader finds under a heading: the text as it is shown, why, what to look at, what to do. */
function checkSection(reason: string, message: string): void {
  const text = section(reason);
  assert.ok(text.includes(message), `${reason}: the page has\n${message}\nin\n${text}`);
  for (const part of ["- **Cause**: ", "- **Look**: `", "- **Do**: "])
    assert.ok(text.includes(part), `${reason}: ${part}`);
}

const PROFILE = "shop-nodes";
const ROWS: readonly Row[] = [
  {
    reason: "SubnetsNotFound",
    condition: "SubnetsReady",
    spec: { subnetSelectorTerms: [{ tags: { "karpenter.sh/discovery": "shpo" } }] },
    message: 'subnetSelectorTerms find no subnet: [{"tags":{"karpenter.sh/discovery":"shpo"}}]',
  },
  {
    reason: "SecurityGroupsNotFound",
    condition: "SecurityGroupsReady",
    spec: { securityGroupSelectorTerms: [{ name: "nodes" }] },
    message: 'securityGroupSelectorTerms find no group: [{"name":"nodes"}]',
  },
  {
    reason: "AMINotFound",
    condition: "AMIsReady",
    spec: { amiFamily: "AL2023", amiSelectorTerms: [{ name: "my-image-*" }] },
    message: 'amiSelectorTerms find no image: [{"name":"my-image-*"}]',
  },
  {
    reason: "UnsupportedAlias",
    condition: "AMIsReady",
    spec: { amiSelectorTerms: [{ alias: "al2@latest" }] },
    message: "there are no images of AL2 for Kubernetes 1.34",
  },
  {
    reason: "RoleNotFound",
    condition: "InstanceProfileReady",
    spec: { role: "KarpenterNodeRole-shpo" },
    message: 'IAM has no role "KarpenterNodeRole-shpo"',
    before: (world) => world.account.missingRoles.add("KarpenterNodeRole-shpo"),
  },
  {
    reason: "RoleInvalid",
    condition: "InstanceProfileReady",
    spec: { role: "arn:aws-cn:iam::123456789012:role/KarpenterNodeRole-shop" },
    message: 'role is a name, no ARN: write "KarpenterNodeRole-shop"',
  },
  {
    reason: "PlacementGroupNotFound",
    condition: "PlacementGroupReady",
    spec: { placementGroupSelector: { name: "none" } },
    message: 'there is no placement group {"name":"none"}',
  },
  {
    reason: "InvalidKubeletConfiguration",
    condition: "ValidationSucceeded",
    spec: { kubelet: { maxPodz: 20 } },
    message: 'kubelet has no setting "maxPodz"',
  },
  {
    reason: "UnsupportedKubeletConfiguration",
    condition: "ValidationSucceeded",
    spec: { amiSelectorTerms: [{ alias: "bottlerocket@latest" }], kubelet: { registryPullQPS: 10 } },
    message: "registryPullQPS cannot be passed to nodes of Bottlerocket",
  },
  {
    reason: "UserDataInvalid",
    condition: "ValidationSucceeded",
    spec: { amiSelectorTerms: [{ alias: "bottlerocket@latest" }], userData: "[settings\n" },
    message: "userData cannot be merged: line 1: this is no TOML: Invalid TOML document: illegal character in key",
  },
  {
    reason: "UserDataSizeLimitExceeded",
    condition: "ValidationSucceeded",
    spec: { userData: `#!/bin/bash\n${"#".repeat(16_384)}\n` },
    message: "userData is too long: EC2 takes 16 KiB of it, ours included",
  },
  {
    reason: "InstanceProfileNotFound",
    condition: "ValidationSucceeded",
    spec: { instanceProfile: PROFILE },
    message: `IAM has no instance profile "${PROFILE}"`,
  },
  {
    reason: "DependenciesNotReady",
    condition: "ValidationSucceeded",
    spec: { securityGroupSelectorTerms: [{ name: "nodes" }] },
    message: "not ready: SecurityGroupsReady",
  },
];

describe("a node class that cannot be used", () => {
  for (const { reason, condition, spec, message, before } of ROWS) {
    it(
      `${reason}: it says so in its condition and an event, the page helps, and other classes go on`,
      inWorld(async (world) => {
        before?.(world);
        await world.nodeClass(spec, "bad");
        await world.nodeClass();
        await world.pool([], "bad", "bad");
        await world.pool();
        await world.until("it is told", () => world.condition(condition, "bad")?.reason === reason);
        const found = world.condition(condition, "bad");
        assert.equal(found?.status, "False");
        assert.ok(found?.message?.includes(message), found?.message);
        assert.ok(
          world.events(reason).some((text) => text.includes(message)),
          world.events(reason).join("\n"),
        );
        checkSection(reason, message);
        await world.deploy(1);
        await world.podsRun(1);
        for (const { metadata } of world.claims()) assert.equal(metadata.labels?.["karpenter.sh/nodepool"], "default");
        await nothingIsLeft(world);
      }),
    );
  }
});

/** One pod had one node; when all is deleted, nothing is left in the account. */
async function nothingIsLeft(world: Ec2World): Promise<void> {
  assert.equal(world.machines().length, 1);
  await world.deleteAll();
  await world.until("nothing is left", () => leftInAccount(world.playground.ec2).length === 0, 20 * MINUTE_MS);
}

describe("an account that refuses the controller", () => {
  it(
    "AccessDenied: the action and the statement of the policy that gives it",
    inWorld(async (world) => {
      world.playground.ec2.denied.add("ec2:DescribeSubnets");
      await world.nodeClass();
      await world.until("it is told", () => world.condition("SubnetsReady")?.reason === "AccessDenied");
      const message = "the controller may not do ec2:DescribeSubnets; this statement in its role's policy allows it:";
      assert.ok(world.condition("SubnetsReady")?.message?.startsWith(message));
      assert.ok(world.events("AccessDenied").some((text) => text.startsWith(message)));
      checkSection("AccessDenied", message);
    }),
  );

  for (const [action, reason] of [
    ["ec2:CreateLaunchTemplate", "CreateLaunchTemplateAuthCheckFailed"],
    ["ec2:CreateFleet", "CreateFleetAuthCheckFailed"],
    ["ec2:RunInstances", "RunInstancesAuthCheckFailed"],
  ] as const) {
    it(
      `${reason}: before anything is launched`,
      inWorld(async (world) => {
        world.playground.ec2.denied.add(action);
        await world.nodeClass();
        await world.until("it is told", () => world.condition("ValidationSucceeded")?.reason === reason);
        const message = `the controller may not do ${action}; this statement in its role's policy allows it:`;
        assert.ok(world.condition("ValidationSucceeded")?.message?.startsWith(message));
        checkSection(
          "CreateLaunchTemplateAuthCheckFailed, CreateFleetAuthCheckFailed, RunInstancesAuthCheckFailed",
          reason,
        );
        assert.equal(world.machines().length, 0);
      }),
    );
  }

  it(
    "CredentialsNotTaken: expired credentials; what was found before still holds, and it goes on when they are renewed",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool();
      await world.deploy(1);
      await world.podsRun(1);
      world.playground.ec2.credentialsExpired = true;
      await world.until("it is told", () => world.events("CredentialsNotTaken").length > 0);
      const [text = ""] = world.events("CredentialsNotTaken");
      const message = "AWS does not take the controller's credentials (ExpiredToken: ";
      assert.ok(text.includes(message), text);
      checkSection("CredentialsNotTaken", message);
      await world.scale(4);
      await world.clock.runFor(10 * MINUTE_MS);
      assert.equal(world.machines().length, 1);
      world.playground.ec2.credentialsExpired = false;
      await world.podsRun(4);
      await world.scale(0);
      await world.until("no machine is left", () => world.alive().length === 0 && world.claims().length === 0);
    }),
  );

  it(
    "InstanceProfileTaken: a profile of somebody else's has the name of ours, and is left alone",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.until("the class is ready", () => world.condition("Ready")?.status === "True");
      const [profile] = [...world.account.profiles.values()];
      assert.ok(profile !== undefined);
      const foreign = { ...profile, path: "/others/", roles: ["theirs"] };
      world.account.profiles.set(profile.name, foreign);
      await world.until(
        "it is told",
        () => world.condition("InstanceProfileReady")?.reason === "InstanceProfileTaken",
        20 * MINUTE_MS,
      );
      const message = world.condition("InstanceProfileReady")?.message ?? "";
      assert.equal(message, `instance profile "${profile.name}" is not ours: its path is /others/`);
      checkSection("InstanceProfileTaken", "is not ours: its path is /others/");
      assert.deepEqual(world.account.profiles.get(profile.name), foreign);
    }),
  );
});

describe("launches that fail", () => {
  it(
    "InsufficientCapacity: the claim is given up with what EC2 has not, and nothing is orphaned",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool();
      world.playground.ec2.isSoldOut = () => true;
      await world.deploy(1);
      await world.until("it is told", () => world.events("InsufficientCapacityError").length > 0);
      checkSection("InsufficientCapacityError", "InsufficientCapacityError");
      assert.equal(world.machines().length, 0);
    }),
  );
});

describe("manifests that the API server refuses", () => {
  const base = { apiVersion: "karpenter.k8s.aws/v1", kind: "EC2NodeClass", metadata: { name: "bad" } };
  const terms = [{ tags: { "karpenter.sh/discovery": "shop" } }];
  const spec = {
    amiSelectorTerms: [{ alias: "al2023@latest" }],
    role: "r",
    subnetSelectorTerms: terms,
    securityGroupSelectorTerms: terms,
  };
  const rows: readonly (readonly [change: object, message: string])[] = [
    [{ instanceProfile: "p" }, "exactly one of 'role', 'instanceProfile' must be set"],
    [{ tags: { "karpenter.sh/nodepool": "x" } }, "the tag karpenter.sh/nodepool is set by Karpenter"],
    [{ subnetSelectorTerms: [] }, "subnetSelectorTerms needs at least one term"],
    [{ amiSelectorTerms: [{ name: "x" }] }, "'amiFamily' is needed unless amiSelectorTerms has an alias"],
  ];
  for (const [change, message] of rows) {
    it(
      message,
      inWorld(async (world) => {
        const refusal = await world.refusal({ ...base, spec: { ...spec, ...change } });
        assert.ok(refusal.includes(message), refusal);
        assert.ok(PAGE.includes(message), "docs/troubleshooting.md has it");
      }),
    );
  }
});
