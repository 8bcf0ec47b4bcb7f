import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Pod, PodSpec } from "../../model/core.ts";
import { WELL_KNOWN_LABELS } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import { viewOf } from "../../snapshot/view-of.ts";
import { selectorProblem, volumeProblem } from "./pod-problem.ts";

const meta = (name: string, more: object = {}) => ({
  name,
  namespace: "default",
  uid: name,
  resourceVersion: "1",
  creationTimestamp: "",
  ...more,
});
const podWith = (spec: Partial<PodSpec>): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: meta("p"),
  spec: { containers: [], ...spec },
});
const expression = (key: string, operator: string, values?: string[]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key, operator, ...(values === undefined ? {} : { values }) }] }],
      },
    },
  },
});

describe("what is wrong with a pod's selectors", () => {
  const cases: { given: string; spec: Partial<PodSpec>; want: RegExp | undefined }[] = [
    { given: "a label of the user's own", spec: { nodeSelector: { "example.com/team": "red" } }, want: undefined },
    {
      given: "a well-known label of Karpenter",
      spec: { nodeSelector: { "karpenter.sh/capacity-type": "spot" } },
      want: undefined,
    },
    {
      given: "another label of Karpenter's domain",
      spec: { nodeSelector: { "karpenter.sh/x": "y" } },
      want: /restricted/,
    },
    { given: "the host", spec: { nodeSelector: { "kubernetes.io/hostname": "n" } }, want: /restricted/ },
    { given: "an old label name", spec: { nodeSelector: { "beta.kubernetes.io/os": "linux" } }, want: undefined },
    { given: "a key that is none", spec: { nodeSelector: { "a b": "c" } }, want: /has the key "a b"/ },
    { given: "a value that is none", spec: { nodeSelector: { a: "b c" } }, want: /has the value "b c" for a/ },
    { given: "In without values", spec: expression("a", "In", []), want: /lists no value/ },
    { given: "Gt a word", spec: expression("a", "Gt", ["x"]), want: /exactly one whole number/ },
    { given: "Gt two numbers", spec: expression("a", "Gt", ["1", "2"]), want: /exactly one whole number/ },
    { given: "an unknown operator", spec: expression("a", "Like", ["x"]), want: /operator Like/ },
    {
      given: "an unknown capacity type",
      spec: expression("karpenter.sh/capacity-type", "In", ["cheap"]),
      want: /none of which exists/,
    },
    {
      given: "matchFields",
      spec: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n"] }] }],
            },
          },
        },
      },
      want: /matchFields/,
    },
  ];
  for (const { given, spec, want } of cases) {
    it(given, () => {
      const problem = selectorProblem(podWith(spec), new Set(WELL_KNOWN_LABELS));
      if (want === undefined) assert.equal(problem, undefined);
      else assert.match(problem?.reason ?? "", want);
    });
  }
});

describe("what is wrong with a pod's volume claims", () => {
  const claim = (spec: object, more: { meta?: object; phase?: string } = {}): KubeObject =>
    ({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: meta("data", more.meta),
      spec,
      status: { phase: more.phase ?? "Pending" },
    }) as KubeObject;
  const storage = (volumeBindingMode?: string): KubeObject =>
    ({
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: meta("fast", { namespace: "" }),
      provisioner: "x",
      volumeBindingMode,
    }) as KubeObject;
  const volume = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: meta("v", { namespace: "" }),
    spec: {},
  } as KubeObject;
  const bound = { annotations: { "pv.kubernetes.io/bind-completed": "yes" } };
  const cases: { given: string; objects: KubeObject[]; want: RegExp | undefined }[] = [
    { given: "no such claim", objects: [], want: /does not exist/ },
    { given: "a lost claim", objects: [claim({}, { phase: "Lost" })], want: /has lost its volume/ },
    {
      given: "a claim being deleted",
      objects: [claim({}, { meta: { deletionTimestamp: "x" } })],
      want: /being deleted/,
    },
    { given: "a bound claim", objects: [claim({ volumeName: "v" }, { meta: bound }), volume], want: undefined },
    {
      given: "a volume that is gone",
      objects: [claim({ volumeName: "v" }, { meta: bound })],
      want: /which does not exist/,
    },
    { given: "a volume not bound to the end", objects: [claim({ volumeName: "v" }), volume], want: /not bound yet/ },
    { given: "no storage class", objects: [claim({})], want: /no storage class/ },
    {
      given: "a class that binds at once",
      objects: [claim({ storageClassName: "fast" }), storage()],
      want: /binds at once/,
    },
    {
      given: "a class that waits",
      objects: [claim({ storageClassName: "fast" }), storage("WaitForFirstConsumer")],
      want: undefined,
    },
  ];
  for (const { given, objects, want } of cases) {
    it(given, () => {
      const pod = podWith({ volumes: [{ name: "d", persistentVolumeClaim: { claimName: "data" } }] });
      const problem = volumeProblem(pod, viewOf(objects));
      if (want === undefined) assert.equal(problem, undefined);
      else assert.match(problem?.reason ?? "", want);
    });
  }
});
