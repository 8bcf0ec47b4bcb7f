import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeAffinity, PodSpec } from "../../model/core.ts";
import { formatRequirements } from "../../model/requirements.ts";
import { levelsOf, requiredTerms } from "./levels.ts";

function spec(nodeAffinity: NodeAffinity, nodeSelector?: Record<string, string>): PodSpec {
  return { containers: [], affinity: { nodeAffinity }, ...(nodeSelector === undefined ? {} : { nodeSelector }) };
}
const inZone = (...values: string[]) => ({ matchExpressions: [{ key: "zone", operator: "In", values }] });
const preferring = (...weights: [string, number][]): NodeAffinity => ({
  preferredDuringSchedulingIgnoredDuringExecution: weights.map(([zone, weight]) => ({
    weight,
    preference: inZone(zone),
  })),
});
const texts = (one: PodSpec, soft = false) =>
  levelsOf(one, "Respect", soft).map(({ terms, toleratesSoftTaints }) =>
    [terms.map(formatRequirements).join(" or "), ...(toleratesSoftTaints ? ["soft"] : [])].join(" "),
  );

describe("the ways to place a pod, most wished for first", () => {
  const cases: { given: string; spec: PodSpec; soft?: boolean; want: string[] }[] = [
    { given: "nothing asked", spec: { containers: [] }, want: [""] },
    { given: "a soft taint about", spec: { containers: [] }, soft: true, want: ["", " soft"] },
    {
      given: "preferences, one at a time, the heaviest first",
      spec: spec(preferring(["a", 1], ["b", 9])),
      want: ["zone In [b]", "zone In [a]", ""],
    },
    {
      given: "a preference that the node selector rules out",
      spec: spec(preferring(["a", 1]), { zone: "b" }),
      want: ["zone In [b]"],
    },
    {
      given: "alternatives stay open on every level",
      spec: spec({
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [inZone("a"), inZone("b")] },
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, preference: { matchExpressions: [{ key: "disk", operator: "Exists" }] } },
        ],
      }),
      want: ["disk Exists, zone In [a] or disk Exists, zone In [b]", "zone In [a] or zone In [b]"],
    },
  ];
  for (const { given, spec: one, soft, want } of cases) it(given, () => assert.deepEqual(texts(one, soft), want));

  it("Ignore leaves preferences out", () => {
    assert.equal(levelsOf(spec(preferring(["a", 1])), "Ignore", false).length, 1);
  });
});

describe("required terms", () => {
  const required = (
    ...nodeSelectorTerms: { matchExpressions?: { key: string; operator: string; values?: string[] }[] }[]
  ) =>
    requiredTerms(spec({ requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } })).map(
      formatRequirements,
    );
  it("a term that contradicts itself can never hold", () => {
    const [a] = inZone("a").matchExpressions;
    const [b] = inZone("b").matchExpressions;
    assert.ok(a !== undefined && b !== undefined);
    assert.deepEqual(required({ matchExpressions: [a, b] }), []);
  });
  it("a term without conditions matches nothing, as for the scheduler", () => {
    assert.deepEqual(required({}, inZone("a")), ["zone In [a]"]);
  });
  it("equal terms are one", () => {
    assert.deepEqual(required(inZone("a"), inZone("a")), ["zone In [a]"]);
  });
});
