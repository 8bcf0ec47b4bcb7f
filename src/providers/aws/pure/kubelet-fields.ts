export type KubeletFieldType =
  | "text"
  | "bool"
  | "int"
  | "number"
  | "duration"
  | "texts"
  | "textMap"
  | "boolMap"
  | "object"
  | "objects";

const FIELDS: Readonly<Record<KubeletFieldType, string>> = {
  text: `staticPodPath podLogsDir staticPodURL address tlsCertFile tlsPrivateKeyFile tlsMinVersion healthzBindAddress
    clusterDomain kubeletCgroups systemCgroups cgroupRoot cgroupDriver cpuManagerPolicy memoryManagerPolicy
    topologyManagerPolicy topologyManagerScope hairpinMode podCIDR resolvConf contentType containerLogMaxSize
    configMapAndSecretChangeDetectionStrategy reservedSystemCPUs showHiddenMetricsForVersion systemReservedCgroup
    kubeReservedCgroup volumePluginDir providerID containerRuntimeEndpoint imageServiceEndpoint
    imagePullCredentialsVerificationPolicy apiVersion kind`,
  bool: `enableServer rotateCertificates serverTLSBootstrap enableDebuggingHandlers enableContentionProfiling
    cgroupsPerQOS singleProcessOOMKill runOnce cpuCFSQuota serializeImagePulls mergeDefaultEvictionSettings
    enableControllerAttachDetach protectKernelDefaults makeIPTablesUtilChains failSwapOn kernelMemcgNotification
    enableSystemLogHandler enableSystemLogQuery enableProfilingHandler enableDebugFlagsHandler seccompDefault
    registerNode localStorageCapacityIsolation failCgroupV1`,
  int: `port readOnlyPort registryPullQPS registryBurst eventRecordQPS eventBurst healthzPort oomScoreAdj
    nodeLeaseDurationSeconds imageGCHighThresholdPercent imageGCLowThresholdPercent maxPods podPidsLimit
    nodeStatusMaxImages maxOpenFiles kubeAPIQPS kubeAPIBurst maxParallelImagePulls evictionMaxPodGracePeriod
    podsPerCore iptablesMasqueradeBit iptablesDropBit containerLogMaxFiles containerLogMaxWorkers`,
  number: "memoryThrottlingFactor",
  duration: `syncFrequency fileCheckFrequency httpCheckFrequency streamingConnectionIdleTimeout
    nodeStatusUpdateFrequency nodeStatusReportFrequency imageMinimumGCAge imageMaximumGCAge volumeStatsAggPeriod
    cpuManagerReconcilePeriod runtimeRequestTimeout cpuCFSQuotaPeriod evictionPressureTransitionPeriod
    containerLogMonitorInterval shutdownGracePeriod shutdownGracePeriodCriticalPods`,
  texts: `tlsCipherSuites clusterDNS enforceNodeAllocatable allowedUnsafeSysctls preloadedImagesVerificationAllowlist`,
  textMap: `cpuManagerPolicyOptions topologyManagerPolicyOptions qosReserved evictionHard evictionSoft
    evictionSoftGracePeriod evictionMinimumReclaim systemReserved kubeReserved`,
  boolMap: "featureGates",
  object: `staticPodURLHeader authentication authorization memorySwap logging tracing crashLoopBackOff userNamespaces`,
  objects: "shutdownGracePeriodByPodPriority reservedMemory registerWithTaints",
};

/** Every setting of the kubelet's configuration (kubelet.config.k8s.io/v1beta1), by its type. */
export const KUBELET_FIELDS: Readonly<Record<string, KubeletFieldType | undefined>> = Object.fromEntries(
  Object.entries(FIELDS).flatMap(([type, names]) =>
    names.split(/\s+/).map((name) => [name, type as KubeletFieldType] as const),
  ),
);
