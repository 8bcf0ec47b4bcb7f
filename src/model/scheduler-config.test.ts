import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { schedulerConfigOf } from "./scheduler-config.ts";

const ZONE = "topology.kubernetes.io/zone";
const zonal = { maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: "DoNotSchedule" };
const soft = { ...zonal, whenUnsatisfiable: "ScheduleAnyway" };

function withDefaults(...defaultConstraints: unknown[]) {
  return { podTopologySpread: { defaultConstraints } };
}

describe("what a scheduler configuration says of spreading", () => {
  const good: [given: string, document: unknown, want: unknown[]][] = [
    ["nothing", undefined, []],
    ["an empty document", null, []],
    ["an empty object", {}, []],
    ["no constraints", { podTopologySpread: {} }, []],
    ["constraints of one key for both cases", withDefaults(zonal, soft), [zonal, soft]],
    [
      "all that a constraint may say",
      withDefaults({ ...zonal, minDomains: 2, nodeAffinityPolicy: "Ignore", nodeTaintsPolicy: "Honor" }),
      [{ ...zonal, minDomains: 2, nodeAffinityPolicy: "Ignore", nodeTaintsPolicy: "Honor" }],
    ],
    [
      "the scheduler's own configuration",
      {
        apiVersion: "kubescheduler.config.k8s.io/v1",
        kind: "KubeSchedulerConfiguration",
        leaderElection: { leaderElect: true },
        profiles: [
          { schedulerName: "other" },
          {
            schedulerName: "default-scheduler",
            pluginConfig: [
              { name: "PodTopologySpread", args: { defaultingType: "List", defaultConstraints: [zonal] } },
            ],
          },
        ],
      },
      [zonal],
    ],
    [
      "the scheduler's own configuration without a word about it: its built-in wishes",
      { kind: "KubeSchedulerConfiguration" },
      [
        { maxSkew: 3, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway" },
        { ...soft, maxSkew: 5 },
      ],
    ],
  ];
  for (const [given, document, want] of good) {
    it(given, () => assert.deepEqual(schedulerConfigOf(document), { defaultSpread: want }));
  }

  const bad: [given: string, document: unknown, want: RegExp][] = [
    ["a text", "maxSkew", /no object/],
    ["an unknown field", { podTopology: {} }, /no field podTopology/],
    ["an unknown field below", { podTopologySpread: { constraints: [] } }, /podTopologySpread.constraints/],
    ["no list", { podTopologySpread: { defaultConstraints: zonal } }, /no list/],
    ["a constraint that is none", withDefaults(1), /\[0\] is no object/],
    ["a skew of 0", withDefaults({ ...zonal, maxSkew: 0 }), /maxSkew is no whole number above 0/],
    ["half a skew", withDefaults({ ...zonal, maxSkew: 1.5 }), /maxSkew/],
    ["no key", withDefaults({ ...zonal, topologyKey: "" }), /topologyKey is missing/],
    ["a key that is no label", withDefaults({ ...zonal, topologyKey: "a b" }), /topologyKey: /],
    ["an unknown way out", withDefaults({ ...zonal, whenUnsatisfiable: "Never" }), /whenUnsatisfiable/],
    ["a selector", withDefaults({ ...zonal, labelSelector: {} }), /labelSelector is not allowed/],
    ["label keys", withDefaults({ ...zonal, matchLabelKeys: [] }), /matchLabelKeys is not allowed/],
    ["an unknown field of a constraint", withDefaults({ ...zonal, skew: 1 }), /defaultConstraints\[0\].skew/],
    ["no domains", withDefaults({ ...zonal, minDomains: 0 }), /minDomains/],
    ["an unknown policy", withDefaults({ ...zonal, nodeTaintsPolicy: "Maybe" }), /nodeTaintsPolicy/],
    ["a constraint given twice", withDefaults(zonal, { ...zonal, maxSkew: 2 }), /twice/],
  ];
  for (const [given, document, want] of bad) {
    it(given, () => {
      const config = schedulerConfigOf(document);
      assert.ok("mistakes" in config);
      assert.match(config.mistakes.join("; "), want);
    });
  }
});
