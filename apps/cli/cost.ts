import { UserError } from "../../src/base/errors.ts";
import { byText } from "../../src/base/order.ts";
import { type ClusterCost, clusterCost, type NodeCost, type PodCost } from "../../src/plan/cost/cost.ts";
import {
  CLUSTER_FLAGS,
  CLUSTER_USAGE,
  givenCluster,
  notReadNotes,
  TYPE_FLAGS,
  TYPE_USAGE,
  typesOf,
} from "./cluster-source.ts";
import { asCluster } from "./file-cluster.ts";
import { numberFlag, readFlags, spread } from "./flags.ts";
import { EXIT, type Io } from "./io.ts";
import { formatFlag, printed } from "./output.ts";
import { snapshotOf } from "./plan-cluster.ts";
import { count, dollars, listed, type Report, type Table } from "./report.ts";
import { workloadNames } from "./workloads.ts";

const BY = ["nodepool", "namespace", "workload", "label"] as const;
type By = (typeof BY)[number];

const USAGE = `Says what the nodes cost, and whose that is: per NodePool, namespace, workload and value of a label, with what the system takes
and what nobody asked for. A node's price is dealt out by what pods ask for, whatever they use. Touches nothing.

usage: karpenter cost [CLUSTER] [OPTION...]

  -f, --filename FILE      the cluster from manifests; may be repeated
${CLUSTER_USAGE}
${TYPE_USAGE}
  --by WHAT                ${BY.join(", ")}: only this table; default: all
  --label KEY              of pods, whose values get a row each; default: team
  --top N                  rows of a table at most, default 20
  -o, --output FORMAT      table (default), json, yaml or markdown

exit code: 0 every node has a price, 1 some have none, 2 wrong use, 3 failure
`;

/**
 * `karpenter cost`.
 * @throws UserError KARP_BAD_FLAG, KARP_BAD_PRICES, what reading files throws, and what reading a live cluster throws
 */
export async function costCommand(args: string[], io: Io): Promise<number> {
  const flags = readFlags("cost", spread(args), {
    ...CLUSTER_FLAGS,
    ...TYPE_FLAGS,
    by: { type: "string" },
    label: { type: "string", default: "team" },
    top: { type: "string", default: "20" },
    output: { type: "string", short: "o", default: "table" },
    help: { type: "boolean", short: "h", default: false },
  });
  if (flags.help) {
    io.out(USAGE);
    return EXIT.fine;
  }
  const format = formatFlag("cost", flags.output);
  const top = numberFlag("cost", "top", flags.top, 1, 100_000);
  const by = byFlag(flags.by);
  const given = await givenCluster("cost", flags, io);
  const { objects } = asCluster([...(given.base ?? []), ...given.files], () => false);
  const types = typesOf("cost", flags, objects, io);
  const cost = clusterCost(snapshotOf({ objects, instanceTypes: types, nowMs: given.nowMs }), types);
  const nameOf = workloadNames(objects);
  const groups: Record<By, Group[]> = {
    nodepool: poolGroups(cost.nodes),
    namespace: podGroups(cost.pods, ({ pod }) => pod.metadata.namespace ?? "default"),
    workload: podGroups(cost.pods, ({ pod }) => {
      const { kind, namespace, name } = nameOf(pod);
      return `${kind} ${namespace}/${name}`;
    }),
    label: podGroups(cost.pods, ({ pod }) => pod.metadata.labels?.[flags.label] ?? "(none)"),
  };
  const notes = [...notReadNotes(given.notRead), `asked of ${given.source}`];
  io.out(
    printed(
      format,
      () => costJson(cost, groups, flags.label),
      () => report(cost, groups, { by, label: flags.label, top, notes }),
    ),
  );
  return cost.unpriced.length === 0 ? EXIT.fine : EXIT.findings;
}

function byFlag(text: string | undefined): By | undefined {
  const found = BY.find((one) => one === text);
  if (text === undefined || found !== undefined) return found;
  throw new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter cost: --by is "${text}", not one of ${BY.join(", ")}`,
    remedy: '"karpenter cost --help" lists the flags',
  });
}

type Group = { name: string; nodes: number; pods: number; price: number; system: number; idle: number };

const none = (name: string): Group => ({ name, nodes: 0, pods: 0, price: 0, system: 0, idle: 0 });

function poolGroups(nodes: readonly NodeCost[]): Group[] {
  const groups = new Map<string, Group>();
  for (const { nodePool, price, system, idle } of nodes) {
    const name = nodePool === "" ? "(not Karpenter's)" : nodePool;
    const group = groups.get(name) ?? none(name);
    groups.set(name, {
      ...group,
      nodes: group.nodes + 1,
      price: group.price + price,
      system: group.system + system,
      idle: group.idle + idle,
    });
  }
  return sorted(groups);
}

function podGroups(pods: readonly PodCost[], nameOf: (cost: PodCost) => string): Group[] {
  const groups = new Map<string, Group>();
  for (const cost of pods) {
    const name = nameOf(cost);
    const group = groups.get(name) ?? none(name);
    groups.set(name, { ...group, pods: group.pods + 1, price: group.price + cost.price });
  }
  return sorted(groups);
}

function sorted(groups: ReadonlyMap<string, Group>): Group[] {
  return [...groups.values()].sort((a, b) => b.price - a.price || byText(a.name, b.name));
}

const HOURS_PER_MONTH = 730;

type Shown = { by: By | undefined; label: string; top: number; notes: readonly string[] };

function report(cost: ClusterCost, groups: Record<By, Group[]>, { by, label, top, notes }: Shown): Report {
  const total = totalsOf(cost.nodes);
  const tables: Record<By, Table> = {
    nodepool: poolTable(groups.nodepool, top),
    namespace: podTable("Per namespace", "NAMESPACE", groups.namespace, total.price, top),
    workload: podTable("Per workload", "WORKLOAD", groups.workload, total.price, top),
    label: podTable(`Per label ${label}`, label.toUpperCase(), groups.label, total.price, top),
  };
  return {
    headline: `${count(cost.nodes.length, "node")} cost ${dollars(total.price)} per hour, about $${(total.price * HOURS_PER_MONTH).toFixed(0)} a month: ${shareOf(total.used, total)} asked for by workloads, ${shareOf(total.system, total)} by the system, ${shareOf(total.idle, total)} by nobody.`,
    tables: by === undefined ? Object.values(tables) : [tables[by]],
    notes: [
      ...(cost.unpriced.length === 0
        ? []
        : [`without a known price: ${count(cost.unpriced.length, "node")}, first ${cost.unpriced[0]}`]),
      "what nobody asked for is in the table of NodePools only; a core counts as ten GiB",
      ...notes,
    ],
  };
}

function totalsOf(nodes: readonly NodeCost[]): Pick<NodeCost, "price" | "used" | "system" | "idle"> {
  const total = { price: 0, used: 0, system: 0, idle: 0 };
  for (const node of nodes)
    for (const field of ["price", "used", "system", "idle"] as const) total[field] += node[field];
  return total;
}

function shareOf(part: number, { price }: { price: number }): string {
  return price === 0 ? "0 %" : `${((part / price) * 100).toFixed(0)} %`;
}

function poolTable(groups: readonly Group[], top: number): Table {
  return {
    title: "Per NodePool",
    head: ["NODEPOOL", "NODES", "$/H", "$/MONTH", "WORKLOADS", "SYSTEM", "IDLE"],
    rows: cut(groups, top).map((group) => {
      const used = group.price - group.system - group.idle;
      const shares = [used, group.system, group.idle].map((part) => shareOf(part, group));
      return [group.name, String(group.nodes), group.price.toFixed(4), monthly(group), ...shares];
    }),
  };
}

function podTable(title: string, head: string, groups: readonly Group[], total: number, top: number): Table {
  return {
    title,
    head: [head, "PODS", "$/H", "$/MONTH", "SHARE"],
    rows: listed(
      cut(groups, top).map((group) => {
        const pods = group.pods === 0 ? "" : String(group.pods);
        return [group.name, pods, group.price.toFixed(4), monthly(group), shareOf(group.price, { price: total })];
      }),
    ),
  };
}

function monthly({ price }: Group): string {
  return (price * HOURS_PER_MONTH).toFixed(0);
}

/** What is left out is one row, so that the column adds up. */
function cut(groups: readonly Group[], top: number): Group[] {
  if (groups.length <= top) return [...groups];
  const rest = none(`and ${groups.length - top} more`);
  for (const group of groups.slice(top)) {
    for (const field of ["nodes", "pods", "price", "system", "idle"] as const) rest[field] += group[field];
  }
  return [...groups.slice(0, top), rest];
}

/** The field names are a contract; all prices are USD per hour. */
function costJson(cost: ClusterCost, groups: Record<By, Group[]>, label: string) {
  const ofPods = (list: readonly Group[]) =>
    list.map(({ name, pods, price }) => ({ name, pods, price: rounded(price) }));
  const { price, used, system, idle } = totalsOf(cost.nodes);
  return {
    total: {
      nodes: cost.nodes.length,
      price: rounded(price),
      used: rounded(used),
      system: rounded(system),
      idle: rounded(idle),
    },
    nodePools: groups.nodepool.map(({ name, nodes, price: own, system: ofSystem, idle: ofNobody }) => ({
      name,
      nodes,
      price: rounded(own),
      system: rounded(ofSystem),
      idle: rounded(ofNobody),
    })),
    namespaces: ofPods(groups.namespace),
    workloads: ofPods(groups.workload),
    label: { key: label, values: ofPods(groups.label) },
    nodes: cost.nodes.map((node) => ({
      ...node,
      price: rounded(node.price),
      used: rounded(node.used),
      system: rounded(node.system),
      idle: rounded(node.idle),
    })),
    unpriced: cost.unpriced,
  };
}

function rounded(price: number): number {
  return Math.round(price * 1e6) / 1e6;
}
