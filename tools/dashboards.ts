// Grafana's dashboards of the chart: what is shown, in the order of the page. tools/charts.test.ts writes and checks them.

type Panel = {
  title: string;
  unit?: string;
  kind?: "timeseries" | "stat" | "table";
  queries: readonly Query[];
  about?: string;
};
type Query = { expr: string; legend: string };
type Dashboard = { file: string; title: string; uid: string; panels: readonly Panel[] };

const POOL = 'nodepool=~"$nodepool"';
const one = (expr: string, legend = ""): readonly Query[] => [{ expr, legend }];

export const DASHBOARDS: readonly Dashboard[] = [
  {
    file: "karpenter-capacity.json",
    title: "Karpenter / Capacity and cost",
    uid: "karpenter-capacity",
    panels: [
      { title: "Nodes", kind: "stat", queries: one(`sum(karpenter_nodes_total{${POOL}})`) },
      {
        title: "US dollars per hour",
        kind: "stat",
        unit: "currencyUSD",
        queries: one(`sum(karpenter_nodepools_cost_total{${POOL}})`),
      },
      {
        title: "Pods that wait for nodes",
        kind: "stat",
        queries: one("max(karpenter_provisioner_scheduling_queue_depth)"),
      },
      {
        title: "Pods that no node can take",
        kind: "stat",
        queries: one("max(karpenter_scheduler_unschedulable_pods_count)"),
      },
      { title: "Nodes by pool", queries: one(`sum by (nodepool) (karpenter_nodes_total{${POOL}})`, "{{nodepool}}") },
      {
        title: "NodeClaims by phase",
        queries: one(`sum by (phase) (karpenter_nodeclaims_total{${POOL}})`, "{{phase}}"),
      },
      {
        title: "Cost by pool",
        unit: "currencyUSD",
        queries: one(`sum by (nodepool) (karpenter_nodepools_cost_total{${POOL}})`, "{{nodepool}}"),
      },
      {
        title: "CPUs that are asked for",
        unit: "percent",
        queries: one("karpenter_cluster_utilization_percent", "{{resource_type}}"),
        about: "Requests of pods over what nodes offer to them.",
      },
      {
        title: "Use of limits",
        unit: "percentunit",
        queries: one(
          `karpenter_nodepools_usage{${POOL}} / on (nodepool, resource_type) (karpenter_nodepools_limit{${POOL}} > 0)`,
          "{{nodepool}} {{resource_type}}",
        ),
      },
      {
        title: "CPUs by capacity type",
        queries: one('sum by (capacity_type) (karpenter_nodes_allocatable{resource_type="cpu"})', "{{capacity_type}}"),
      },
      {
        title: "CPUs by zone",
        queries: one('sum by (zone) (karpenter_nodes_allocatable{resource_type="cpu"})', "{{zone}}"),
      },
      {
        title: "CPUs by instance type",
        queries: one(
          'topk(12, sum by (instance_type) (karpenter_nodes_allocatable{resource_type="cpu"}))',
          "{{instance_type}}",
        ),
      },
      {
        title: "CPUs of daemons",
        unit: "percentunit",
        queries: one(
          'sum by (nodepool) (karpenter_nodes_total_daemon_requests{resource_type="cpu"}) / sum by (nodepool) (karpenter_nodes_allocatable{resource_type="cpu"})',
          "{{nodepool}}",
        ),
        about: "What every node pays for its DaemonSets.",
      },
      {
        title: "Time from pod to bound",
        unit: "s",
        queries: [50, 99].map((q) => ({
          expr: `histogram_quantile(0.${q}, sum by (le) (rate(karpenter_pods_bound_duration_seconds_bucket[$__rate_interval])))`,
          legend: `p${q}`,
        })),
      },
    ],
  },
  {
    file: "karpenter-disruption.json",
    title: "Karpenter / Disruption",
    uid: "karpenter-disruption",
    panels: [
      {
        title: "Nodes taken away, by reason",
        queries: one(
          `sum by (reason) (increase(karpenter_nodeclaims_disrupted_total{${POOL}}[$__rate_interval]))`,
          "{{reason}}",
        ),
      },
      {
        title: "Pods moved, by reason",
        queries: one(
          `sum by (reason) (increase(karpenter_pods_disruption_initiated_total{${POOL}}[$__rate_interval]))`,
          "{{reason}}",
        ),
      },
      {
        title: "Allowed by budgets",
        queries: one(
          `min by (nodepool, reason) (karpenter_nodepools_allowed_disruptions{${POOL}})`,
          "{{nodepool}} {{reason}}",
        ),
      },
      {
        title: "Counting against budgets",
        queries: one(
          `max by (nodepool, reason) (karpenter_nodepools_nodes_consuming_budgets{${POOL}})`,
          "{{nodepool}} {{reason}}",
        ),
      },
      {
        title: "Commands begun",
        queries: one(
          "sum by (decision, reason) (increase(karpenter_voluntary_disruption_decisions_total[$__rate_interval]))",
          "{{decision}} {{reason}}",
        ),
      },
      {
        title: "Commands given up",
        queries: one(
          "sum by (reason) (increase(karpenter_voluntary_disruption_queue_failures_total[$__rate_interval]))",
          "{{reason}}",
        ),
      },
      {
        title: "Time of one look",
        unit: "s",
        queries: one(
          "histogram_quantile(0.99, sum by (le, reason) (rate(karpenter_voluntary_disruption_decision_evaluation_duration_seconds_bucket[$__rate_interval])))",
          "{{reason}}",
        ),
      },
      {
        title: "Evictions, by the API server's answer",
        queries: one("sum by (code) (increase(karpenter_pods_eviction_requests_total[$__rate_interval]))", "{{code}}"),
        about: "429: a budget of the pod says not now.",
      },
      {
        title: "Time from deletion to gone",
        unit: "s",
        queries: one(
          `histogram_quantile(0.9, sum by (le, nodepool) (rate(karpenter_nodeclaims_termination_duration_seconds_bucket{${POOL}}[$__rate_interval])))`,
          "{{nodepool}}",
        ),
      },
      {
        title: "Notices of interruptions",
        queries: one(
          "sum by (message_type) (increase(karpenter_interruption_received_messages_total[$__rate_interval]))",
          "{{message_type}}",
        ),
      },
      {
        title: "Age of nodes",
        unit: "s",
        queries: one(`quantile by (nodepool) (0.5, karpenter_nodes_current_lifetime_seconds{${POOL}})`, "{{nodepool}}"),
      },
      {
        title: "Conditions that are not as wished",
        kind: "table",
        queries: one(
          'max by (name, type, reason) (operator_nodeclaim_status_condition_count{type=~"Launched|Registered|Initialized", status!="True"})',
        ),
      },
    ],
  },
  {
    file: "karpenter-controller.json",
    title: "Karpenter / Controller",
    uid: "karpenter-controller",
    panels: [
      { title: "Leader", kind: "stat", queries: one("sum(leader_election_master_status)") },
      { title: "Picture of the cluster complete", kind: "stat", queries: one("max(karpenter_cluster_state_synced)") },
      {
        title: "Memory",
        unit: "bytes",
        queries: one('process_resident_memory_bytes{job=~".*karpenter.*"}', "{{pod}}"),
      },
      {
        title: "CPU",
        queries: one('rate(process_cpu_seconds_total{job=~".*karpenter.*"}[$__rate_interval])', "{{pod}}"),
      },
      {
        title: "Time of a plan",
        unit: "s",
        queries: one(
          "histogram_quantile(0.99, sum by (le, controller) (rate(karpenter_scheduler_scheduling_duration_seconds_bucket[$__rate_interval])))",
          "{{controller}}",
        ),
      },
      {
        title: "Reconciles",
        queries: one(
          "sum by (controller) (rate(controller_runtime_reconcile_total[$__rate_interval]))",
          "{{controller}}",
        ),
      },
      {
        title: "Reconciles that fail",
        queries: one(
          "sum by (controller) (rate(controller_runtime_reconcile_errors_total[$__rate_interval]))",
          "{{controller}}",
        ),
      },
      { title: "Keys that wait", queries: one("sum by (controller) (workqueue_depth)", "{{controller}}") },
      {
        title: "Requests to the API server",
        queries: one("sum by (code, method) (rate(client_go_request_total[$__rate_interval]))", "{{method}} {{code}}"),
      },
      {
        title: "Time of requests",
        unit: "s",
        queries: one(
          "histogram_quantile(0.99, sum by (le, verb) (rate(client_go_request_duration_seconds_bucket[$__rate_interval])))",
          "{{verb}}",
        ),
      },
    ],
  },
];

const COLUMNS = 3;
const [WIDTH, HEIGHT, STAT_HEIGHT] = [24 / COLUMNS, 8, 4];

/** As Grafana imports it. The data source and the pools are chosen on the page. */
export function dashboardJson({ title, uid, panels }: Dashboard): unknown {
  const stats = panels.filter(({ kind }) => kind === "stat");
  const others = panels.filter(({ kind }) => kind !== "stat");
  const statWidth = stats.length === 0 ? 0 : Math.floor(24 / stats.length);
  const top = stats.length === 0 ? 0 : STAT_HEIGHT;
  return {
    title,
    uid,
    schemaVersion: 39,
    tags: ["karpenter"],
    timezone: "browser",
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    templating: { list: [dataSourceVariable(), poolVariable()] },
    panels: [
      ...stats.map((panel, i) => panelJson(panel, i, { x: i * statWidth, y: 0, w: statWidth, h: STAT_HEIGHT })),
      ...others.map((panel, i) =>
        panelJson(panel, stats.length + i, {
          x: (i % COLUMNS) * WIDTH,
          y: top + Math.floor(i / COLUMNS) * HEIGHT,
          w: WIDTH,
          h: HEIGHT,
        }),
      ),
    ],
  };
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts the variable in.
const SOURCE = { type: "prometheus", uid: "${datasource}" };

function dataSourceVariable(): unknown {
  return { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" };
}

function poolVariable(): unknown {
  const query = "label_values(karpenter_nodes_total, nodepool)";
  return {
    name: "nodepool",
    label: "NodePool",
    type: "query",
    datasource: SOURCE,
    query: { query, refId: "pools" },
    definition: query,
    refresh: 2,
    includeAll: true,
    allValue: ".*",
    multi: true,
    current: { text: "All", value: "$__all" },
  };
}

function panelJson(
  { title, unit = "short", kind = "timeseries", queries, about }: Panel,
  i: number,
  gridPos: object,
): unknown {
  return {
    id: i + 1,
    type: kind,
    title,
    ...(about === undefined ? {} : { description: about }),
    datasource: SOURCE,
    gridPos,
    fieldConfig: { defaults: { unit, ...(kind === "timeseries" ? { min: 0 } : {}) }, overrides: [] },
    targets: queries.map(({ expr, legend }, k) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + k),
      datasource: SOURCE,
      expr,
      ...(legend === "" ? {} : { legendFormat: legend }),
      ...(kind === "table" ? { format: "table", instant: true } : {}),
    })),
  };
}
