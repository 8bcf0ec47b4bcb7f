import type { ProvisionPlan } from "../provision-plan.ts";

/** A plan in one line, for tests: "pool: type xPODS, on NODE: PODS, left POD: CODE". */
export function planInWords({ newNodeClaims, existingNodes, unschedulable }: ProvisionPlan): string {
  const bought = newNodeClaims.map(({ nodePool, instanceTypes, pods }) => {
    return `${nodePool}: ${instanceTypes[0]} x${pods.length}`;
  });
  const placed = existingNodes.map(({ name, pods }) => `on ${name}: ${pods.length}`);
  const left = unschedulable.map(({ pod, code }) => `left ${pod.replace("default/", "")}: ${code}`);
  return [...bought.sort(), ...placed, ...left].join(", ") || "nothing";
}

/** The values that a label may have on the nodes bought, node by node, sorted: "zone-a | zone-a,zone-b". */
export function valuesBought(plan: ProvisionPlan, key: string): string {
  const perNode = plan.newNodeClaims.map(
    ({ requirements }) => requirements.find((one) => one.key === key && one.operator === "In")?.values?.join() ?? "any",
  );
  return perNode.sort().join(" | ");
}
