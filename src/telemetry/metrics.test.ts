import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvariantError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import { WELL_KNOWN_LABELS } from "../model/labels.ts";
import { VirtualClock } from "../simulation/clock/virtual-clock.ts";
import { metricLabelOf, metricTable } from "./metric-table.ts";
import { createMetrics } from "./metrics.ts";

const options = {
  wellKnownLabels: [...WELL_KNOWN_LABELS, "karpenter.kwok.sh/instance-cpu"],
  nodeClasses: [{ group: "karpenter.kwok.sh", kind: "KWOKNodeClass" }],
};
function registry() {
  const clock = new VirtualClock(Date.parse("2026-11-21T10:00:00Z"));
  return { clock, metrics: createMetrics({ ...options, clock }) };
}

describe("metrics", () => {
  it("expose nothing before the first sample but what starts at 0", () => {
    const lines = registry().metrics.expose().split("\n");
    assert.deepEqual(
      lines.filter((line) => line !== "" && !line.startsWith("#")),
      [
        "certwatcher_read_certificate_errors_total 0",
        "certwatcher_read_certificate_total 0",
        'karpenter_voluntary_disruption_consolidation_timeouts_total{consolidation_type="multi"} 0',
        'karpenter_voluntary_disruption_consolidation_timeouts_total{consolidation_type="single"} 0',
      ],
    );
  });

  it("expose counters and gauges, sorted, with labels escaped and absent labels empty", () => {
    const { metrics } = registry();
    metrics.count("karpenter_nodes_created_total", { nodepool: "b" }, 2);
    metrics.count("karpenter_nodes_created_total", { zone: "z", nodepool: 'a"\\\n' });
    metrics.count("karpenter_nodes_created_total", { nodepool: "b", zone: "" });
    metrics.gauge("karpenter_cluster_state_synced", 1);
    const text = metrics.expose();
    const own = text.slice(text.indexOf("# HELP karpenter_cluster_state_synced"), text.indexOf("# HELP karpenter_vol"));
    assert.equal(
      own,
      [
        "# HELP karpenter_cluster_state_synced 1 while the picture of the cluster is complete.",
        "# TYPE karpenter_cluster_state_synced gauge",
        "karpenter_cluster_state_synced 1",
        "# HELP karpenter_nodes_created_total Nodes that registered.",
        "# TYPE karpenter_nodes_created_total counter",
        'karpenter_nodes_created_total{nodepool="a\\"\\\\\\n",zone="z"} 1',
        'karpenter_nodes_created_total{nodepool="b",zone=""} 3',
        "",
      ].join("\n"),
    );
  });

  it("expose histograms with added-up buckets", () => {
    const { metrics } = registry();
    for (const seconds of [0.5, 1, 1.5, 5_000]) {
      metrics.observe("karpenter_nodeclaims_termination_duration_seconds", seconds, { nodepool: "a" });
    }
    const text = metrics.expose();
    assert.match(text, /_bucket\{nodepool="a",le="1"\} 2\n/);
    assert.match(text, /_bucket\{nodepool="a",le="2"\} 3\n/);
    assert.match(text, /_bucket\{nodepool="a",le="2048"\} 3\n/);
    assert.match(text, /_bucket\{nodepool="a",le="\+Inf"\} 4\n/);
    assert.match(text, /_sum\{nodepool="a"\} 5003\n/);
    assert.match(text, /_count\{nodepool="a"\} 4\n/);
  });

  it("expose summaries whose quantiles age, and whose totals do not", async () => {
    const { metrics, clock } = registry();
    const name = "karpenter_pods_startup_duration_seconds";
    for (let i = 1; i <= 100; i += 1) metrics.observe(name, i);
    assert.match(metrics.expose(), /\{quantile="0"\} 1\n.*"0.5"\} 50\n.*"0.9"\} 90\n.*"0.99"\} 99\n.*"1"\} 100\n/);
    await clock.runFor(700_000);
    assert.match(metrics.expose(), /\{quantile="0.5"\} NaN\n/);
    assert.match(metrics.expose(), /_sum 5050\n.*_count 100\n/);
    assert.equal(metrics.read(name), 100);
  });

  it("keep quantiles exact to one percent of rank, however many values there are", () => {
    const { metrics } = registry();
    const random = new Random(7);
    const values = Array.from({ length: 30_000 }, () => random.fraction() ** 3 * 100);
    for (const value of values) metrics.observe("karpenter_pods_startup_duration_seconds", value);
    values.sort((a, b) => a - b);
    const text = metrics.expose();
    for (const quantile of [0, 0.5, 0.9, 0.99, 1]) {
      const got = Number(new RegExp(`quantile="${quantile}"\\} (.+)`).exec(text)?.[1]);
      const rank = values.filter((value) => value <= got).length / values.length;
      assert.ok(Math.abs(rank - quantile) <= 0.01, `${quantile} is at rank ${rank}`);
    }
    assert.match(text, new RegExp(`quantile="1"\\} ${values.at(-1)}\n`));
  });

  it("forget the samples that carry at least the given labels", () => {
    const { metrics } = registry();
    const name = "karpenter_nodepools_limit";
    for (const nodepool of ["a", "b"]) {
      for (const resource_type of ["cpu", "memory"]) metrics.gauge(name, 1, { nodepool, resource_type });
    }
    metrics.forget(name, { nodepool: "a" });
    assert.equal(metrics.read(name, { nodepool: "a", resource_type: "cpu" }), undefined);
    assert.equal(metrics.read(name, { nodepool: "b", resource_type: "cpu" }), 1);
    metrics.forget(name, { nodepool: "b", resource_type: "cpu" });
    assert.equal(metrics.read(name, { nodepool: "b", resource_type: "cpu" }), undefined);
    assert.equal(metrics.read(name, { nodepool: "b", resource_type: "memory" }), 1);
  });

  it("refuse names, labels and types that the table does not have", () => {
    const { metrics } = registry();
    for (const wrong of [
      () => metrics.count("karpenter_no_such_total"),
      () => metrics.count("karpenter_nodes_created_total", { pool: "a" }),
      () => metrics.gauge("karpenter_nodes_created_total", 1, { nodepool: "a" }),
      () => metrics.count("karpenter_nodes_created_total", { nodepool: "a" }, -1),
      () => metrics.forget("karpenter_nodes_created_total", { pool: "a" }),
    ]) {
      assert.throws(wrong, InvariantError);
    }
  });

  it("are refreshed before each exposition", () => {
    const { metrics } = registry();
    let calls = 0;
    metrics.beforeExposition(() => {
      calls += 1;
      metrics.gauge("karpenter_cluster_state_node_count", calls);
    });
    assert.match(metrics.expose(), /node_count 1\n/);
    assert.match(metrics.expose(), /node_count 2\n/);
  });

  it("have upstream's families and label sets", () => {
    const table = new Map(metricTable(options).map((spec) => [spec.name, spec]));
    const core = [...table.keys()].filter((name) => name.startsWith("karpenter_"));
    // Those of interruptions and instance types are upstream's AWS provider's.
    const ofAws = core.filter((name) =>
      /^karpenter_(interruption|ec2nodeclasses|cloudprovider_(instance|batcher|price))_/.test(name),
    );
    // And four have names that guides use.
    assert.deepEqual([core.length - ofAws.length, ofAws.length], [64, 14]);
    assert.deepEqual(
      [...(table.get("karpenter_nodes_current_lifetime_seconds")?.labels ?? [])].sort(),
      [
        "arch",
        "capacity_type",
        "instance_cpu",
        "instance_type",
        "managed",
        "node_name",
        "nodepool",
        "os",
        "phase",
      ].concat(["region", "windows_build", "zone"]),
    );
    assert.deepEqual(table.get("operator_nodeclaim_status_condition_count")?.labels, [
      "namespace",
      "name",
      "type",
      "status",
      "reason",
      "karpenter_kwok_sh_kwoknodeclass",
      "karpenter_sh_nodepool",
    ]);
    assert.equal(table.get("operator_node_status_condition_transition_seconds")?.buckets?.at(-1), 8_192);
    assert.equal(table.get("client_go_request_duration_seconds")?.buckets?.length, 20);
    assert.equal(metricLabelOf("node.kubernetes.io/instance-type"), "instance_type");
    for (const { name, help, labels } of table.values()) {
      assert.match(name, /^[a-z][a-z0-9_]*$/);
      assert.match(help, /^[A-Z0-9].*\.$/, name);
      assert.equal(new Set(labels).size, labels.length, name);
    }
  });
});
