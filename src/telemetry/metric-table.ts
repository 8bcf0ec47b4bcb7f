export type MetricType = "counter" | "gauge" | "histogram" | "summary";
export type MetricSpec = {
  readonly name: string;
  readonly type: MetricType;
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds, ascending, of a histogram. */
  readonly buckets?: readonly number[];
  /** Samples that stand at 0 from the start, so that a rate over them has a beginning. */
  readonly presets?: readonly Readonly<Record<string, string>>[];
};

export type MetricTableOptions = {
  /** WELL_KNOWN_LABELS and those of the provider: labels of the node gauges. */
  wellKnownLabels: readonly string[];
  /** CloudProvider.nodeClasses: labels of the status-condition metrics. */
  nodeClasses: readonly { group: string; kind: string }[];
};

/**
 * Every metric there is, with its labels. Adding one is a line here.
 * @source reference of the Prometheus metrics; help texts are ours
 */
export function metricTable({ wellKnownLabels, nodeClasses }: MetricTableOptions): readonly MetricSpec[] {
  const node = nodeLabels(wellKnownLabels);
  return [
    ...CLAIMS_AND_NODES,
    ...nodeStateRows(node),
    ...NODE_POOLS,
    ...DISRUPTION,
    ...PODS,
    ...podsStateRows(),
    ...SCHEDULER,
    ...OUTSIDE,
    ...AWS,
    ...RUNTIME,
    ...conditionRows(nodeClasses),
  ];
}

/** The metric label of a node label: "topology.kubernetes.io/zone" is zone, "karpenter.sh/capacity-type" capacity_type. */
export function metricLabelOf(nodeLabel: string): string {
  return (nodeLabel.split("/").at(-1) ?? nodeLabel).toLowerCase().replaceAll("-", "_");
}

const DURATIONS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60, 120, 150, 300, 450, 600,
];
const RECONCILE_DURATIONS = DURATIONS.filter((bound) => bound <= 60);
const CLIENT_DEFAULTS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const CONDITION_DURATIONS = growing(0.5, 2, 15);
const REQUEST_DURATIONS = growing(0.001, 1.5, 20);
const QUEUE_DURATIONS = growing(1e-8, 10, 12);
const LIFETIMES = [
  ...[15, 30, 45].map((minutes) => minutes * 60),
  ...[1, 2, 4, 6, 8, 10, 12, 16, 20].map((hours) => hours * 3_600),
  ...[1, 2, 3, 5, 10, 15, 20, 25, 30].map((days) => days * 86_400),
];

const CLAIMS_AND_NODES: readonly MetricSpec[] = [
  gauge("karpenter_build_info", "version goversion goarch commit", "Always 1; the labels say what is running."),
  counter("karpenter_nodeclaims_created_total", "reason nodepool min_values_relaxed", "NodeClaims created."),
  counter("karpenter_nodeclaims_terminated_total", "nodepool capacity_type zone", "NodeClaims that are gone."),
  counter(
    "karpenter_nodeclaims_disrupted_total",
    "reason nodepool capacity_type consolidation_policy termination_mode",
    "NodeClaims whose deletion was asked for, by reason.",
  ),
  counter(
    "karpenter_nodeclaims_unhealthy_disrupted_total",
    "condition nodepool capacity_type image_id",
    "NodeClaims deleted because their node was sick.",
  ),
  histogram(
    "karpenter_nodeclaims_instance_termination_duration_seconds",
    "nodepool",
    "From asking for an instance's termination until the provider says it is gone.",
    growing(1, 2, 11),
  ),
  histogram(
    "karpenter_nodeclaims_termination_duration_seconds",
    "nodepool",
    "From a NodeClaim's deletion timestamp until its finalizer is removed.",
    growing(1, 2, 12),
  ),
  gauge("karpenter_nodeclaims_total", "nodepool phase", "NodeClaims: Pending, Registered, Initialized or Terminating."),
  gauge("karpenter_nodes_total", "nodepool", "Nodes of a NodePool, also of one that has none."),
  counter("karpenter_nodes_created_total", "nodepool zone", "Nodes that registered."),
  counter("karpenter_nodes_terminated_total", "nodepool zone", "Nodes whose finalizer was removed."),
  summary(
    "karpenter_nodes_termination_duration_seconds",
    "nodepool",
    "From a node's deletion timestamp until its finalizer is removed.",
  ),
  counter("karpenter_nodes_drained_total", "nodepool", "Nodes that were drained."),
  histogram(
    "karpenter_nodes_lifetime_duration_seconds",
    "nodepool",
    "Age of nodes when their finalizer is removed.",
    LIFETIMES,
  ),
];

function nodeStateRows(node: readonly string[]): MetricSpec[] {
  const withResource = [...node, "resource_type"].join(" ");
  return [
    gauge("karpenter_nodes_allocatable", withResource, "What a node offers to pods."),
    gauge(
      "karpenter_nodes_total_pod_requests",
      withResource,
      "Requests of the pods bound to a node, daemons included.",
    ),
    gauge("karpenter_nodes_total_pod_limits", withResource, "Limits of the pods bound to a node, daemons included."),
    gauge("karpenter_nodes_total_daemon_requests", withResource, "Requests of a node's daemon pods."),
    gauge("karpenter_nodes_total_daemon_limits", withResource, "Limits of a node's daemon pods."),
    gauge("karpenter_nodes_system_overhead", withResource, "Capacity of a node that pods do not get."),
    gauge("karpenter_nodes_current_lifetime_seconds", node.join(" "), "Age of a node."),
    gauge("karpenter_cluster_utilization_percent", "resource_type", "Requested share of all that nodes offer."),
  ];
}

function nodeLabels(wellKnownLabels: readonly string[]): string[] {
  return [...new Set([...wellKnownLabels.map(metricLabelOf), "node_name", "phase", "managed"])];
}

const NODE_POOLS: readonly MetricSpec[] = [
  gauge("karpenter_nodepools_limit", "resource_type nodepool", "Limits of a NodePool."),
  gauge("karpenter_nodepools_usage", "resource_type nodepool", "What the nodes of a NodePool add up to."),
  gauge("karpenter_nodepools_cost_total", "nodepool", "US dollars per hour of a NodePool's nodes."),
  counter("karpenter_nodepools_cost_tracker_errors_total", "nodepool", "Nodes whose price could not be accounted for."),
  gauge(
    "karpenter_nodepools_allowed_disruptions",
    "nodepool reason",
    "Nodes that the budgets allow to be disrupted at once.",
  ),
  gauge(
    "karpenter_nodepools_nodes_consuming_budgets",
    "nodepool reason",
    "Nodes that count against the budgets: not ready, or being deleted.",
  ),
];

const DISRUPTION: readonly MetricSpec[] = [
  histogram(
    "karpenter_voluntary_disruption_decision_evaluation_duration_seconds",
    "reason consolidation_type",
    "Time to evaluate one method of disruption.",
    DURATIONS,
  ),
  histogram(
    "karpenter_disruption_evaluation_duration_seconds",
    "reason consolidation_type",
    "The same under the name that guides alert on.",
    DURATIONS,
  ),
  counter(
    "karpenter_voluntary_disruption_decisions_total",
    "decision reason consolidation_type",
    "Disruptions that were begun.",
  ),
  counter(
    "karpenter_voluntary_disruption_decisions_by_nodepool_total",
    "nodepool decision reason consolidation_type",
    "Disruptions that were begun, once for each NodePool in one.",
  ),
  gauge("karpenter_voluntary_disruption_eligible_nodes", "reason", "Nodes that the last evaluation looked at."),
  {
    ...counter(
      "karpenter_voluntary_disruption_consolidation_timeouts_total",
      "consolidation_type",
      "Searches that ended before they had looked at everything.",
    ),
    presets: [{ consolidation_type: "multi" }, { consolidation_type: "single" }],
  },
  counter(
    "karpenter_voluntary_disruption_failed_validations_total",
    "consolidation_type",
    "Candidates that were no longer good when looked at again.",
  ),
  counter(
    "karpenter_voluntary_disruption_queue_failures_total",
    "decision reason consolidation_type",
    "Replacements that never became ready, of disruptions that were given up.",
  ),
  histogram(
    "karpenter_consolidation_score",
    "decision nodepool policy",
    "Saving against disruption, of consolidations that were scored.",
    [0.1, 0.25, 0.33, 0.5, 1, 2, 5, 10],
  ),
  counter("karpenter_consolidation_moves_total", "decision nodepool policy", "Consolidations that were scored."),
  counter("karpenter_interruption_received_messages_total", "message_type", "Notices of interruptions, by kind."),
  counter("karpenter_interruption_deleted_messages_total", "", "Notices of interruptions that were dealt with."),
  histogram(
    "karpenter_interruption_message_queue_duration_seconds",
    "",
    "From the cloud's writing a notice until it was received.",
    DURATIONS,
  ),
];

const BATCH_SIZES = [
  1, 2, 4, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100, 125, 150, 175, 200, 250, 300, 350, 400, 450, 500, 600,
  700, 800, 900, 1_000,
];
const OFFERING = "instance_type capacity_type zone";

/** Of the AWS provider. */
const AWS: readonly MetricSpec[] = [
  gauge("karpenter_cloudprovider_instance_type_offering_available", OFFERING, "1 if it can be bought now, else 0."),
  gauge("karpenter_cloudprovider_instance_type_offering_price_estimate", OFFERING, "US dollars per hour."),
  gauge("karpenter_cloudprovider_instance_type_cpu_cores", "instance_type", "Processors of a type."),
  gauge("karpenter_cloudprovider_instance_type_memory_bytes", "instance_type", "Memory that nodes of a type have."),
  counter(
    "karpenter_cloudprovider_instance_launch_failures_total",
    "zone zone_id capacity_type reason",
    "What stood against launches, by offering that EC2 refused.",
  ),
  counter(
    "karpenter_cloudprovider_instance_termination_failures_total",
    "zone zone_id",
    "Instances whose end could not be asked for.",
  ),
  histogram(
    "karpenter_cloudprovider_batcher_batch_time_seconds",
    "batcher",
    "For how long requests were gathered.",
    CLIENT_DEFAULTS,
  ),
  histogram("karpenter_cloudprovider_batcher_batch_size", "batcher", "How many requests became one.", BATCH_SIZES),
  gauge(
    "karpenter_cloudprovider_price_age_seconds",
    "capacity_type",
    "Time since prices were had from AWS; without any answer yet, since the catalogue was made.",
  ),
  gauge("karpenter_ec2nodeclasses_userdata_bytes", "nodeclass", "Size of the user data of the last launch template."),
  counter("aws_sdk_go_request_total", "service action", "Requests to AWS, each with all its attempts."),
  counter("aws_sdk_go_request_retry_count", "service action", "Attempts after the first."),
  histogram("aws_sdk_go_request_duration_seconds", "service action", "Time of a request.", CLIENT_DEFAULTS),
  counter("aws_sdk_go_request_attempt_total", "service action", "Attempts of requests to AWS."),
  histogram("aws_sdk_go_request_attempt_duration_seconds", "service action", "Time of an attempt.", CLIENT_DEFAULTS),
  counter(
    "karpenter_interruption_instance_status_unhealthy_total",
    "category",
    "Instances that EC2 found not to work, or has scheduled work on.",
  ),
];

const PODS: readonly MetricSpec[] = [
  summary("karpenter_pods_startup_duration_seconds", "", "From a pod's creation until it is ready."),
  gauge("karpenter_pods_unstarted_time_seconds", "name namespace", "Age of a pod that is not ready yet."),
  histogram("karpenter_pods_bound_duration_seconds", "", "From a pod's creation until it is bound.", DURATIONS),
  gauge("karpenter_pods_unbound_time_seconds", "name namespace", "Age of a pod that is not bound yet."),
  histogram(
    "karpenter_pods_provisioning_bound_duration_seconds",
    "",
    "From the first plan that had a place for a pod until it is bound.",
    DURATIONS,
  ),
  gauge(
    "karpenter_pods_provisioning_unbound_time_seconds",
    "name namespace",
    "Time since the first plan that had a place for a pod that is not bound yet.",
  ),
  histogram(
    "karpenter_pods_provisioning_startup_duration_seconds",
    "",
    "From the first plan that had a place for a pod until it is ready.",
    DURATIONS,
  ),
  gauge(
    "karpenter_pods_provisioning_unstarted_time_seconds",
    "name namespace",
    "Time since the first plan that had a place for a pod that is not ready yet.",
  ),
  gauge(
    "karpenter_pods_provisioning_scheduling_undecided_time_seconds",
    "name namespace",
    "Time since a pod was first seen that no plan has dealt with yet.",
  ),
  histogram(
    "karpenter_pods_scheduling_decision_duration_seconds",
    "",
    "From first seeing a pod until the first plan that deals with it.",
    DURATIONS,
  ),
  counter("karpenter_pods_eviction_requests_total", "code", "Evictions asked for, by the answer's HTTP status."),
  counter("karpenter_pods_drained_total", "reason", "Pods evicted or deleted from nodes that end."),
  counter(
    "karpenter_pods_disruption_initiated_total",
    "reason nodepool capacity_type consolidation_policy termination_mode",
    "Pods on nodes whose end was begun.",
  ),
];

function podsStateRows(): MetricSpec[] {
  const labels =
    "name namespace owner node scheduled nodepool zone arch capacity_type instance_type phase ready managed";
  return [gauge("karpenter_pods_state", labels, "1 for each pod; the labels say where and how it is.")];
}

const SCHEDULER: readonly MetricSpec[] = [
  histogram("karpenter_scheduler_scheduling_duration_seconds", "controller", "Time to make a plan.", DURATIONS),
  gauge(
    "karpenter_scheduler_queue_depth",
    "controller scheduling_id",
    "Pods that the present plan has not placed yet.",
  ),
  gauge("karpenter_scheduler_unfinished_work_seconds", "controller scheduling_id", "Age of the plan in the making."),
  gauge("karpenter_provisioner_scheduling_queue_depth", "", "Pods that wait for a node now."),
  gauge("karpenter_scheduler_ignored_pods_count", "", "Pods that are left out because they cannot be valid."),
  gauge("karpenter_scheduler_unschedulable_pods_count", "controller", "Pods that the last plan had no place for."),
  gauge(
    "karpenter_scheduler_pending_pods_by_effective_zone_count",
    "controller zone",
    "Pending pods by the zone that they can go to: its name, flexible, or none.",
  ),
  gauge("karpenter_cluster_state_node_count", "", "Nodes and claims in the picture of the cluster."),
  gauge("karpenter_cluster_state_synced", "", "1 while the picture of the cluster is complete."),
  gauge("karpenter_cluster_state_unsynced_time_seconds", "", "Time since the picture of the cluster was complete."),
];

const OUTSIDE: readonly MetricSpec[] = [
  histogram(
    "karpenter_cloudprovider_duration_seconds",
    "controller method provider",
    "Time of a call to the cloud provider.",
    CLIENT_DEFAULTS,
  ),
  counter("karpenter_cloudprovider_errors_total", "controller method provider error", "Failed calls to the provider."),
  histogram(
    "client_go_request_duration_seconds",
    "verb group version kind subresource",
    "Time of a request to the API server.",
    REQUEST_DURATIONS,
  ),
  counter("client_go_request_total", "code method", "Answers of the API server."),
];

const RUNTIME: readonly MetricSpec[] = [
  counter("controller_runtime_reconcile_total", "controller result", "Reconciles, by result."),
  counter("controller_runtime_reconcile_errors_total", "controller", "Reconciles that failed."),
  counter("controller_runtime_terminal_reconcile_errors_total", "controller", "Reconciles that failed for good."),
  counter(
    "controller_runtime_reconcile_panics_total",
    "controller",
    "Reconciles that met a broken law of the program.",
  ),
  counter("controller_runtime_reconcile_timeouts_total", "controller", "Reconciles that ran out of time."),
  histogram("controller_runtime_reconcile_time_seconds", "controller", "Time of a reconcile.", RECONCILE_DURATIONS),
  gauge("controller_runtime_max_concurrent_reconciles", "controller", "Most reconciles at once."),
  gauge("controller_runtime_active_workers", "controller", "Reconciles that run now."),
  gauge("workqueue_depth", "name controller priority", "Keys that wait for a worker."),
  counter("workqueue_adds_total", "name controller", "Keys that became due."),
  counter("workqueue_retries_total", "name controller", "Keys that come again after a failure."),
  histogram("workqueue_queue_duration_seconds", "name controller", "Time a key waits for a worker.", QUEUE_DURATIONS),
  histogram("workqueue_work_duration_seconds", "name controller", "Time a worker spends on a key.", QUEUE_DURATIONS),
  gauge("workqueue_unfinished_work_seconds", "name controller", "Age of all work in progress, added up."),
  gauge("workqueue_longest_running_processor_seconds", "name controller", "Age of the oldest work in progress."),
  counter("process_cpu_seconds_total", "", "Processor time of this process."),
  gauge("process_resident_memory_bytes", "", "Memory of this process."),
  gauge("process_start_time_seconds", "", "When this process began, in seconds since 1970."),
  gauge("leader_election_master_status", "name", "1 while this process leads, 0 while it stands by."),
  { ...counter("certwatcher_read_certificate_total", "", "Always 0: there is no certificate to read."), presets: [{}] },
  {
    ...counter("certwatcher_read_certificate_errors_total", "", "Always 0: there is no certificate to read."),
    presets: [{}],
  },
];

/** Kinds whose conditions are watched; the last ones only with the features that bring them. */
const CONDITION_KINDS: readonly {
  name: string;
  hasClassLabels: boolean;
  extra: readonly string[];
  hasTwin: boolean;
}[] = [
  { name: "nodeclaim", hasClassLabels: true, extra: ["karpenter_sh_nodepool"], hasTwin: true },
  { name: "nodepool", hasClassLabels: false, extra: [], hasTwin: true },
  {
    name: "node",
    hasClassLabels: true,
    extra: ["karpenter_sh_nodepool", "karpenter_sh_initialized"],
    hasTwin: false,
  },
  { name: "capacitybuffer", hasClassLabels: false, extra: [], hasTwin: true },
];

function conditionRows(nodeClasses: MetricTableOptions["nodeClasses"]): MetricSpec[] {
  const classLabels = nodeClasses.map(({ group, kind }) => `${group.replaceAll(/[/.-]/g, "_")}_${kind.toLowerCase()}`);
  const ofKinds = CONDITION_KINDS.flatMap(({ name, hasClassLabels, extra }) =>
    conditionFamily(`operator_${name}`, [...(hasClassLabels ? classLabels : []), ...extra], CONDITION_DURATIONS),
  );
  const ofClasses = nodeClasses.flatMap(({ kind }) =>
    conditionFamily(`operator_${kind.toLowerCase()}`, [], CONDITION_DURATIONS),
  );
  return [...ofKinds, ...ofClasses, ...conditionFamily("operator", twinLabels(classLabels), CLIENT_DEFAULTS)];
}

/** The metrics without a kind in their name carry the labels of all kinds that have them. */
function twinLabels(classLabels: readonly string[]): string[] {
  const extra = CONDITION_KINDS.filter(({ hasTwin }) => hasTwin).flatMap((kind) => kind.extra);
  return [...new Set([...classLabels, ...extra, "group", "kind"])];
}

function conditionFamily(prefix: string, extra: readonly string[], buckets: readonly number[]): MetricSpec[] {
  const labels = (base: string): string => [base, ...extra].filter((label) => label !== "").join(" ");
  const condition = `${prefix}_status_condition`;
  return [
    gauge(`${condition}_count`, labels("namespace name type status reason"), "1 for each condition of an object."),
    gauge(
      `${condition}_current_status_seconds`,
      labels("namespace name type status reason"),
      "Time since a condition has its present status.",
    ),
    counter(`${condition}_transitions_total`, labels("type status reason"), "Changes of a condition's status."),
    histogram(
      `${condition}_transition_seconds`,
      labels("type status"),
      "Time that a condition had a status before it changed.",
      buckets,
    ),
    gauge(
      `${prefix}_termination_current_time_seconds`,
      labels("namespace name"),
      "Time since an object's deletion was asked for.",
    ),
    histogram(
      `${prefix}_termination_duration_seconds`,
      labels(""),
      "From asking for an object's deletion until it is gone.",
      buckets,
    ),
  ];
}

function counter(name: string, labels: string, help: string): MetricSpec {
  return { name, type: "counter", labels: words(labels), help };
}

function gauge(name: string, labels: string, help: string): MetricSpec {
  return { name, type: "gauge", labels: words(labels), help };
}

function summary(name: string, labels: string, help: string): MetricSpec {
  return { name, type: "summary", labels: words(labels), help };
}

function histogram(name: string, labels: string, help: string, buckets: readonly number[]): MetricSpec {
  return { name, type: "histogram", labels: words(labels), help, buckets };
}

function words(text: string): string[] {
  return text === "" ? [] : text.split(" ");
}

function growing(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Number((first * factor ** i).toPrecision(12)));
}
