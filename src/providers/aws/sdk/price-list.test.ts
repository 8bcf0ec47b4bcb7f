import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { priceIn } from "./price-list.ts";

const entry = (pricePerUnit: Record<string, string>) => ({
  product: { attributes: { instanceType: "m5.large" } },
  terms: { OnDemand: { "A.B": { priceDimensions: { "A.B.C": { pricePerUnit } } } } },
});

describe("an entry of the price list", () => {
  it("has the hourly price in the currency of the partition", () => {
    assert.deepEqual(priceIn(entry({ USD: "0.0960000000" }), "USD"), { instanceType: "m5.large", usdPerHour: 0.096 });
    assert.deepEqual(priceIn(entry({ CNY: "0.72" }), "CNY"), { instanceType: "m5.large", usdPerHour: 0.72 });
  });
  it("without a price in it says nothing", () => {
    for (const [prices, currency] of [
      [{ USD: "0.0000000000" }, "USD"],
      [{ CNY: "0.72" }, "USD"],
      [{}, "USD"],
    ] as const) {
      assert.equal(priceIn(entry(prices), currency), undefined);
    }
    assert.equal(priceIn({}, "USD"), undefined);
  });
});
