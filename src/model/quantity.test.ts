import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../base/random.ts";
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  milliValue,
  parseQuantity,
  wholeValue,
} from "./quantity.ts";

const parsed = (text: string | number) => parseQuantity(text) ?? assert.fail(`${text} is a quantity`);

describe("quantities", () => {
  for (const [written, canonical, milli, whole] of [
    ["0", "0", 0, 0],
    ["0Ki", "0", 0, 0],
    ["-0", "0", 0, 0],
    ["1", "1", 1_000, 1],
    ["+1", "1", 1_000, 1],
    ["-1", "-1", -1_000, -1],
    ["007", "7", 7_000, 7],
    ["1.", "1", 1_000, 1],
    [".5", "500m", 500, 1],
    ["0.5", "500m", 500, 1],
    ["-.5", "-500m", -500, 0],
    ["100m", "100m", 100, 1],
    ["1000m", "1", 1_000, 1],
    ["1500m", "1500m", 1_500, 2],
    ["1u", "1u", 1, 1],
    ["1n", "1n", 1, 1],
    ["0.1n", "1n", 1, 1],
    ["-0.1n", "-1n", 0, 0],
    ["1000000n", "1m", 1, 1],
    ["1k", "1k", 1_000_000, 1_000],
    ["1000k", "1M", 1_000_000_000, 1_000_000],
    ["1.5G", "1500M", 1_500_000_000_000, 1_500_000_000],
    ["12e6", "12e6", 12_000_000_000, 12_000_000],
    ["12E6", "12e6", 12_000_000_000, 12_000_000],
    ["1e3", "1e3", 1_000_000, 1_000],
    ["1e4", "10e3", 10_000_000, 10_000],
    ["1e-3", "1e-3", 1, 1],
    ["1e+21", "1e21", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ["1e-99999", "1e-9", 1, 1],
    ["1E", "1E", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ["1Ki", "1Ki", 1_024_000, 1_024],
    ["1024Ki", "1Mi", 1_048_576_000, 1_048_576],
    ["1.5Gi", "1536Mi", 1_610_612_736_000, 1_610_612_736],
    ["0.5Ki", "512", 512_000, 512],
    ["0.0005Ki", "512m", 512, 1],
    ["1000Ki", "1000Ki", 1_024_000_000, 1_024_000],
    ["100Ei", "9223372036854775807", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ["8Ei", "9223372036854775807", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ["-8Ei", "-9223372036854775807", -Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER],
    ["1000E", "1000E", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [2, "2", 2_000, 2],
    [0.25, "250m", 250, 1],
  ] as const) {
    it(`${written} is ${canonical}`, () => {
      assert.equal(canonicalQuantity(written), canonical);
      assert.equal(milliValue(parsed(written)), milli);
      assert.equal(wholeValue(parsed(written)), whole);
    });
  }

  for (const text of [
    "",
    " 1",
    "1 ",
    ".",
    "+",
    "-",
    "1i",
    ".5i",
    "1e",
    "1e+",
    "1.1.M",
    "1+1M",
    "0.1mi",
    "0.1am",
    "K",
    "1K",
    "1ki",
    "--1",
    "1e1.5",
    "aoeu",
    "0x10",
    "1_000",
    "1e1001",
    "NaN",
    "Infinity",
  ]) {
    it(`"${text}" is none`, () => assert.equal(parseQuantity(text), undefined));
  }

  it("the canonical text of random quantities reads back as the same amount, and is its own canonical text", () => {
    const random = new Random(7);
    const suffixes = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "e-3"];
    for (let i = 0; i < 2_000; i += 1) {
      const text = `${random.chance(0.2) ? "-" : ""}${random.between(0, 5_000)}.${random.between(0, 999)}${random.pick(suffixes)}`;
      const quantity = parsed(text);
      const canonical = formatQuantity(quantity);
      assert.equal(compareQuantities(parsed(canonical), quantity), 0, text);
      assert.equal(canonicalQuantity(canonical), canonical, text);
    }
  });

  it("sums are exact and keep the format of the first that is not zero", () => {
    assert.equal(formatQuantity(addQuantities(parsed("1Gi"), parsed("512Mi"))), "1536Mi");
    assert.equal(formatQuantity(addQuantities(parsed("0"), parsed("1Gi"))), "1Gi");
    assert.equal(formatQuantity(addQuantities(parsed("0.1"), parsed("0.2"))), "300m");
    assert.ok(compareQuantities(parsed("1Ki"), parsed("1k")) > 0);
  });
});
