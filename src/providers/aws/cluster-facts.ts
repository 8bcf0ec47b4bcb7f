import { MINUTE_MS } from "../../base/time.ts";
import { SERVICES } from "../../model/kinds.ts";
import type { Clock } from "../../ports/clock.ts";
import { isNotFound, type KubeApi } from "../../ports/kube-api.ts";
import type { AwsApi, EksCluster } from "./aws-api.ts";
import { Lookup } from "./lookup.ts";
import type { ClusterFacts } from "./pure/launch-template.ts";

export type ClusterOptions = {
  clusterName: string;
  /** "" : as EKS tells. */
  clusterEndpoint: string;
  /** Base64; "": as EKS tells. */
  clusterCaBundle: string;
};

const TTL_MS = 5 * MINUTE_MS;

/** What machines must know of the cluster. */
export class Cluster {
  readonly #needs: ClusterOptions & { aws: AwsApi; kube: KubeApi };
  readonly #eks: Lookup<EksCluster>;
  readonly #dns: Lookup<string | undefined>;

  constructor(needs: ClusterOptions & { aws: AwsApi; kube: KubeApi; clock: Clock }) {
    this.#needs = needs;
    this.#eks = new Lookup({ clock: needs.clock, ttlMs: TTL_MS });
    this.#dns = new Lookup({ clock: needs.clock, ttlMs: TTL_MS });
  }

  /** "1.34" */
  async kubernetesVersion(): Promise<string> {
    return (await this.#describe()).version;
  }

  async facts(): Promise<ClusterFacts> {
    const { clusterName, clusterEndpoint, clusterCaBundle } = this.#needs;
    const { endpoint, certificateAuthority, serviceIpv4Cidr, serviceIpv6Cidr } = await this.#describe();
    const cidr = serviceIpv4Cidr ?? serviceIpv6Cidr;
    const dnsIp = await this.#dns.get("", () => this.#kubeDns());
    return {
      name: clusterName,
      endpoint: clusterEndpoint === "" ? endpoint : clusterEndpoint,
      caBundle: clusterCaBundle === "" ? certificateAuthority : clusterCaBundle,
      ...(cidr === undefined ? {} : { cidr }),
      ...(dnsIp === undefined ? {} : { dnsIp }),
    };
  }

  #describe(): Promise<EksCluster> {
    const { aws, clusterName } = this.#needs;
    return this.#eks.get("", () => aws.describeCluster(clusterName));
  }

  /** A cluster may have its DNS elsewhere; then its nodes are told nothing. */
  async #kubeDns(): Promise<string | undefined> {
    try {
      const service = await this.#needs.kube.get(SERVICES, { namespace: "kube-system", name: "kube-dns" });
      const { clusterIP } = service.spec as { clusterIP?: string };
      return clusterIP === undefined || clusterIP === "" || clusterIP === "None" ? undefined : clusterIP;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
