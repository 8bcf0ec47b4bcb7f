import { parseTime, SECOND_MS } from "../../base/time.ts";
import { type Kind, NODE_CLAIMS, NODE_CLASS_KINDS, NODE_POOLS, NODES } from "../../model/kinds.ts";
import { INITIALIZED_LABEL, NODE_POOL_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import type { Labels } from "../../ports/telemetry.ts";
import type { Change } from "../../runtime/controller.ts";
import type { Needs } from "../ports.ts";

type ConditionLike = { type: string; status: string; reason?: string; message?: string; lastTransitionTime?: string };

/** Kinds whose conditions are told of, by the name that their metrics carry. */
const OBSERVED: readonly {
  kind: Kind;
  name: string;
  hasTwin: boolean;
  labels: readonly string[];
}[] = [
  { kind: NODE_CLAIMS as Kind, name: "nodeclaim", hasTwin: true, labels: [NODE_POOL_LABEL] },
  { kind: NODE_POOLS as Kind, name: "nodepool", hasTwin: true, labels: [] },
  { kind: NODES as Kind, name: "node", hasTwin: false, labels: [NODE_POOL_LABEL, INITIALIZED_LABEL] },
];

type Observed = (typeof OBSERVED)[number];

/** Turns changes of conditions, and ends of objects, into events and metrics. */
export class StatusObserver {
  readonly #needs: Needs;
  readonly #classLabels: readonly string[];

  readonly #observed: readonly Observed[];

  constructor(needs: Needs) {
    this.#needs = needs;
    const { nodeClassCare: care } = needs.provider;
    const ofClasses = NODE_CLASS_KINDS.filter(
      ({ group, kind }) => group === care?.kind.group && kind === care.kind.kind,
    );
    this.#observed = [
      ...OBSERVED,
      ...ofClasses.map((kind) => ({ kind, name: kind.kind.toLowerCase(), hasTwin: false, labels: [] })),
    ];
    this.#classLabels = needs.provider.nodeClasses.map(({ group, kind }) => `${group}/${kind.toLowerCase()}`);
  }

  observe({ kind, before, after: now }: Change): void {
    const observed = this.#observed.find((one) => one.kind === kind);
    if (observed === undefined) return;
    if (now !== undefined) this.#tellTransitions(observed, before, now);
    if (before === undefined) return;
    const left = now?.metadata.finalizers ?? [];
    for (const finalizer of before.metadata.finalizers ?? []) {
      if (!left.includes(finalizer)) this.#tellFinalized(now ?? before, finalizer);
    }
    if (now === undefined) this.#measureEnd(observed, before);
  }

  /** Sets the gauges to the present state: to be called before metrics are read. */
  refresh(): void {
    const { metrics, mirror } = this.#needs;
    for (const family of ["operator", ...this.#observed.map(({ name }) => `operator_${name}`)]) {
      metrics.forget(`${family}_status_condition_count`, {});
      metrics.forget(`${family}_status_condition_current_status_seconds`, {});
      metrics.forget(`${family}_termination_current_time_seconds`, {});
    }
    const { nodeClaims, nodePools, nodes, nodeClasses } = mirror.live;
    const objects = new Map<string, ReadonlyMap<string, KubeObject>>([
      ["nodeclaim", nodeClaims],
      ["nodepool", nodePools],
      ["node", nodes],
    ]);
    for (const observed of this.#observed) {
      const all = objects.get(observed.name) ?? nodeClasses;
      for (const object of all.values()) if (object.kind === observed.kind.kind) this.#showGauges(observed, object);
    }
  }

  #tellTransitions(observed: Observed, before: KubeObject | undefined, now: KubeObject): void {
    const old = new Map(conditionsOf(before).map((condition) => [condition.type, condition]));
    for (const condition of conditionsOf(now)) {
      const was = old.get(condition.type);
      if (was?.status === condition.status) continue;
      this.#countTransition(observed, now, was, condition);
      if (was === undefined) continue;
      this.#needs.events.record({ object: now, ...transitionEvent(was, condition), dedupeMs: 0 });
    }
  }

  #countTransition(observed: Observed, object: KubeObject, was: ConditionLike | undefined, now: ConditionLike): void {
    const { metrics } = this.#needs;
    const { type, status, reason = "" } = now;
    const seconds = secondsBetween(was?.lastTransitionTime, now.lastTransitionTime);
    for (const [family, labels] of this.#families(observed, object)) {
      metrics.count(`${family}_status_condition_transitions_total`, { ...labels, type, status, reason });
      if (was === undefined || seconds === undefined) continue;
      metrics.observe(`${family}_status_condition_transition_seconds`, seconds, {
        ...labels,
        type,
        status: was.status,
      });
    }
  }

  #tellFinalized(object: KubeObject, finalizer: string): void {
    const dedupeValues = [object.metadata.uid, finalizer];
    const message = `Finalizer ${finalizer} is gone`;
    this.#needs.events.record({ object, type: "Normal", reason: "Finalized", message, dedupeValues });
  }

  #measureEnd(observed: Observed, object: KubeObject): void {
    const { clock, metrics } = this.#needs;
    const { deletionTimestamp } = object.metadata;
    if (deletionTimestamp === undefined) return;
    const seconds = secondsSince(deletionTimestamp, clock.nowMs());
    for (const [family, labels] of this.#families(observed, object)) {
      metrics.observe(`${family}_termination_duration_seconds`, seconds, labels);
    }
  }

  #showGauges(observed: Observed, object: KubeObject): void {
    const { clock, metrics } = this.#needs;
    const { name, namespace = "", deletionTimestamp } = object.metadata;
    for (const [family, own] of this.#families(observed, object)) {
      const labels = { ...own, name, namespace };
      for (const { type, status, reason = "", lastTransitionTime } of conditionsOf(object)) {
        const condition = { ...labels, type, status, reason };
        metrics.gauge(`${family}_status_condition_count`, 1, condition);
        const seconds = secondsSince(lastTransitionTime, clock.nowMs());
        metrics.gauge(`${family}_status_condition_current_status_seconds`, seconds, condition);
      }
      if (deletionTimestamp === undefined) continue;
      const seconds = secondsSince(deletionTimestamp, clock.nowMs());
      metrics.gauge(`${family}_termination_current_time_seconds`, seconds, labels);
    }
  }

  /** The metric families of an object, with the labels that tell its kind and owner. */
  #families({ name, kind, hasTwin, labels }: Observed, object: KubeObject): [string, Labels][] {
    const keys = ["nodeclaim", "node"].includes(name) ? [...this.#classLabels, ...labels] : [];
    const own = Object.fromEntries(keys.map((key) => [metricName(key), object.metadata.labels?.[key] ?? ""]));
    const family: [string, Labels] = [`operator_${name}`, own];
    return hasTwin ? [family, ["operator", { ...own, group: kind.group, kind: kind.kind }]] : [family];
  }
}

function conditionsOf(object: KubeObject | undefined): readonly ConditionLike[] {
  return (object as { status?: { conditions?: ConditionLike[] } } | undefined)?.status?.conditions ?? [];
}

function transitionEvent(was: ConditionLike, now: ConditionLike): { type: "Normal"; reason: string; message: string } {
  const message = now.message === undefined || now.message === "" ? "" : `, Message: ${now.message}`;
  return {
    type: "Normal",
    reason: now.type,
    message: `Status of ${now.type}: ${was.status} -> ${now.status}, Reason: ${now.reason ?? ""}${message}`,
  };
}

function metricName(label: string): string {
  return label.replaceAll(/[/.-]/g, "_");
}

function secondsBetween(from: string | undefined, to: string | undefined): number | undefined {
  const [fromMs, toMs] = [parseTime(from ?? ""), parseTime(to ?? "")];
  return fromMs === undefined || toMs === undefined ? undefined : Math.max(0, (toMs - fromMs) / SECOND_MS);
}

function secondsSince(time: string | undefined, nowMs: number): number {
  const sinceMs = parseTime(time ?? "");
  return sinceMs === undefined ? 0 : Math.max(0, (nowMs - sinceMs) / SECOND_MS);
}
