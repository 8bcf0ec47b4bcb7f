import type { InvariantError } from "../base/errors.ts";
import { SECOND_MS } from "../base/time.ts";
import { NODE_CLAIMS, NODES } from "../model/kinds.ts";
import type { Change, Controller } from "../runtime/controller.ts";
import { type Manager, startManager } from "../runtime/manager.ts";
import { type Mirror, startMirror } from "../watch/mirror.ts";
import { watchClock } from "./clock-watch.ts";
import { disruptionController } from "./disruption/disruption.ts";
import { interruptionController } from "./disruption/interruption.ts";
import { ActMemory } from "./memory.ts";
import { nodeRepairController } from "./node/node-repair.ts";
import { nodeTerminationController } from "./node/node-termination.ts";
import { nodeClassLearningController } from "./node-class/learning.ts";
import { nodeClassCareController } from "./node-class/node-class-care.ts";
import { nodeClaimConsistencyController } from "./nodeclaim/consistency.ts";
import { nodeClaimDisruptionController } from "./nodeclaim/disruption.ts";
import { expirationController } from "./nodeclaim/expiration.ts";
import { garbageCollectionController } from "./nodeclaim/garbage-collection.ts";
import { nodeClaimHydrationController, nodeHydrationController } from "./nodeclaim/hydration.ts";
import { nodeClaimLifecycleController } from "./nodeclaim/lifecycle.ts";
import { pricingController } from "./nodeclaim/pricing.ts";
import { nodeClaimRelabellingController } from "./nodeclaim/relabelling.ts";
import { nodeClaimTaggingController } from "./nodeclaim/tagging.ts";
import { nodePoolCounterController } from "./nodepool/counter.ts";
import { nodePoolHashController } from "./nodepool/hash.ts";
import { nodePoolReadinessController } from "./nodepool/readiness.ts";
import { nodePoolRegistrationHealthController } from "./nodepool/registration-health.ts";
import { nodePoolValidationController } from "./nodepool/validation.ts";
import { podEventsController } from "./pod/pod-events.ts";
import { type PodObserver, podObserver } from "./pod/pod-observer.ts";
import type { Needs } from "./ports.ts";
import { providerTaskController } from "./provider-task.ts";
import { provisionController } from "./provision/provision.ts";
import { staticProvisioningController, staticScaleDownController } from "./provision/static-capacity.ts";
import { refreshStateMetrics } from "./status/state-metrics.ts";
import { StatusObserver } from "./status/status-observer.ts";

/** Everything Karpenter does, on the given ports. */
export type OperatorOptions = Omit<Needs, "mirror" | "memory"> & {
  /** One that a standby has kept up to date; the operator ends it. Default: a new one. */
  mirror?: Mirror;
  /** A law of the program is broken: the process must end. Nothing new is started after this call. */
  onFatal?(error: InvariantError): void;
  /** The machine's clock has jumped: the process must end. What it remembers with a time is wrong. */
  onClockJump?(jumpMs: number): void;
};

export type Operator = {
  readonly mirror: Mirror;
  readonly memory: ActMemory;
  /** Nothing is due and no worker busy. */
  idle(): boolean;
  /** Sets the gauges that are not kept up to date by themselves: to be called before metrics are read. */
  refreshMetrics(): void;
  /** Ends controllers and watches; resolves when nothing is in flight. */
  stop(): Promise<void>;
};

/** Starts the mirror and all controllers. They begin to work when the mirror is complete. */
export function startOperator({ onFatal, onClockJump, mirror: warm, ...ports }: OperatorOptions): Operator {
  const mirror = warm ?? mirrorFor(ports);
  const { clock, random, log, metrics, settings } = ports;
  const memory = new ActMemory();
  const needs: Needs = { ...ports, mirror, memory };
  const isObserved = !settings.disableClusterStateObservability;
  const observers = isObserved ? { status: new StatusObserver(needs), pods: podObserver(needs) } : undefined;
  const stopObserving = mirror.subscribe((change) => {
    forgetTheGone(memory, change);
    observers?.status.observe(change);
    observers?.pods.observe(change);
  });
  const manager: Manager = startManager({
    controllers: controllersOf(needs, observers?.pods),
    subscribe: (listener) => mirror.subscribe(listener),
    isSynced: () => mirror.isSynced(),
    whenSynced: () => mirror.whenSynced(),
    clock,
    random: random.fork("manager"),
    log,
    metrics,
    ...(onFatal === undefined ? {} : { onFatal }),
  });
  const stopWatchingClock = watchClock(clock, (jumpMs) => {
    log.error("the clock has jumped; beginning anew", { seconds: Math.round(jumpMs / SECOND_MS) });
    onClockJump?.(jumpMs);
  });
  return {
    mirror,
    memory,
    idle: () => manager.idle(),
    refreshMetrics() {
      manager.refreshMetrics();
      if (!isObserved) return;
      refreshStateMetrics(needs);
      observers?.status.refresh();
      observers?.pods.refresh();
    },
    async stop() {
      stopWatchingClock();
      await manager.stop();
      stopObserving();
      await mirror.stop();
    },
  };
}

/** The picture of the cluster that the controllers need. */
export function mirrorFor({
  api,
  clock,
  random,
  log,
  provider,
  settings,
}: Pick<Needs, "api" | "clock" | "random" | "log" | "provider" | "settings">): Mirror {
  return startMirror({
    api,
    clock,
    random: random.fork("mirror"),
    log,
    nodeClasses: provider.nodeClasses,
    hasDefaultSpread: (settings.defaultSpread ?? []).length > 0,
  });
}

function controllersOf(needs: Needs, pods: PodObserver | undefined): Controller[] {
  const care = needs.provider.nodeClassCare;
  const changedLabels = needs.provider.changedLabels?.bind(needs.provider);
  const nameInstance = needs.provider.nameInstance?.bind(needs.provider);
  return [
    provisionController(needs, (podKeys) => pods?.placed(podKeys)),
    nodeClaimLifecycleController(needs),
    nodeTerminationController(needs),
    disruptionController(needs),
    nodeClaimDisruptionController(needs),
    podEventsController(needs),
    expirationController(needs),
    garbageCollectionController(needs),
    ...(needs.provider.interruptions ?? []).map((source) => interruptionController(needs, source)),
    ...(needs.provider.tasks ?? []).map(providerTaskController),
    ...(needs.settings.featureGates.staticCapacity
      ? [staticProvisioningController(needs), staticScaleDownController(needs)]
      : []),
    ...(needs.settings.featureGates.nodeRepair ? [nodeRepairController(needs)] : []),
    nodeClaimHydrationController(needs),
    nodeHydrationController(needs),
    nodeClaimConsistencyController(needs),
    nodePoolReadinessController(needs),
    nodePoolValidationController(needs),
    nodePoolHashController(needs),
    nodePoolRegistrationHealthController(needs),
    nodePoolCounterController(needs),
    pricingController(needs),
    ...(care === undefined ? [] : [nodeClassCareController(needs, care), nodeClassLearningController(needs, care)]),
    ...(changedLabels === undefined ? [] : [nodeClaimRelabellingController(needs, changedLabels)]),
    ...(nameInstance === undefined ? [] : [nodeClaimTaggingController(needs, nameInstance)]),
  ];
}

function forgetTheGone(memory: ActMemory, { kind, key, after: now }: Change): void {
  if (now === undefined && (kind === NODE_CLAIMS || kind === NODES)) memory.forget(key);
}
