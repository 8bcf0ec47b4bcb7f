/** What proves who we are, for one request. A certificate belongs to the connection, the headers to the request. */
export type Credentials = { headers: Readonly<Record<string, string>>; cert?: string; key?: string };

/** Where an API server is, and how to be let in. */
export type ClusterAccess = {
  /** "https://host:port", with a path where the server sits below one; without a "/" at the end. */
  serverUrl: string;
  /** The namespace of the context, or of the pod this process runs in. */
  namespace: string;
  tls: { ca?: string; rejectUnauthorized?: boolean; servername?: string };
  proxyUrl?: string;
  /** @param isFresh the server did not take the last ones: anything remembered is read or made anew */
  credentials(isFresh: boolean): Promise<Credentials>;
};

/** A server that asks for nothing, as the simulated one. */
export function openAccess(serverUrl: string): ClusterAccess {
  return {
    serverUrl: serverUrl.replace(/\/$/, ""),
    namespace: "default",
    tls: {},
    credentials: async () => ({ headers: {} }),
  };
}

/** The proxy of the environment for a server, as other clients choose it: never for this machine itself. */
export function proxyFromEnvironment(
  serverUrl: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { protocol, hostname, port } = new URL(serverUrl);
  const host = hostname.replace(/^\[|\]$/g, "");
  if (host === "localhost" || host === "::1" || host.startsWith("127.")) return undefined;
  const read = (name: string): string => env[name] || env[name.toLowerCase()] || "";
  const proxy = read(protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY");
  const isExcepted = read("NO_PROXY")
    .split(",")
    .map((entry) => entry.trim())
    .some((entry) => entry !== "" && matchesException(entry, host, port));
  return proxy === "" || isExcepted ? undefined : proxy;
}

function matchesException(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const [name = "", onlyPort] = entry.includes("::") ? [entry] : entry.split(":");
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const bits = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(name);
  if (bits !== null) return isInRange(host, bits[1] ?? "", Number(bits[2]));
  return host === name || host.endsWith(name.startsWith(".") ? name : `.${name}`);
}

function isInRange(host: string, network: string, bits: number): boolean {
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(host)) return false;
  const number = (address: string): number => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - bits);
  return Math.floor(number(host) / size) === Math.floor(number(network) / size);
}
