{{- define "karpenter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "karpenter.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "karpenter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "karpenter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "karpenter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "karpenter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- include "karpenter.texts" .Values.additionalLabels }}
{{- end }}

{{/* What is text to Kubernetes, where --set makes a boolean of "true" and a number of "30". */}}
{{- define "karpenter.text" -}}
{{- ternary . (toJson .) (kindIs "string" .) }}
{{- end }}

{{/* A map of such texts. */}}
{{- define "karpenter.texts" -}}
{{- range $key, $value := . }}
{{ $key | quote }}: {{ include "karpenter.text" $value | quote }}
{{- end }}
{{- end }}

{{/* The metadata that all objects have; of a list: the context, a suffix of the name, annotations of its own. */}}
{{- define "karpenter.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "karpenter.fullname" $root }}{{ index . 1 }}
labels:
  {{- include "karpenter.labels" $root | nindent 2 }}
{{- $annotations := merge (dict) (index . 2 | default dict) ($root.Values.additionalAnnotations | default dict) }}
{{- with $annotations }}
annotations:
  {{- include "karpenter.texts" . | trim | nindent 2 }}
{{- end }}
{{- end }}

{{- define "karpenter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "karpenter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Values that another chart of this name left behind name its image, which is another program: ours is taken then. */}}
{{- define "karpenter.image" -}}
{{- $image := .Values.controller.image | default dict }}
{{- $isForeign := hasPrefix "public.ecr.aws/karpenter/" ($image.repository | default "") }}
{{- $repository := index .Chart.Annotations "karpenter.sh/image" }}
{{- if and $image.repository (not $isForeign) }}{{ $repository = $image.repository }}{{ end }}
{{- if $isForeign }}
{{- printf "%s:%s" $repository .Chart.AppVersion }}
{{- else if $image.digest }}
{{- printf "%s:%s@%s" $repository ($image.tag | default .Chart.AppVersion) $image.digest }}
{{- else }}
{{- printf "%s:%s" $repository ($image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{/* controller.env by name. */}}
{{- define "karpenter.givenEnv" -}}
{{- $given := dict }}
{{- range .Values.controller.env }}{{ $_ := set $given .name (.value | default "") }}{{ end }}
{{- toJson $given }}
{{- end }}

{{/* logConfig of charts before 1.0, which had it with every default and switched off. */}}
{{- define "karpenter.logConfig" -}}
{{- $config := .Values.logConfig | default dict }}
{{- if eq (toString $config.enabled) "false" }}{{ $config = dict }}{{ end }}
{{- toJson $config }}
{{- end }}

{{- define "karpenter.logLevel" -}}
{{- $given := include "karpenter.givenEnv" . | fromJson }}
{{- $logConfig := include "karpenter.logConfig" . | fromJson }}
{{- $old := dig "logLevel" "controller" "" $logConfig }}
{{- $oldGlobal := dig "logLevel" "global" "" $logConfig }}
{{- coalesce (get $given "LOGLEVEL") $old $oldGlobal .Values.logLevel "info" }}
{{- end }}

{{/* A setting. What charts 0.x had below settings.aws goes before: it is there only when it was given, the other always. Of a list: the context, name, old name. */}}
{{- define "karpenter.setting" -}}
{{- $root := index . 0 }}
{{- $settings := $root.Values.settings | default dict }}
{{- $value := get $settings (index . 1) }}
{{- $isSet := and (hasKey $settings (index . 1)) (not (kindIs "invalid" $value)) (ne (toString $value) "") }}
{{- $old := dig (index . 2) "" ($settings.aws | default dict) }}
{{- if ne (toString $old) "" }}{{ $old }}{{ else if $isSet }}{{ $value }}{{ end }}
{{- end }}

{{- define "karpenter.clusterName" -}}
{{- $settings := .Values.settings | default dict }}
{{- $name := include "karpenter.setting" (list . "clusterName" "clusterName") }}
{{- if $settings.kwok }}
{{- if $name }}{{ fail "settings.kwok is for made-up nodes, settings.clusterName for real ones: set one of them" }}{{ end }}
{{- else }}
{{- required "settings.clusterName is needed: the name of the EKS cluster" $name }}
{{- end }}
{{- end }}

{{/* Bytes of a Kubernetes quantity of memory. */}}
{{- define "karpenter.bytes" -}}
{{- $text := toString . }}
{{- $units := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 }}
{{- $unit := regexFind "[A-Za-z]+$" $text }}
{{- $number := trimSuffix $unit $text }}
{{- mulf (float64 $number) (get $units $unit | default 1 | float64) | int64 }}
{{- end }}

{{/* Thousandths of a Kubernetes quantity of CPUs. */}}
{{- define "karpenter.milli" -}}
{{- $text := toString . }}
{{- if hasSuffix "m" $text }}{{ trimSuffix "m" $text }}{{ else }}{{ mulf (float64 $text) 1000.0 | int64 }}{{ end }}
{{- end }}

{{- define "karpenter.featureGates" -}}
{{- $gates := dig "featureGates" dict (.Values.settings | default dict) }}
{{- $items := list }}
{{- range $key := list "nodeRepair" "nodeOverlay" "reservedCapacity" "spotToSpotConsolidation" "staticCapacity" "capacityBuffer" }}
{{- $value := get $gates $key }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
{{- $items = append $items (printf "%s%s=%v" (upper (substr 0 1 $key)) (substr 1 -1 $key) $value) }}
{{- end }}
{{- end }}
{{- join "," $items }}
{{- end }}

{{/* The chart's own variables, but for those that controller.env has. */}}
{{- define "karpenter.env" -}}
{{- $given := include "karpenter.givenEnv" . | fromJson }}
{{- $settings := .Values.settings | default dict }}
{{- $resources := .Values.controller.resources | default dict }}
{{- $env := list }}
{{- $env = append $env (list "KARPENTER_SERVICE" (include "karpenter.fullname" .)) }}
{{- $env = append $env (list "LOG_LEVEL" (include "karpenter.logLevel" .)) }}
{{- $env = append $env (list "LOG_OUTPUT_PATHS" (join "," .Values.logOutputPaths)) }}
{{- $env = append $env (list "LOG_ERROR_OUTPUT_PATHS" (join "," .Values.logErrorOutputPaths)) }}
{{- $env = append $env (list "METRICS_PORT" (.Values.controller.metrics.port | toString)) }}
{{- $env = append $env (list "HEALTH_PROBE_PORT" (.Values.controller.healthProbe.port | toString)) }}
{{- with dig "requests" "cpu" "" $resources }}{{ $env = append $env (list "CPU_REQUESTS" (include "karpenter.milli" .)) }}{{ end }}
{{- with dig "limits" "memory" "" $resources }}
{{- $bytes := include "karpenter.bytes" . }}
{{- $env = append $env (list "MEMORY_LIMIT" $bytes) }}
{{- /* The rest is for what is not on the heap: buffers, code, the runtime itself. */}}
{{- $env = append $env (list "NODE_OPTIONS" (printf "--max-old-space-size=%d" (divf (mulf ($bytes | float64) 0.75) 1048576.0 | int64))) }}
{{- end }}
{{- $env = append $env (list "CLUSTER_NAME" (include "karpenter.clusterName" .)) }}
{{- $env = append $env (list "FEATURE_GATES" (include "karpenter.featureGates" .)) }}
{{- with $settings.schedulerConfig }}{{ $env = append $env (list "SCHEDULER_CONFIG" (ternary . (toJson .) (kindIs "string" .))) }}{{ end }}
{{- with dig "awsFeatureGates" "nodeClassCEL" "" $settings }}{{ $env = append $env (list "AWS_FEATURE_GATES" (printf "NodeClassCEL=%v" .)) }}{{ end }}
{{- range list
  (list "BATCH_MAX_DURATION" "batchMaxDuration" "batchMaxDuration")
  (list "BATCH_IDLE_DURATION" "batchIdleDuration" "batchIdleDuration")
  (list "PREFERENCE_POLICY" "preferencePolicy" "")
  (list "MIN_VALUES_POLICY" "minValuesPolicy" "")
  (list "CLUSTER_ENDPOINT" "clusterEndpoint" "clusterEndpoint")
  (list "CLUSTER_CA_BUNDLE" "clusterCABundle" "clusterCABundle")
  (list "ISOLATED_VPC" "isolatedVPC" "isolatedVPC")
  (list "EKS_CONTROL_PLANE" "eksControlPlane" "")
  (list "VM_MEMORY_OVERHEAD_PERCENT" "vmMemoryOverheadPercent" "vmMemoryOverheadPercent")
  (list "INTERRUPTION_QUEUE" "interruptionQueue" "interruptionQueueName")
  (list "ENABLE_ZONAL_SHIFT" "enableZonalShift" "")
  (list "RESERVED_ENIS" "reservedENIs" "reservedENIs")
  (list "IGNORE_DRA_REQUESTS" "ignoreDRARequests" "")
  (list "DISABLE_CLUSTER_STATE_OBSERVABILITY" "disableClusterStateObservability" "")
  (list "DISABLE_DRY_RUN" "disableDryRun" "")
  (list "AMI_REFRESH_INTERVAL" "amiRefreshInterval" "")
  (list "SUBNET_REFRESH_INTERVAL" "subnetRefreshInterval" "")
}}
{{- $value := include "karpenter.setting" (list $ (index . 1) (index . 2)) }}
{{- if $value }}{{ $env = append $env (list (index . 0) $value) }}{{ end }}
{{- end }}
{{- range $env }}
{{- if not (hasKey $given (index . 0)) }}
- name: {{ index . 0 }}
  value: {{ index . 1 | quote }}
{{- end }}
{{- end }}
{{- if not (hasKey $given "SYSTEM_NAMESPACE") }}
- name: SYSTEM_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- end }}
{{- end }}

{{/* Names in controller.env once: of a name that is there twice the last counts, as for a process. */}}
{{- define "karpenter.moreEnv" -}}
{{- $last := dict }}
{{- $names := list }}
{{- range .Values.controller.env }}
{{- if not (hasKey $last .name) }}{{ $names = append $names .name }}{{ end }}
{{- $entry := deepCopy . }}
{{- if not (kindIs "invalid" .value) }}{{ $_ := set $entry "value" (include "karpenter.text" .value) }}{{ end }}
{{- $_ := set $last .name $entry }}
{{- end }}
{{- range $names }}
- {{ get $last . | toYaml | nindent 2 | trim }}
{{- end }}
{{- end }}

{{/* Settings that this version accepts from older values and does nothing with. */}}
{{- define "karpenter.inertValues" -}}
{{- $inert := list }}
{{- with .Values.webhook }}{{ $inert = append $inert "webhook (there is none)" }}{{ end }}
{{- with .Values.postInstallHook }}{{ $inert = append $inert "postInstallHook (there is none)" }}{{ end }}
{{- $logConfig := include "karpenter.logConfig" . | fromJson }}
{{- range $key, $value := $logConfig }}
{{- if not (has $key (list "enabled" "logLevel")) }}{{ $inert = append $inert (printf "logConfig.%s" $key) }}{{ end }}
{{- end }}
{{- if dig "logLevel" "webhook" "" $logConfig }}{{ $inert = append $inert "logConfig.logLevel.webhook" }}{{ end }}
{{- $acting := list "clusterName" "clusterEndpoint" "clusterCABundle" "isolatedVPC" "vmMemoryOverheadPercent" "interruptionQueueName" "reservedENIs" }}
{{- range $key, $value := (dig "aws" dict (.Values.settings | default dict)) }}
{{- if not (has $key $acting) }}{{ $inert = append $inert (printf "settings.aws.%s" $key) }}{{ end }}
{{- end }}
{{- join ", " $inert }}
{{- end }}

{{- define "karpenter.leaseName" -}}
{{- get (include "karpenter.givenEnv" . | fromJson) "LEADER_ELECTION_NAME" | default "karpenter-leader-election" }}
{{- end }}

{{- define "karpenter.subjects" -}}
- kind: ServiceAccount
  name: {{ include "karpenter.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
