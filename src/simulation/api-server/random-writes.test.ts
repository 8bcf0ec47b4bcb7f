import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { ApiError } from "../../ports/kube-api.ts";
import { settled } from "../clock/virtual-clock.ts";
import { sameJson } from "./json.ts";
import type { ObjectListBody, RawObject } from "./requests.ts";
import { configMapNamed, serverUnderTest } from "./server-under-test.ts";

const at = { of: "configmaps", namespace: "default" };
const NAMES = ["a", "b", "c", "d", "e", "f"];

/** Some hundred writes of all sorts; what they should leave behind is kept beside, in the plainest way. */
function writeAtRandom(world: ReturnType<typeof serverUnderTest>, random: Random, count: number): Map<string, string> {
  const model = new Map<string, string>();
  for (let i = 0; i < count; i += 1) {
    const name = random.pick(NAMES);
    const value = String(random.between(0, 3));
    const body = { metadata: { labels: { even: String(Number(value) % 2 === 0) } }, data: { v: value } };
    try {
      if (random.chance(0.3)) {
        world.create({ ...configMapNamed(name), ...body, metadata: { ...body.metadata, name, namespace: "default" } });
      } else if (random.chance(0.7)) world.send({ verb: "patch", patchType: "merge", ...at, name, body });
      else {
        world.send({ verb: "delete", ...at, name });
        model.delete(name);
        continue;
      }
      model.set(name, value);
    } catch (error) {
      const isExpected = error instanceof ApiError && (error.code === 404 || error.code === 409);
      if (!isExpected) throw error;
      assert.equal(error.code === 409, model.has(name), error.message);
    }
  }
  return model;
}

const listed = (world: ReturnType<typeof serverUnderTest>, query = {}): ObjectListBody =>
  world.ask({ verb: "list", ...at, query }) as unknown as ObjectListBody;
const valuesOf = (objects: Iterable<RawObject>): Map<string, string> =>
  new Map([...objects].map((o) => [o.metadata.name, (o["data"] as { v: string }).v]));

describe("random writes", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    it(`leave what they should, and watchers see it happen [SEED=${seed}]`, async () => {
      const world = serverUnderTest();
      const random = new Random(seed);
      const watches = [
        { query: {}, wants: () => true },
        { query: { labelSelector: "even=true" }, wants: (v: string) => Number(v) % 2 === 0 },
      ].map((w) => ({ ...w, watch: world.watch({ ...at, query: w.query }) }));
      const model = writeAtRandom(world, random, 300);
      await settled();
      assert.deepEqual(valuesOf(listed(world).items), new Map([...model].sort()));
      for (const { watch, wants } of watches) {
        const mirror = new Map<string, RawObject>();
        let version = 0;
        for (const { type, object } of watch.events) {
          const { name, resourceVersion } = object.metadata;
          assert.ok(Number(resourceVersion) >= version, "events come in order");
          version = Number(resourceVersion);
          assert.equal(mirror.has(name), type !== "ADDED", `${type} ${name}`);
          if (type === "DELETED") mirror.delete(name);
          else mirror.set(name, object);
        }
        const wanted = [...model].filter(([, value]) => wants(value));
        assert.deepEqual(new Map([...valuesOf(mirror.values())].sort()), new Map(wanted.sort()));
      }
    });

    it(`leave old versions readable, page by page [SEED=${seed}]`, () => {
      const world = serverUnderTest();
      const random = new Random(seed);
      writeAtRandom(world, random, 30);
      const before = listed(world);
      const seen: RawObject[] = [];
      let next: string | undefined = "";
      while (next !== undefined) {
        const page = listed(world, { limit: 2, ...(next === "" ? {} : { continue: next }) });
        if (next === "") assert.ok(sameJson(page.items, before.items.slice(0, 2)));
        seen.push(...page.items);
        next = page.metadata.continue;
        for (const name of NAMES) {
          if (random.chance(0.5))
            world.server.handle({
              verb: "deletecollection",
              resource: configMaps(world),
              namespace: "default",
              query: { fieldSelector: `metadata.name=${name}` },
            });
        }
      }
      assert.deepEqual(seen, before.items);
    });
  }
});

function configMaps({ server }: ReturnType<typeof serverUnderTest>) {
  return server.resourceOfKind({ group: "", version: "v1", kind: "ConfigMap", plural: "configmaps", namespaced: true });
}
