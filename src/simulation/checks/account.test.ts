import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { MINUTE_MS } from "../../base/time.ts";
import { NODE_CLAIMS } from "../../model/kinds.ts";
import { crdOf } from "../../model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../model/resources/custom-resources.ts";
import { nodeClaim } from "../../model/resources/test-objects.ts";
import type { Tags } from "../../providers/aws/aws-api.ts";
import { createApiServer } from "../api-server/api-server.ts";
import { ClusterState } from "../cache/cluster-state.ts";
import { ClusterWriter } from "../cache/cluster-writer.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { createAccount } from "../ec2/account.ts";
import type { Machine } from "../ec2/machine.ts";
import { judgeAccount, leftInAccount } from "./account.ts";

const machine = (id: string, tags: Tags, state = "running") =>
  ({ instance: { id, zone: "z", state, tags } }) as unknown as Machine;

/** What the judge says when these machines have been there for so long. */
function verdicts(
  machines: Machine[],
  { minutes, claims = {} }: { minutes: number; claims?: Record<string, string> },
): string[] {
  const clock = new VirtualClock(0);
  const server = createApiServer({ clock, random: new Random(1), crds: CUSTOM_RESOURCES.map(crdOf) });
  const state = new ClusterState(server);
  const writer = new ClusterWriter(server, "test");
  const found: string[] = [];
  const needs = { clock, state, watchesLag: false, stockChanges: () => 0, priceChanges: () => 0, priceOf: () => 0 };
  const judge = judgeAccount({ machines: () => machines }, { ...needs, report: (_, what) => found.push(what) });
  for (const [name, id] of Object.entries(claims)) {
    const made = writer.create(NODE_CLAIMS, { ...nodeClaim(), metadata: { name } });
    writer.patchStatus(NODE_CLAIMS, made.metadata, { providerID: `aws:///z/${id}` });
  }
  for (let ms = 0; ms <= minutes * MINUTE_MS; ms += 10_000) judge.onSecond?.(ms);
  state.close();
  server.close();
  return [...new Set(found)];
}

describe("the judge of the account", () => {
  it("finds an instance that no claim knows, once the collection had its time", () => {
    const [lost] = [machine("i-1", { "karpenter.sh/nodeclaim": "a" })];
    const claims = { a: "i-1" };
    assert.deepEqual(verdicts([lost], { minutes: 23, claims }), []);
    assert.deepEqual(verdicts([lost], { minutes: 20, claims: { a: "" } }), []);
    assert.deepEqual(verdicts([lost], { minutes: 23, claims: { a: "" } }), ["instance i-1 has no claim"]);
  });

  it("finds a claim that was launched for twice, also where batches overlap", () => {
    const one = machine("i-1", { "karpenter.sh/nodeclaim": "a" }, "terminated");
    const again = machine("i-2", { "karpenter.sh/nodeclaim": "a" });
    const a = { minutes: 0, claims: { a: "" } };
    assert.deepEqual(verdicts([one], a), []);
    assert.deepEqual(verdicts([one, again], a), ["2 instances for 1 claims: a"]);
    const batch = { "karpenter.k8s.aws/launched-for-0": "a b c" };
    const three = ["i-1", "i-2", "i-3"].map((id) => machine(id, batch));
    const many = { minutes: 0, claims: { a: "", b: "", c: "", d: "" } };
    assert.deepEqual(verdicts(three, many), []);
    const more = machine("i-4", { "karpenter.k8s.aws/launched-for-0": "c d" });
    assert.deepEqual(verdicts([...three, more], many), []);
    const most = machine("i-5", { "karpenter.sh/nodeclaim": "d" });
    assert.deepEqual(verdicts([...three, more, most], many), ["5 instances for 4 claims: a b c d"]);
  });

  it("names all that is left of a world", () => {
    const account = createAccount({ region: "us-east-1", clusterName: "shop" });
    account.profiles.set("shop_1", { name: "shop_1", path: "/", roles: [], tags: {} });
    const machines = () => [machine("i-1", {}), machine("i-2", {}, "terminated")];
    assert.deepEqual(leftInAccount({ account, machines }), ["instance i-1", "instance profile shop_1"]);
  });
});
