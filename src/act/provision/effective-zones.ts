import type { Pod } from "../../model/core.ts";
import { ZONE_LABEL } from "../../model/labels.ts";
import { isPending, isProvisionable } from "../../model/pod-predicates.ts";
import { allows } from "../../model/requirements.ts";
import { requiredTerms } from "../../plan/fit/levels.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";

/** How many pods that wait for a node can go to one zone only (by its name), to several ("flexible"), or to none that there is. */
export function podsByEffectiveZone({ view, instanceTypes }: Snapshot): Map<string, number> {
  const zones = new Set<string>();
  for (const types of instanceTypes.values()) {
    for (const { offerings } of types) for (const { zone } of offerings) zones.add(zone);
  }
  const counts = new Map<string, number>();
  for (const key of view.unboundPods) {
    const pod = view.pods.get(key);
    if (pod === undefined || !isPending(pod) || !isProvisionable(pod)) continue;
    const zone = effectiveZone(pod, zones);
    counts.set(zone, (counts.get(zone) ?? 0) + 1);
  }
  return counts;
}

function effectiveZone({ spec }: Pod, zones: ReadonlySet<string>): string {
  const terms = requiredTerms(spec);
  const possible = [...zones].filter((zone) =>
    terms.some((term) => {
      const requirement = term.get(ZONE_LABEL);
      return requirement === undefined || allows(requirement, zone);
    }),
  );
  const [only, ...more] = possible;
  return only === undefined ? "none" : more.length > 0 ? "flexible" : only;
}
