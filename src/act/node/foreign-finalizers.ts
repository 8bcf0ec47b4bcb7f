import { MINUTE_MS, parseTime } from "../../base/time.ts";
import type { KubeObject } from "../../model/object.ts";
import { after, type Outcome, onChange } from "../../runtime/controller.ts";
import type { Needs } from "../ports.ts";

/** Whoever has put a finalizer on an object has so long to do its work before that is told. */
const PATIENCE_MS = 5 * MINUTE_MS;

export type ForeignFinalizers = {
  /** What to say; undefined: nothing yet, or there are none. */
  message: string | undefined;
  outcome: Outcome;
};

/** Tells of an object that we are done with, and that still stays because of finalizers which nobody removes. */
export function tellForeignFinalizers({ clock, events }: Needs, object: KubeObject): ForeignFinalizers {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  const deletedMs = parseTime(deletionTimestamp ?? "");
  if (deletedMs === undefined || finalizers.length === 0) return { message: undefined, outcome: onChange };
  const waitMs = deletedMs + PATIENCE_MS - clock.nowMs();
  if (waitMs > 0) return { message: undefined, outcome: after(waitMs, "others may still be at work on it") };
  const message = `Karpenter is done with it; it stays until somebody else removes the finalizers ${finalizers.join(", ")}`;
  events.record({ object, type: "Warning", reason: "FinalizerRemains", message });
  return { message, outcome: after(PATIENCE_MS, "finalizers of others remain") };
}
