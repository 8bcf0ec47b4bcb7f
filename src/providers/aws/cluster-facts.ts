import { MINUTE_MS } from "../../base/time.ts";
import { SERVICES } from "../../model/kinds.ts";
import type { Clock } from "../../ports/clock.ts";
import { isNotFound, type KubeApi } from "../../ports/kube-api.ts";
import type { Log } from "../../ports/telemetry.ts";
import type { AwsApi, EksCluster } from "./aws-api.ts";
import { Lookup } from "./lookup.ts";
import type { ClusterFacts } from "./pure/launch-template.ts";

export type ClusterOptions = {
  clusterName: string;
  /** "" : as EKS tells. */
  clusterEndpoint: string;
  /** Base64; "": as EKS tells. */
  clusterCaBundle: string;
  /** The version of Kubernetes is asked of EKS, and not of the API server. */
  isEksControlPlane: boolean;
};
type Needs = ClusterOptions & { aws: AwsApi; kube: KubeApi; clock: Clock; log: Log };

const TTL_MS = 5 * MINUTE_MS;
/** Versions that upstream's provider has been tried with. */
const MINORS = { least: 26, most: 36 };

/** What machines must know of the cluster. EKS is asked only for what nobody has told. */
export class Cluster {
  readonly #needs: Needs;
  readonly #eks: Lookup<EksCluster>;
  readonly #dns: Lookup<string | undefined>;
  readonly #version: Lookup<string>;
  #toldVersion = "";

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#eks = new Lookup({ clock: needs.clock, ttlMs: TTL_MS });
    this.#dns = new Lookup({ clock: needs.clock, ttlMs: TTL_MS });
    this.#version = new Lookup({ clock: needs.clock, ttlMs: TTL_MS });
  }

  /** "1.34" */
  async kubernetesVersion(): Promise<string> {
    const { kube, isEksControlPlane } = this.#needs;
    const version = isEksControlPlane
      ? (await this.#describe()).version
      : await this.#version.get("", async () => {
          const { major, minor } = await kube.version();
          return `${major}.${Number.parseInt(minor, 10)}`;
        });
    this.#tellUnknown(version);
    return version;
  }

  /** @param needsCidr also the address range of the cluster's services, which only EKS can tell */
  async facts({ needsCidr }: { needsCidr: boolean }): Promise<ClusterFacts> {
    const { clusterName, clusterEndpoint, clusterCaBundle } = this.#needs;
    const isTold = clusterEndpoint !== "" && clusterCaBundle !== "" && !needsCidr;
    const eks = isTold ? undefined : await this.#describe();
    const cidr = eks?.serviceIpv4Cidr ?? eks?.serviceIpv6Cidr;
    const dnsIp = await this.#dns.get("", () => this.#kubeDns());
    return {
      name: clusterName,
      endpoint: clusterEndpoint === "" ? (eks?.endpoint ?? "") : clusterEndpoint,
      caBundle: clusterCaBundle === "" ? (eks?.certificateAuthority ?? "") : clusterCaBundle,
      ...(cidr === undefined ? {} : { cidr }),
      ...(dnsIp === undefined ? {} : { dnsIp }),
    };
  }

  #describe(): Promise<EksCluster> {
    const { aws, clusterName } = this.#needs;
    return this.#eks.getOrOld("", () => aws.describeCluster(clusterName));
  }

  /** Once for each version. */
  #tellUnknown(version: string): void {
    const minor = Number(version.split(".")[1]);
    if (version === this.#toldVersion) return;
    this.#toldVersion = version;
    if (minor >= MINORS.least && minor <= MINORS.most) return;
    this.#needs.log.error("this version of Kubernetes is not one that nodes are known to work with", { version });
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
