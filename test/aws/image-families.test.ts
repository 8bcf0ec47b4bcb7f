import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inWorld } from "./ec2-world.ts";

describe("families of images", () => {
  it(
    "Bottlerocket: nodes join by its settings",
    inWorld(async (world) => {
      await world.nodeClass({ amiSelectorTerms: [{ alias: "bottlerocket@latest" }] });
      await world.pool();
      await world.deploy(1);
      await world.podsRun(1);
      assert.ok(world.alive().every(({ data }) => /\[settings\.kubernetes\]/.test(data.userData)));
    }),
  );

  it(
    "Windows: the pool's pods run on it, others do not",
    inWorld(async (world) => {
      await world.nodeClass({ amiSelectorTerms: [{ alias: "windows2022@latest" }] });
      await world.pool([{ key: "kubernetes.io/os", operator: "In", values: ["windows"] }]);
      await world.deploy(1, { cpu: "1" }, "web", { "kubernetes.io/os": "windows" });
      await world.podsRun(1);
      const [node] = world.nodes();
      assert.equal(node?.metadata.labels?.["kubernetes.io/os"], "windows");
      assert.equal(node?.metadata.labels?.["node.kubernetes.io/windows-build"], "10.0.20348");
      assert.equal(node?.status?.capacity?.["pods"], "110");
    }),
  );

  it(
    "GPUs: the image for them, and only for who asks",
    inWorld(async (world) => {
      await world.nodeClass();
      await world.pool();
      await world.deploy(1, { "nvidia.com/gpu": "1", cpu: "1" }, "gpu");
      await world.deploy(1);
      await world.podsRun(2);
      const kinds = world.alive().map(({ instance, facts }) => {
        const name = world.account.images.get(instance.imageId)?.name ?? "";
        return [facts.gpus.length > 0, /nvidia/.test(name)];
      });
      assert.ok(kinds.some(([hasGpu]) => hasGpu) && kinds.every(([hasGpu, hasDrivers]) => hasGpu === hasDrivers));
    }),
  );
});
