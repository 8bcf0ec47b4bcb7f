import type { Clock } from "../../src/ports/clock.ts";
import type { ApiServer, StoreChange } from "../../src/simulation/api-server/api-server.ts";
import type { RawObject } from "../../src/simulation/api-server/requests.ts";

type Workload = RawObject & { spec: { replicas?: number }; status?: { observedGeneration?: number } };

/**
 * The least that kubectl waits for: pods that are being deleted go, deployments reach what they ask for. After a delay,
 * or (0) as soon as the server is done with the request.
 * @returns stops them
 */
export function startPuppets(server: ApiServer, clock: Clock, delayMs: number): () => void {
  let isOver = false;
  const soon = (run: () => void): void => {
    const guarded = (): void => {
      if (!isOver) run();
    };
    if (delayMs === 0) setImmediate(guarded);
    else clock.after(delayMs, guarded);
  };
  const stop = server.observe((change: StoreChange) => {
    const { resource, after } = change;
    if (after === undefined) return;
    if (resource.plural === "pods" && after.metadata.deletionTimestamp !== undefined) soon(() => endPod(server, after));
    if (resource.plural === "deployments")
      soon(() => settleDeployment(server, after.metadata.name, after.metadata.namespace));
  });
  return () => {
    isOver = true;
    stop();
  };
}

function endPod(server: ApiServer, pod: RawObject): void {
  const found = server.objectOfUid(pod.metadata.uid);
  if (found === undefined) return;
  const { name, namespace = "" } = pod.metadata;
  server.handle({ verb: "delete", resource: found.resource, namespace, name, body: { gracePeriodSeconds: 0 } });
}

function settleDeployment(server: ApiServer, name: string, namespace = ""): void {
  const resource = server.resource("apps", "v1", "deployments");
  if (resource === undefined) return;
  const all = server.handle({ verb: "list", resource, namespace, query: { fieldSelector: `metadata.name=${name}` } });
  const [deployment] = (all.body as unknown as { items: Workload[] }).items;
  if (deployment === undefined || deployment.status?.observedGeneration === deployment.metadata.generation) return;
  const replicas = deployment.spec.replicas ?? 1;
  const status = {
    observedGeneration: deployment.metadata.generation,
    replicas,
    updatedReplicas: replicas,
    readyReplicas: replicas,
    availableReplicas: replicas,
    conditions: [{ type: "Available", status: "True", reason: "MinimumReplicasAvailable", message: "" }],
  };
  server.handle({ verb: "update", resource, namespace, name, subresource: "status", body: { ...deployment, status } });
}
