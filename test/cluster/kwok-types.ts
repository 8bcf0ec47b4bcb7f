const GIB_PER_CPU = { c: 2, s: 4, m: 8 } as const;
const CPUS = [1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256];
const ZONES = ["test-zone-a", "test-zone-b", "test-zone-c", "test-zone-d"];
const PODS_MAX = 1_024;

/** The 144 types that upstream's kwok provider makes up, in the shape of its instance_types.json: the same prices. */
export function upstreamKwokTypes(): unknown[] {
  return CPUS.flatMap((cpu) =>
    (["c", "s", "m"] as const).flatMap((family) =>
      ["linux", "windows"].flatMap((os) => ["amd64", "arm64"].map((arch) => typeOf(family, cpu, arch, os))),
    ),
  );
}

function typeOf(family: keyof typeof GIB_PER_CPU, cpu: number, architecture: string, os: string): unknown {
  const memoryGib = cpu * GIB_PER_CPU[family];
  const price = cpu * 0.025 + ((memoryGib * 2 ** 30) / 1e9) * 0.001;
  return {
    name: `${family}-${cpu}x-${architecture}-${os}`,
    architecture,
    operatingSystems: [os],
    resources: {
      cpu: String(cpu),
      memory: `${memoryGib}Gi`,
      pods: String(Math.min(cpu * 16, PODS_MAX)),
      "ephemeral-storage": "20Gi",
    },
    offerings: ZONES.flatMap((zone) => [offering(zone, "spot", price * 0.7), offering(zone, "on-demand", price)]),
  };
}

function offering(zone: string, capacityType: string, price: number): unknown {
  const is = (key: string, value: string): unknown => ({ key, operator: "In", values: [value] });
  return {
    Price: Math.round(price * 1e6) / 1e6,
    Available: true,
    Requirements: [is("karpenter.sh/capacity-type", capacityType), is("topology.kubernetes.io/zone", zone)],
  };
}
