import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Random } from "../../base/random.ts";
import { DAY_MS, formatTime, MINUTE_MS, parseTime } from "../../base/time.ts";
import type { Budget, NodePool } from "../../model/resources/node-pool.ts";
import { takeSnapshot } from "../../snapshot/take-snapshot.ts";
import { viewOf } from "../../snapshot/view-of.ts";
import { forecastBudgets, type PoolForecast } from "./budget-forecast.ts";
import { allowedDisruptions, DISRUPTION_REASONS, UNLIMITED } from "./budgets.ts";

const NOW = parseTime("2026-03-04T12:00:00Z") ?? 0;
const nodeClassRef = { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" };

function poolWith(budgets: readonly Budget[] | undefined, annotations: Record<string, string> = {}): NodePool {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name: "default", uid: "u", resourceVersion: "1", creationTimestamp: formatTime(NOW), annotations },
    spec: {
      template: { spec: { nodeClassRef, requirements: [] } },
      disruption: budgets === undefined ? {} : { budgets: [...budgets] },
    },
  };
}

function forecast(pool: NodePool, nodes = 40): PoolForecast {
  const snapshot = takeSnapshot(viewOf([pool]), { nowMs: NOW, instanceTypes: new Map(), wellKnownLabels: new Set() });
  return forecastBudgets(snapshot, NOW + DAY_MS, nodes)[0] ?? assert.fail("no pool");
}

/** "12:00-17:00 Empty,Drifted 4" */
const inWords = ({ windows }: PoolForecast): string[] =>
  windows.map(({ fromMs, untilMs, reasons, allowed }) => {
    const clock = (ms: number): string => formatTime(ms).slice(11, 16);
    return `${clock(fromMs)}-${clock(untilMs)} ${reasons.join(",")} ${allowed === UNLIMITED ? "all" : allowed}`;
  });

describe("what budgets will allow", () => {
  const ALL = "Underutilized,Empty,Drifted";
  for (const { given, budgets, annotations, want } of [
    { given: "no list", budgets: undefined, want: [`12:00-12:00 ${ALL} 4`] },
    { given: "an empty list", budgets: [], want: [`12:00-12:00 ${ALL} all`] },
    {
      given: "a window that is open, and opens again",
      budgets: [{ nodes: "0", schedule: "0 9 * * *", duration: "4h" }, { nodes: "7" }],
      want: [`12:00-13:00 ${ALL} 0`, `13:00-09:00 ${ALL} 7`, `09:00-12:00 ${ALL} 0`],
    },
    {
      given: "a budget for one reason",
      budgets: [{ nodes: "20%" }, { nodes: "1", reasons: ["Drifted" as const] }],
      want: ["12:00-12:00 Underutilized,Empty 8", "12:00-12:00 Drifted 1"],
    },
    {
      given: "several at once: the least counts",
      budgets: [{ nodes: "9" }, { nodes: "2", schedule: "@hourly", duration: "10m" }, { nodes: "50%" }],
      want: Array.from({ length: 24 }, (_, i) => {
        const hour = (n: number): string => String((12 + n) % 24).padStart(2, "0");
        return [`${hour(i)}:00-${hour(i)}:10 ${ALL} 2`, `${hour(i)}:10-${hour(i + 1)}:00 ${ALL} 9`];
      }).flat(),
    },
    {
      given: "a duration longer than the period: always",
      budgets: [{ nodes: "3", schedule: "0 * * * *", duration: "2h" }],
      want: [`12:00-12:00 ${ALL} 3`],
    },
    {
      given: "a budget that cannot be read: nothing, whatever the others say",
      budgets: [{ nodes: "5" }, { nodes: "3", schedule: "a b c d e", duration: "2h" }],
      want: [`12:00-12:00 ${ALL} 0`],
    },
    {
      given: "a pause",
      budgets: [{ nodes: "5" }],
      annotations: { "karpenter.sh/disruption-pause": "2026-03-04T18:00:00Z Drifted # ann" },
      want: ["12:00-12:00 Underutilized,Empty 5", "12:00-18:00 Drifted 0", "18:00-12:00 Drifted 5"],
    },
  ] as { given: string; budgets?: Budget[]; annotations?: Record<string, string>; want: string[] }[]) {
    it(given, () => assert.deepEqual(inWords(forecast(poolWith(budgets, annotations))), want));
  }

  it("is what they allow at any moment", () => {
    const random = new Random(5);
    const budget = (): Budget => ({
      nodes: random.pick(["0", "3", "10%", "75%", "100%"]),
      ...(random.chance(0.4) ? {} : { schedule: schedule(random), duration: `${random.between(1, 900)}m` }),
      ...(random.chance(0.5) ? {} : { reasons: [random.pick(DISRUPTION_REASONS)] }),
    });
    for (let i = 0; i < 60; i += 1) {
      const pool = poolWith(Array.from({ length: random.between(1, 4) }, budget));
      const { windows } = forecast(pool);
      for (let j = 0; j < 40; j += 1) {
        const atMs = NOW + random.between(0, 24 * 60 - 1) * MINUTE_MS + 30_000;
        const reason = random.pick(DISRUPTION_REASONS);
        const window = windows.find((one) => one.reasons.includes(reason) && one.fromMs <= atMs && atMs < one.untilMs);
        assert.equal(window?.allowed, allowedDisruptions(pool, reason, 40, atMs).allowed, JSON.stringify(pool.spec));
      }
    }
  });
});

function schedule(random: Random): string {
  const minute = random.between(0, 59);
  return random.pick([
    `${minute} * * * *`,
    `${minute} ${random.between(0, 23)} * * *`,
    "@daily",
    `*/${minute + 1} * * * *`,
  ]);
}
