import { formatTime } from "../../base/time.ts";
import type { Namespace } from "../../model/core.ts";
import { EVENTS, type Kind, NAMESPACES, PODS } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import { isAlreadyExists } from "../../ports/kube-api.ts";
import type { ApiServer } from "../api-server/api-server.ts";
import type { ObjectListBody } from "../api-server/requests.ts";
import { refOf } from "../cache/cluster-writer.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { CONFIG_MAPS, SERVICE_ACCOUNTS } from "./kinds.ts";

const EMPTYING_AGAIN_MS = 1_000;

/** Gives each namespace its default ServiceAccount and root certificate, and empties those that are deleted. */
export function startNamespaceController(needs: ControllerNeeds, server: ApiServer): void {
  const { state, loop } = needs;
  const namespaces = state.of(NAMESPACES);
  const enqueue = loop.add("namespace", (name) => reconcile(needs, server, name));
  for (const kind of [SERVICE_ACCOUNTS, CONFIG_MAPS]) {
    state.of<Namespace>(kind as never).onChange((before, after) => {
      if (after === undefined) enqueue(before?.metadata.namespace ?? "");
    });
  }
  namespaces.onChange((_, after) => {
    if (after !== undefined) enqueue(after.metadata.name);
  });
  for (const namespace of namespaces.values()) enqueue(namespace.metadata.name);
}

function reconcile(needs: ControllerNeeds, server: ApiServer, name: string): number | undefined {
  const namespace = needs.state.of(NAMESPACES).get(name);
  if (namespace === undefined) return undefined;
  if (namespace.metadata.deletionTimestamp === undefined) {
    furnish(needs, name);
    return undefined;
  }
  return empty(needs, server, namespace);
}

function furnish({ state, writer }: ControllerNeeds, namespace: string): void {
  if (state.of(SERVICE_ACCOUNTS).get(`${namespace}/default`) === undefined) {
    ignoringExisting(() => {
      writer.create(SERVICE_ACCOUNTS, {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name: "default", namespace },
      });
    });
  }
  if (state.of(CONFIG_MAPS).get(`${namespace}/kube-root-ca.crt`) === undefined) {
    ignoringExisting(() => {
      writer.create(CONFIG_MAPS, {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "kube-root-ca.crt", namespace },
        data: { "ca.crt": "" },
      });
    });
  }
}

function ignoringExisting(create: () => void): void {
  try {
    create();
  } catch (e) {
    if (!isAlreadyExists(e)) throw e;
  }
}

/** Deletes what is in it, kind by kind; when nothing is left, the namespace's own finalizer. */
function empty(needs: ControllerNeeds, server: ApiServer, namespace: Namespace): number | undefined {
  const { name } = namespace.metadata;
  let left = 0;
  for (const resource of server.resources()) {
    if (!resource.namespaced || !resource.verbs.includes("delete") || resource.viewOf !== undefined) continue;
    const { items } = server.handle({ verb: "list", resource, namespace: name }).body as ObjectListBody;
    for (const item of items) deleteContent(needs, resource, item);
    const isEvents = resource.plural === EVENTS.plural && resource.group === "";
    if (!isEvents) left += items.length;
  }
  if (left > 0) {
    sayTerminating(needs, namespace);
    return EMPTYING_AGAIN_MS;
  }
  const { finalizers: _, ...spec } = namespace.spec ?? {};
  server.handle({
    verb: "update",
    resource: server.resourceOfKind(NAMESPACES),
    name,
    subresource: "finalize",
    body: { ...namespace, spec: { ...spec, finalizers: [] } },
  });
  return undefined;
}

function deleteContent({ writer }: ControllerNeeds, resource: Kind, item: KubeObject): void {
  if (item.metadata.deletionTimestamp !== undefined) return;
  const isPod = resource.plural === PODS.plural && resource.group === "";
  writer.delete(resource, refOf(item), isPod ? {} : { propagationPolicy: "Background" });
}

function sayTerminating({ writer, clock }: ControllerNeeds, { metadata: { name }, status }: Namespace): void {
  if ((status as { conditions?: unknown[] } | undefined)?.conditions !== undefined) return;
  const condition = {
    type: "NamespaceContentRemaining",
    status: "True",
    reason: "SomeResourcesRemain",
    message: "Some objects of the namespace are left",
    lastTransitionTime: formatTime(clock.nowMs()),
  };
  writer.patchStatus(NAMESPACES, { name }, { phase: "Terminating", conditions: [condition] });
}
