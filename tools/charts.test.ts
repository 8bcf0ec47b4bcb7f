import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { definitionFile, yamlOf } from "../apps/cli/crds.ts";
import manifest from "../package.json" with { type: "json" };
import { WELL_KNOWN_LABELS } from "../src/model/labels.ts";
import { crdOf } from "../src/model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../src/model/resources/custom-resources.ts";
import { metricTable } from "../src/telemetry/metric-table.ts";
import { DASHBOARDS, dashboardJson } from "./dashboards.ts";
import { unknownInQuery } from "./promql.ts";

const charts = new URL("../charts/", import.meta.url).pathname;
const isUpdating = process.env["UPDATE_DOCS"] === "1";

/** Helm would read "{{" of a description as its own. */
const MORE_ANNOTATIONS = `    helm.sh/resource-policy: keep
    {{- with .Values.additionalAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
`;

const known = new Map(
  metricTable({
    wellKnownLabels: WELL_KNOWN_LABELS,
    nodeClasses: [{ group: "karpenter.k8s.aws", kind: "EC2NodeClass" }],
  }).map((spec) => [spec.name, spec]),
);

describe("alerts of the chart", () => {
  type Rule = { alert: string; expr: string; labels: { severity: string }; annotations: { summary: string } };
  const { groups } = parse(readFileSync(`${charts}karpenter/files/alerts.yaml`, "utf8")) as {
    groups: { rules: Rule[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);

  for (const { alert, expr, labels, annotations } of rules) {
    it(`${alert} asks for what there is`, () => {
      assert.deepEqual(unknownInQuery(expr, known), []);
      assert.match(labels.severity, /^(critical|warning|info)$/);
      assert.ok(annotations.summary.length > 20, "says what is the matter");
    });
  }
  it("have names of their own", () => {
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
  });
  it("are found out when they ask for what nobody exposes", () => {
    assert.deepEqual(unknownInQuery("sum by (zone) (karpenter_nodes_totl) > 0", known), [
      "no metric karpenter_nodes_totl",
      "no label zone to group by",
    ]);
    assert.deepEqual(unknownInQuery('karpenter_nodes_total{zone="a"}', known), [
      "karpenter_nodes_total has no label zone",
    ]);
    assert.deepEqual(unknownInQuery("rate(karpenter_pods_bound_duration_seconds[5m])", known), [
      "no metric karpenter_pods_bound_duration_seconds",
    ]);
  });
});

describe("dashboards of the chart", () => {
  for (const dashboard of DASHBOARDS) {
    it(`${dashboard.title}: every query asks for what there is (UPDATE_DOCS=1 writes the file)`, () => {
      for (const { title, queries } of dashboard.panels) {
        for (const { expr } of queries) assert.deepEqual(unknownInQuery(expr, known), [], title);
      }
      const file = `${charts}karpenter/files/dashboards/${dashboard.file}`;
      const text = `${JSON.stringify(dashboardJson(dashboard), undefined, 2)}\n`;
      if (isUpdating) writeFileSync(file, text);
      assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), JSON.parse(text));
    });
  }
  it("are all in the folder, and nothing else", () => {
    assert.deepEqual(
      readdirSync(`${charts}karpenter/files/dashboards`).sort(),
      DASHBOARDS.map(({ file }) => file).sort(),
    );
  });
});

describe("charts", () => {
  it("hold the definitions of our kinds as our source has them (UPDATE_DOCS=1 writes them)", () => {
    const wanted = new Map<string, string>();
    for (const resource of CUSTOM_RESOURCES) {
      const file = definitionFile(resource);
      const text = yamlOf(crdOf(resource));
      assert.ok(!text.includes("{{"), file);
      wanted.set(`karpenter/crds/${file}`, text);
      wanted.set(
        `karpenter-crd/templates/${file}`,
        text.replace(/^metadata:\n/m, `metadata:\n  annotations:\n${MORE_ANNOTATIONS}`),
      );
    }
    for (const folder of ["karpenter/crds", "karpenter-crd/templates"]) {
      if (isUpdating) mkdirSync(charts + folder, { recursive: true });
      for (const [file, text] of wanted)
        if (isUpdating && file.startsWith(`${folder}/`)) writeFileSync(charts + file, text);
      const there = readdirSync(charts + folder).map((name) => `${folder}/${name}`);
      assert.deepEqual(there.sort(), [...wanted.keys()].filter((name) => name.startsWith(`${folder}/`)).sort());
    }
    for (const [file, text] of wanted) assert.equal(readFileSync(charts + file, "utf8"), text, file);
  });

  it("have the product's version", () => {
    for (const name of ["karpenter", "karpenter-crd"]) {
      const chart = parse(readFileSync(`${charts}${name}/Chart.yaml`, "utf8"));
      assert.deepEqual([chart.version, chart.appVersion], [manifest.version, manifest.version], name);
    }
  });
});
