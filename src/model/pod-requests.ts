import { byText } from "../base/order.ts";
import type { Container, ContainerStatus, Pod, PodSpec, ResourceRequirements } from "./core.ts";
import { keyOf } from "./object.ts";
import { addResources, maxResources, NO_RESOURCES, parseResources, type Resources } from "./resources.ts";

/**
 * What the scheduler sets aside for a pod, without `pods`: containers and sidecars side by side, against each init
 * container with the sidecars started before it; pod-level requests replace that for cpu, memory and huge pages;
 * overhead comes on top. A container being resized counts with the largest of what it asked for, has and was given.
 * @source reference of scheduling, section 14; k8s.io/component-helpers resource, PodRequests
 */
export function podRequests(pod: Pod): Resources {
  const known = cache.get(pod);
  if (known !== undefined) return known;
  const requests = computeRequests(pod.spec, statusesOf(pod), isResizeInfeasible(pod));
  cache.set(pod, requests);
  return requests;
}

/** The same for a template, which has no status. Limits stand in for missing requests, as the API server does it. */
export function templateRequests(spec: PodSpec): Resources {
  return computeRequests(spec, new Map(), false);
}

/** The sum over pods, with `pods` as their number. */
export function totalRequests(pods: readonly Pod[]): Resources {
  return addResources(...pods.map(podRequests), { pods: pods.length });
}

/** Largest first: by cpu, then by memory, then by key. */
export function bySize(a: Pod, b: Pod): number {
  const [ra, rb] = [podRequests(a), podRequests(b)];
  const byAmount = (name: string): number => (rb[name] ?? 0) - (ra[name] ?? 0);
  return byAmount("cpu") || byAmount("memory") || byText(keyOf(a), keyOf(b));
}

const cache = new WeakMap<Pod, Resources>();

function computeRequests(
  spec: PodSpec,
  statuses: ReadonlyMap<string, ContainerStatus>,
  isInfeasible: boolean,
): Resources {
  const requestsOf = (container: Container): Resources => {
    const status = isResizable(container, spec) ? statuses.get(container.name) : undefined;
    return containerRequests(container, status, isInfeasible);
  };
  let sidecars = NO_RESOURCES;
  let initPeak = NO_RESOURCES;
  for (const container of spec.initContainers ?? []) {
    const withEarlier = addResources(requestsOf(container), sidecars);
    if (isSidecar(container)) sidecars = withEarlier;
    initPeak = maxResources(initPeak, withEarlier);
  }
  const running = addResources(...spec.containers.map(requestsOf), sidecars);
  const own = withPodLevel(maxResources(running, initPeak), spec.resources);
  return spec.overhead === undefined ? own : addResources(own, parseResources(spec.overhead));
}

function containerRequests(
  container: Container,
  status: ContainerStatus | undefined,
  isInfeasible: boolean,
): Resources {
  const spec = withLimits(container.resources);
  if (status?.resources === undefined) return spec;
  const actual = parseResources(status.resources.requests);
  const allocated = parseResources(status.allocatedResources);
  return isInfeasible ? maxResources(actual, allocated) : maxResources(spec, actual, allocated);
}

function withLimits(resources: ResourceRequirements | undefined): Resources {
  if (resources === undefined) return NO_RESOURCES;
  const requests = parseResources(resources.requests);
  return resources.limits === undefined ? requests : { ...parseResources(resources.limits), ...requests };
}

function withPodLevel(own: Resources, podLevel: ResourceRequirements | undefined): Resources {
  if (podLevel === undefined) return own;
  const result: Record<string, number> = { ...own };
  const limits = parseResources(podLevel.limits);
  for (const name of Object.keys(limits)) {
    if (isPodLevel(name) && result[name] === undefined) result[name] = limits[name] ?? 0;
  }
  const requests = parseResources(podLevel.requests);
  for (const name of Object.keys(requests)) if (isPodLevel(name)) result[name] = requests[name] ?? 0;
  return result;
}

function isPodLevel(resource: string): boolean {
  return resource === "cpu" || resource === "memory" || resource.startsWith("hugepages-");
}

function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/** Only what runs on can be resized: an init container's status says nothing about what it will need. */
function isResizable(container: Container, spec: PodSpec): boolean {
  return isSidecar(container) || !(spec.initContainers ?? []).includes(container);
}

function statusesOf(pod: Pod): ReadonlyMap<string, ContainerStatus> {
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  return new Map(all.map((status) => [status.name, status]));
}

function isResizeInfeasible(pod: Pod): boolean {
  return (pod.status?.conditions ?? []).some(
    ({ type, reason }) => type === "PodResizePending" && reason === "Infeasible",
  );
}
