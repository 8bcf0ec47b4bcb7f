/** What stands in the cluster when kubectl comes; created in this order. */
const podSpec = (nodeName: string, container = "c"): object => ({
  nodeName,
  containers: [
    { name: container, image: "registry.k8s.io/pause:3.9", resources: { requests: { cpu: "100m", memory: "64Mi" } } },
  ],
});
const runningStatus = (container = "c"): object => ({
  phase: "Running",
  podIP: "10.0.0.10",
  podIPs: [{ ip: "10.0.0.10" }],
  hostIP: "192.168.0.1",
  qosClass: "Burstable",
  conditions: [
    { type: "PodScheduled", status: "True" },
    { type: "Ready", status: "True" },
  ],
  containerStatuses: [
    {
      name: container,
      image: "registry.k8s.io/pause:3.9",
      imageID: "",
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
    },
  ],
});
/** Its uid is filled in when the object is created. */
const owner = (apiVersion: string, kind: string, name: string): object => ({
  apiVersion,
  kind,
  name,
  controller: true,
});
const pod = (name: string, nodeName: string, app: string, ownedBy: object): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", labels: { app, "pod-template-hash": "2" }, ownerReferences: [ownedBy] },
  spec: podSpec(nodeName),
  status: runningStatus(),
});
const node = (name: string): object => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: {
    name,
    labels: {
      "kubernetes.io/hostname": name,
      "kubernetes.io/arch": "amd64",
      "karpenter.sh/nodepool": "default",
      "karpenter.sh/capacity-type": "spot",
      "topology.kubernetes.io/zone": "us-east-1a",
    },
  },
  spec: { providerID: `kwok:///${name}` },
  status: {
    capacity: { cpu: "4", memory: "16Gi", pods: "58" },
    allocatable: { cpu: "3900m", memory: "15Gi", pods: "58" },
    conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "ready" }],
    addresses: [{ type: "InternalIP", address: "192.168.0.1" }],
    nodeInfo: {
      kubeletVersion: "v1.34.1",
      osImage: "Amazon Linux 2023",
      kernelVersion: "6.1",
      containerRuntimeVersion: "containerd://2.0.0",
    },
  },
});
const template = (image: string, app = "web"): object => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: "c", image, ports: [{ containerPort: 80 }] }] },
});
const replicaSet = (revision: string, replicas: number): object => ({
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  metadata: {
    name: `web-${revision}`,
    namespace: "default",
    labels: { app: "web", "pod-template-hash": revision },
    annotations: { "deployment.kubernetes.io/revision": revision },
    ownerReferences: [owner("apps/v1", "Deployment", "web")],
  },
  spec: {
    replicas,
    selector: { matchLabels: { app: "web", "pod-template-hash": revision } },
    template: {
      metadata: { labels: { app: "web", "pod-template-hash": revision } },
      spec: { containers: [{ name: "c", image: `nginx:1.${revision}`, ports: [{ containerPort: 80 }] }] },
    },
  },
  status: { replicas, readyReplicas: replicas, observedGeneration: 1 },
});
const namespace = (name: string): object => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

export const WORLD_OBJECTS: readonly object[] = [
  namespace("karpenter"),
  node("node-a"),
  node("node-b"),
  {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "node-a", namespace: "kube-node-lease" },
    spec: { holderIdentity: "node-a", leaseDurationSeconds: 40, renewTime: "2026-01-01T00:00:00.000000Z" },
  },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: "web",
      namespace: "default",
      labels: { app: "web" },
      annotations: { "deployment.kubernetes.io/revision": "2" },
    },
    spec: { replicas: 2, selector: { matchLabels: { app: "web" } }, template: template("nginx:1.2") },
    status: {
      observedGeneration: 1,
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: 2,
      availableReplicas: 2,
      conditions: [{ type: "Available", status: "True", reason: "MinimumReplicasAvailable", message: "" }],
    },
  },
  replicaSet("1", 0),
  replicaSet("2", 2),
  pod("web-2-a", "node-a", "web", owner("apps/v1", "ReplicaSet", "web-2")),
  pod("web-2-b", "node-b", "web", owner("apps/v1", "ReplicaSet", "web-2")),
  {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "agent", namespace: "default" },
    spec: { selector: { matchLabels: { app: "agent" } }, template: template("agent:1", "agent") },
    status: { desiredNumberScheduled: 1, currentNumberScheduled: 1, numberReady: 1, numberMisscheduled: 0 },
  },
  pod("agent-a", "node-a", "agent", owner("apps/v1", "DaemonSet", "agent")),
  {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "web", namespace: "default" },
    spec: { minAvailable: 1, selector: { matchLabels: { app: "web" } } },
    status: { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2, observedGeneration: 1 },
  },
  {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "web-2-a.1", namespace: "default" },
    involvedObject: { apiVersion: "v1", kind: "Pod", name: "web-2-a", namespace: "default" },
    type: "Normal",
    reason: "Scheduled",
    message: "Successfully assigned default/web-2-a to node-a",
    firstTimestamp: "2026-01-01T00:00:00Z",
    lastTimestamp: "2026-01-01T00:00:00Z",
    count: 1,
    source: { component: "default-scheduler" },
  },
  { apiVersion: "karpenter.kwok.sh/v1alpha1", kind: "KWOKNodeClass", metadata: { name: "default" }, spec: {} },
  {
    apiVersion: "karpenter.sh/v1",
    kind: "NodePool",
    metadata: { name: "default" },
    spec: {
      template: {
        spec: {
          nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
          requirements: [{ key: "karpenter.sh/capacity-type", operator: "In", values: ["spot"] }],
        },
      },
    },
  },
  { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "karpenter", namespace: "karpenter" } },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "karpenter" },
    rules: [{ apiGroups: ["karpenter.sh"], resources: ["*"], verbs: ["*"] }],
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "karpenter", namespace: "karpenter", labels: { "app.kubernetes.io/name": "karpenter" } },
    spec: {
      clusterIP: "10.100.0.10",
      selector: { "app.kubernetes.io/name": "karpenter" },
      ports: [{ name: "http-metrics", port: 8080, targetPort: "http-metrics" }],
    },
  },
  {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "karpenter-1", namespace: "karpenter", labels: { "app.kubernetes.io/name": "karpenter" } },
    spec: {
      nodeName: "node-b",
      containers: [{ name: "controller", image: "karpenter", ports: [{ name: "http-metrics", containerPort: 8080 }] }],
    },
    status: runningStatus("controller"),
  },
  {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "pending", namespace: "karpenter" },
    spec: { containers: [{ name: "c", image: "nginx" }] },
    status: { phase: "Pending" },
  },
];
