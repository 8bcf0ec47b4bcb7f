import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OwnPrices, ownPrices } from "./own-prices.ts";

const rows = (...prices: unknown[]) => ownPrices({ prices });
const priced = (prices: unknown[]) => {
  const own = rows(...prices);
  assert.ok(own instanceof OwnPrices, JSON.stringify(own));
  return (type: string, capacityType: "on-demand" | "spot", listed: number | undefined, zone = "us-east-1a") =>
    own.price({ type, capacityType, zone: capacityType === "spot" ? zone : "" }, listed);
};

describe("prices of one's own", () => {
  it("go before what AWS tells; the first row that fits counts", () => {
    const price = priced([
      { instanceType: "m5.large", capacityType: "on-demand", usdPerHour: 0.05 },
      { instanceType: "m5.*", factor: 0.5 },
      { capacityType: "spot", zone: "us-east-1b", factor: 2 },
      { capacityType: "on-demand", factor: 0.9 },
    ]);
    assert.equal(price("m5.large", "on-demand", 0.1), 0.05);
    assert.equal(price("m5.large", "spot", 0.1), 0.05);
    assert.equal(price("m5.xlarge", "on-demand", 0.2), 0.1);
    assert.equal(price("m5dn.large", "on-demand", 1), 0.9);
    assert.equal(price("c5.large", "spot", 0.1, "us-east-1b"), 0.2);
    assert.equal(price("c5.large", "spot", 0.1), 0.1);
  });

  it("of a type that AWS tells no price of: a rate counts, a discount does not", () => {
    const price = priced([{ instanceType: "p6.large", usdPerHour: 3 }, { factor: 0.5 }]);
    assert.equal(price("p6.large", "on-demand", undefined), 3);
    assert.equal(price("m5.large", "on-demand", undefined), undefined);
  });

  for (const [document, why] of [
    [undefined, /"prices" must be a list/],
    [{ prices: {} }, /"prices" must be a list/],
    [{ prices: [], discounts: [] }, /no key "discounts"/],
    [{ prices: [3] }, /prices\[0\]: it is no map/],
    [{ prices: [{ factor: 1 }, { factor: "0.5" }] }, /prices\[1\]: factor must be a number above 0/],
    [{ prices: [{ factor: 0 }] }, /above 0/],
    [{ prices: [{ factor: 1, usdPerHour: 2, instanceType: "a" }] }, /not both/],
    [{ prices: [{ usdPerHour: 2 }] }, /a price is that of an instanceType/],
    [{ prices: [{ factor: 1, capacityType: "reserved" }] }, /on-demand or spot/],
    [{ prices: [{ factor: 1, zone: "us-east-1a" }] }, /only spot prices differ by zone/],
    [{ prices: [{ factor: 1, instancetype: "m5.large" }] }, /no field "instancetype"/],
  ] as const) {
    it(`${JSON.stringify(document)} is refused`, () => {
      const own = ownPrices(document);
      assert.match("mistakes" in own ? own.mistakes.join() : "", why);
    });
  }
});
