import { ARCH_LABEL, CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, OS_LABEL, ZONE_LABEL } from "../../model/labels.ts";

export const SMALL_ZONES = ["test-1a", "test-1b", "test-1c"] as const;

/** As they begin the names of the types. */
export const SMALL_FAMILIES = ["c7i", "m7i", "r7i", "c7g", "m7g", "r7g"] as const;

const GIB_PER_CPU = { c: 2, m: 4, r: 8 } as const;
const ARCHES = [
  { arch: "amd64", suffix: "7i", discount: 1 },
  { arch: "arm64", suffix: "7g", discount: 0.83 },
] as const;

/**
 * A few dozen instance types in three zones, in the shape of the kwok provider's instance_types.json: small enough for a
 * simulated day in a second, with everything that makes a choice interesting.
 */
export function smallCatalogue(): unknown[] {
  return ARCHES.flatMap(({ arch, suffix, discount }) =>
    (["c", "m", "r"] as const).flatMap((family) =>
      [2, 4, 8, 16].map((cpu) => {
        const memoryGib = cpu * GIB_PER_CPU[family];
        const name = `${family}${suffix}.${cpu}cpu`;
        const price = discount * (cpu * 0.033 + memoryGib * 0.0042);
        return {
          name,
          architecture: arch,
          operatingSystems: ["linux"],
          resources: {
            cpu: String(cpu),
            memory: `${memoryGib}Gi`,
            pods: String(Math.min(110, 20 + cpu * 6)),
            "ephemeral-storage": "20Gi",
          },
          offerings: SMALL_ZONES.flatMap((zone, z) => [
            offering({ name, arch, zone, capacityType: "on-demand", price }),
            offering({ name, arch, zone, capacityType: "spot", price: price * (0.34 + 0.05 * ((z + cpu) % 4)) }),
          ]),
        };
      }),
    ),
  );
}

function offering(of: { name: string; arch: string; zone: string; capacityType: string; price: number }): unknown {
  const is = (key: string, value: string): unknown => ({ key, operator: "In", values: [value] });
  return {
    Price: Math.round(of.price * 1e6) / 1e6,
    Available: true,
    Requirements: [
      is(INSTANCE_TYPE_LABEL, of.name),
      is(ARCH_LABEL, of.arch),
      is(OS_LABEL, "linux"),
      is(CAPACITY_TYPE_LABEL, of.capacityType),
      is(ZONE_LABEL, of.zone),
    ],
  };
}
