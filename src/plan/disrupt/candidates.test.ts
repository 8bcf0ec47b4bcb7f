import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatTime } from "../../base/time.ts";
import type { Pod, PodDisruptionBudget } from "../../model/core.ts";
import type { KubeObject } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { clusterOf, node, nodePool, type PodSketch, pod } from "../provision/test-cluster.ts";
import { type DisruptionClass, findCandidates } from "./candidates.ts";

const NOW = clusterOf({ objects: [] }).nowMs;
const MINUTE = 60_000;
const PROTECTED = "karpenter.sh/do-not-disrupt";

/** A pod on node n, running since a while ago. */
function podWith(
  name: string,
  { value, startedMs, ...sketch }: Partial<PodSketch> & { value?: string; startedMs?: number },
  metadata: Partial<Pod["metadata"]> = {},
): Pod {
  const made = pod({ ...sketch, name, node: "n" });
  return {
    ...made,
    metadata: {
      ...made.metadata,
      ...metadata,
      ...(value === undefined ? {} : { annotations: { [PROTECTED]: value } }),
    },
    status: {
      ...made.status,
      phase: "Running",
      ...(startedMs === undefined ? {} : { startTime: formatTime(startedMs) }),
    },
  };
}
const mirror = { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "n", uid: "n" }] };
function budget(name: string, allowed: number, namespace = "default"): PodDisruptionBudget {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name, namespace, uid: name, resourceVersion: "1", creationTimestamp: formatTime(NOW) },
    spec: { selector: {} },
    status: { disruptionsAllowed: allowed },
  };
}

type Row = {
  given: string;
  objects: readonly KubeObject[];
  /** The code of what blocks it; undefined: it is a candidate. */
  block?: string;
  as?: DisruptionClass;
  /** Of the claim. */
  spec?: Partial<NodeClaim["spec"]>;
};

const rows: readonly Row[] = [
  { given: "nothing on it", objects: [] },
  { given: "a protected pod", objects: [podWith("p", { value: "true" })], block: "DoNotDisruptPod" },
  {
    given: "a protected DaemonSet pod",
    objects: [podWith("p", { value: "true", daemonOf: "agent" })],
    block: "DoNotDisruptPod",
  },
  { given: "a protected static pod", objects: [podWith("p", { value: "true" }, mirror)], block: "DoNotDisruptPod" },
  { given: "a pod that says false", objects: [podWith("p", { value: "false" })] },
  {
    given: "a protected pod on its way out",
    objects: [podWith("p", { value: "true" }, { deletionTimestamp: formatTime(NOW) })],
  },
  {
    given: "a protected pod that has ended",
    objects: [{ ...podWith("p", { value: "true" }), status: { phase: "Succeeded" } } as Pod],
  },
  {
    given: "5 minutes of protection, a minute ago",
    objects: [podWith("p", { value: "5m", startedMs: NOW - MINUTE })],
    block: "DoNotDisruptPod",
  },
  {
    given: "5 minutes of protection, 6 minutes ago",
    objects: [podWith("p", { value: "5m", startedMs: NOW - 6 * MINUTE })],
  },
  { given: "5 minutes of protection, not started", objects: [podWith("p", { value: "5m" })], block: "DoNotDisruptPod" },
  ...["0s", "-1m", "abc", "True"].map((value) => ({
    given: `"${value}"`,
    objects: [podWith("p", { value, startedMs: NOW - MINUTE })],
  })),
  {
    given: "several durations: the longest governs",
    objects: [
      podWith("p", { value: "1m", startedMs: NOW - 5 * MINUTE }),
      podWith("q", { value: "10m", startedMs: NOW - 5 * MINUTE }),
    ],
    block: "DoNotDisruptPod",
  },
  { given: "an exhausted budget", objects: [podWith("p", {}), budget("b", 0)], block: "PdbBlocks" },
  { given: "a budget with room", objects: [podWith("p", {}), budget("b", 1)] },
  { given: "an exhausted budget of another namespace", objects: [podWith("p", {}), budget("b", 0, "other")] },
  {
    given: "two budgets with room",
    objects: [podWith("p", {}), budget("b", 1), budget("c", 1)],
    block: "SeveralPdbs",
  },
  { given: "an exhausted budget of a static pod", objects: [podWith("p", {}, mirror), budget("b", 0)] },
  {
    given: "an exhausted budget of a DaemonSet pod",
    objects: [podWith("p", { daemonOf: "agent" }), budget("b", 0)],
    block: "PdbBlocks",
  },
  {
    given: "a protected pod, drift, and a terminationGracePeriod",
    objects: [podWith("p", { value: "true" })],
    as: "eventual",
    spec: { terminationGracePeriod: "1h" },
  },
  {
    given: "an exhausted budget, drift, and a terminationGracePeriod",
    objects: [podWith("p", {}), budget("b", 0)],
    as: "eventual",
    spec: { terminationGracePeriod: "1h" },
  },
  {
    given: "a protected pod, consolidation, and a terminationGracePeriod",
    objects: [podWith("p", { value: "true" })],
    as: "graceful",
    spec: { terminationGracePeriod: "1h" },
    block: "DoNotDisruptPod",
  },
  {
    given: "a protected pod, drift, and no terminationGracePeriod",
    objects: [podWith("p", { value: "true" })],
    as: "eventual",
    block: "DoNotDisruptPod",
  },
];

describe("a node may be disrupted by choice", () => {
  for (const { given, objects, block, as = "graceful", spec = {} } of rows) {
    it(`${given}: ${block ?? "yes"}`, () => {
      const [machine, claim] = node({ name: "n", pool: "default" }) as [KubeObject, NodeClaim];
      const made: NodeClaim = { ...claim, spec: { ...claim.spec, ...spec } };
      const { candidates, blocked } = findCandidates(
        clusterOf({ objects: [nodePool(), machine, made, ...objects] }),
        new Set(),
        as,
      );
      assert.deepEqual(
        blocked.map(({ code }) => code),
        block === undefined ? [] : [block],
      );
      assert.equal(candidates.length, block === undefined ? 1 : 0);
    });
  }

  const wishes: { value: string; goes: boolean; ageMs?: number }[] = [
    { value: "true", goes: false },
    { value: "false", goes: true },
    { value: "1h", goes: false },
    { value: "1h", goes: true, ageMs: 61 * MINUTE },
    { value: "-1h", goes: true },
    { value: "soon", goes: true },
  ];
  for (const { value, goes, ageMs = 0 } of wishes) {
    it(`the node's own annotation says ${value}, it is ${ageMs / MINUTE} minutes old: ${goes ? "yes" : "no"}`, () => {
      const [machine, claim] = node({ name: "n", pool: "default" }) as [KubeObject, NodeClaim];
      const creationTimestamp = formatTime(NOW - ageMs);
      const annotations = { [PROTECTED]: value };
      const noted = { ...machine, metadata: { ...machine.metadata, creationTimestamp, annotations } };
      const { candidates } = findCandidates(clusterOf({ objects: [nodePool(), noted, claim] }), new Set());
      assert.equal(candidates.length, goes ? 1 : 0);
    });
  }

  it("not without the label of its NodePool", () => {
    const strip = (object: KubeObject): KubeObject => {
      const { "karpenter.sh/nodepool": _, ...labels } = object.metadata.labels ?? {};
      return { ...object, metadata: { ...object.metadata, labels } };
    };
    const { blocked } = findCandidates(
      clusterOf({ objects: [nodePool(), ...node({ name: "n", pool: "default" }).map(strip)] }),
      new Set(),
    );
    assert.deepEqual(
      blocked.map(({ code }) => code),
      ["NoNodePoolLabel"],
    );
  });

  it("not twice", () => {
    const snapshot = clusterOf({ objects: [nodePool(), node({ name: "n", pool: "default" })] });
    const { candidates, blocked } = findCandidates(snapshot, new Set(["claim-n"]));
    assert.deepEqual([candidates, blocked], [[], []]);
  });

  it("a pod whose successor comes first is kept by no budget, but by its own annotation", () => {
    const memory = { markedForDeletion: new Set<string>(), nominatedUntilMs: new Map(), surging: new Set(["p", "q"]) };
    const uid = (name: string): Partial<Pod["metadata"]> => ({ uid: name });
    const objects = [nodePool(), node({ name: "n", pool: "default" }), budget("b", 0), budget("c", 0)];
    const free = clusterOf({ objects: [...objects, podWith("p", {}, uid("p"))], memory });
    assert.equal(findCandidates(free, new Set()).candidates.length, 1);
    const kept = clusterOf({ objects: [...objects, podWith("q", { value: "true" }, uid("q"))], memory });
    assert.equal(findCandidates(kept, new Set()).candidates.length, 0);
  });
});
