import { byText } from "../../base/order.ts";
import type { Pod } from "../../model/core.ts";
import { PODS } from "../../model/kinds.ts";
import { keyOf } from "../../model/object.ts";
import { refOf } from "../cache/cluster-writer.ts";
import { selects } from "../cache/selectors.ts";
import type { ControllerNeeds } from "./controller-needs.ts";
import { ENDPOINT_SLICES, ENDPOINTS, SERVICES, type Service } from "./kinds.ts";
import { controllerReference, isFinished, isReady, isSame } from "./pods.ts";

const ADDRESSES_MAX = 1_000;

/** Keeps the addresses behind each Service, as EndpointSlice and as Endpoints. */
export function startEndpointsController(needs: ControllerNeeds): void {
  const { state, loop } = needs;
  const services = state.of(SERVICES);
  const enqueue = loop.add("endpoints", (key) => reconcile(needs, key));
  services.onChange((_, after) => {
    if (after !== undefined) enqueue(keyOf(after));
  });
  for (const service of services.values()) enqueue(keyOf(service));
  state.of(PODS).onChange((before, after) => {
    if (before !== undefined && after !== undefined && shows(before) === shows(after)) return;
    const pod = (after ?? before) as Pod;
    for (const service of services.values()) {
      if (service.metadata.namespace === pod.metadata.namespace && isBehind(service, pod)) enqueue(keyOf(service));
    }
  });
}

function shows(pod: Pod): string {
  return `${pod.status?.podIP} ${isReady(pod)} ${isFinished(pod)} ${pod.metadata.deletionTimestamp}`;
}

function isBehind({ spec }: Service, pod: Pod): boolean {
  return spec.selector !== undefined && selects({ matchLabels: spec.selector }, pod.metadata.labels);
}

function reconcile({ state, writer }: ControllerNeeds, key: string): undefined {
  const service = state.of(SERVICES).get(key);
  if (service?.spec.selector === undefined || service.metadata.deletionTimestamp !== undefined) return;
  const { name, namespace = "default" } = service.metadata;
  const pods = [...state.of(PODS).values()]
    .filter((pod) => pod.metadata.namespace === namespace && isBehind(service, pod) && !isFinished(pod))
    .filter((pod) => pod.status?.podIP !== undefined && pod.metadata.deletionTimestamp === undefined)
    .sort((a, b) => byText(a.metadata.name, b.metadata.name))
    .slice(0, ADDRESSES_MAX);
  const ports = (service.spec.ports ?? []).map((port) => ({
    ...(port.name === undefined ? {} : { name: port.name }),
    port: typeof port.targetPort === "number" ? port.targetPort : port.port,
    protocol: port.protocol ?? "TCP",
  }));
  const metadata = {
    name,
    namespace,
    labels: { "kubernetes.io/service-name": name },
    ownerReferences: [controllerReference(service)],
  };
  const slice = { addressType: "IPv4", endpoints: pods.map(endpointOf), ports };
  const oldSlice = state.of(ENDPOINT_SLICES).get(key);
  if (oldSlice === undefined) {
    writer.create(ENDPOINT_SLICES, { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata, ...slice });
  } else if (!isSame(slice.endpoints, oldSlice.endpoints) || !isSame(ports, oldSlice.ports)) {
    writer.patch(ENDPOINT_SLICES, refOf(oldSlice), slice);
  }
  const subsets = pods.length === 0 ? [] : [{ ...addressesOf(pods), ports }];
  const old = state.of(ENDPOINTS).get(key);
  if (old === undefined) {
    writer.create(ENDPOINTS, { apiVersion: "v1", kind: "Endpoints", metadata: { ...metadata, labels: {} }, subsets });
  } else if (!isSame(subsets, old.subsets ?? [])) writer.patch(ENDPOINTS, refOf(old), { subsets });
}

const targetOf = ({ metadata: { name, namespace, uid } }: Pod) => ({ kind: "Pod", name, namespace, uid });

function endpointOf(pod: Pod): unknown {
  const ready = isReady(pod);
  return {
    addresses: [pod.status?.podIP],
    conditions: { ready, serving: ready, terminating: false },
    nodeName: pod.spec.nodeName,
    targetRef: targetOf(pod),
  };
}

function addressesOf(pods: readonly Pod[]): { addresses?: unknown[]; notReadyAddresses?: unknown[] } {
  const addressOf = (pod: Pod): unknown => ({
    ip: pod.status?.podIP,
    nodeName: pod.spec.nodeName,
    targetRef: targetOf(pod),
  });
  const ready = pods.filter(isReady).map(addressOf);
  const notReady = pods.filter((pod) => !isReady(pod)).map(addressOf);
  return {
    ...(ready.length === 0 ? {} : { addresses: ready }),
    ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
  };
}
