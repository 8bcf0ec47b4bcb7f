import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { UserError } from "../base/errors.ts";
import type { ClusterAccess, Credentials } from "./cluster-access.ts";
import { tokenFromFile } from "./token-file.ts";

export type KubeconfigOptions = {
  /** Of entries with one name the first file's counts; files that are not there are left out, but one must be. */
  paths: readonly string[];
  /** Default: the current context of the first file that names one. */
  context?: string | undefined;
};

/**
 * Reads who and where from kubeconfig files, as kubectl does.
 * @throws UserError KARP_KUBECONFIG for what is missing, cannot be read or does not fit together
 */
export function kubeconfigAccess({ paths, context }: KubeconfigOptions): ClusterAccess {
  const files = paths.flatMap((path) => readFile(path, paths.length === 1));
  if (files.length === 0) throw broken(paths.join(", "), "no such file", "give the path of a kubeconfig file");
  const where = files.map(({ path }) => path).join(", ");
  const wanted = context ?? files.map(({ doc }) => text(doc["current-context"])).find((name) => name !== undefined);
  const contextEntry = find(files, "contexts", wanted);
  if (wanted === undefined || contextEntry === undefined) throw noContext(files, where, wanted);
  const chosen = section(contextEntry.entry, "context");
  const clusterName = text(chosen["cluster"]);
  const clusterEntry = find(files, "clusters", clusterName);
  const cluster = clusterEntry && section(clusterEntry.entry, "cluster");
  const serverUrl = cluster && text(cluster["server"]);
  if (clusterEntry === undefined || cluster === undefined || serverUrl === undefined) {
    throw broken(
      where,
      `context "${wanted}" names cluster "${clusterName}", which has no server here`,
      "mend the file",
    );
  }
  checkUrl(where, serverUrl);
  const userName = text(chosen["user"]);
  const userEntry = find(files, "users", userName);
  if (userEntry === undefined && userName !== undefined && userName !== "") {
    throw broken(where, `context "${wanted}" names user "${userName}", who is not here`, "mend the file");
  }
  const proxyUrl = text(cluster["proxy-url"]);
  return {
    serverUrl: serverUrl.replace(/\/$/, ""),
    namespace: text(chosen["namespace"]) ?? "default",
    tls: tlsOf(cluster, clusterEntry.path),
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    credentials: userEntry === undefined ? noCredentials : credentialsOf(userEntry, { where, wanted, files }),
  };
}

type Section = Readonly<Record<string, unknown>>;
type File = { path: string; doc: Section };
type Entry = { path: string; entry: Section };

const noCredentials = async (): Promise<Credentials> => ({ headers: {} });

function readFile(path: string, isOnly: boolean): File[] {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT" && !isOnly) return [];
    throw broken(path, cause instanceof Error ? cause.message : String(cause), "give the path of a kubeconfig file");
  }
  let doc: unknown;
  try {
    doc = parse(content);
  } catch (cause) {
    throw broken(path, `it is not YAML: ${cause instanceof Error ? cause.message : cause}`, "mend the file");
  }
  if (doc === null) return [{ path, doc: {} }];
  if (!isSection(doc)) throw broken(path, "it holds no kubeconfig", "give the path of a kubeconfig file");
  return [{ path, doc }];
}

function isSection(value: unknown): value is Section {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function section(entry: Section, name: string): Section {
  const value = entry[name];
  return isSection(value) ? value : {};
}

function entriesOf({ doc }: File, list: string): Section[] {
  const entries = doc[list];
  return Array.isArray(entries) ? entries.filter(isSection) : [];
}

function find(files: readonly File[], list: string, name: string | undefined): Entry | undefined {
  for (const file of files) {
    const entry = entriesOf(file, list).find((candidate) => candidate["name"] === name);
    if (entry !== undefined) return { path: file.path, entry };
  }
  return undefined;
}

function noContext(files: readonly File[], where: string, wanted: string | undefined): UserError {
  const names = files.flatMap((file) => entriesOf(file, "contexts").map((entry) => String(entry["name"])));
  const what = wanted === undefined ? "there is no current context" : `there is no context "${wanted}"`;
  return broken(where, what, names.length === 0 ? "add a context" : `choose one with --context: ${names.join(", ")}`);
}

function checkUrl(where: string, serverUrl: string): void {
  if (!URL.canParse(serverUrl) || !/^https?:/.test(serverUrl)) {
    throw broken(where, `server "${serverUrl}" is no http or https address`, "mend the file");
  }
}

function tlsOf(cluster: Section, path: string): ClusterAccess["tls"] {
  const ca = dataOrFile(cluster, "certificate-authority", path);
  const servername = text(cluster["tls-server-name"]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(servername === undefined ? {} : { servername }),
    ...(cluster["insecure-skip-tls-verify"] === true ? { rejectUnauthorized: false } : {}),
  };
}

/** "name-data" in base64, else the content of the file "name", relative to the kubeconfig's folder. */
function dataOrFile(from: Section, name: string, path: string): string | undefined {
  const data = text(from[`${name}-data`]);
  if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
  const file = text(from[name]);
  if (file === undefined) return undefined;
  try {
    return readFileSync(resolve(dirname(path), file), "utf8");
  } catch (cause) {
    throw broken(path, `${name} ${file}: ${cause instanceof Error ? cause.message : cause}`, "mend the path");
  }
}

type Whole = { where: string; wanted: string; files: readonly File[] };

function credentialsOf({ entry, path }: Entry, whole: Whole): ClusterAccess["credentials"] {
  const user = section(entry, "user");
  if (user["exec"] !== undefined || user["auth-provider"] !== undefined) return pluginCredentials(whole);
  const cert = dataOrFile(user, "client-certificate", path);
  const key = dataOrFile(user, "client-key", path);
  const pair = cert === undefined || key === undefined ? {} : { cert, key };
  const as = text(user["as"]);
  const others: Record<string, string> = as === undefined ? {} : { "impersonate-user": as };
  const tokenFile = text(user["tokenFile"]);
  if (tokenFile !== undefined) {
    const token = tokenFromFile(resolve(dirname(path), tokenFile));
    return async (isFresh) => ({ headers: { ...others, authorization: `Bearer ${token(isFresh)}` }, ...pair });
  }
  const authorization = staticAuthorization(user);
  const headers = authorization === undefined ? others : { ...others, authorization };
  return async () => ({ headers, ...pair });
}

function staticAuthorization(user: Section): string | undefined {
  const token = text(user["token"]);
  if (token !== undefined) return `Bearer ${token}`;
  const name = text(user["username"]);
  if (name === undefined) return undefined;
  return `Basic ${Buffer.from(`${name}:${text(user["password"]) ?? ""}`).toString("base64")}`;
}

/** Commands and providers that make tokens are left to the library, which is loaded for them alone: it is large. */
function pluginCredentials({ files, wanted, where }: Whole): ClusterAccess["credentials"] {
  type Config = InstanceType<typeof import("@kubernetes/client-node")["KubeConfig"]>;
  let known: Config | undefined;
  const load = async (): Promise<Config> => {
    const { KubeConfig } = await import("@kubernetes/client-node");
    const merged = new KubeConfig();
    for (const { path } of files) {
      const one = new KubeConfig();
      one.loadFromFile(path);
      if (merged.contexts?.length > 0) merged.mergeConfig(one, true);
      else merged.loadFromFile(path);
    }
    merged.setCurrentContext(wanted);
    return merged;
  };
  return async (isFresh) => {
    // The library remembers a token until its last moment: a new one comes from a new object only.
    if (known === undefined || isFresh) known = await load();
    const options: { headers?: Record<string, string>; auth?: string; cert?: string | Buffer; key?: string | Buffer } =
      {};
    try {
      await known.applyToHTTPSOptions(options as Parameters<Config["applyToHTTPSOptions"]>[0]);
    } catch (cause) {
      known = undefined;
      const why = cause instanceof Error ? cause.message.trim() : String(cause);
      throw broken(where, `the credentials of context "${wanted}" cannot be had: ${why}`, "see that its command works");
    }
    const { headers = {}, cert, key } = options;
    const pair = cert === undefined || key === undefined ? {} : { cert: String(cert), key: String(key) };
    return { headers: Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toLowerCase(), v])), ...pair };
  };
}

function broken(where: string, what: string, remedy: string): UserError {
  return new UserError({ code: "KARP_KUBECONFIG", what: `kubeconfig ${where}: ${what}`, remedy });
}
