import type { Connection } from "../../src/kube/connect.ts";
import type { CoreEvent, Pod } from "../../src/model/core.ts";
import type { KubeObject } from "../../src/model/object.ts";
import type { Decision } from "../../src/telemetry/decision-log.ts";

/** An entry of the controller's decision log, as snapshots hold it: like an Event, but none that the API server knows. */
export const DECISION_TYPE = "karpenter.sh/snapshot/v1/Decision";
export type DecisionObject = Omit<CoreEvent, "apiVersion" | "kind" | "type"> & KubeObject;

const PORT = 8080;

/**
 * What the controller remembers of its decisions, read through the API server from the pods that say they are Karpenter's.
 * Only the leader has any. None in a cluster without such pods.
 * @throws ApiError, RetryError when no pod answers
 */
export async function readDecisions(
  { text }: Pick<Connection, "text">,
  objects: readonly KubeObject[],
): Promise<DecisionObject[]> {
  const problems: unknown[] = [];
  const pods = controllerPods(objects);
  const lines: string[] = [];
  for (const { metadata } of pods) {
    const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}:${PORT}/proxy/decisions`;
    const answer = await text(path).catch((error: unknown) => void problems.push(error));
    lines.push(...(answer ?? "").split("\n").filter((line) => line !== ""));
  }
  if (pods.length > 0 && problems.length === pods.length) throw problems[0];
  // In the playground every pod answers for the one that leads.
  return [...new Set(lines)].map((line, index) => asObject(JSON.parse(line) as Decision, index));
}

export function controllerPods(objects: readonly KubeObject[]): Pod[] {
  const pods = objects.filter(({ kind }) => kind === "Pod") as Pod[];
  return pods.filter(
    ({ metadata, status }) =>
      metadata.labels?.["app.kubernetes.io/name"] === "karpenter" && status?.phase === "Running",
  );
}

function asObject(decision: Decision, index: number): DecisionObject {
  const { time, firstTime, count, reason, message, kind, namespace, name, uid } = decision;
  return {
    apiVersion: "karpenter.sh/snapshot/v1",
    kind: "Decision",
    metadata: { name: `decision-${index}`, uid: "", resourceVersion: "", creationTimestamp: firstTime },
    involvedObject: { kind, name, uid, ...(namespace === undefined ? {} : { namespace }) },
    reason,
    message,
    firstTimestamp: firstTime,
    lastTimestamp: time,
    count,
    reportingComponent: "karpenter",
  };
}
