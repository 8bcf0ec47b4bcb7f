import { formatTime, HOUR_MS, MINUTE_MS } from "../../base/time.ts";
import { EVENTS } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import type { Clock } from "../../ports/clock.ts";
import { ApiError } from "../../ports/kube-api.ts";
import type { ClusterWriter } from "./cluster-writer.ts";

type Remembered = { namespace: string; name: string; count: number; lastMs: number };
export type RecordEvent = (object: KubeObject, type: "Normal" | "Warning", reason: string, message: string) => void;

const REMEMBERED_MAX = 5_000;

/** Events of the simulated components; an equal one within ten minutes raises the count of the first. */
export class EventRecorder {
  readonly #clock: Clock;
  readonly #writer: ClusterWriter;
  readonly #remembered = new Map<string, Remembered>();
  #number = 0;

  constructor(clock: Clock, writer: ClusterWriter) {
    this.#clock = clock;
    this.#writer = writer;
  }

  /** The recording function of one component, such as "default-scheduler". */
  of(component: string): RecordEvent {
    return (object, type, reason, message) => {
      try {
        this.#record(component, { object, type, reason, message });
      } catch (e) {
        // An event is a courtesy: a namespace on its way out takes no more of them.
        if (!(e instanceof ApiError)) throw e;
      }
    };
  }

  #record(
    component: string,
    { object, type, reason, message }: { object: KubeObject; type: string; reason: string; message: string },
  ): void {
    const nowMs = this.#clock.nowMs();
    const key = `${object.metadata.uid} ${component} ${type} ${reason} ${message}`;
    const known = this.#remembered.get(key);
    if (known !== undefined && nowMs - known.lastMs < 10 * MINUTE_MS) {
      known.count += 1;
      known.lastMs = nowMs;
      this.#writer.patch(EVENTS, known, { count: known.count, lastTimestamp: formatTime(nowMs) });
      return;
    }
    const namespace = object.metadata.namespace ?? "default";
    this.#number += 1;
    const name = `${object.metadata.name}.${(nowMs * 1_000 + (this.#number % 1_000)).toString(16)}`;
    const { uid, resourceVersion } = object.metadata;
    this.#writer.create(EVENTS, {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name: object.metadata.name,
        uid,
        resourceVersion,
        ...(object.metadata.namespace === undefined ? {} : { namespace }),
      },
      type: type as "Normal" | "Warning",
      reason,
      message,
      source: { component },
      reportingComponent: component,
      reportingInstance: "",
      firstTimestamp: formatTime(nowMs),
      lastTimestamp: formatTime(nowMs),
      count: 1,
    });
    this.#remember(key, { namespace, name, count: 1, lastMs: nowMs });
  }

  #remember(key: string, event: Remembered): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, event);
    for (const [oldKey, old] of this.#remembered) {
      if (this.#remembered.size <= REMEMBERED_MAX && event.lastMs - old.lastMs < HOUR_MS) return;
      this.#remembered.delete(oldKey);
    }
  }
}
