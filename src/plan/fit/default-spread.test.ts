import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LabelSelector, Pod, TopologySpreadConstraint } from "../../model/core.ts";
import { matchesLabelSelector } from "../../model/label-selector.ts";
import type { KubeObject } from "../../model/object.ts";
import { viewOf } from "../../snapshot/view-of.ts";
import { DefaultSpread } from "./default-spread.ts";

const ZONAL: TopologySpreadConstraint = {
  maxSkew: 1,
  topologyKey: "topology.kubernetes.io/zone",
  whenUnsatisfiable: "DoNotSchedule",
  minDomains: 2,
};

function object(kind: string, name: string, spec: unknown, namespace = "default"): KubeObject {
  const apiVersion = ["Service", "ReplicationController", "Pod"].includes(kind) ? "v1" : "apps/v1";
  const metadata = { name, namespace, uid: name, resourceVersion: "1", creationTimestamp: "" };
  return { apiVersion, kind, metadata, spec } as KubeObject;
}

function pod(labels: Record<string, string>, owner?: string, own: TopologySpreadConstraint[] = []): Pod {
  const bare = object("Pod", "p", { containers: [], topologySpreadConstraints: own }) as Pod;
  const apiVersion = owner === "ReplicationController" ? "v1" : owner === "Job" ? "batch/v1" : "apps/v1";
  const ownerReferences =
    owner === undefined ? [] : [{ apiVersion, kind: owner, name: "owner", uid: "o", controller: true }];
  return { ...bare, metadata: { ...bare.metadata, labels, ownerReferences } };
}

function selected(one: Pod, objects: KubeObject[]): LabelSelector | undefined {
  const spread = new DefaultSpread([ZONAL], viewOf(objects)).of(one).spec.topologySpreadConstraints ?? [];
  for (const { labelSelector: _, ...rest } of spread) assert.deepEqual(rest, ZONAL);
  return spread[0]?.labelSelector;
}

const set = { selector: { matchLabels: { app: "a", hash: "1" } } };
const service = (selector: Record<string, string> | undefined, name = "s", namespace?: string): KubeObject =>
  object("Service", name, { selector }, namespace);

describe("pods without spread constraints get the cluster's", () => {
  const cases: { given: string; pod: Pod; objects: KubeObject[]; want: LabelSelector | undefined }[] = [
    {
      given: "a ReplicaSet: what it selects",
      pod: pod({ app: "a", hash: "1" }, "ReplicaSet"),
      objects: [object("ReplicaSet", "owner", set)],
      want: {
        matchLabels: {},
        matchExpressions: [
          { key: "app", operator: "In", values: ["a"] },
          { key: "hash", operator: "In", values: ["1"] },
        ],
      },
    },
    {
      given: "a StatefulSet: what it selects, not the pod's number",
      pod: pod({ app: "a", "statefulset.kubernetes.io/pod-name": "p" }, "StatefulSet"),
      objects: [
        object("StatefulSet", "owner", { selector: { matchExpressions: [{ key: "app", operator: "Exists" }] } }),
      ],
      want: { matchLabels: {}, matchExpressions: [{ key: "app", operator: "Exists" }] },
    },
    { given: "no owner and no Service: nothing", pod: pod({ app: "a" }), objects: [], want: undefined },
    {
      given: "a Service: what it selects",
      pod: pod({ app: "a", x: "y" }),
      objects: [service({ app: "a" })],
      want: { matchLabels: { app: "a" }, matchExpressions: [] },
    },
    {
      given: "two Services: both",
      pod: pod({ app: "a", x: "y" }),
      objects: [service({ app: "a" }), service({ x: "y" }, "t"), service({ x: "z" }, "u")],
      want: { matchLabels: { app: "a", x: "y" }, matchExpressions: [] },
    },
    { given: "a Service without selector: nothing", pod: pod({}), objects: [service(undefined)], want: undefined },
    { given: "a Service with an empty one: nothing", pod: pod({}), objects: [service({})], want: undefined },
    {
      given: "a Service of another namespace: nothing",
      pod: pod({ app: "a" }),
      objects: [service({ app: "a" }, "s", "other")],
      want: undefined,
    },
    {
      given: "a ReplicationController goes before a Service",
      pod: pod({ app: "a" }, "ReplicationController"),
      objects: [service({ app: "a" }), object("ReplicationController", "owner", { selector: { app: "b" } })],
      want: { matchLabels: { app: "b" }, matchExpressions: [] },
    },
    { given: "a Job: nothing", pod: pod({ app: "a" }, "Job"), objects: [], want: undefined },
    {
      given: "an owner that is gone: the Service alone",
      pod: pod({ app: "a" }, "ReplicaSet"),
      objects: [service({ app: "a" })],
      want: { matchLabels: { app: "a" }, matchExpressions: [] },
    },
  ];
  for (const { given, pod: one, objects, want } of cases) {
    it(given, () => assert.deepEqual(selected(one, objects), want));
  }

  it("a ReplicaSet that contradicts a Service: together they select nothing", () => {
    const objects = [service({ app: "b" }), object("ReplicaSet", "owner", set)];
    const selector = selected(pod({ app: "b", hash: "1" }, "ReplicaSet"), objects);
    assert.equal(matchesLabelSelector(selector, { app: "b", hash: "1" }), false);
  });

  it("a pod with a constraint of its own stays as it is", () => {
    const own = pod({ app: "a" }, undefined, [{ ...ZONAL, topologyKey: "rack" }]);
    assert.equal(new DefaultSpread([ZONAL], viewOf([service({ app: "a" })])).of(own), own);
  });

  it("the same pod gives the same copy, until its surroundings change", () => {
    const one = pod({ app: "a", x: "y" });
    const before = new DefaultSpread([ZONAL], viewOf([service({ app: "a" })])).of(one);
    assert.equal(new DefaultSpread([ZONAL], viewOf([service({ app: "a" })])).of(one), before);
    assert.notEqual(new DefaultSpread([ZONAL], viewOf([service({ x: "y" })])).of(one), before);
  });
});
