import type { KubeObject } from "../model/object.ts";

export type Labels = Readonly<Record<string, string>>;

/** Numbers for /metrics. Names and labels are those of telemetry's one table; an unknown name is an InvariantError. */
export interface Metrics {
  count(name: string, labels?: Labels, by?: number): void;
  gauge(name: string, value: number, labels?: Labels): void;
  /** Forgets the samples of a gauge that carry at least these labels. */
  forget(name: string, labels: Labels): void;
  observe(name: string, value: number, labels?: Labels): void;
}

/** A Kubernetes Event to be published. */
export type EventRecord = {
  object: Pick<KubeObject, "apiVersion" | "kind" | "metadata">;
  type: "Normal" | "Warning";
  reason: string;
  message: string;
  /** Equal reason and values within the time are published once; default: the object's uid. */
  dedupeValues?: readonly string[];
  /** Default 2 minutes. */
  dedupeMs?: number;
  /** False: it is only kept for whoever asks why. */
  isPublished?: boolean;
};
export interface Events {
  /** Never rejects, never waits: publishing happens by and by, and is given up when it fails. */
  record(event: EventRecord): void;
}

/** Fields become keys of the JSON line. */
export type LogFields = Readonly<Record<string, unknown>>;
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines all carry these fields too; `logger` names append with a dot. */
  with(fields: LogFields): Log;
}
