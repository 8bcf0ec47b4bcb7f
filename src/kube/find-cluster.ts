import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { UserError } from "../base/errors.ts";
import { type ClusterAccess, openAccess, proxyFromEnvironment } from "./cluster-access.ts";
import { inClusterAccess } from "./in-cluster.ts";
import { kubeconfigAccess } from "./kubeconfig.ts";

export type FindClusterOptions = {
  env: Readonly<Record<string, string | undefined>>;
  /** A server without authentication, as the simulated one; goes before everything else. */
  serverUrl?: string | undefined;
  /** Path of a kubeconfig. */
  kubeconfig?: string | undefined;
  context?: string | undefined;
};

/**
 * Which cluster is meant: the given server or file, $KUBECONFIG, the cluster around this pod, ~/.kube/config.
 * @throws UserError KARP_NO_CLUSTER when there is none of them, KARP_KUBECONFIG for a broken file
 */
export function findCluster({ env, serverUrl, kubeconfig, context }: FindClusterOptions): ClusterAccess {
  const access = chooseCluster({ env, serverUrl, kubeconfig, context });
  if (access.proxyUrl !== undefined) return access;
  const proxyUrl = proxyFromEnvironment(access.serverUrl, env);
  return proxyUrl === undefined ? access : { ...access, proxyUrl };
}

function chooseCluster({ env, serverUrl, kubeconfig, context }: FindClusterOptions): ClusterAccess {
  if (serverUrl !== undefined) return openAccess(serverUrl);
  if (kubeconfig !== undefined && kubeconfig !== "") return kubeconfigAccess({ paths: [kubeconfig], context });
  const fromEnvironment = (env["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  if (fromEnvironment.length > 0) return kubeconfigAccess({ paths: fromEnvironment, context });
  const around = context === undefined ? inClusterAccess(env) : undefined;
  if (around !== undefined) return around;
  const home = join(env["HOME"] ?? "", ".kube", "config");
  if (existsSync(home)) return kubeconfigAccess({ paths: [home], context });
  throw new UserError({
    code: "KARP_NO_CLUSTER",
    what: "there is no cluster to talk to: no --kubeconfig, no $KUBECONFIG, not inside a pod, no ~/.kube/config",
    remedy: 'give --kubeconfig FILE, or start one with "npm start"',
  });
}
