import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RawObject } from "../../requests.ts";
import { BUILT_IN_RESOURCES } from "../../resource-definitions.ts";
import { humanDuration, selectorText } from "./cells.ts";
import { firstAt } from "./json-path.ts";
import { customTable } from "./printer-columns.ts";
import { printerOf, tableOf } from "./table.ts";

const NOW_MS = Date.parse("2026-01-02T00:00:00Z");
const metadata = {
  name: "x",
  namespace: "default",
  uid: "u",
  resourceVersion: "7",
  creationTimestamp: "2026-01-01T23:55:00Z",
};

function cellsOf(kind: string, rest: object, group = ""): unknown[] {
  const resource = BUILT_IN_RESOURCES.find((r) => r.kind === kind && r.group === group);
  assert.ok(resource, `${kind} is served`);
  return printerOf(resource, undefined).cells({ kind, metadata, ...rest }, NOW_MS);
}

describe("durations as kubectl prints them", () => {
  const second = 1_000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  for (const [ms, want] of [
    [-5 * second, "<invalid>"],
    [-1 * second, "0s"],
    [0, "0s"],
    [119 * second, "119s"],
    [2 * minute, "2m"],
    [9 * minute + 59 * second, "9m59s"],
    [179 * minute, "179m"],
    [3 * hour, "3h"],
    [7 * hour + 59 * minute, "7h59m"],
    [47 * hour, "47h"],
    [48 * hour, "2d"],
    [7 * day + 23 * hour, "7d23h"],
    [8 * day, "8d"],
    [729 * day, "729d"],
    [731 * day, "2y1d"],
    [9 * 365 * day, "9y"],
  ] as const) {
    it(`${ms} ms are ${want}`, () => assert.equal(humanDuration(ms), want));
  }
});

describe("the STATUS of a pod", () => {
  const running = { name: "a", ready: true, restartCount: 0, state: { running: {} } };
  for (const { given, pod, want } of [
    { given: "it waits for a node", pod: { status: { phase: "Pending" } }, want: ["0/1", "Pending", "0"] },
    {
      given: "a gate holds it back",
      pod: { status: { phase: "Pending", conditions: [{ type: "PodScheduled", reason: "SchedulingGated" }] } },
      want: ["0/1", "SchedulingGated", "0"],
    },
    {
      given: "its container is being made",
      pod: {
        status: {
          phase: "Pending",
          containerStatuses: [{ name: "a", state: { waiting: { reason: "ContainerCreating" } } }],
        },
      },
      want: ["0/1", "ContainerCreating", "0"],
    },
    {
      given: "it runs",
      pod: { status: { phase: "Running", containerStatuses: [running] } },
      want: ["1/1", "Running", "0"],
    },
    {
      given: "it is being deleted",
      pod: {
        metadata: { ...metadata, deletionTimestamp: "2026-01-01T23:59:00Z" },
        status: { phase: "Running", containerStatuses: [running] },
      },
      want: ["1/1", "Terminating", "0"],
    },
    {
      given: "it has done its work",
      pod: {
        status: {
          phase: "Succeeded",
          containerStatuses: [{ name: "a", state: { terminated: { reason: "Completed", exitCode: 0 } } }],
        },
      },
      want: ["0/1", "Completed", "0"],
    },
    {
      given: "it crashed a minute ago",
      pod: {
        status: {
          phase: "Running",
          containerStatuses: [
            {
              name: "a",
              restartCount: 3,
              state: { waiting: { reason: "CrashLoopBackOff" } },
              lastState: { terminated: { finishedAt: "2026-01-01T23:59:00Z" } },
            },
          ],
        },
      },
      want: ["0/1", "CrashLoopBackOff", "3 (60s ago)"],
    },
    {
      given: "the second of its init containers failed",
      pod: {
        spec: { containers: [{ name: "a" }], initContainers: [{ name: "i" }, { name: "j" }] },
        status: {
          phase: "Pending",
          initContainerStatuses: [
            { name: "i", state: { terminated: { exitCode: 0 } } },
            { name: "j", state: { terminated: { exitCode: 2 } } },
          ],
        },
      },
      want: ["0/1", "Init:ExitCode:2", "0"],
    },
    {
      given: "a sidecar counts as a container",
      pod: {
        spec: { containers: [{ name: "a" }], initContainers: [{ name: "s", restartPolicy: "Always" }] },
        status: {
          phase: "Running",
          initContainerStatuses: [{ name: "s", started: true, ready: true, state: { running: {} } }],
          containerStatuses: [running],
        },
      },
      want: ["2/2", "Running", "0"],
    },
  ]) {
    it(`${given}: ${want.join(" ")}`, () => {
      assert.deepEqual(cellsOf("Pod", { spec: { containers: [{ name: "a" }] }, ...pod }).slice(1, 4), want);
    });
  }
});

describe("columns of other kinds", () => {
  for (const { kind, group, object, want } of [
    {
      kind: "Node",
      group: "",
      object: {
        metadata: { ...metadata, labels: { "node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/gpu": "" } },
        spec: { unschedulable: true },
        status: { conditions: [{ type: "Ready", status: "True" }], nodeInfo: { kubeletVersion: "v1.34.1" } },
      },
      want: ["x", "Ready,SchedulingDisabled", "gpu,worker", "5m", "v1.34.1", "<none>", "<none>"],
    },
    {
      kind: "Deployment",
      group: "apps",
      object: {
        spec: {
          replicas: 3,
          selector: { matchLabels: { app: "web" } },
          template: { spec: { containers: [{ name: "c", image: "nginx" }] } },
        },
        status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 2 },
      },
      want: ["x", "2/3", 3, 2, "5m", "c", "nginx", "app=web"],
    },
    {
      kind: "PodDisruptionBudget",
      group: "policy",
      object: { spec: { minAvailable: "50%" }, status: { disruptionsAllowed: 1 } },
      want: ["x", "50%", "N/A", 1, "5m"],
    },
    {
      kind: "Service",
      group: "",
      object: { spec: { clusterIP: "10.0.0.1", ports: [{ port: 80, nodePort: 30080 }], selector: { a: "b" } } },
      want: ["x", "ClusterIP", "10.0.0.1", "<none>", "80:30080/TCP", "5m", "a=b"],
    },
    {
      kind: "Event",
      group: "",
      object: {
        involvedObject: { kind: "Pod", name: "p" },
        type: "Warning",
        reason: "FailedScheduling",
        message: "no node\n",
        lastTimestamp: "2026-01-01T23:59:30Z",
        count: 4,
      },
      want: ["30s", "Warning", "FailedScheduling", "pod/p", "", "no node"],
    },
    {
      kind: "Event",
      group: "events.k8s.io",
      object: {
        apiVersion: "events.k8s.io/v1",
        regarding: { kind: "Pod", name: "p" },
        note: "no node",
        reason: "R",
        type: "Normal",
        deprecatedLastTimestamp: "2026-01-01T23:59:30Z",
      },
      want: ["30s", "Normal", "R", "pod/p", "", "no node"],
    },
    {
      kind: "StorageClass",
      group: "storage.k8s.io",
      object: {
        metadata: { ...metadata, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
        provisioner: "ebs.csi.aws.com",
        volumeBindingMode: "WaitForFirstConsumer",
      },
      want: ["x (default)", "ebs.csi.aws.com", "Delete", "WaitForFirstConsumer", false, "5m"],
    },
    {
      kind: "Job",
      group: "batch",
      object: {
        spec: { completions: 2, template: { spec: {} } },
        status: {
          succeeded: 2,
          startTime: "2026-01-01T23:55:00Z",
          completionTime: "2026-01-01T23:56:00Z",
          conditions: [{ type: "Complete", status: "True" }],
        },
      },
      want: ["x", "Complete", "2/2", "60s", "5m"],
    },
    { kind: "CSIDriver", group: "storage.k8s.io", object: {}, want: ["x", "5m"] },
  ]) {
    it(kind, () => assert.deepEqual(cellsOf(kind, object, group).slice(0, want.length), want));
  }

  it("has as many cells as columns, for every built-in kind and an object without anything", () => {
    for (const resource of BUILT_IN_RESOURCES) {
      const printer = printerOf(resource, undefined);
      assert.equal(printer.cells({ metadata: { name: "x" } }, NOW_MS).length, printer.columns.length, resource.kind);
    }
  });
});

describe("columns that a CustomResourceDefinition asks for", () => {
  const definition = {
    spec: {
      versions: [
        {
          name: "v1",
          additionalPrinterColumns: [
            { name: "Type", type: "string", jsonPath: ".metadata.labels.node\\.kubernetes\\.io/instance-type" },
            { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
            { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
            { name: "Weight", type: "integer", jsonPath: ".spec.weight", priority: 1 },
          ],
        },
      ],
    },
  };
  it("finds labels with dots, conditions by type, dates; what is missing stays empty", () => {
    const printer = customTable(definition, "v1");
    const object = {
      metadata: { ...metadata, labels: { "node.kubernetes.io/instance-type": "m5.large" } },
      status: {
        conditions: [
          { type: "Launched", status: "Unknown" },
          { type: "Ready", status: "True" },
        ],
      },
    };
    assert.deepEqual(printer.cells(object, NOW_MS), ["x", "m5.large", "True", "5m", null]);
    assert.deepEqual(
      printer.columns.map((column) => column.priority),
      [0, 0, 0, 0, 1],
    );
  });
});

describe("paths of printer columns", () => {
  const root = { a: [{ n: 1, "b.c": "x" }, { n: 2 }], m: { k: "v" } };
  for (const [path, want] of [
    [".a[0].n", 1],
    [".a[-1].n", 2],
    [".a[*].n", 1],
    [".a[0]['b.c']", "x"],
    ["{.m.k}", "v"],
    ["$.m.k", "v"],
    [".a[?(@.n==2)].n", 2],
    [".a[?(@.n!=1)].n", 2],
    [".nothing.here", undefined],
    ["[[", undefined],
  ] as const) {
    it(path, () => assert.equal(firstAt(root, path), want));
  }
});

describe("a Table", () => {
  const pods = BUILT_IN_RESOURCES.find((r) => r.kind === "Pod");
  const pod = { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [] } } as unknown as RawObject;
  it("of a list passes on how to go on, and carries as much of each object as was asked for", () => {
    assert.ok(pods);
    const list = { apiVersion: "v1", kind: "PodList", metadata: { resourceVersion: "9", continue: "c" }, items: [pod] };
    const table = (
      include: "None" | "Metadata" | "Object",
    ): { metadata: unknown; rows: { object?: { kind: string } }[] } =>
      tableOf(printerOf(pods, undefined), list, NOW_MS, include) as never;
    assert.deepEqual(table("Metadata").metadata, { resourceVersion: "9", continue: "c" });
    assert.equal(table("None").rows[0]?.object, undefined);
    assert.equal(table("Metadata").rows[0]?.object?.kind, "PartialObjectMetadata");
    assert.equal(table("Object").rows[0]?.object, pod);
  });
});

it("selectors are printed as kubectl writes them", () => {
  const selector = {
    matchLabels: { b: "2", a: "1" },
    matchExpressions: [
      { key: "t", operator: "In", values: ["x", "y"] },
      { key: "e", operator: "Exists" },
      { key: "n", operator: "DoesNotExist" },
    ],
  };
  assert.equal(selectorText(selector), "a=1,b=2,t in (x,y),e,!n");
  assert.equal(selectorText(undefined), "<none>");
});
