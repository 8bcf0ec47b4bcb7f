import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { formatTime, MINUTE_MS } from "../../base/time.ts";
import { crdOf } from "../../model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../model/resources/custom-resources.ts";
import type { Ec2NodeClass } from "../../model/resources/ec2-node-class.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { type CloudProvider, CreateError, InstanceNotFoundError } from "../../ports/cloud-provider.ts";
import { createApiServer } from "../../simulation/api-server/api-server.ts";
import { VirtualClock } from "../../simulation/clock/virtual-clock.ts";
import { createAccount } from "../../simulation/ec2/account.ts";
import { SimulatedEc2 } from "../../simulation/ec2/ec2.ts";
import { silentTelemetry } from "../../telemetry/silent-telemetry.ts";
import type { AwsApi } from "./aws-api.ts";
import { awsProvider } from "./provider.ts";
import { claimOf, classOf } from "./pure/test-class.ts";

const DISCOVERY = [{ tags: { "karpenter.sh/discovery": "shop" } }];

/** An account, and processes of the product that come and go. */
function setUp() {
  const clock = new VirtualClock(1_767_225_600_000);
  const random = new Random(5);
  const account = createAccount({ region: "us-east-1", clusterName: "shop" });
  const ec2 = new SimulatedEc2({ clock, random, account });
  const kube = createApiServer({ clock, random, crds: CUSTOM_RESOURCES.map(crdOf) }).api();
  const start = (aws: AwsApi = ec2.api()): CloudProvider =>
    awsProvider({
      aws,
      kube,
      clock,
      region: "us-east-1",
      clusterName: "shop",
      clusterEndpoint: "",
      clusterCaBundle: "",
      isIsolated: false,
      vmMemoryOverhead: 0.075,
      reservedEnis: 0,
      reservedCapacity: true,
      minValuesBestEffort: false,
      subnetRefreshMs: MINUTE_MS,
      amiRefreshMs: MINUTE_MS,
      interruptionQueue: "",
      isEksControlPlane: true,
      isDryRunDisabled: false,
      followsZonalShift: false,
      allowsExpressions: false,
      ...silentTelemetry,
    });
  /** Lets virtual time pass until it is done. */
  const run = async <T>(promise: Promise<T>): Promise<T> => {
    let isDone = false;
    const settled = promise.finally(() => {
      isDone = true;
    });
    settled.catch(() => undefined);
    await clock.runFor(30 * MINUTE_MS, () => isDone);
    return settled;
  };
  const readyClass = async (provider: CloudProvider): Promise<Ec2NodeClass> => {
    const fresh = classOf({ subnetSelectorTerms: DISCOVERY, securityGroupSelectorTerms: DISCOVERY });
    const metadata = { ...fresh.metadata, generation: 1 };
    const { status } = await run(provider.nodeClassCare!.findings({ ...fresh, metadata } as never));
    const ready = { type: "Ready", status: "True" as const, reason: "Ready", message: "", observedGeneration: 1 };
    return {
      ...fresh,
      metadata,
      status: { ...status, conditions: [{ ...ready, lastTransitionTime: "2026-01-01T00:00:00Z" }] },
    };
  };
  const claim = (name: string): NodeClaim => {
    const made = claimOf([{ key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand"] }]);
    return {
      ...made,
      metadata: { ...made.metadata, name, uid: `uid-${name}`, creationTimestamp: formatTime(clock.nowMs()) },
    };
  };
  return { clock, ec2, start, run, readyClass, claim };
}

describe("launches", () => {
  it("a thousand equal ones need few requests, and each gets its own instance", async () => {
    const { clock, ec2, start, run, readyClass, claim } = setUp();
    const provider = start();
    const nodeClass = await readyClass(provider);
    await clock.runFor(5_000);
    const claims = Array.from({ length: 1_000 }, (_, i) => claim(`default-${i}`));
    const instances = await run(Promise.all(claims.map((one) => provider.create(one, nodeClass))));
    assert.equal(new Set(instances.map(({ providerId }) => providerId)).size, 1_000);
    const calls = ec2.quotas.calls.get("ec2:CreateFleet") ?? 0;
    assert.ok(calls <= 60, `${calls} requests`);
    await clock.runFor(5_000);
    const listed = await run(provider.list());
    const names = new Map(listed.map(({ providerId, claimName }) => [providerId, claimName]));
    for (const [i, { providerId }] of instances.entries())
      assert.equal(names.get(providerId), claims[i]!.metadata.name);
  });

  it("of a process that ended before it could note them are found by the next one", async () => {
    const { clock, ec2, start, run, readyClass, claim } = setUp();
    const first = start();
    const nodeClass = await readyClass(first);
    await clock.runFor(5_000);
    const claims = ["default-a", "default-b", "default-c"].map(claim);
    const before = await run(Promise.all(claims.map((one) => first.create(one, nodeClass))));
    await clock.runFor(10_000);
    const second = start();
    const after = await run(Promise.all(claims.map((one) => second.create(one, nodeClass))));
    assert.deepEqual(
      after.map(({ providerId }) => providerId),
      before.map(({ providerId }) => providerId),
    );
    assert.equal(ec2.machines().length, 3);
    assert.equal(after[0]!.imageId, before[0]!.imageId);
    assert.deepEqual(after[0]!.labels, before[0]!.labels);
  });

  it("whose answer was lost are not repeated", async () => {
    const { clock, ec2, start, run, readyClass, claim } = setUp();
    const api = ec2.api();
    let isLossy = true;
    const lossy: AwsApi = {
      ...api,
      async createFleet(request) {
        const answer = await api.createFleet(request);
        if (isLossy) throw new TypeError("the connection broke");
        return answer;
      },
    };
    const provider = start(lossy);
    const nodeClass = await readyClass(provider);
    await clock.runFor(5_000);
    const one = claim("default-a");
    await assert.rejects(run(provider.create(one, nodeClass)), CreateError);
    isLossy = false;
    await clock.runFor(5_000);
    const instance = await run(provider.create(one, nodeClass));
    assert.equal(ec2.machines().length, 1);
    assert.match(instance.providerId, new RegExp(`${ec2.machines()[0]!.instance.id}$`));
  });

  it("that were never noted end with their claim", async () => {
    const { clock, ec2, start, run, readyClass, claim } = setUp();
    const provider = start();
    const nodeClass = await readyClass(provider);
    await clock.runFor(5_000);
    const one = claim("default-a");
    await run(provider.create(one, nodeClass));
    await clock.runFor(10_000);
    await run(provider.delete(one));
    await clock.runFor(MINUTE_MS);
    assert.equal(ec2.machines()[0]!.instance.state, "terminated");
    await assert.rejects(run(provider.delete(one)), InstanceNotFoundError);
  });

  it("with a template that somebody has deleted make it again", async () => {
    const { clock, ec2, start, run, readyClass, claim } = setUp();
    const provider = start();
    const nodeClass = await readyClass(provider);
    await clock.runFor(5_000);
    await run(provider.create(claim("default-a"), nodeClass));
    ec2.account.templates.clear();
    assert.ok(await run(provider.create(claim("default-b"), nodeClass)));
    assert.ok(ec2.account.templates.size > 0);
  });
});

describe("instance types", () => {
  it("stay the very same list as long as nothing changes, and types that nothing has happened to stay the same", async () => {
    const { clock, ec2, start, run, readyClass, claim } = setUp();
    const provider = start();
    const nodeClass = await readyClass(provider);
    const first = await run(provider.instanceTypes({} as never, nodeClass));
    assert.equal(await run(provider.instanceTypes({} as never, { ...nodeClass })), first);
    const cheapest = (await run(provider.create(claim("default-a"), nodeClass))).labels[
      "node.kubernetes.io/instance-type"
    ];
    ec2.isSoldOut = ({ instanceType }) => instanceType === cheapest;
    await clock.runFor(1_000);
    const picky = claim("default-b");
    picky.spec.requirements.push({ key: "node.kubernetes.io/instance-type", operator: "In", values: [cheapest ?? ""] });
    await assert.rejects(run(provider.create(picky, nodeClass)));
    const second = await run(provider.instanceTypes({} as never, nodeClass));
    assert.notEqual(second, first);
    const changed = second.filter((type, i) => type !== first[i]).map(({ name }) => name);
    assert.deepEqual(changed, [cheapest]);
  });
});
