import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RetryError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import type { Lease } from "../model/core.ts";
import { LEASES } from "../model/kinds.ts";
import { ApiError, type KubeApi } from "../ports/kube-api.ts";
import type { EventRecord } from "../ports/telemetry.ts";
import { VirtualClock } from "../simulation/clock/virtual-clock.ts";
import { silentLog } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { type LeaderLease, startLeaderLease } from "./leader-lease.ts";

const TIMES = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

/** One Lease, with optimistic locking, delays and refusals per process. */
class LeaseServer {
  lease: Lease | undefined;
  #version = 0;
  readonly clock: VirtualClock;
  /** Who cannot reach the server; "reply": the write happens, the answer is lost. */
  readonly cutOff = new Map<string, "all" | "reply">();
  readonly delayMs = new Map<string, number>();

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  apiFor(who: string): KubeApi {
    const over = async <T>(work: () => T): Promise<T> => {
      const delayMs = this.delayMs.get(who) ?? 10;
      await this.clock.sleep(delayMs);
      if (this.cutOff.get(who) === "all") throw new RetryError("no answer");
      const answer = work();
      await this.clock.sleep(delayMs);
      if (this.cutOff.get(who) !== undefined) throw new RetryError("no answer");
      return answer;
    };
    return {
      get: () => over(() => this.lease ?? this.#refuse(404, "NotFound")),
      create: (_kind: unknown, draft: Lease) =>
        over(() => (this.lease === undefined ? this.#store(draft) : this.#refuse(409, "AlreadyExists"))),
      update: (_kind: unknown, lease: Lease) =>
        over(() =>
          this.lease?.metadata.resourceVersion === lease.metadata.resourceVersion
            ? this.#store(lease)
            : this.#refuse(409, "Conflict"),
        ),
    } as unknown as KubeApi;
  }

  #store(lease: Lease): Lease {
    this.#version += 1;
    this.lease = { ...lease, metadata: { ...lease.metadata, uid: "u", resourceVersion: String(this.#version) } };
    return this.lease;
  }

  #refuse(code: number, reason: string): never {
    throw new ApiError({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: reason,
      reason,
      code,
    });
  }
}

type Process = { lease: LeaderLease; gained: number; lost: number; told: EventRecord[]; status(): number | undefined };

function world() {
  const clock = new VirtualClock(Date.parse("2026-11-21T10:00:00Z"));
  const server = new LeaseServer(clock);
  const start = (identity: string, seed: number): Process => {
    const metrics = createMetrics({ clock, wellKnownLabels: [], nodeClasses: [] });
    const status = () => metrics.read("leader_election_master_status", { name: "karpenter-leader-election" });
    const process: Process = { gained: 0, lost: 0, told: [], status } as unknown as Process;
    process.lease = startLeaderLease({
      api: server.apiFor(identity),
      clock,
      random: new Random(seed),
      log: silentLog,
      metrics,
      events: { record: (event) => process.told.push(event) },
      identity,
      name: "karpenter-leader-election",
      namespace: "karpenter",
      ...TIMES,
      onGained: () => (process.gained += 1),
      onLost: () => (process.lost += 1),
    });
    return process;
  };
  return { clock, server, start };
}

describe("leader lease", () => {
  it("is taken by the first, kept by renewals, and watched by the standby", async () => {
    const { clock, server, start } = world();
    const a = start("a", 1);
    await clock.runFor(1_000);
    const b = start("b", 2);
    await clock.runFor(600_000);
    assert.deepEqual([a.lease.isLeader(), b.lease.isLeader()], [true, false]);
    assert.deepEqual([a.gained, a.lost, b.gained, b.lost], [1, 0, 0, 0]);
    assert.deepEqual([a.status(), b.status()], [1, 0]);
    const { spec, metadata } = server.lease!;
    assert.deepEqual([metadata.name, metadata.namespace], ["karpenter-leader-election", "karpenter"]);
    assert.equal(spec.holderIdentity, "a");
    assert.equal(spec.leaseDurationSeconds, 15);
    assert.equal(spec.leaseTransitions, 0);
    assert.match(spec.acquireTime!, /^2026-11-21T10:00:00\.\d{6}Z$/);
    assert.ok(Date.parse(spec.renewTime!) > clock.nowMs() - 3_000);
    assert.deepEqual(
      a.told.map(({ reason, message, object }) => [reason, message, object.kind]),
      [["LeaderElection", "a became leader", "Lease"]],
    );
  });

  it("given back, goes to the standby at its next try", async () => {
    const { clock, server, start } = world();
    const a = start("a", 1);
    await clock.runFor(1_000);
    const b = start("b", 2);
    await clock.runFor(30_000);
    const stopped = a.lease.stop();
    await clock.runFor(2_500);
    await stopped;
    assert.deepEqual([a.lease.isLeader(), b.lease.isLeader()], [false, true]);
    assert.equal(a.lost, 0, "who gives back has not lost");
    assert.equal(server.lease?.spec.leaseTransitions, 1);
    assert.deepEqual([a.status(), b.status()], [0, 1]);
  });

  it("of a crashed leader goes to the standby when it is old, not before", async () => {
    const { clock, server, start } = world();
    start("a", 1);
    await clock.runFor(1_000);
    const b = start("b", 2);
    await clock.runFor(30_000);
    server.cutOff.set("a", "all");
    const cutMs = clock.nowMs();
    await clock.runFor(60_000, () => b.lease.isLeader());
    const waitedMs = clock.nowMs() - cutMs;
    assert.ok(waitedMs >= 12_000 && waitedMs <= 18_000, `taken over after ${waitedMs} ms`);
  });

  it("is lost by a leader that cannot renew, before anyone else may take it", async () => {
    for (const kind of ["all", "reply"] as const) {
      const { clock, server, start } = world();
      const a = start("a", 1);
      await clock.runFor(1_000);
      const b = start("b", 2);
      await clock.runFor(30_000);
      server.cutOff.set("a", kind);
      let both = 0;
      await clock.runFor(60_000, () => {
        if (a.lease.isLeader() && b.lease.isLeader()) both += 1;
        return b.lease.isLeader();
      });
      assert.deepEqual([a.lost, a.lease.isLeader(), b.lease.isLeader(), both], [1, false, true, 0], kind);
    }
  });

  it("survives a request that hangs", async () => {
    const { clock, server, start } = world();
    const a = start("a", 1);
    await clock.runFor(30_000);
    const b = start("b", 2);
    server.delayMs.set("a", 60_000);
    await clock.runFor(2_500);
    server.delayMs.delete("a");
    await clock.runFor(300_000);
    assert.deepEqual([a.lease.isLeader(), a.lost, b.gained], [true, 0, 0]);
  });

  it("never has two who believe, whatever delays and cuts there are", async () => {
    let takeovers = 0;
    for (let seed = 1; seed <= 30; seed += 1) takeovers += await faultyHistory(seed);
    assert.ok(takeovers > 20, `only ${takeovers} takeovers: the faults are too tame`);
  });

  it("is not believed in after a pause, even before any timer has run", async () => {
    const { clock, start } = world();
    const a = start("a", 1);
    await clock.runFor(5_000);
    assert.equal(a.lease.isLeader(), true);
    // What a suspended machine sees: the time has moved on, its timers have not run yet.
    const frozen = clock.nowMs.bind(clock);
    clock.nowMs = () => frozen() + 60_000;
    assert.equal(a.lease.isLeader(), false);
  });

  it("is lost at once when another holds it", async () => {
    const { clock, server, start } = world();
    const a = start("a", 1);
    await clock.runFor(5_000);
    const taken = server.lease!;
    const theft = { ...taken, spec: { ...taken.spec, holderIdentity: "thief" } };
    const stolen = server.apiFor("thief").update(LEASES, theft);
    await clock.runFor(100);
    await stolen;
    await clock.runFor(6_000);
    assert.deepEqual([a.lost, a.lease.isLeader()], [1, false]);
    assert.deepEqual(
      a.told.map(({ message }) => message),
      ["a became leader", "a stopped leading"],
    );
  });
});

/** Twenty minutes or so with two candidates on a bad network. @returns how often the Lease changed hands */
async function faultyHistory(seed: number): Promise<number> {
  const { clock, server, start } = world();
  const random = new Random(seed);
  const processes: Process[] = [start("p0", seed), start("p1", seed + 100)];
  const draw = (who: string): void => {
    server.delayMs.set(who, random.chance(0.2) ? random.between(1_000, 14_000) : random.between(1, 50));
    server.cutOff.delete(who);
    if (random.chance(0.3)) server.cutOff.set(who, random.chance(0.5) ? "all" : "reply");
  };
  for (let step = 0; step < 60; step += 1) {
    for (const i of [0, 1]) {
      draw(`p${i}`);
      // A process that lost begins anew, as a restarted pod does.
      if (processes[i]!.lost > 0) processes[i] = start(`p${i}`, random.uint32());
    }
    await clock.runFor(random.between(500, 20_000), () => {
      const leaders = processes.filter(({ lease }) => lease.isLeader()).length;
      assert.ok(leaders <= 1, `seed ${seed}, step ${step}`);
      return false;
    });
  }
  return server.lease?.spec.leaseTransitions ?? 0;
}
