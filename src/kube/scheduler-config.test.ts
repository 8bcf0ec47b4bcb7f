import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultSettings } from "../model/settings.ts";
import { withSchedulerConfig } from "./scheduler-config.ts";

const YAML = `
podTopologySpread:
  defaultConstraints:
    - maxSkew: 1
      topologyKey: topology.kubernetes.io/zone
      whenUnsatisfiable: ScheduleAnyway
`;
const ZONAL = { maxSkew: 1, topologyKey: "topology.kubernetes.io/zone", whenUnsatisfiable: "ScheduleAnyway" };

describe("the text of a scheduler configuration", () => {
  const cases: [given: string, text: string, want: unknown][] = [
    ["none", "", undefined],
    ["a comment", "# nothing yet\n", undefined],
    ["YAML", YAML, [ZONAL]],
    ["JSON", JSON.stringify({ podTopologySpread: { defaultConstraints: [ZONAL] } }), [ZONAL]],
  ];
  for (const [given, schedulerConfig, want] of cases) {
    it(given, () => {
      assert.deepEqual(withSchedulerConfig({ ...defaultSettings(), schedulerConfig }).defaultSpread, want);
    });
  }

  for (const [text, why] of [
    ["a: [", /cannot be used/],
    ["podTopologySpread: {defaults: []}", /no field podTopologySpread.defaults/],
  ] as const) {
    it(`ends the start: ${text}`, () => {
      const settings = { ...defaultSettings(), schedulerConfig: text };
      assert.throws(() => withSchedulerConfig(settings), { code: "KARP_BAD_SETTINGS", message: why });
    });
  }
});
