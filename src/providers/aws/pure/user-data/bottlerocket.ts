import { parse, stringify, TomlError } from "smol-toml";
import { type Bootstrap, dnsIps, type UserData } from "./bootstrap.ts";

type Table = Record<string, unknown>;

/** Settings below settings.kubernetes that may be the user's own; others are dropped. */
const USERS_KEYS: ReadonlySet<string> = new Set(
  `allowed-unsafe-sysctls cloud-provider cluster-domain container-log-max-files container-log-max-size
  container-log-max-workers container-log-monitor-interval cpu-manager-policy cpu-manager-policy-options
  cpu-manager-reconcile-period credential-providers device-ownership-from-security-context event-burst event-qps
  hostname-override-source ids-per-pod kube-api-burst kube-api-qps log-level memory-manager-policy
  memory-manager-reserved-memory pod-pids-limit registry-burst registry-qps seccomp-default server-tls-bootstrap
  shutdown-grace-period shutdown-grace-period-for-critical-pods single-process-oom-kill static-pods
  topology-manager-policy topology-manager-policy-options topology-manager-scope
  cluster-name api-server cluster-certificate node-labels node-taints max-pods cluster-dns-ip system-reserved
  kube-reserved eviction-hard eviction-soft eviction-soft-grace-period eviction-max-pod-grace-period
  image-gc-high-threshold-percent image-gc-low-threshold-percent cpu-cfs-quota-enforced`.split(/\s+/),
);

/** TOML: the user's settings, with ours over them. */
export function bottlerocketUserData(bootstrap: Bootstrap): UserData {
  let own: Table;
  try {
    own = parse(bootstrap.userData ?? "") as Table;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return { problem: `line ${error.line}: this is no TOML: ${error.message.split("\n")[0] ?? ""}` };
  }
  const settings = tableOf(own["settings"]);
  const merged: Table = { ...settings, kubernetes: kubernetes(bootstrap, tableOf(settings["kubernetes"])) };
  if (bootstrap.hasRaid0)
    merged["bootstrap-commands"] = withStorage(bootstrap, tableOf(settings["bootstrap-commands"]));
  return { text: stringify({ ...own, settings: merged }) };
}

function kubernetes(bootstrap: Bootstrap, users: Table): Table {
  const { cluster, labels, maxPods, kubelet } = bootstrap;
  const kept = Object.entries(users).filter(([key]) => USERS_KEYS.has(key));
  const [dnsIp] = dnsIps(bootstrap);
  return defined({
    ...Object.fromEntries(kept),
    "cluster-name": cluster.name,
    "api-server": cluster.endpoint,
    "cluster-certificate": cluster.caBundle,
    "node-labels": { ...tableOf(users["node-labels"]), ...labels },
    "node-taints": taintsByKey(bootstrap),
    "max-pods": maxPods,
    "cluster-dns-ip": dnsIp ?? users["cluster-dns-ip"],
    "system-reserved": kubelet.systemReserved ?? users["system-reserved"],
    "kube-reserved": kubelet.kubeReserved ?? users["kube-reserved"],
    "eviction-hard": kubelet.evictionHard ?? users["eviction-hard"],
    "eviction-soft": kubelet.evictionSoft ?? users["eviction-soft"],
    "eviction-soft-grace-period": kubelet.evictionSoftGracePeriod ?? users["eviction-soft-grace-period"],
    "eviction-max-pod-grace-period": kubelet.evictionMaxPodGracePeriod ?? users["eviction-max-pod-grace-period"],
    "image-gc-high-threshold-percent":
      text(kubelet.imageGCHighThresholdPercent) ?? users["image-gc-high-threshold-percent"],
    "image-gc-low-threshold-percent":
      text(kubelet.imageGCLowThresholdPercent) ?? users["image-gc-low-threshold-percent"],
    "cpu-cfs-quota-enforced": kubelet.cpuCFSQuota ?? users["cpu-cfs-quota-enforced"],
  });
}

function taintsByKey({ taints }: Bootstrap): Record<string, string[]> {
  const byKey: Record<string, string[]> = {};
  for (const { key, value = "", effect } of taints) byKey[key] = [...(byKey[key] ?? []), `${value}:${effect}`];
  return byKey;
}

/** Local disks become one, and hold what would fill the root volume. Older images must be told the folders. */
function withStorage({ imageVersion }: Bootstrap, commands: Table): Table {
  const folders = knowsFolders(imageVersion)
    ? []
    : ["--dirs", "/var/lib/containerd", "--dirs", "/var/lib/kubelet", "--dirs", "/var/log/pods"];
  return {
    ...commands,
    "000-mount-instance-storage": {
      commands: [
        ["apiclient", "ephemeral-storage", "init"],
        ["apiclient", "ephemeral-storage", "bind", ...folders],
      ],
      mode: "always",
      essential: true,
    },
  };
}

function knowsFolders(version: string | undefined): boolean {
  if (version === "latest") return true;
  const [, major, minor] = /^v?(\d+)\.(\d+)\.\d+/.exec(version ?? "") ?? [];
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 46);
}

const text = (value: number | undefined): string | undefined => (value === undefined ? undefined : String(value));

function tableOf(value: unknown): Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Table) : {};
}

function defined(table: Table): Table {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined));
}
