import { parse as parseToml } from "smol-toml";
import { parse as parseYaml } from "yaml";
import type { Taint, TaintEffect } from "../../model/core.ts";
import type { ImageKind } from "./account.ts";

/** What a machine has read: how its kubelet is to join. */
export type NodeSettings = {
  labels: Record<string, string>;
  taints: Taint[];
  maxPods: number | undefined;
  kubeReserved: Record<string, string>;
  systemReserved: Record<string, string>;
  evictionHard: Record<string, string>;
};

type Table = Readonly<Record<string, unknown>>;

/**
 * Reads user data as the software of an image does; undefined when that finds nothing it understands, and the machine
 * never joins.
 */
export function readUserData(text: string, kind: ImageKind): NodeSettings | undefined {
  const readers: Readonly<Record<Exclude<ImageKind, "any">, (text: string) => NodeSettings | undefined>> = {
    nodeadm: readNodeConfig,
    bootstrap: (own) => (own.includes("/etc/eks/bootstrap.sh") ? readKubeletArgs(own) : undefined),
    windows: (own) => (own.includes("Start-EKSBootstrap.ps1") ? readKubeletArgs(own) : undefined),
    bottlerocket: readBottlerocket,
  };
  if (kind !== "any") return readers[kind](text);
  for (const read of Object.values(readers)) {
    const settings = read(text);
    if (settings !== undefined) return settings;
  }
  return undefined;
}

/** Later parts of the message win, as nodeadm merges them. */
function readNodeConfig(text: string): NodeSettings | undefined {
  const boundary = /boundary="?([^"\n]+)"?/.exec(text)?.[1];
  if (boundary === undefined) return undefined;
  const configs = text
    .split(`--${boundary}`)
    .filter((part) => part.includes("application/node.eks.aws"))
    .map((part) => tableOf(parseYaml(part.slice(part.indexOf("\n\n") + 2))));
  const specs = configs.map((config) => tableOf(config["spec"]));
  if (!specs.some((spec) => tableOf(spec["cluster"])["apiServerEndpoint"] !== undefined)) return undefined;
  const kubelets = specs.map((spec) => tableOf(spec["kubelet"]));
  const config: Table = Object.assign({}, ...kubelets.map((kubelet) => tableOf(kubelet["config"])));
  const flags = kubelets.flatMap((kubelet) => (kubelet["flags"] as string[] | undefined) ?? []);
  return {
    labels: labelsIn(flags.join(" ")),
    taints: (config["registerWithTaints"] as Taint[] | undefined) ?? [],
    maxPods: config["maxPods"] as number | undefined,
    kubeReserved: textsOf(config["kubeReserved"]),
    systemReserved: textsOf(config["systemReserved"]),
    evictionHard: textsOf(config["evictionHard"]),
  };
}

function readKubeletArgs(text: string): NodeSettings {
  const flag = (name: string): string => new RegExp(`--${name}="?([^"' ]*)"?`).exec(text)?.[1] ?? "";
  const pairs = (name: string, sign: string): Record<string, string> =>
    Object.fromEntries(
      flag(name)
        .split(",")
        .filter((pair) => pair !== "")
        .map((pair) => pair.split(sign) as [string, string]),
    );
  const maxPods = flag("max-pods");
  return {
    labels: labelsIn(text),
    taints: flag("register-with-taints")
      .split(",")
      .filter((taint) => taint !== "")
      .map(taintIn),
    maxPods: maxPods === "" ? undefined : Number(maxPods),
    kubeReserved: pairs("kube-reserved", "="),
    systemReserved: pairs("system-reserved", "="),
    evictionHard: pairs("eviction-hard", "<"),
  };
}

function readBottlerocket(text: string): NodeSettings | undefined {
  let kubernetes: Table;
  try {
    kubernetes = tableOf(tableOf(parseToml(text)["settings"])["kubernetes"]);
  } catch {
    return undefined;
  }
  if (kubernetes["api-server"] === undefined) return undefined;
  const taints = Object.entries(tableOf(kubernetes["node-taints"]));
  return {
    labels: textsOf(kubernetes["node-labels"]),
    taints: taints.flatMap(([key, values]) => (values as string[]).map((value) => taintIn(`${key}=${value}`))),
    maxPods: kubernetes["max-pods"] as number | undefined,
    kubeReserved: textsOf(kubernetes["kube-reserved"]),
    systemReserved: textsOf(kubernetes["system-reserved"]),
    evictionHard: textsOf(kubernetes["eviction-hard"]),
  };
}

function labelsIn(text: string): Record<string, string> {
  const pairs = /--node-labels="?([^"' ]*)"?/.exec(text)?.[1] ?? "";
  return Object.fromEntries(
    pairs
      .split(",")
      .filter((pair) => pair !== "")
      .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
}

/** "key=value:NoSchedule" */
function taintIn(text: string): Taint {
  const [, key = "", value = "", effect = ""] = /^([^=]*)=?([^:]*):(.*)$/.exec(text) ?? [];
  return { key, ...(value === "" ? {} : { value }), effect: effect as TaintEffect };
}

function tableOf(value: unknown): Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Table) : {};
}

function textsOf(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(tableOf(value)).map(([key, one]) => [key, String(one)]));
}
