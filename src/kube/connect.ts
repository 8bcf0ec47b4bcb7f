import { Buffer } from "node:buffer";
import type { Random } from "../base/random.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Metrics } from "../ports/telemetry.ts";
import { refusalOf } from "./answers.ts";
import { type FindClusterOptions, findCluster } from "./find-cluster.ts";
import { httpKubeApi } from "./http-kube-api.ts";
import { limits } from "./limits.ts";
import { Transport } from "./transport.ts";

export type ConnectOptions = FindClusterOptions & {
  clock: Clock;
  /** Spreads the ends of watches. */
  random: Random;
  metrics?: Metrics;
  /** Of the product, for the user agent. */
  version?: string;
};

export type Connection = {
  api: KubeApi;
  /** The context's namespace, or that of the pod this process runs in. */
  namespace: string;
  serverUrl: string;
  /** The certificate authority that the server is known by, in base64; absent: any that this machine trusts. */
  caBundle?: string;
  /**
   * What is behind a path that holds no objects: a pod's port through the server's proxy.
   * @throws ApiError, RetryError
   */
  text(path: string): Promise<string>;
  /** Breaks off what is in flight and ends every connection. */
  close(): Promise<void>;
};

/**
 * The API of the cluster that is meant. Nothing is sent yet: a server that does not answer shows at the first request.
 * @throws UserError KARP_NO_CLUSTER, KARP_KUBECONFIG
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { clock, random, metrics, version = "dev" } = options;
  const access = findCluster(options);
  const transport = new Transport(access, `karpenter/${version}`);
  return {
    api: httpKubeApi({ transport, clock, random, metrics }),
    namespace: access.namespace,
    serverUrl: access.serverUrl,
    ...(access.tls.ca === undefined ? {} : { caBundle: Buffer.from(access.tls.ca).toString("base64") }),
    async text(path) {
      const answer = await transport.send({ method: "GET", path, timeoutMs: limits.requestTimeoutMs });
      if (answer.code >= 300) throw refusalOf(answer);
      return answer.text;
    },
    close: () => transport.close(),
  };
}
