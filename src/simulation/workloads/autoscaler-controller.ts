import { SECOND_MS } from "../../base/time.ts";
import { keyOf } from "../../model/object.ts";
import { refOf } from "../cache/cluster-writer.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { AUTOSCALERS, DEPLOYMENTS, STATEFUL_SETS } from "./kinds.ts";
import { isSame } from "./pods.ts";

const PERIOD_MS = 15 * SECOND_MS;
/** Where a simulated load comes from: the replicas it asks for, as text. */
export const LOAD_ANNOTATION = "simulation/wanted-replicas";

/**
 * Scales the target of a HorizontalPodAutoscaler in the steps of a real one: at most doubling (or four more) each 15
 * seconds up, at once down. The load is an annotation on the autoscaler, as simulated pods burn no cpu.
 */
export function startAutoscalerController(needs: ControllerNeeds): void {
  const { state, loop } = needs;
  const autoscalers = state.of(AUTOSCALERS);
  const enqueue = loop.add("horizontal-pod-autoscaler", (key) => reconcile(needs, key));
  autoscalers.onChange((before, after) => {
    const isNews =
      before === undefined ||
      !isSame(before.spec, after?.spec) ||
      !isSame(before.metadata.annotations, after?.metadata.annotations);
    if (after !== undefined && isNews) enqueue(keyOf(after));
  });
  for (const autoscaler of autoscalers.values()) enqueue(keyOf(autoscaler));
}

function reconcile({ state, writer, recorder }: ControllerNeeds, key: string): number | undefined {
  const autoscaler = state.of(AUTOSCALERS).get(key);
  if (autoscaler === undefined || autoscaler.metadata.deletionTimestamp !== undefined) return undefined;
  const { scaleTargetRef, minReplicas = 1, maxReplicas } = autoscaler.spec;
  const targetKey = `${autoscaler.metadata.namespace}/${scaleTargetRef.name}`;
  const kind = scaleTargetRef.kind === "StatefulSet" ? STATEFUL_SETS : DEPLOYMENTS;
  const target =
    scaleTargetRef.kind === "StatefulSet"
      ? state.of(STATEFUL_SETS).get(targetKey)
      : state.of(DEPLOYMENTS).get(targetKey);
  if (target === undefined) return PERIOD_MS;
  const current = target.spec.replicas ?? 1;
  const load = Number(autoscaler.metadata.annotations?.[LOAD_ANNOTATION] ?? current);
  const wanted = Math.max(minReplicas, Math.min(maxReplicas, Number.isNaN(load) ? current : load));
  const desired = wanted > current ? Math.min(wanted, Math.max(2 * current, current + 4)) : wanted;
  // Zero replicas switch autoscaling off.
  if (current > 0 && desired !== current) {
    writer.patch<typeof target>(kind as never, refOf(target), { spec: { replicas: desired } });
    const message = `New size: ${desired}; reason: simulated load`;
    recorder("horizontal-pod-autoscaler")(autoscaler, "Normal", "SuccessfulRescale", message);
  }
  const status = { currentReplicas: current, desiredReplicas: current === 0 ? 0 : desired };
  if (!isSame(status, autoscaler.status)) writer.patchStatus(AUTOSCALERS, refOf(autoscaler), status);
  return PERIOD_MS;
}
