import { byText } from "../../src/base/order.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { withoutNumbers } from "../../src/telemetry/decision-log.ts";
import type { DecisionObject } from "./decisions.ts";

/** An object whose history is asked for. */
export type Subject = { kind: string; name: string; namespace?: string | undefined };

/** Something that was decided about an object, or happened to it. */
export type Happening = { first: string; last: string; times: number; reason: string; message: string };

const LATEST_MAX = 30;

/** What events and the controller's decision log tell of the objects, oldest first; of much the latest. */
export function historyOf(objects: readonly KubeObject[], subjects: readonly Subject[]): Happening[] {
  const known = new Map<string, Told>();
  for (const object of objects) {
    if (object.kind !== "Event" && object.kind !== "Decision") continue;
    const told = object as DecisionObject;
    if (!subjects.some((subject) => isAbout(told, subject))) continue;
    const key = `${told.reason}\n${withoutNumbers(told.message)}`;
    known.set(key, joined(known.get(key), told));
  }
  return [...known.values()]
    .map(({ events, decisions, ...rest }) => ({ ...rest, times: Math.max(events, decisions) }))
    .sort((a, b) => byText(a.last, b.last) || byText(a.first, b.first) || byText(a.reason, b.reason))
    .slice(-LATEST_MAX);
}

/** An event and the decision that it tells of are one thing, counted by both. */
type Told = Omit<Happening, "times"> & { events: number; decisions: number };

function joined(before: Told | undefined, told: DecisionObject): Told {
  const { kind, firstTimestamp, lastTimestamp, count = 1, reason, message, metadata } = told;
  const last = lastTimestamp ?? firstTimestamp ?? metadata.creationTimestamp;
  const first = firstTimestamp ?? last;
  const isLater = before === undefined || last >= before.last;
  return {
    first: before !== undefined && before.first < first ? before.first : first,
    last: isLater ? last : before.last,
    reason,
    message: isLater ? message : before.message,
    events: (before?.events ?? 0) + (kind === "Event" ? count : 0),
    decisions: (before?.decisions ?? 0) + (kind === "Decision" ? count : 0),
  };
}

function isAbout({ involvedObject }: DecisionObject, { kind, name, namespace }: Subject): boolean {
  const isThere = namespace === undefined || involvedObject.namespace === namespace;
  return involvedObject.kind === kind && involvedObject.name === name && isThere;
}
