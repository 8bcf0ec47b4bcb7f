import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterAccess } from "./cluster-access.ts";
import { tokenFromFile } from "./token-file.ts";

const MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** What a pod finds about its own cluster; undefined outside of one. */
export function inClusterAccess(
  env: Readonly<Record<string, string | undefined>>,
  mount = MOUNT,
): ClusterAccess | undefined {
  const host = env["KUBERNETES_SERVICE_HOST"];
  const port = env["KUBERNETES_SERVICE_PORT"];
  const tokenPath = join(mount, "token");
  if (host === undefined || host === "" || port === undefined || !existsSync(tokenPath)) return undefined;
  const token = tokenFromFile(tokenPath);
  return {
    serverUrl: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    namespace: readIfThere(join(mount, "namespace"))?.trim() ?? "default",
    tls: { ...optionalCa(readIfThere(join(mount, "ca.crt"))) },
    credentials: async (isFresh) => ({ headers: { authorization: `Bearer ${token(isFresh)}` } }),
  };
}

function optionalCa(ca: string | undefined): { ca?: string } {
  return ca === undefined ? {} : { ca };
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}
