import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { UserError } from "../../src/base/errors.ts";
import { costCommand } from "./cost.ts";
import { runCommand } from "./test-cli.ts";

const SHOP = fileURLToPath(new URL("../../docs/commands/shop.jsonl", import.meta.url));

type Row = { name: string; price: number; nodes?: number; pods?: number; idle: number; system: number };
type Cost = {
  total: { nodes: number; price: number; used: number; system: number; idle: number };
  nodePools: Row[];
  namespaces: Row[];
  workloads: Row[];
  label: { key: string; values: Row[] };
  nodes: { instanceType: string; capacityType: string; price: number }[];
};

describe("karpenter cost", () => {
  let cwd = "";
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), "cost-"));
    const rows = [
      "{ instanceType: r6g.xlarge, capacityType: spot, usdPerHour: 0.5 }",
      "{ instanceType: r6g.xlarge, usdPerHour: 1 }",
      "{ instanceType: m7i.xlarge, usdPerHour: 2 }",
    ];
    await writeFile(join(cwd, "own.yaml"), `prices:\n${rows.map((row) => `  - ${row}\n`).join("")}`);
    await writeFile(join(cwd, "words.yaml"), "prices: [{ instanceType: r6g.xlarge, usdPerHour: cheap }]\n");
    await writeFile(join(cwd, "kind.yaml"), "prices: [{ instanceType: r6g.xlarge, monthly: 7 }]\n");
    await writeFile(join(cwd, "list.yaml"), "- r6g.xlarge\n");
  });
  after(() => rm(cwd, { recursive: true }));

  const run = (...args: string[]) => runCommand(costCommand, cwd, ["--snapshot", SHOP, ...args]);
  const ask = async (...args: string[]): Promise<Cost> => JSON.parse((await run(...args, "-o", "json")).out) as Cost;
  const sum = (rows: readonly { price: number }[]): number => rows.reduce((all, { price }) => all + price, 0);
  const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-4, `${a} is not ${b}`);

  it("adds up: nodes to pools, pods to namespaces, workloads and labels, shares to the whole", async () => {
    const { total, nodePools, namespaces, workloads, label, nodes } = await ask();
    near(sum(nodes), total.price);
    near(sum(nodePools), total.price);
    near(total.used + total.system + total.idle, total.price);
    for (const rows of [namespaces, workloads, label.values]) near(sum(rows), total.used + total.system);
    assert.deepEqual(
      namespaces.map(({ name }) => name),
      ["shop", "batch", "karpenter"],
    );
    assert.equal(workloads.find(({ name }) => name === "Deployment shop/web")?.pods, 24);
    assert.equal(label.values.find(({ name }) => name === "storefront")?.pods, 30);
  });

  it("prints tables of which each can be had alone, and adds up what it leaves out", async () => {
    const { out, code } = await run();
    assert.equal(code, 0);
    assert.match(out, /^13 nodes cost \$1\.\d{4} per hour, about \$\d+ a month: \d+ % asked for by workloads/);
    const one = (await run("--by", "workload", "--top", "2")).out;
    assert.doesNotMatch(one, /Per NodePool/);
    assert.match(one, /and 4 more +13 +0\.\d{4}/);
    assert.match((await run("--by", "label", "--label", "app")).out, /Per label app\n +APP +PODS/);
  });

  it("reckons with your own prices and discounts", async () => {
    const [listed, own] = [await ask(), await ask("--price-file", "own.yaml")];
    const price = (cost: Cost, type: string): number | undefined =>
      cost.nodes.find(({ instanceType }) => instanceType === type)?.price;
    assert.equal(price(own, "m7i.xlarge"), 2);
    assert.ok([1, 0.5].includes(price(own, "r6g.xlarge") ?? 0));
    assert.equal(price(own, "c7g.xlarge"), price(listed, "c7g.xlarge"));
    const cheaper = await ask("--discount", "on-demand=10%", "--discount", "spot=10%");
    near(cheaper.total.price, listed.total.price * 0.9);
  });

  const wrong: [string[], string, RegExp][] = [
    [["--by", "colour"], "KARP_BAD_FLAG", /--by is "colour"/],
    [["--top", "0"], "KARP_BAD_FLAG", /--top/],
    [["--discount", "spot=+10%"], "KARP_BAD_FLAG", /--discount is/],
    [["--price-file", "none.yaml"], "KARP_BAD_PRICES", /none\.yaml cannot be used: ENOENT/],
    [["--price-file", "words.yaml"], "KARP_BAD_PRICES", /prices\[0\]: usdPerHour must be a number above 0/],
    [["--price-file", "kind.yaml"], "KARP_BAD_PRICES", /there is no field "monthly"/],
    [["--price-file", "list.yaml"], "KARP_BAD_PRICES", /"prices" must be a list of rows/],
  ];
  for (const [args, code, words] of wrong) {
    it(`${args.join(" ")}: ${code}`, async () => {
      await assert.rejects(run(...args), (error) => {
        return error instanceof UserError && error.code === code && words.test(error.message);
      });
    });
  }
});
