import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { WELL_KNOWN_LABELS } from "../model/labels.ts";
import { EVENT_TABLE } from "./event-table.ts";
import { metricLabelOf, metricTable } from "./metric-table.ts";

const KWOK = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass" };
const table = new Map(
  metricTable({ wellKnownLabels: WELL_KNOWN_LABELS, nodeClasses: [KWOK] }).map((spec) => [spec.name, spec]),
);
const NODE = [...new Set(WELL_KNOWN_LABELS.map(metricLabelOf)), "node_name", "phase", "managed"];
const CLASS = "karpenter_kwok_sh_kwoknodeclass";
/** The kinds whose conditions are watched, with the labels that they have beside those of all. */
const CONDITION_KINDS: Readonly<Record<string, readonly string[]>> = {
  operator: [CLASS, "karpenter_sh_nodepool", "group", "kind"],
  operator_nodeclaim: [CLASS, "karpenter_sh_nodepool"],
  operator_nodepool: [],
  operator_node: [CLASS, "karpenter_sh_nodepool", "karpenter_sh_initialized"],
  operator_capacitybuffer: [],
};

function linesOf(file: string): string[][] {
  const text = readFileSync(new URL(`./fixtures/${file}`, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(" "));
}

/** Upstream's metrics, one by one: those of conditions for each kind. */
function upstreamMetrics(): { type: string; name: string; labels: readonly string[] }[] {
  return linesOf("upstream-metrics.txt").flatMap(([type = "", name = "", list = ""]) => {
    const labels = list.split(",").flatMap((label) => (label === "" ? [] : label === "NODE" ? NODE : [label]));
    if (!name.startsWith("operator_k_")) return [{ type, name, labels }];
    return Object.entries(CONDITION_KINDS).map(([prefix, more]) => ({
      type,
      name: name.replace("operator_k", prefix),
      labels: [...labels, ...more],
    }));
  });
}

describe("what dashboards and alerts for upstream rely on", () => {
  for (const { type, name, labels } of upstreamMetrics()) {
    it(`${name} is a ${type} with the same labels`, () => {
      const spec = table.get(name);
      assert.equal(spec?.type, type);
      assert.deepEqual([...(spec?.labels ?? [])].sort(), [...labels].sort());
    });
  }

  for (const [type, reason = "", kinds = ""] of linesOf("upstream-events.txt")) {
    it(`${reason} is an event of type ${type} on ${kinds}`, () => {
      const row = EVENT_TABLE.find((one) => one.reason === reason);
      assert.equal(row?.type, type);
      for (const kind of kinds.split(",")) assert.ok(row?.kinds.includes(kind), `${reason} on ${kind}`);
    });
  }
});
