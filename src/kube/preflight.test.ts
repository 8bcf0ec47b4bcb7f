import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RetryError, UserError } from "../base/errors.ts";
import { formatMicroTime } from "../base/time.ts";
import { type Kind, LEASES, NODE_CLAIMS, NODE_POOLS, NODES, PODS, resourceOf } from "../model/kinds.ts";
import { ApiError, type KubeApi } from "../ports/kube-api.ts";
import { VirtualClock } from "../simulation/clock/virtual-clock.ts";
import { preflight } from "./preflight.ts";

const START_MS = Date.parse("2026-11-21T10:00:00Z");
const LEASE = { name: "karpenter-leader-election", namespace: "karpenter" };

type World = {
  minor?: number;
  missing?: readonly Kind[];
  /** As "patch nodes". */
  forbidden?: readonly string[];
  leases?: readonly { namespace: string; holder: string; renewedAgoMs: number }[];
  /** What the first requests meet. */
  failures?: unknown[];
};

/** A cluster that answers what a preflight asks. */
async function look({ minor = 34, missing = [], forbidden = [], leases = [], failures = [] }: World) {
  const clock = new VirtualClock(START_MS);
  const fail = (): void => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
  };
  const api = {
    async version() {
      fail();
      return { major: "1", minor: `${minor}+` };
    },
    async list(kind: Kind) {
      fail();
      if (missing.includes(kind)) throw refusal(404, "NotFound");
      if (kind !== (LEASES as Kind)) return { items: [], resourceVersion: "1" };
      const items = leases.map(({ namespace, holder, renewedAgoMs }) => ({
        metadata: { name: LEASE.name, namespace },
        spec: {
          holderIdentity: holder,
          leaseDurationSeconds: 15,
          renewTime: formatMicroTime(clock.nowMs() - renewedAgoMs),
        },
      }));
      return { items, resourceVersion: "1" };
    },
    async create(_: Kind, { spec }: { spec: { resourceAttributes: Record<string, string> } }) {
      fail();
      const { verb, resource, subresource } = spec.resourceAttributes;
      const asked = `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}`;
      return { status: { allowed: !forbidden.includes(asked) } };
    },
  } as unknown as KubeApi;
  const result = preflight({
    api,
    clock,
    kinds: [NODE_POOLS as Kind, NODE_CLAIMS as Kind],
    permissions: [
      { kind: NODES as Kind, verbs: ["list", "patch"] },
      { kind: PODS as Kind, verbs: ["create"], subresource: "eviction" },
      { kind: LEASES as Kind, verbs: ["update"], ...LEASE },
    ],
    lease: LEASE,
  });
  const [warnings] = await Promise.all([result, clock.runFor(120_000)]);
  return warnings;
}

function refusal(code: number, reason: string): ApiError {
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure" } as const;
  return new ApiError({ ...status, message: `no: ${reason}`, reason, code });
}

async function error(world: World): Promise<string> {
  try {
    await look(world);
  } catch (problem) {
    assert.ok(problem instanceof UserError, String(problem));
    return `${problem.code} ${problem.what}`;
  }
  assert.fail("no error");
}

describe("preflight", () => {
  it("finds nothing wrong with a cluster that has everything, also after a start that takes a while", async () => {
    assert.deepEqual(await look({}), []);
    const failures = [new RetryError("no answer"), refusal(503, "ServiceUnavailable"), refusal(429, "TooManyRequests")];
    assert.deepEqual(await look({ failures }), []);
  });

  it("warns of a server that is newer than what was tried, refuses one that is too old", async () => {
    assert.match((await look({ minor: 37 }))[0] ?? "", /Kubernetes 1\.37 is newer than 1\.36/);
    assert.equal(
      await error({ minor: 28 }),
      "KARP_OLD_API_SERVER the API server is Kubernetes 1.28; this version works with Kubernetes 1.29 and newer",
    );
  });

  it("names every kind that is missing", async () => {
    const missing = [NODE_POOLS as Kind, NODE_CLAIMS as Kind];
    assert.equal(
      await error({ missing }),
      `KARP_MISSING_KINDS the cluster does not have the kinds ${missing.map(resourceOf).join(", ")}`,
    );
  });

  it("names every permission that is missing", async () => {
    assert.equal(
      await error({ forbidden: ["patch nodes", "create pods/eviction", "update leases"] }),
      "KARP_MISSING_PERMISSIONS the controller's account may not patch nodes; create pods/eviction; " +
        'update leases.coordination.k8s.io "karpenter-leader-election" in namespace karpenter',
    );
  });

  it("stays away while another leads from another namespace; not after one that is gone, nor in its own", async () => {
    const other = { namespace: "kube-system", holder: "karpenter-5d_1", renewedAgoMs: 3_000 };
    assert.match(await error({ leases: [other] }), /^KARP_OTHER_CONTROLLER .*karpenter-5d_1, by Lease kube-system\//);
    assert.deepEqual(await look({ leases: [{ ...other, renewedAgoMs: 16_000 }] }), []);
    assert.deepEqual(await look({ leases: [{ ...other, holder: "" }] }), []);
    assert.deepEqual(await look({ leases: [{ ...other, namespace: LEASE.namespace }] }), []);
  });

  it("tells credentials that are not taken from a server that does not answer", async () => {
    assert.match(await error({ failures: [refusal(401, "Unauthorized")] }), /^KARP_UNAUTHORIZED /);
    const silent = Array.from({ length: 100 }, () => new RetryError("no answer from the API server"));
    assert.match(await error({ failures: silent }), /^KARP_NO_ANSWER .*for 60 s/);
  });
});
