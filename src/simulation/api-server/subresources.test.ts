import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { JsonObject } from "./json.ts";
import { deploymentNamed, podNamed, type ServerUnderTest, serverUnderTest } from "./server-under-test.ts";

const inDefault = { namespace: "default" };
const podAt = { of: "pods", ...inDefault, name: "p" };
const evict = { verb: "create", ...podAt, subresource: "eviction" } as const;
const eviction = (more: JsonObject = {}) => ({
  apiVersion: "policy/v1",
  kind: "Eviction",
  metadata: { name: "p", ...inDefault },
  ...more,
});

describe("binding a pod", () => {
  const bind = (name: string) => ({
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name: "p" },
    target: { kind: "Node", name },
  });
  it("sets its node and says so", () => {
    const { create, send, ask, refusal } = serverUnderTest();
    create(podNamed("p"));
    assert.equal(send({ verb: "create", ...podAt, subresource: "binding", body: bind("n1") }).code, 201);
    const pod = ask({ verb: "get", ...podAt });
    assert.equal((pod["spec"] as JsonObject)["nodeName"], "n1");
    const [condition] = (pod["status"] as { conditions: JsonObject[] }).conditions;
    assert.deepEqual([condition?.["type"], condition?.["status"]], ["PodScheduled", "True"]);
    const again = refusal({ verb: "create", ...podAt, subresource: "binding", body: bind("n2") });
    assert.equal(again.code, 409);
    assert.match(again.message, /pod p is already assigned to node "n1"/);
  });

  it("is refused for gated pods", () => {
    const { create, refusal } = serverUnderTest();
    create(podNamed("p", { spec: { schedulingGates: [{ name: "a.example/wait" }] } }));
    const status = refusal({ verb: "create", ...podAt, subresource: "binding", body: bind("n1") });
    assert.match(status.message, /non-empty .spec.schedulingGates/);
  });
});

function guarded(spec: JsonObject, status: JsonObject, pod: { isReady?: boolean } = {}) {
  const world = serverUnderTest();
  world.create(podNamed("p", { labels: { app: "x" }, spec: { nodeName: "n1" } }));
  const conditions = [{ type: "Ready", status: pod.isReady === false ? "False" : "True" }];
  const patch = { verb: "patch", patchType: "merge", subresource: "status" } as const;
  world.send({ ...patch, ...podAt, body: { status: { phase: "Running", conditions } } });
  addBudget(world, "x", spec, status);
  return world;
}

function addBudget(world: ServerUnderTest, name: string, spec: JsonObject, status: JsonObject): void {
  world.create({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name, ...inDefault },
    spec: { selector: { matchLabels: { app: "x" } }, ...spec },
  });
  world.send({
    verb: "patch",
    patchType: "merge",
    of: "poddisruptionbudgets.policy",
    ...inDefault,
    name,
    subresource: "status",
    body: { status: { observedGeneration: 1, ...status } },
  });
}

describe("evicting a pod", () => {
  const budgetIn = ({ ask }: Pick<ServerUnderTest, "ask">) =>
    ask({ verb: "get", of: "poddisruptionbudgets.policy", ...inDefault, name: "x" })["status"] as JsonObject;

  it("takes the disruption off its budget", () => {
    const world = guarded({ minAvailable: 1 }, { disruptionsAllowed: 1, desiredHealthy: 1, currentHealthy: 2 });
    assert.equal(world.send({ ...evict, body: eviction() }).code, 201);
    assert.ok(world.ask({ verb: "get", ...podAt }).metadata.deletionTimestamp);
    assert.equal(budgetIn(world)["disruptionsAllowed"], 0);
    assert.deepEqual(Object.keys(budgetIn(world)["disruptedPods"] as JsonObject), ["p"]);
    assert.equal(world.send({ ...evict, body: eviction() }).code, 201, "one that is going can be evicted again");
  });

  it("is refused when the budget allows none", () => {
    const world = guarded({ minAvailable: 3 }, { disruptionsAllowed: 0, desiredHealthy: 3, currentHealthy: 3 });
    const status = world.refusal({ ...evict, body: eviction() });
    assert.deepEqual([status.code, status.reason], [429, "TooManyRequests"]);
    assert.equal(status.message, "Cannot evict pod as it would violate the pod's disruption budget.");
    assert.deepEqual(status.details?.causes, [
      { reason: "DisruptionBudget", message: "The disruption budget x needs 3 healthy pods and has 3 currently" },
    ]);
    assert.equal(world.ask({ verb: "get", ...podAt }).metadata.deletionTimestamp, undefined);
  });

  it("waits for a budget that nobody has looked at yet", () => {
    const world = guarded({ minAvailable: 1 }, { observedGeneration: 0, disruptionsAllowed: 1 });
    const status = world.refusal({ ...evict, body: eviction() });
    assert.equal(status.details?.retryAfterSeconds, 10);
  });

  it("is refused with 500 when there are several budgets", () => {
    const world = guarded({ minAvailable: 1 }, { disruptionsAllowed: 1 });
    addBudget(world, "y", { minAvailable: 1 }, { disruptionsAllowed: 1 });
    const status = world.refusal({ ...evict, body: eviction() });
    assert.equal(status.code, 500);
    assert.match(status.message, /more than one PodDisruptionBudget/);
  });

  for (const { policy, healthy, allowed } of [
    { policy: "IfHealthyBudget", healthy: 3, allowed: true },
    { policy: "IfHealthyBudget", healthy: 2, allowed: false },
    { policy: "AlwaysAllow", healthy: 2, allowed: true },
  ]) {
    it(`of an unready pod under ${policy} with ${healthy} of 3 healthy is ${allowed ? "allowed" : "refused"}`, () => {
      const status = { disruptionsAllowed: 0, desiredHealthy: 3, currentHealthy: healthy };
      const world = guarded({ minAvailable: 3, unhealthyPodEvictionPolicy: policy }, status, { isReady: false });
      if (allowed) assert.equal(world.send({ ...evict, body: eviction() }).code, 201);
      else assert.equal(world.refusal({ ...evict, body: eviction() }).code, 429);
    });
  }

  it("heeds preconditions and dry runs", () => {
    const world = guarded({ minAvailable: 1 }, { disruptionsAllowed: 1 });
    const body = eviction({ deleteOptions: { dryRun: ["All"] } });
    assert.equal(world.send({ ...evict, body }).code, 201);
    assert.equal(budgetIn(world)["disruptionsAllowed"], 1);
    assert.equal(world.ask({ verb: "get", ...podAt }).metadata.deletionTimestamp, undefined);
    const other = eviction({ deleteOptions: { preconditions: { uid: "other" } } });
    assert.equal(world.refusal({ ...evict, body: other }).code, 409);
  });

  it("of a pending pod needs no budget", () => {
    const world = guarded({ minAvailable: 1 }, { disruptionsAllowed: 0 });
    const patch = { verb: "patch", patchType: "merge", ...podAt, subresource: "status" } as const;
    world.send({ ...patch, body: { status: { phase: "Pending" } } });
    assert.equal(world.send({ ...evict, body: eviction() }).code, 201);
  });
});

describe("scaling", () => {
  const at = { of: "deployments.apps", ...inDefault, name: "d", subresource: "scale" };
  it("reads and writes replicas", () => {
    const { create, ask } = serverUnderTest();
    create(deploymentNamed("d"));
    const scale = ask({ verb: "get", ...at });
    assert.equal(scale.apiVersion, "autoscaling/v1");
    assert.deepEqual(scale["spec"], { replicas: 1 });
    assert.deepEqual(scale["status"], { replicas: 0, selector: "app=d" });
    const put = ask({ verb: "update", ...at, body: { ...scale, spec: { replicas: 0 } } });
    assert.deepEqual(put["spec"], { replicas: 0 });
    const deployment = ask({ verb: "get", ...at, subresource: "" });
    assert.equal((deployment["spec"] as JsonObject)["replicas"], 0);
    assert.equal(deployment.metadata.generation, 2);
  });

  it("refuses stale and negative ones", () => {
    const { create, ask, refusal } = serverUnderTest();
    create(deploymentNamed("d"));
    const scale = ask({ verb: "get", ...at });
    ask({ verb: "patch", patchType: "merge", ...at, body: { spec: { replicas: 3 } } });
    assert.equal(refusal({ verb: "update", ...at, body: scale }).reason, "Conflict");
    const negative = refusal({ verb: "patch", patchType: "merge", ...at, body: { spec: { replicas: -1 } } });
    assert.match(negative.message, /^Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1/);
  });
});

describe("other subresources", () => {
  it("give tokens to service accounts", () => {
    const { create, ask } = serverUnderTest();
    create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "sa", ...inDefault } });
    const at = { verb: "create", of: "serviceaccounts", ...inDefault, name: "sa", subresource: "token" } as const;
    const { token } = ask({ ...at, body: { spec: {} } })["status"] as { token: string };
    assert.match(token, /^[\w+/]+\.[\w+/]+\.[\w+/]+$/);
  });

  it("resize containers within their class of service", () => {
    const { create, ask, refusal } = serverUnderTest();
    const containers = (cpu: string) => [{ name: "a", image: "a", resources: { requests: { cpu } } }];
    create(podNamed("p", { spec: { containers: containers("1") } }));
    const at = { verb: "patch", patchType: "strategic", ...podAt, subresource: "resize" } as const;
    const resized = ask({ ...at, body: { spec: { containers: containers("2000m") } } });
    assert.deepEqual((resized["spec"] as { containers: JsonObject[] }).containers[0]?.["resources"], {
      requests: { cpu: "2" },
    });
    const limits = { spec: { containers: [{ name: "a", resources: { requests: { cpu: null } } }] } };
    assert.match(refusal({ ...at, body: limits }).message, /Pod QOS Class may not change/);
  });

  it("that do not exist are not found", () => {
    const { create, refusal } = serverUnderTest();
    create(podNamed("p"));
    assert.equal(refusal({ verb: "get", ...podAt, subresource: "scale" }).code, 404);
    assert.equal(refusal({ verb: "get", ...podAt, subresource: "eviction" }).code, 405);
  });
});
