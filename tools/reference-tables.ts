import { WELL_KNOWN_LABELS } from "../src/model/labels.ts";
import { settingsHelp } from "../src/model/settings.ts";
import { FEATURE_GATES } from "../src/model/settings-table.ts";
import { EVENT_TABLE } from "../src/telemetry/event-table.ts";
import { metricLabelOf, metricTable } from "../src/telemetry/metric-table.ts";

// The tables of docs/metrics.md and docs/settings.md, from the tables that the product itself reads.

const NODE_LABELS = new Set([...WELL_KNOWN_LABELS.map(metricLabelOf), "node_name", "phase", "managed"]);

export function metricsMarkdown(): string {
  const rows = metricTable({ wellKnownLabels: WELL_KNOWN_LABELS, nodeClasses: [] })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labelsInWords(labels)} | ${help} |`);
  return ["| metric | type | labels | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

/** The labels of a node are a dozen: they are told once. */
function labelsInWords(labels: readonly string[]): string {
  const isOfNodes = [...NODE_LABELS].every((label) => labels.includes(label));
  const rest = isOfNodes ? labels.filter((label) => !NODE_LABELS.has(label)) : labels;
  return [...(isOfNodes ? ["*the node's*"] : []), ...rest.map((label) => `\`${label}\``)].join(", ");
}

export function eventsMarkdown(): string {
  const rows = EVENT_TABLE.toSorted((a, b) => (a.reason < b.reason ? -1 : 1)).map(
    ({ reason, type, kinds, meaning }) => `| \`${reason}\` | ${type} | ${kinds.join(", ")} | ${meaning} |`,
  );
  return ["| reason | type | on | tells that, or |", "|---|---|---|---|", ...rows].join("\n");
}

export function settingsMarkdown(): string {
  const rows = settingsHelp().map(
    ({ flag, variable, type, default: preset, meaning }) =>
      `| \`--${flag}\` | \`${variable}\` | ${escaped(type)} | ${preset === "" ? "" : `\`${escaped(preset)}\``} | ${escaped(meaning)} |`,
  );
  return ["| flag | variable | value | default | meaning |", "|---|---|---|---|---|", ...rows].join("\n");
}

export function gatesMarkdown(): string {
  const rows = FEATURE_GATES.map(
    ({ name, default: preset, isBuilt }) =>
      `| \`${name}\` | ${preset} | ${isBuilt ? "" : "not built yet: setting it to true ends the start"} |`,
  );
  return ["| gate | default | |", "|---|---|---|", ...rows].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
