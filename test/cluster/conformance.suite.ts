import { after, before, describe, it } from "node:test";
import { NAMESPACES } from "../../src/model/kinds.ts";
import { kubeApiCases } from "../conformance/cases.ts";
import { pause } from "../conformance/side.ts";
import { type ControlPlane, startControlPlane, whyNoControlPlane } from "./control-plane.ts";
import { applyDefinitions } from "./definitions.ts";

// The cases that the simulated API server passes, on Kubernetes' own. Each has its namespace, so they run side by side.
describe("KubeApi on a real API server", { skip: whyNoControlPlane(), concurrency: 12 }, () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await startControlPlane({ isAlone: true });
    await applyDefinitions(plane.connection.api);
  });
  after(() => plane?.stop());

  for (const [i, { name, run }] of kubeApiCases.entries()) {
    it(name, async () => {
      const { api } = plane.connection;
      const namespace = `case-${i}`;
      await api.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
      await run({ api, namespace, passTime: pause });
    });
  }
});
