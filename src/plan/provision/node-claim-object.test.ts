import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NODE_CLAIM_SCHEMA } from "../../model/resources/node-claim.ts";
import { structuralSchema } from "../../model/schema/structural.ts";
import { schemaErrors } from "../../model/schema/validate.ts";
import { claimName } from "./claim-name.ts";
import { nodeClaimObject } from "./node-claim-object.ts";
import { planProvisioning } from "./plan-provisioning.ts";
import { clusterOf, daemonSet, nodePool, pod } from "./test-cluster.ts";

const pool = nodePool({
  labels: { team: "red" },
  taints: [{ key: "dedicated", value: "x", effect: "NoSchedule" }],
  startupTaints: [{ key: "boot", effect: "NoSchedule" }],
  requirements: [
    { key: "disk", operator: "In", values: ["ssd", "hdd"] },
    { key: "slot", operator: "Gt", values: ["3"] },
  ],
});

function planned() {
  const one = pod({ name: "a", tolerations: [{ operator: "Exists" }], nodeSelector: { disk: "ssd" } });
  const [claim] = planProvisioning(
    clusterOf({ objects: [pool, daemonSet("agent", "100m", { tolerations: [{ operator: "Exists" }] }), one] }),
  ).newNodeClaims;
  assert.ok(claim !== undefined);
  return claim;
}

describe("the NodeClaim of a planned node", () => {
  it("carries the pool's template, its own labels, and what pods and daemons ask for", () => {
    const claim = planned();
    const object = nodeClaimObject(claim, pool, "123");
    assert.deepEqual(object.metadata.labels, {
      team: "red",
      disk: "ssd",
      slot: "4",
      "karpenter.sh/nodepool": "default",
      "karpenter.kwok.sh/kwoknodeclass": "default",
    });
    assert.deepEqual(object.metadata.annotations, {
      "karpenter.sh/nodepool-hash": "123",
      "karpenter.sh/nodepool-hash-version": "v3",
      "karpenter.sh/nodeclaim-min-values-relaxed": "false",
      "karpenter.sh/shape-reason":
        "CheapestOfAll: its cpu is 56 % full; no type that meets its requirements is cheaper",
    });
    assert.deepEqual(object.metadata.finalizers, ["karpenter.sh/termination"]);
    assert.equal(object.metadata.ownerReferences?.[0]?.blockOwnerDeletion, true);
    assert.deepEqual(object.spec.resources?.requests, { cpu: "1100m", memory: "1124Mi", pods: "2" });
    assert.deepEqual(object.spec.taints, pool.spec.template.spec.taints);
    assert.deepEqual(object.spec.startupTaints, pool.spec.template.spec.startupTaints);
    assert.equal(object.spec.expireAfter, "720h");
    assert.deepEqual(
      object.spec.requirements.map(({ key }) => key),
      [
        "disk",
        "karpenter.kwok.sh/kwoknodeclass",
        "karpenter.sh/capacity-type",
        "karpenter.sh/nodepool",
        "node.kubernetes.io/instance-type",
        "slot",
        "team",
      ],
    );
  });

  it("is what the schema allows", () => {
    const object = nodeClaimObject(planned(), pool, "123");
    assert.deepEqual(schemaErrors(structuralSchema(NODE_CLAIM_SCHEMA), object), []);
  });
});

describe("names of claims", () => {
  it("are the same for the same pods, in whatever plan, and others for others", () => {
    assert.equal(claimName("default", ["a", "b"]), claimName("default", ["a", "b"]));
    assert.notEqual(claimName("default", ["a", "b"]), claimName("default", ["a", "c"]));
    assert.notEqual(claimName("default", ["ab"]), claimName("default", ["a", "b"]));
    assert.notEqual(claimName("default", ["a"]), claimName("other", ["a"]));
  });
  for (const pool of ["a", "a.b-c", "x".repeat(80), `${"y".repeat(51)}.z`]) {
    it(`are DNS labels: of pool ${pool}`, () => {
      assert.match(claimName(pool, ["u"]), /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
      assert.ok(claimName(pool, ["u"]).length <= 63);
    });
  }
});
