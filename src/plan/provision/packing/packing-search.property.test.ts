import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Pod } from "../../../model/core.ts";
import type { InstanceType } from "../../../model/instance-type.ts";
import { totalRequests } from "../../../model/pod-requests.ts";
import { fits } from "../../../model/resources.ts";
import { planProvisioning } from "../plan-provisioning.ts";
import { clusterOf, instanceType, nodePool, pod } from "../test-cluster.ts";

/** So few pods that every way to share them out can be tried. */
const PODS_MAX = 6;

describe("the price of a plan", () => {
  it("is within a few per cent of the optimum, which the bound never passes", () => {
    let optimal = 0;
    let cases = 0;
    fc.assert(
      fc.property(market(), requests(), (types, sizes) => {
        const pods = sizes.map(([cpu, memory], i) => pod({ name: `p-${i}`, cpu, memory }));
        const plan = planProvisioning(clusterOf({ types, objects: [nodePool(), pods] }));
        if (plan.unschedulable.length > 0) return;
        const best = optimum(pods, types);
        assert.ok(plan.lowerBoundPerHour <= best + 1e-9, `bound ${plan.lowerBoundPerHour} of ${best}`);
        assert.ok(plan.pricePerHour >= best - 1e-9, "nothing is cheaper than the optimum");
        // One per cent may go into having fewer nodes.
        assert.ok(plan.pricePerHour <= best * 1.05 + 1e-9, `price ${plan.pricePerHour}, optimum ${best}`);
        cases += 1;
        if (plan.pricePerHour <= best * 1.011 + 1e-9) optimal += 1;
      }),
      { numRuns: 80, seed: 21 },
    );
    assert.ok(cases > 40);
    assert.ok(optimal / cases > 0.95, `${optimal} of ${cases} optimal`);
  });
});

function market() {
  const one = fc.record({
    cpu: fc.constantFrom(2, 4, 8, 16),
    memory: fc.constantFrom(4, 8, 16, 32, 64),
    price: fc.integer({ min: 2, max: 80 }).map((n) => n / 100),
  });
  return fc
    .array(one, { minLength: 1, maxLength: 6 })
    .map((sketches) => sketches.map((sketch, i) => instanceType({ ...sketch, name: `type-${i}` })));
}

function requests() {
  const size = fc.tuple(
    fc.constantFrom("250m", "500m", "1", "1500m", "2", "3", "5"),
    fc.constantFrom("256Mi", "1Gi", "3Gi", "7Gi", "15Gi"),
  );
  return fc.array(size, { minLength: 1, maxLength: PODS_MAX });
}

/** By trying every partition of the pods; on each part the cheapest type that holds it. */
function optimum(pods: readonly Pod[], types: readonly InstanceType[]): number {
  const price = (part: readonly Pod[]): number => {
    const prices = types
      .filter(({ allocatable }) => fits(totalRequests(part), allocatable))
      .map(({ offerings }) => Math.min(...offerings.map(({ priceUsdPerHour }) => priceUsdPerHour)));
    return Math.min(Number.POSITIVE_INFINITY, ...prices);
  };
  const best = (rest: readonly Pod[], parts: readonly (readonly Pod[])[]): number => {
    const [next, ...others] = rest;
    if (next === undefined) return parts.reduce((sum, part) => sum + price(part), 0);
    const joined = parts.map((part, i) => best(others, parts.with(i, [...part, next])));
    return Math.min(best(others, [...parts, [next]]), ...joined);
  };
  return best(pods, []);
}
