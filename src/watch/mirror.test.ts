import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RetryError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import type { Node } from "../model/core.ts";
import { type Kind, NODES, resourceOf } from "../model/kinds.ts";
import type { KubeObject } from "../model/object.ts";
import {
  ApiError,
  type KubeApi,
  type ListOptions,
  type ObjectList,
  type Watch,
  type WatchEnd,
  type WatchEvent,
  type WatchOptions,
} from "../ports/kube-api.ts";
import type { Log } from "../ports/telemetry.ts";
import { VirtualClock } from "../simulation/clock/virtual-clock.ts";
import { type Mirror, startMirror } from "./mirror.ts";

const quiet: Log = { debug() {}, info() {}, error() {}, with: () => quiet };

function refusal(code: number, reason: string): ApiError {
  return new ApiError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: reason,
    reason,
    code,
  });
}

type Entry = { version: number; event: Exclude<WatchEvent<KubeObject>, { type: "BOOKMARK" }> };
type Open = { kind: Kind; onEvent(event: WatchEvent<KubeObject>): void; end(end: WatchEnd): void };

/** The list and watch side of an API server that does what it is told, also badly. It keeps nodes only. */
class UnrulyServer implements Pick<KubeApi, "list" | "watch"> {
  readonly nodes = new Map<string, Node>();
  readonly open = new Set<Open>();
  /** Answers of the coming lists of nodes: an error instead of the list. */
  readonly listErrors: ApiError[] = [];
  readonly missing = new Set<string>();
  /** Watches from before this version have expired. */
  oldest = 0;
  /** Events are lost, as if on their way, until the watch is opened anew. */
  isSilent = false;
  lists = 0;
  readonly #clock: VirtualClock;
  readonly #history: Entry[] = [];
  #version = 10;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  put(name: string, labels: Record<string, string> = {}): Node {
    const before = this.nodes.get(name);
    this.#version += 1;
    const metadata = {
      name,
      uid: before?.metadata.uid ?? `${name}-${this.#version}`,
      resourceVersion: String(this.#version),
      creationTimestamp: "2024-01-01T00:00:00Z",
      labels,
    };
    const node: Node = { apiVersion: "v1", kind: "Node", metadata, spec: {} };
    this.nodes.set(name, node);
    this.#tell({ version: this.#version, event: { type: before === undefined ? "ADDED" : "MODIFIED", object: node } });
    return node;
  }

  remove(name: string): void {
    const node = this.nodes.get(name);
    if (node === undefined) return;
    this.nodes.delete(name);
    this.#version += 1;
    const object = { ...node, metadata: { ...node.metadata, resourceVersion: String(this.#version) } };
    this.#tell({ version: this.#version, event: { type: "DELETED", object } });
  }

  endWatches(end: WatchEnd): void {
    for (const watch of this.open) if (watch.kind === NODES) watch.end(end);
  }

  watchesOfNodes(): number {
    return [...this.open].filter(({ kind }) => kind === NODES).length;
  }

  async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    if (this.missing.has(resourceOf(kind))) throw refusal(404, "NotFound");
    if (resourceOf(kind) !== "nodes") return { items: [], resourceVersion: String(this.#version) };
    this.lists += 1;
    const error = this.listErrors.shift();
    if (error !== undefined) throw error;
    const all = [...this.nodes.values()] as unknown as T[];
    const from = Number(options.continue ?? 0);
    const to = from + (options.limit ?? all.length);
    const more = to < all.length ? { continue: String(to) } : {};
    return { items: all.slice(from, to), resourceVersion: String(this.#version), ...more };
  }

  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions, onEvent: (event: WatchEvent<T>) => void): Watch {
    const ended = Promise.withResolvers<WatchEnd>();
    const from = Number(options.resourceVersion ?? 0);
    const watch: Open = {
      kind: kind as Kind,
      onEvent: onEvent as (event: WatchEvent<KubeObject>) => void,
      end: (end) => {
        this.open.delete(watch);
        ended.resolve(end);
      },
    };
    this.open.add(watch);
    this.isSilent = false;
    this.#clock.after(0, () => {
      if (from < this.oldest) watch.end({ reason: "expired" });
      if (resourceOf(kind) !== "nodes") return;
      for (const { version, event } of this.#history) if (version > from && this.open.has(watch)) watch.onEvent(event);
    });
    return { ended: ended.promise, stop: () => watch.end({ reason: "stopped" }) };
  }

  #tell(entry: Entry): void {
    this.#history.push(entry);
    if (this.isSilent) return;
    for (const watch of this.open) if (watch.kind === NODES) watch.onEvent(entry.event);
  }
}

type World = { clock: VirtualClock; server: UnrulyServer; mirror: Mirror };

async function inWorld(run: (world: World) => Promise<void>, prepare?: (server: UnrulyServer) => void): Promise<void> {
  const clock = new VirtualClock(0);
  const server = new UnrulyServer(clock);
  prepare?.(server);
  const mirror = startMirror({
    api: server as unknown as KubeApi,
    clock,
    random: new Random(1),
    log: quiet,
    nodeClasses: [{ group: "karpenter.kwok.sh", kind: "KWOKNodeClass" }],
  });
  await clock.runFor(100);
  try {
    await run({ clock, server, mirror });
  } finally {
    await mirror.stop();
  }
  assert.equal(server.open.size, 0, "no watch stays open");
}

function assertSame({ server, mirror }: World): void {
  assert.deepEqual(new Map(mirror.live.nodes), new Map(server.nodes));
}

describe("the mirror", () => {
  it("lists page by page, then follows", () =>
    inWorld(
      async (world) => {
        assert.equal(world.mirror.isSynced(), true);
        assert.equal(world.server.lists, 3);
        world.server.remove("node-0");
        world.server.put("node-1", { a: "b" });
        assertSame(world);
      },
      (server) => {
        for (let i = 0; i < 1_200; i += 1) server.put(`node-${i}`);
      },
    ));

  const ends: { given: string; end: WatchEnd; lists: number }[] = [
    { given: "was closed", end: { reason: "closed" }, lists: 1 },
    { given: "broke", end: { reason: "failed", error: new RetryError("connection reset") }, lists: 1 },
    { given: "expired", end: { reason: "expired" }, lists: 2 },
    { given: "broke with 410", end: { reason: "failed", error: refusal(410, "Expired") }, lists: 2 },
  ];
  for (const { given, end, lists } of ends) {
    it(`goes on after a watch that ${given}`, () =>
      inWorld(async (world) => {
        const { clock, server } = world;
        server.put("kept");
        server.put("removed");
        server.endWatches(end);
        server.remove("removed");
        server.put("kept", { new: "yes" });
        server.put("added");
        await clock.runFor(1_000);
        assertSame(world);
        assert.equal(server.lists, lists);
        server.put("later");
        assertSame(world);
      }));
  }

  it("finds with a list what it missed while its version expired", () =>
    inWorld(async (world) => {
      const { clock, server } = world;
      server.put("gone");
      server.isSilent = true;
      server.remove("gone");
      server.put("new");
      server.oldest = 1_000;
      server.endWatches({ reason: "closed" });
      await clock.runFor(500);
      server.oldest = 0;
      await clock.runFor(20_000);
      assertSame(world);
    }));

  it("gives up a watch that hangs", () =>
    inWorld(async (world) => {
      const { clock, server } = world;
      server.isSilent = true;
      server.put("unheard");
      assert.equal(world.mirror.live.nodes.size, 0);
      await clock.runFor(11 * 60_000);
      assertSame(world);
    }));

  it("waits longer after each failure, and for the other kinds not at all", () =>
    inWorld(async (world) => {
      const { clock, server, mirror } = world;
      server.put("a");
      for (let i = 0; i < 8; i += 1) server.listErrors.push(refusal(500, "InternalError"));
      server.endWatches({ reason: "expired" });
      await clock.runFor(2_000);
      const early = server.lists;
      await clock.runFor(10_000);
      assert.ok(
        early >= 3 && server.lists - early <= 4,
        `${early} lists in 2 s, ${server.lists - early} in the next 10 s`,
      );
      await clock.runFor(120_000);
      assertSame(world);
      assert.equal(mirror.isSynced(), true);
    }));

  it("does without node classes, and takes them up when they come", () =>
    inWorld(
      async ({ clock, server, mirror }) => {
        assert.equal(mirror.isSynced(), true);
        server.missing.clear();
        await clock.runFor(11_000);
        assert.equal(
          [...server.open].some(({ kind }) => kind.kind === "KWOKNodeClass"),
          true,
        );
      },
      (server) => server.missing.add("kwoknodeclasses.karpenter.kwok.sh"),
    ));

  it("is not complete while a kind that every plan needs is missing", () =>
    inWorld(
      async ({ clock, server, mirror }) => {
        await clock.runFor(60_000);
        assert.equal(mirror.isSynced(), false);
        server.missing.clear();
        await clock.runFor(11_000);
        assert.equal(mirror.isSynced(), true);
        await mirror.whenSynced();
      },
      (server) => server.missing.add("nodeclaims.karpenter.sh"),
    ));

  it("knows of a write before its watch does, and is not set back by it", () =>
    inWorld(async (world) => {
      const { server, mirror } = world;
      const old = server.put("a", { step: "1" });
      const changes: string[] = [];
      mirror.subscribe(({ key, after }) => changes.push(`${key} ${after?.metadata.labels?.["step"]}`));
      server.isSilent = true;
      const written = server.put("a", { step: "2" });
      mirror.remember(written);
      mirror.remember(old);
      assert.equal(mirror.live.nodes.get("a")?.metadata.labels?.["step"], "2");
      assert.deepEqual(changes, ["a 2"]);
      server.isSilent = false;
      server.remove("a");
      mirror.remember(written);
      assert.equal(mirror.live.nodes.has("a"), false);
    }));

  it("forgets what a read found to be gone, and does not believe a late event", () =>
    inWorld(async ({ server, mirror }) => {
      const node = server.put("a");
      server.isSilent = true;
      server.remove("a");
      mirror.forget(node);
      assert.equal(mirror.live.nodes.has("a"), false);
      mirror.remember({ ...node, metadata: { ...node.metadata, resourceVersion: "999" } });
      assert.equal(mirror.live.nodes.has("a"), false);
    }));

  it("tells others of a change when one listener fails", () =>
    inWorld(async ({ server, mirror }) => {
      const keys: string[] = [];
      mirror.subscribe(() => {
        throw new RetryError("no");
      });
      const end = mirror.subscribe(({ key }) => keys.push(key));
      server.put("a");
      end();
      server.put("b");
      assert.deepEqual(keys, ["a"]);
    }));
});
