import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { duration, type NodeLine, renderView, type ViewState } from "./live-view.ts";

const node = (name: string, status = "Ready"): NodeLine => ({
  name,
  instanceType: "c6a.large",
  zone: "us-east-1a",
  capacityType: "spot",
  priceUsdPerHour: 0.0306,
  cpuShare: 0.5,
  memoryShare: 0.25,
  pods: 3,
  status,
  ageMs: 61_000,
});
const state = (nodes: NodeLine[]): ViewState => ({
  clusterName: "playground",
  region: "us-east-1",
  apiUrl: "http://127.0.0.1:8001",
  kubeconfigPath: ".karpenter/kubeconfig",
  elapsedMs: 5_000,
  nodes,
  podsRunning: 4,
  podsWaiting: 2,
  priceUsdPerHour: 0.0306,
  spentUsd: 0.001,
  news: ["00:01 bought c6a.large"],
  hints: ["kubectl get nodes"],
});
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
const plain = (lines: string[]): string[] => lines.map((line) => line.replace(/\u001b\[[0-9;]*m/g, ""));

describe("the live view", () => {
  it("shows each node with type, zone, capacity type, price and fill, the waiting pods and the bill", () => {
    const text = plain(renderView(state([node("default-1")]), 160, 24)).join("\n");
    for (const part of [
      "default-1",
      "c6a.large",
      "us-east-1a",
      "spot",
      "0.0306",
      "50%",
      "25%",
      "2 waiting",
      "$0.0306/h",
    ]) {
      assert.ok(text.includes(part), `${part} in\n${text}`);
    }
    assert.ok(text.includes("kubectl get nodes"));
  });

  it("never draws more rows or columns than the terminal has", () => {
    const nodes = Array.from({ length: 100 }, (_, i) => node(`default-${i}`));
    for (const [columns, rows] of [
      [40, 12],
      [80, 24],
      [200, 60],
    ] as const) {
      const lines = plain(renderView(state(nodes), columns, rows));
      assert.ok(lines.length <= rows, `${lines.length} rows in ${rows}`);
      assert.ok(lines.every((line) => line.length <= columns));
      assert.ok(lines.some((line) => /and \d+ more nodes/.test(line)));
    }
  });

  it("keeps what tells most when the terminal is narrow: name, type, price, fill and state", () => {
    const long = node("kwok-default-py44vl815y-b988d6ccffa5", "Terminating");
    for (const columns of [80, 100, 120]) {
      const text = plain(renderView(state([long]), columns, 24)).join("\n");
      for (const part of ["kwok-default-py44", "c6a.large", "0.0306", "50%", "Terminating"]) {
        assert.ok(text.includes(part), `${part} in ${columns} columns:\n${text}`);
      }
    }
  });

  const durations: [number, string][] = [
    [0, "0s"],
    [59_999, "59s"],
    [60_000, "1m"],
    [190_000, "3m10s"],
    [7_500_000, "2h5m"],
    [270_000_000, "3d3h"],
  ];
  for (const [ms, want] of durations) it(`says ${want} for ${ms} ms`, () => assert.equal(duration(ms), want));
});
