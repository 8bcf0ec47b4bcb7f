import type { ApiServer } from "../api-server/api-server.ts";
import { startAutoscalerController } from "./autoscaler-controller.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { startCronJobController } from "./cron-job-controller.ts";
import { startDaemonSetController } from "./daemon-set-controller.ts";
import { startDeploymentController } from "./deployment-controller.ts";
import { startDisruptionBudgetController } from "./disruption-budget-controller.ts";
import { startEndpointsController } from "./endpoints-controller.ts";
import { startEventExpiry } from "./event-expiry.ts";
import { startJobController } from "./job-controller.ts";
import { startNamespaceController } from "./namespace-controller.ts";
import { startNodeLifecycleController } from "./node-lifecycle-controller.ts";
import { startReplicaSetController } from "./replica-set-controller.ts";
import { startStatefulSetController } from "./stateful-set-controller.ts";
import { startVolumeController } from "./volume-controller.ts";

/**
 * All that kube-controller-manager does for this cluster; it ends with the loop of `needs`.
 * @param nodeGraceMs how long a node may stay silent; default 50 s
 */
export function startWorkloads(needs: ControllerNeeds, server: ApiServer, nodeGraceMs?: number): void {
  startNamespaceController(needs, server);
  startDeploymentController(needs);
  startReplicaSetController(needs);
  startStatefulSetController(needs);
  startDaemonSetController(needs);
  startJobController(needs);
  startCronJobController(needs);
  startAutoscalerController(needs);
  startDisruptionBudgetController(needs);
  startEndpointsController(needs);
  startVolumeController(needs);
  startNodeLifecycleController(needs, nodeGraceMs === undefined ? {} : { graceMs: nodeGraceMs });
  startEventExpiry(needs);
}
