import { InvariantError } from "../../src/base/errors.ts";
import type { Random } from "../../src/base/random.ts";
import { MINUTE_MS } from "../../src/base/time.ts";
import { type Kind, PODS } from "../../src/model/kinds.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { crdOf } from "../../src/model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../src/model/resources/custom-resources.ts";
import { defaultSettings, type Settings } from "../../src/model/settings.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { KubeApi } from "../../src/ports/kube-api.ts";
import { catalogueInstanceTypes } from "../../src/providers/kwok/catalogue.ts";
import { kwokProvider } from "../../src/providers/kwok/provider.ts";
import { uuidFrom } from "../../src/runtime/uuid.ts";
import { type ApiServer, createApiServer } from "../../src/simulation/api-server/api-server.ts";
import { ClusterWriter } from "../../src/simulation/cache/cluster-writer.ts";
import { type Account, createAccount, FIRST_RELEASE, imageOf } from "../../src/simulation/ec2/account.ts";
import { SimulatedEc2 } from "../../src/simulation/ec2/ec2.ts";
import { ec2Nodes } from "../../src/simulation/ec2/nodes.ts";
import type { KubeletOptions } from "../../src/simulation/kubelet/kubelets.ts";
import { type Cluster, startCluster } from "../../src/simulation/world/cluster.ts";
import { createProductObjects, PRODUCT_NAMESPACE } from "../../src/simulation/world/product-objects.ts";
import { type Product, startProduct } from "../controller/product.ts";
import { ec2Provider } from "../controller/provider.ts";
import { twoProviders } from "./two-providers.ts";

export type PlaygroundClusterOptions = {
  clock: Clock;
  random: Random;
  region: string;
  clusterName: string;
  settings?: Partial<Settings>;
  kubelets?: Partial<KubeletOptions>;
  /** How long a machine takes from its launch until its Node object appears; default: one to two seconds. */
  machineMs?: { min: number; max: number };
};

const QUEUE_NAME = "interruptions";
const MACHINE_MS = { min: 1_000, max: 2_000 };

/** A simulated EKS cluster with two processes of the product in it, of which one leads. */
export type PlaygroundCluster = {
  readonly server: ApiServer;
  readonly cluster: Cluster;
  readonly products: readonly Product[];
  readonly ec2: SimulatedEc2;
  /** What templates of manifests ask for: the names of this cluster. */
  readonly variables: Readonly<Record<string, string>>;
  /** For whoever plays the user. */
  readonly api: KubeApi;
  stop(): Promise<void>;
};

export function startPlaygroundCluster(options: PlaygroundClusterOptions): PlaygroundCluster {
  const { clock, random, region, clusterName, kubelets } = options;
  const server = createApiServer({ clock, random: random.fork("api-server"), crds: CUSTOM_RESOURCES.map(crdOf) });
  const cluster = startCluster({
    server,
    clock,
    random: random.fork("cluster"),
    systemNodes: { count: 2, region },
    ...(kubelets === undefined ? {} : { kubelets }),
  });
  const settings: Settings = {
    ...defaultSettings(),
    ...PATIENT_LEASE,
    clusterName,
    interruptionQueue: QUEUE_NAME,
    eksControlPlane: true,
    ...options.settings,
  };
  createProductObjects(server, { clusterName, replicas: 2 });
  const instanceTypes = catalogueInstanceTypes(region);
  const ec2 = startEc2(options, cluster, server);
  const products = [0, 1].map((index) =>
    startProduct({
      settings,
      api: server.api({ user: "karpenter" }),
      provider: (api, telemetry) =>
        twoProviders(
          {
            provider: ec2Provider(settings, {
              aws: ec2.api(),
              kube: api,
              clock,
              ...telemetry,
              region,
            }),
            idPrefix: "aws:///",
          },
          { provider: kwokProvider({ api, clock, instanceTypes }), idPrefix: "kwok://" },
        ),
      clock,
      random: random.fork(`product-${index}`),
      writeLog: podLogWriter(cluster, index),
      identity: `karpenter-${index}_${uuidFrom(random)}`,
      namespace: PRODUCT_NAMESPACE,
      onFatal(why) {
        // A machine that was asleep: server and product have the same clock, so nothing is wrong between them.
        if (why === "clock jumped") return;
        throw why instanceof InvariantError ? why : new InvariantError("a playground's leader keeps its lease");
      },
    }),
  );
  return {
    server,
    cluster,
    products,
    ec2,
    variables: variablesOf(ec2.account),
    api: server.api({ user: "playground" }),
    async stop() {
      for (const product of products) await product.stop();
      ec2.stop();
      cluster.stop();
      server.close();
    },
  };
}

/** A machine that is busy, or asleep, holds the whole cluster up: that is no reason to change the leader. */
const PATIENT_LEASE = { leaseDurationMs: 30 * MINUTE_MS, leaseRenewDeadlineMs: 20 * MINUTE_MS };

/** The account that the cluster is in: its discovery tag is the cluster's name, and what manifests name by id is there. */
function startEc2(
  { clock, random, region, clusterName, machineMs = MACHINE_MS }: PlaygroundClusterOptions,
  { state, kubelets }: Cluster,
  server: ApiServer,
): SimulatedEc2 {
  const account = createAccount({ region, clusterName, hasWhateverIsNamed: true });
  const pendingMs = machineMs;
  const ec2 = new SimulatedEc2({ clock, random: random.fork("ec2"), account, queueName: QUEUE_NAME, pendingMs });
  const writer = new ClusterWriter(server, "cloud-controller-manager");
  const bootMs = { min: 0, max: 0 };
  ec2.observe(ec2Nodes({ clock, random: random.fork("ec2-nodes"), region, state, writer, kubelets, bootMs }));
  return ec2;
}

/** The names that guides for EKS use for what they fill into manifests. */
function variablesOf(account: Account): Record<string, string> {
  const { region, cluster } = account;
  return {
    CLUSTER_NAME: cluster.name,
    EKS_CLUSTER_NAME: cluster.name,
    AWS_REGION: region,
    K8S_VERSION: cluster.version,
    KARPENTER_ROLE: `KarpenterNodeRole-${cluster.name}`,
    ALIAS_VERSION: FIRST_RELEASE.eks,
    AMI_ID: imageOf(account, "amazon-linux-2023/x86_64/standard"),
  };
}

/** The kind under which the server stores such an object; undefined when it has none. */
export function kindIn(server: ApiServer, object: KubeObject): Kind | undefined {
  const [group, version] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", object.apiVersion];
  return server
    .resources()
    .find((resource) => resource.group === group && resource.version === version && resource.kind === object.kind);
}

/** Lines go to the log of the product's pod of this number; they wait until it runs. */
function podLogWriter({ state, logs }: Cluster, index: number): (line: string) => void {
  const waiting: string[] = [];
  return (line) => {
    waiting.push(line);
    const pods = [...state.of(PODS).values()].filter(
      (pod) => pod.metadata.namespace === PRODUCT_NAMESPACE && pod.status?.phase === "Running",
    );
    const pod = pods[index];
    if (pod === undefined) {
      if (waiting.length > 1_000) waiting.shift();
      return;
    }
    for (const text of waiting.splice(0)) logs.write(pod.metadata.uid, "controller", text);
  };
}
