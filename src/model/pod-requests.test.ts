import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Container, Pod, PodSpec, PodStatus } from "./core.ts";
import { podRequests, templateRequests, totalRequests } from "./pod-requests.ts";

const pod = (spec: Partial<PodSpec>, status?: PodStatus): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "n", uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: { containers: [], ...spec },
  ...(status === undefined ? {} : { status }),
});
const container = (cpu: string, more: Partial<Container> = {}): Container => ({
  name: "c",
  resources: { requests: { cpu } },
  ...more,
});
const sidecar = (cpu: string): Container => container(cpu, { name: "s", restartPolicy: "Always" });

describe("pod requests, cpu in milli-cores", () => {
  for (const { because, spec, want } of [
    { because: "containers add up", spec: { containers: [container("1"), container("500m")] }, want: 1_500 },
    {
      because: "a larger init container wins",
      spec: { containers: [container("1")], initContainers: [container("3")] },
      want: 3_000,
    },
    {
      because: "a smaller init container is free",
      spec: { containers: [container("3")], initContainers: [container("1")] },
      want: 3_000,
    },
    {
      because: "init containers run one by one",
      spec: { containers: [], initContainers: [container("2"), container("3")] },
      want: 3_000,
    },
    {
      because: "a sidecar runs beside the containers",
      spec: { containers: [container("1")], initContainers: [sidecar("2")] },
      want: 3_000,
    },
    {
      because: "an init container runs beside earlier sidecars",
      spec: { containers: [container("1")], initContainers: [sidecar("2"), container("5")] },
      want: 7_000,
    },
    {
      because: "but not beside later ones",
      spec: { containers: [container("1")], initContainers: [container("5"), sidecar("2")] },
      want: 5_000,
    },
    {
      because: "overhead comes on top",
      spec: { containers: [container("1")], overhead: { cpu: "250m" } },
      want: 1_250,
    },
    {
      because: "pod-level requests replace the sum",
      spec: { containers: [container("1")], resources: { requests: { cpu: "4" } }, overhead: { cpu: "1" } },
      want: 5_000,
    },
    {
      because: "a pod-level limit stands in where nothing is asked",
      spec: { containers: [{ name: "c" }], resources: { limits: { cpu: "2" } } },
      want: 2_000,
    },
    {
      because: "a limit stands in for a missing request",
      spec: { containers: [{ name: "c", resources: { limits: { cpu: "2" } } }] },
      want: 2_000,
    },
    {
      because: "but a request counts before the limit",
      spec: { containers: [{ name: "c", resources: { limits: { cpu: "2" }, requests: { cpu: "1" } } }] },
      want: 1_000,
    },
  ]) {
    it(because, () => {
      assert.equal(podRequests(pod(spec))["cpu"], want);
      assert.equal(templateRequests(spec)["cpu"], want);
    });
  }

  it("pod-level requests do not touch other resources", () => {
    const requests = podRequests(
      pod({
        containers: [container("1", { resources: { requests: { "ephemeral-storage": "1Gi" } } })],
        resources: { requests: { "ephemeral-storage": "9Gi", memory: "2Gi" } },
      }),
    );
    assert.deepEqual(requests, { "ephemeral-storage": 2 ** 30, memory: 2 ** 31 });
  });

  const resized = { name: "c", resources: { requests: { cpu: "3" } }, allocatedResources: { cpu: "2" } };
  it("while it is resized, the largest of asked, actual and allocated counts", () => {
    assert.equal(podRequests(pod({ containers: [container("1")] }, { containerStatuses: [resized] }))["cpu"], 3_000);
    assert.equal(podRequests(pod({ containers: [container("9")] }, { containerStatuses: [resized] }))["cpu"], 9_000);
  });
  it("a resize that cannot be is not counted", () => {
    const conditions = [{ type: "PodResizePending", status: "True" as const, reason: "Infeasible" }];
    assert.equal(
      podRequests(pod({ containers: [container("9")] }, { containerStatuses: [resized], conditions }))["cpu"],
      3_000,
    );
  });
  it("a finished init container's status changes nothing", () => {
    const status = { initContainerStatuses: [{ ...resized, name: "i" }] };
    assert.equal(
      podRequests(pod({ containers: [container("1")], initContainers: [container("1", { name: "i" })] }, status))[
        "cpu"
      ],
      1_000,
    );
  });

  it("totals count the pods", () => {
    assert.deepEqual(totalRequests([pod({ containers: [container("1")] }), pod({})]), { cpu: 1_000, pods: 2 });
  });
});
