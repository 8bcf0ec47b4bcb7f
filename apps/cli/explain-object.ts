import { UserError } from "../../src/base/errors.ts";
import { nearestName } from "../../src/base/nearest-name.ts";
import { type KubeObject, keyOf } from "../../src/model/object.ts";
import { SETTINGS_TABLE } from "../../src/model/settings-table.ts";
import { explainNode } from "../../src/plan/explain/explain-node.ts";
import { explainPod } from "../../src/plan/explain/explain-pod.ts";
import { explainPool } from "../../src/plan/explain/explain-pool.ts";
import type { Story } from "../../src/plan/explain/story.ts";
import type { Snapshot, StateNode } from "../../src/snapshot/snapshot.ts";
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
import { readFlags, spread } from "./flags.ts";
import { type Happening, historyOf, type Subject } from "./history.ts";
import { EXIT, type Io } from "./io.ts";
import { formatFlag, printed } from "./output.ts";
import { snapshotOf } from "./plan-cluster.ts";
import type { Report } from "./report.ts";
import { overlay } from "./what-if/overlay.ts";

type Topic = "pod" | "node" | "nodeclaim" | "nodepool";

const WHAT: Readonly<Record<Topic, string>> = {
  pod: "why a pod waits, or why it runs where it does, and what keeps it there",
  node: "why a node was bought, why with this type, and why it stays or goes",
  nodeclaim: "the same of a NodeClaim, also of one whose node has not come yet",
  nodepool: "what a NodePool has, what it may still buy or disrupt, and why not more",
};

const usage = (
  topic: Topic,
): string => `Says ${WHAT[topic]}; with what happened to it before, from the controller's memory and from
events. Of one that is gone, what is still remembered. Touches nothing.

usage: karpenter explain ${topic} ${topic === "pod" ? "[NAMESPACE/]NAME" : "NAME"} [CLUSTER] [OPTION...]

  -f, --filename FILE      manifests laid over the cluster, or instead of it; may be repeated
${CLUSTER_USAGE}
${TYPE_USAGE}
  --eviction-cost USD      and --spot-to-spot: as the controller's settings are
  -o, --output FORMAT      table (default), json, yaml or markdown

exit code: 0 it is there, 1 it is gone and something is remembered of it, 2 wrong use, 3 failure
`;

/** `karpenter explain pod|node|nodeclaim|nodepool NAME`. */
export function explainObject(topic: Topic): { summary: string; run(args: string[], io: Io): Promise<number> } {
  return { summary: WHAT[topic], run: (args, io) => explain(topic, args, io) };
}

const FLAGS = {
  ...CLUSTER_FLAGS,
  ...TYPE_FLAGS,
  "eviction-cost": { type: "string" },
  "spot-to-spot": { type: "boolean", default: false },
  output: { type: "string", short: "o", default: "table" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** @throws UserError KARP_BAD_FLAG, KARP_NO_SUCH_OBJECT, what reading files throws, and what reading a live cluster throws */
async function explain(topic: Topic, args: string[], io: Io): Promise<number> {
  const command = `explain ${topic}`;
  const isNamed = args[0] !== undefined && !args[0].startsWith("-");
  const flags = readFlags(command, spread(isNamed ? args.slice(1) : args), FLAGS);
  if (flags.help) {
    io.out(usage(topic));
    return EXIT.fine;
  }
  const [name] = args;
  if (!isNamed || name === undefined) throw wrongUse(command, `which ${topic} is meant`);
  const format = formatFlag(command, flags.output);
  const evictionCostUsd = evictionCost(command, flags["eviction-cost"]);
  const given = await givenCluster(command, flags, io);
  const objects = objectsOf(given.base, given.files);
  const instanceTypes = typesOf(command, flags, objects, io);
  const snapshot = snapshotOf({ objects, instanceTypes, nowMs: given.nowMs });
  const found = subjectOf(topic, name, snapshot, { spotToSpot: flags["spot-to-spot"], evictionCostUsd });
  const history = historyOf(objects, found?.subjects ?? wantedSubjects(topic, name));
  if (found === undefined && history.length === 0) throw noSuchObject(topic, name, snapshot);
  const story = found?.story() ?? goneStory(topic, name);
  const notes = [...notReadNotes(given.notRead), `asked of ${given.source}`];
  io.out(
    printed(
      format,
      () => ({ ...story, facts: Object.fromEntries(story.facts), history, isGone: found === undefined }),
      () => reportOf(story, history, notes),
    ),
  );
  return found === undefined ? EXIT.findings : EXIT.fine;
}

function objectsOf(base: KubeObject[] | undefined, files: KubeObject[]): readonly KubeObject[] {
  if (base === undefined) return asCluster(files).objects;
  const present = asCluster(base, () => false).objects;
  return files.length === 0 ? present : overlay(present, files, []).objects;
}

function evictionCost(command: string, text: string | undefined): number {
  const { type, default: preset } = SETTINGS_TABLE.evictionCostUsd;
  if (text === undefined) return preset;
  const read = type.parse(text);
  if ("value" in read) return read.value;
  throw wrongUse(command, `--eviction-cost is "${text}", not ${read.expected}`);
}

type Found = { story(): Story; subjects: Subject[] };
type Settings = { spotToSpot: boolean; evictionCostUsd: number };

function subjectOf(topic: Topic, name: string, snapshot: Snapshot, settings: Settings): Found | undefined {
  const { view, stateNodes } = snapshot;
  if (topic === "nodepool") {
    const pool = view.nodePools.get(name);
    return pool && { story: () => explainPool(snapshot, pool), subjects: [{ kind: "NodePool", name }] };
  }
  if (topic === "pod") {
    const pod = view.pods.get(podKey(name, snapshot));
    if (pod === undefined) return undefined;
    const { namespace, name: podName } = pod.metadata;
    return { story: () => explainPod(snapshot, pod), subjects: [{ kind: "Pod", namespace, name: podName }] };
  }
  const state = stateNodes.find(({ node, claim }) => (topic === "node" ? node : claim)?.metadata.name === name);
  return state && { story: () => explainNode(snapshot, state, settings), subjects: subjectsOf(state) };
}

function subjectsOf({ node, claim }: StateNode): Subject[] {
  return [
    ...(node === undefined ? [] : [{ kind: "Node", name: node.metadata.name }]),
    ...(claim === undefined ? [] : [{ kind: "NodeClaim", name: claim.metadata.name }]),
  ];
}

/** A name without a namespace means the only pod of that name. */
function podKey(name: string, { view }: Snapshot): string {
  if (name.includes("/")) return name;
  const keys = [...view.pods.keys()].filter((key) => key.endsWith(`/${name}`));
  if (keys.length < 2) return keys[0] ?? name;
  throw wrongUse("explain pod", `there are several pods "${name}": ${keys.join(", ")}`);
}

const KIND_OF: Readonly<Record<Topic, string>> = {
  pod: "Pod",
  node: "Node",
  nodeclaim: "NodeClaim",
  nodepool: "NodePool",
};

function wantedSubjects(topic: Topic, name: string): Subject[] {
  const [namespace, podName] = name.includes("/") ? name.split("/") : [undefined, name];
  return [{ kind: KIND_OF[topic], name: podName ?? "", ...(namespace === undefined ? {} : { namespace }) }];
}

function goneStory(topic: Topic, name: string): Story {
  const headline = `${KIND_OF[topic]} ${name} is not in the cluster any more; this is what is remembered of it.`;
  return { headline, facts: [], why: [] };
}

function reportOf(story: Story, history: readonly Happening[], notes: readonly string[]): Report {
  return {
    headline: story.headline,
    tables: [
      { title: "What it is", head: ["", ""], rows: story.facts },
      {
        title: "Why",
        head: ["QUESTION", "CODE", "ANSWER"],
        rows: story.why.map(({ question, code, reason }) => [question, code, reason]),
      },
      {
        title: "What happened",
        head: ["LAST (UTC)", "TIMES", "WHAT", "MESSAGE"],
        rows: history.map(({ last, times, reason, message }) => [last, String(times), reason, message]),
      },
    ],
    notes,
  };
}

function noSuchObject(topic: Topic, name: string, { view, stateNodes }: Snapshot): UserError {
  const names: Readonly<Record<Topic, () => string[]>> = {
    pod: () => [...view.pods.keys()],
    node: () => stateNodes.map((state) => state.node?.metadata.name ?? ""),
    nodeclaim: () => [...view.nodeClaims.keys()],
    nodepool: () => [...view.nodePools.values()].map(keyOf),
  };
  const near = nearestName(name, names[topic]());
  return new UserError({
    code: "KARP_NO_SUCH_OBJECT",
    what: `there is no ${topic} "${name}" in the cluster, and nothing is remembered of one${near === undefined ? "" : `: did you mean "${near}"?`}`,
    remedy: `give the name as "kubectl get ${topic}s${topic === "pod" ? " -A" : ""}" prints it`,
  });
}

function wrongUse(command: string, what: string): UserError {
  return new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter ${command}: ${what}`,
    remedy: `"karpenter ${command} --help" shows how it is called`,
  });
}
