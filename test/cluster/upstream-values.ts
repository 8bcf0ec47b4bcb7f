const COMMON = {
  nameOverride: "",
  fullnameOverride: "",
  additionalLabels: {},
  additionalAnnotations: {},
  imagePullPolicy: "IfNotPresent",
  imagePullSecrets: [],
  service: { annotations: {} },
  serviceAccount: { create: true, name: "", annotations: {} },
  additionalClusterRoleRules: [],
  replicas: 2,
  revisionHistoryLimit: 10,
  strategy: { rollingUpdate: { maxUnavailable: 1 } },
  podLabels: {},
  podAnnotations: {},
  podDisruptionBudget: { name: "karpenter", maxUnavailable: 1 },
  podSecurityContext: { fsGroup: 65_532, seccompProfile: { type: "RuntimeDefault" } },
  priorityClassName: "system-cluster-critical",
  terminationGracePeriodSeconds: null,
  hostNetwork: false,
  dnsPolicy: "ClusterFirst",
  dnsConfig: {},
  nodeSelector: { "kubernetes.io/os": "linux" },
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: "karpenter.sh/nodepool", operator: "DoesNotExist" }] }],
      },
    },
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname" }],
    },
  },
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: "topology.kubernetes.io/zone", whenUnsatisfiable: "DoNotSchedule" },
  ],
  tolerations: [{ key: "CriticalAddonsOnly", operator: "Exists" }],
  extraVolumes: [],
  logLevel: "info",
  logOutputPaths: ["stdout"],
  logErrorOutputPaths: ["stderr"],
};

const CONTROLLER = {
  env: [],
  envFrom: [],
  resources: {},
  extraVolumeMounts: [],
  sidecarContainer: [],
  sidecarVolumeMounts: [],
  metrics: { port: 8_080 },
  healthProbe: { port: 8_081 },
};

const SETTINGS = {
  batchMaxDuration: "10s",
  batchIdleDuration: "1s",
  clusterCABundle: "",
  clusterName: "",
  clusterEndpoint: "",
  isolatedVPC: false,
  vmMemoryOverheadPercent: 0.075,
  interruptionQueue: "",
  reservedENIs: "0",
};

const image = (tag: string, digit: string): object => ({
  repository: "public.ecr.aws/karpenter/controller",
  tag,
  digest: `sha256:${digit.repeat(64)}`,
});

/**
 * The keys and defaults of upstream's chart, which a release that was installed from it brings along.
 * @source aws/karpenter-provider-aws charts/karpenter/values.yaml
 */
export const UPSTREAM_VALUES: Readonly<Record<string, object>> = {
  "1.0.8": {
    ...COMMON,
    podSecurityContext: { fsGroup: 65_532 },
    serviceMonitor: { enabled: false, additionalLabels: {}, endpointConfig: {} },
    controller: {
      ...CONTROLLER,
      image: image("1.0.8", "1"),
      securityContext: { appArmorProfile: null, seLinuxOptions: null, seccompProfile: { type: "RuntimeDefault" } },
    },
    postInstallHook: { image: { repository: "public.ecr.aws/bitnami/kubectl", tag: "1.30" } },
    webhook: { enabled: true, port: 8_443, metrics: { port: 8_001 } },
    settings: { ...SETTINGS, featureGates: { spotToSpotConsolidation: false } },
  },
  "1.14.1": {
    ...COMMON,
    serviceMonitor: {
      enabled: false,
      additionalLabels: {},
      relabelings: [],
      metricRelabelings: [],
      endpointConfig: {},
      sampleLimit: null,
    },
    schedulerName: "default-scheduler",
    initContainers: {},
    controller: {
      ...CONTROLLER,
      containerName: "controller",
      image: image("1.14.1", "7"),
      securityContext: { appArmorProfile: {}, seLinuxOptions: {}, seccompProfile: {} },
    },
    settings: {
      ...SETTINGS,
      preferencePolicy: "Respect",
      minValuesPolicy: "Strict",
      eksControlPlane: false,
      enableZonalShift: false,
      ignoreDRARequests: true,
      disableClusterStateObservability: false,
      disableDryRun: false,
      amiRefreshInterval: "1m",
      subnetRefreshInterval: "1m",
      featureGates: {
        nodeRepair: false,
        nodeOverlay: false,
        reservedCapacity: true,
        spotToSpotConsolidation: false,
        staticCapacity: false,
        capacityBuffer: false,
      },
      awsFeatureGates: { nodeClassCEL: false },
    },
  },
};
