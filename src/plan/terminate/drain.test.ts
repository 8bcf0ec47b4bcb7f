import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatTime, parseTime } from "../../base/time.ts";
import type { Pod, PodSpec } from "../../model/core.ts";
import type { KubeObject, ObjectMeta } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { viewOf } from "../../snapshot/view-of.ts";
import { forcedGraceSeconds, planDrain } from "./drain.ts";
import { claimsWithoutInstance, instancesWithoutClaim, nodesWithoutInstance } from "./orphans.ts";
import { blockingAttachments } from "./volumes.ts";

const NOW = parseTime("2026-03-04T12:00:00Z") ?? 0;
const meta = (name: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  uid: name,
  resourceVersion: "1",
  creationTimestamp: "2026-03-04T00:00:00Z",
  ...more,
});
const pod = (
  name: string,
  spec: Partial<PodSpec> = {},
  metadata: Partial<ObjectMeta> = {},
  phase = "Running",
): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: meta(name, { namespace: "n", ...metadata }),
  spec: { containers: [], nodeName: "node", terminationGracePeriodSeconds: 30, ...spec },
  status: { phase },
});
const daemon = { ownerReferences: [{ apiVersion: "apps/v1", kind: "DaemonSet", name: "d", uid: "d" }] };
const critical = { priorityClassName: "system-node-critical" };
const leaving = (ms: number) => ({ deletionTimestamp: formatTime(ms) });
const names = (pods: readonly Pod[]): string[] => pods.map(({ metadata }) => metadata.name);

describe("draining: who is waited for, and who is asked to leave", () => {
  const all = [pod("d", critical, daemon), pod("c", critical), pod("b", {}, daemon), pod("a")];
  for (const { given, pods, waiting, evict } of [
    { given: "nobody", pods: [], waiting: [], evict: [] },
    { given: "all tiers", pods: all, waiting: ["a", "b", "c", "d"], evict: ["a"] },
    { given: "no ordinary pods", pods: all.slice(0, 3), waiting: ["b", "c", "d"], evict: ["b"] },
    { given: "critical ones", pods: all.slice(0, 2), waiting: ["c", "d"], evict: ["c"] },
    { given: "critical daemons", pods: all.slice(0, 1), waiting: ["d"], evict: ["d"] },
    {
      given: "one that is leaving holds its tier",
      pods: [pod("a", {}, leaving(NOW)), ...all.slice(0, 3)],
      waiting: ["a", "b", "c", "d"],
      evict: [],
    },
    {
      given: "one that never left",
      pods: [pod("a", {}, leaving(NOW - 61_000)), ...all.slice(2, 3)],
      waiting: ["b"],
      evict: ["b"],
    },
    {
      given: "ended, tolerating and static ones",
      pods: [
        pod("a", {}, {}, "Failed"),
        pod("t", { tolerations: [{ key: "karpenter.sh/disrupted", operator: "Exists" }] }),
        pod("m", {}, { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "node", uid: "u" }] }),
      ],
      waiting: [],
      evict: [],
    },
    {
      given: "a protected one",
      pods: [pod("a", {}, { annotations: { "karpenter.sh/do-not-disrupt": "true" } })],
      waiting: ["a"],
      evict: ["a"],
    },
  ]) {
    it(given, () => {
      const plan = planDrain(pods, NOW, undefined);
      assert.deepEqual(names(plan.waiting), waiting);
      assert.deepEqual(names(plan.evict), evict);
      assert.deepEqual(names(plan.force), []);
    });
  }
});

describe("draining with a deadline in one minute", () => {
  const deadline = NOW + 60_000;
  for (const { given, pods, force } of [
    { given: "short grace: there is time", pods: [pod("a")], force: [] },
    { given: "grace up to the deadline", pods: [pod("a", { terminationGracePeriodSeconds: 60 })], force: [] },
    { given: "longer grace: now or never", pods: [pod("a", { terminationGracePeriodSeconds: 61 })], force: ["a"] },
    {
      given: "every tier at once",
      pods: [
        pod("a", { terminationGracePeriodSeconds: 90 }),
        pod("b", { ...critical, terminationGracePeriodSeconds: 90 }, daemon),
      ],
      force: ["a", "b"],
    },
    { given: "leaving in time", pods: [pod("a", {}, leaving(NOW + 60_000))], force: [] },
    { given: "leaving too late", pods: [pod("a", {}, leaving(NOW + 61_000))], force: ["a"] },
  ]) {
    it(given, () => {
      const plan = planDrain(pods, NOW, deadline);
      assert.deepEqual(names(plan.force), force);
      assert.ok(plan.evict.every(({ metadata }) => !force.includes(metadata.name)));
    });
  }

  it("a forced delete gives what is left of the grace, at least a second", () => {
    assert.equal(forcedGraceSeconds(NOW + 60_900, NOW), 60);
    assert.equal(forcedGraceSeconds(NOW - 5_000, NOW), 1);
  });
});

describe("volumes that hold up an instance", () => {
  const attachment = (name: string, nodeName: string, persistentVolumeName?: string): KubeObject =>
    ({
      apiVersion: "storage.k8s.io/v1",
      kind: "VolumeAttachment",
      metadata: meta(name),
      spec: {
        attacher: "ebs",
        nodeName,
        source: { ...(persistentVolumeName === undefined ? {} : { persistentVolumeName }) },
      },
    }) as KubeObject;
  const claim = (name: string, volumeName: string): KubeObject =>
    ({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: meta(name, { namespace: "n" }),
      spec: { volumeName },
    }) as KubeObject;
  const tolerations = [{ operator: "Exists" }];
  const staying = pod("s", { tolerations, volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] });
  const scratch = pod("e", {
    tolerations,
    volumes: [{ name: "tmp", ephemeral: { volumeClaimTemplate: { spec: {} } } }],
  });
  const gone = pod("g", { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "other" } }] });
  it("are those on the node whose pods do not stay", () => {
    const view = viewOf([
      attachment("a1", "node", "pv-data"),
      attachment("a2", "node", "pv-other"),
      attachment("a3", "elsewhere", "pv-far"),
      attachment("a4", "node"),
      attachment("a5", "node", "pv-tmp"),
      claim("data", "pv-data"),
      claim("other", "pv-other"),
      claim("e-tmp", "pv-tmp"),
    ]);
    const left = blockingAttachments(view, "node", [staying, scratch, gone], NOW);
    assert.deepEqual(
      left.map(({ metadata }) => metadata.name),
      ["a2"],
    );
  });
});

describe("halves that lost their other half", () => {
  const claim = (
    name: string,
    providerID?: string,
    launchedMs = NOW - 120_000,
    more: Partial<ObjectMeta> = {},
  ): NodeClaim => ({
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: meta(name, more),
    spec: { nodeClassRef: { group: "g", kind: "k", name: "n" }, requirements: [] },
    status: {
      ...(providerID === undefined ? {} : { providerID }),
      conditions: [
        { type: "Launched", status: "True", reason: "", message: "", lastTransitionTime: formatTime(launchedMs) },
      ],
    },
  });
  const instance = (providerId: string, claimName?: string, createdAtMs = NOW - 120_000, isTerminating = false) => ({
    providerId,
    createdAtMs,
    isTerminating,
    ...(claimName === undefined ? {} : { claimName }),
  });
  const never = () => false;

  for (const { because, given, claims, want } of [
    { because: "no claim knows it", given: instance("i"), claims: [], want: true },
    { because: "a claim has its id", given: instance("i"), claims: [claim("c", "i")], want: false },
    {
      because: "a claim has its name and may yet find it",
      given: instance("i", "c"),
      claims: [claim("c")],
      want: false,
    },
    { because: "another claim has another id", given: instance("i", "c"), claims: [claim("d", "j")], want: true },
    { because: "it is too young to judge", given: instance("i", "c", NOW - 59_000), claims: [], want: false },
    { because: "it is going already", given: instance("i", "c", 0, true), claims: [], want: false },
  ]) {
    it(`an instance is ${want ? "" : "not "}collected: ${because}`, () => {
      assert.equal(instancesWithoutClaim([given], claims, NOW).length, want ? 1 : 0);
    });
  }

  for (const { because, given, instances, isReady = never, want } of [
    { because: "its instance is gone", given: claim("c", "i"), instances: [], want: true },
    { because: "its instance is there", given: claim("c", "i"), instances: [instance("i")], want: false },
    { because: "its instance is going", given: claim("c", "i"), instances: [instance("i", "c", 0, true)], want: true },
    {
      because: "its node is ready",
      given: claim("c", "i"),
      instances: [],
      isReady: (id: string) => id === "i",
      want: false,
    },
    { because: "it has just been launched", given: claim("c", "i", NOW - 59_000), instances: [], want: false },
    { because: "it has no instance yet", given: claim("c"), instances: [], want: false },
    { because: "it is being deleted", given: claim("c", "i", 0, leaving(NOW)), instances: [], want: false },
  ]) {
    it(`a claim is ${want ? "" : "not "}collected: ${because}`, () => {
      assert.equal(claimsWithoutInstance([given], instances, isReady, NOW).length, want ? 1 : 0);
    });
  }

  const node = (more: Partial<ObjectMeta> = {}, ready = "Unknown") => ({
    apiVersion: "v1" as const,
    kind: "Node" as const,
    metadata: meta("node", { labels: { "karpenter.sh/nodepool": "p" }, ...more }),
    spec: { providerID: "i" },
    status: { conditions: [{ type: "Ready", status: ready as "True" }] },
  });
  for (const { because, given, claims = [], instances = [], want } of [
    { because: "all it stood for is gone", given: node(), want: true },
    { because: "it is not ours", given: node({ labels: {} }), want: false },
    { because: "it still reports", given: node({}, "True"), want: false },
    { because: "its claim is there", given: node(), claims: [claim("c", "i")], want: false },
    { because: "its instance is there", given: node(), instances: [instance("i")], want: false },
    { because: "it is young", given: node({ creationTimestamp: formatTime(NOW - 30_000) }), want: false },
    { because: "it is going", given: node(leaving(NOW)), want: false },
  ]) {
    it(`a node is ${want ? "" : "not "}collected: ${because}`, () => {
      assert.equal(nodesWithoutInstance([given], claims, instances, NOW).length, want ? 1 : 0);
    });
  }
});
