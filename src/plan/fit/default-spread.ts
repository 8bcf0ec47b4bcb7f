import { byText } from "../../base/order.ts";
import type { ClusterView } from "../../model/cluster-view.ts";
import type {
  LabelSelector,
  LabelSelectorRequirement,
  Pod,
  Service,
  TopologySpreadConstraint,
} from "../../model/core.ts";

/**
 * Pods without spread constraints of their own, with those that the cluster's scheduler gives to such pods. Their selector
 * is what the pod's Services and its controller select; a pod of which nothing is known that way is left as it is.
 * @source reference of the scheduling rules, section 11.6; kube-scheduler, helper DefaultSelector
 */
export class DefaultSpread {
  readonly #constraints: readonly TopologySpreadConstraint[];
  readonly #view: ClusterView;
  readonly #services: ReadonlyMap<string, readonly Service[]>;

  constructor(constraints: readonly TopologySpreadConstraint[], view: ClusterView) {
    this.#constraints = constraints;
    this.#view = view;
    this.#services = constraints.length === 0 ? new Map() : servicesByNamespace(view);
  }

  /** The same object when nothing is added; equal pods of equal surroundings stay equal. */
  of(pod: Pod): Pod {
    if (this.#constraints.length === 0 || (pod.spec.topologySpreadConstraints ?? []).length > 0) return pod;
    const labelSelector = selectorOf(pod, this.#services, this.#view);
    if (labelSelector === undefined) return pod;
    const id = JSON.stringify([labelSelector, this.#constraints]);
    const known = copies.get(pod);
    if (known?.id === id) return known.pod;
    const topologySpreadConstraints = this.#constraints.map((one) => ({ ...one, labelSelector }));
    const copy: Pod = { ...pod, spec: { ...pod.spec, topologySpreadConstraints } };
    copies.set(pod, { id, pod: copy });
    return copy;
  }
}

/** What is known of a pod is kept with its object: so it is with a pod's copy. */
const copies = new WeakMap<Pod, { id: string; pod: Pod }>();

function servicesByNamespace(view: ClusterView): ReadonlyMap<string, readonly Service[]> {
  const byNamespace = new Map<string, Service[]>();
  for (const key of [...view.services.keys()].sort(byText)) {
    const service = view.services.get(key);
    const namespace = service?.metadata.namespace ?? "default";
    if (service === undefined || Object.keys(service.spec.selector ?? {}).length === 0) continue;
    byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), service]);
  }
  return byNamespace;
}

/** Of two Services with different values for one label the later name counts; a controller's label goes before both. */
function selectorOf(
  pod: Pod,
  services: ReadonlyMap<string, readonly Service[]>,
  view: ClusterView,
): LabelSelector | undefined {
  const { namespace = "default", labels = {}, ownerReferences = [] } = pod.metadata;
  const matchLabels: Record<string, string> = {};
  for (const { spec } of services.get(namespace) ?? []) {
    const selector = spec.selector ?? {};
    if (Object.keys(selector).every((key) => labels[key] === selector[key])) Object.assign(matchLabels, selector);
  }
  const matchExpressions: LabelSelectorRequirement[] = [];
  const controller = ownerReferences.find((owner) => owner.controller === true);
  const key = `${namespace}/${controller?.name ?? ""}`;
  switch (`${controller?.apiVersion}/${controller?.kind}`) {
    case "v1/ReplicationController":
      Object.assign(matchLabels, view.replicationControllers.get(key)?.spec.selector);
      break;
    case "apps/v1/ReplicaSet":
      matchExpressions.push(...expressionsOf(view.replicaSets.get(key)?.spec.selector));
      break;
    case "apps/v1/StatefulSet":
      matchExpressions.push(...expressionsOf(view.statefulSets.get(key)?.spec.selector));
      break;
  }
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) return undefined;
  return { matchLabels, matchExpressions };
}

function expressionsOf(selector: LabelSelector | undefined): LabelSelectorRequirement[] {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  const exact = Object.keys(matchLabels).sort(byText);
  return [...exact.map((key) => ({ key, operator: "In", values: [matchLabels[key] ?? ""] })), ...matchExpressions];
}
