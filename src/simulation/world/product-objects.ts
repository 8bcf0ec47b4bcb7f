import type { Kind } from "../../model/kinds.ts";
import { NAMESPACES, POD_DISRUPTION_BUDGETS } from "../../model/kinds.ts";
import type { KubeObject } from "../../model/object.ts";
import { isAlreadyExists } from "../../ports/kube-api.ts";
import type { ApiServer } from "../api-server/api-server.ts";
import { ClusterWriter } from "../cache/cluster-writer.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  DEPLOYMENTS,
  ROLE_BINDINGS,
  ROLES,
  SERVICE_ACCOUNTS,
  SERVICES,
} from "../workloads/kinds.ts";

export const PRODUCT_NAMESPACE = "karpenter";
const NAME = "karpenter";
const LABELS = { "app.kubernetes.io/name": NAME, "app.kubernetes.io/instance": NAME };

export type ProductObjectsOptions = { clusterName: string; replicas: number };

/** The product as its Helm chart would install it. Its pods are stand-ins: the process itself runs outside. */
export function createProductObjects(server: ApiServer, options: ProductObjectsOptions): void {
  const writer = new ClusterWriter(server, "helm");
  for (const { kind, object } of productObjects(options)) {
    try {
      writer.create(kind, object);
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
    }
  }
}

type Row = { kind: Kind; object: KubeObject };

function productObjects(options: ProductObjectsOptions): Row[] {
  const labels = { ...LABELS, "app.kubernetes.io/managed-by": "Helm" };
  const inNamespace = { name: NAME, namespace: PRODUCT_NAMESPACE, labels };
  const subject = { kind: "ServiceAccount", name: NAME, namespace: PRODUCT_NAMESPACE };
  const roleRef = (kind: string): unknown => ({ apiGroup: "rbac.authorization.k8s.io", kind, name: NAME });
  const row = (kind: Kind, object: Record<string, unknown>): Row => ({ kind, object: object as KubeObject });
  const rbac = "rbac.authorization.k8s.io/v1";
  return [
    row(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: PRODUCT_NAMESPACE } }),
    row(SERVICE_ACCOUNTS, { apiVersion: "v1", kind: "ServiceAccount", metadata: inNamespace }),
    row(CLUSTER_ROLES, {
      apiVersion: rbac,
      kind: "ClusterRole",
      metadata: { name: NAME, labels },
      rules: clusterRules(),
    }),
    row(CLUSTER_ROLE_BINDINGS, {
      apiVersion: rbac,
      kind: "ClusterRoleBinding",
      metadata: { name: NAME, labels },
      roleRef: roleRef("ClusterRole"),
      subjects: [subject],
    }),
    row(ROLES, { apiVersion: rbac, kind: "Role", metadata: inNamespace, rules: leaseRules() }),
    row(ROLE_BINDINGS, {
      apiVersion: rbac,
      kind: "RoleBinding",
      metadata: inNamespace,
      roleRef: roleRef("Role"),
      subjects: [subject],
    }),
    row(SERVICES, {
      apiVersion: "v1",
      kind: "Service",
      metadata: inNamespace,
      spec: {
        type: "ClusterIP",
        selector: LABELS,
        ports: [{ name: "http-metrics", port: 8080, targetPort: "http-metrics", protocol: "TCP" }],
      },
    }),
    row(POD_DISRUPTION_BUDGETS, {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: inNamespace,
      spec: { maxUnavailable: 1, selector: { matchLabels: LABELS } },
    }),
    row(DEPLOYMENTS, deployment(options, inNamespace)),
  ];
}

function deployment({ clusterName, replicas }: ProductObjectsOptions, metadata: unknown): Record<string, unknown> {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      replicas,
      revisionHistoryLimit: 10,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: NAME,
          priorityClassName: "system-cluster-critical",
          nodeSelector: { "kubernetes.io/os": "linux" },
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: "karpenter.sh/nodepool", operator: "DoesNotExist" }] }],
              },
            },
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                { labelSelector: { matchLabels: LABELS }, topologyKey: "kubernetes.io/hostname" },
              ],
            },
          },
          tolerations: [{ key: "CriticalAddonsOnly", operator: "Exists" }],
          containers: [controllerContainer(clusterName)],
        },
      },
    },
  };
}

function controllerContainer(clusterName: string): unknown {
  return {
    name: "controller",
    image: "public.ecr.aws/karpenter/controller:simulated",
    env: [{ name: "CLUSTER_NAME", value: clusterName }],
    ports: [
      { name: "http-metrics", containerPort: 8080, protocol: "TCP" },
      { name: "http", containerPort: 8081, protocol: "TCP" },
    ],
    resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "1", memory: "1Gi" } },
  };
}

function clusterRules(): unknown[] {
  const rule = (apiGroup: string, resources: string[], verbs: string[]): unknown => ({
    apiGroups: [apiGroup],
    resources,
    verbs,
  });
  const read = ["get", "list", "watch"];
  const ours = ["nodepools", "nodepools/status", "nodeclaims", "nodeclaims/status"];
  return [
    rule("karpenter.sh", ours, [...read, "create", "delete", "patch", "update"]),
    rule("karpenter.kwok.sh", ["kwoknodeclasses", "kwoknodeclasses/status"], [...read, "patch", "update"]),
    rule("karpenter.k8s.aws", ["ec2nodeclasses", "ec2nodeclasses/status"], [...read, "patch", "update"]),
    rule("", ["pods", "nodes", "namespaces", "persistentvolumes", "persistentvolumeclaims"], read),
    rule("", ["services", "replicationcontrollers"], read),
    rule("", ["nodes"], ["create", "patch", "delete", "update"]),
    rule("", ["pods/eviction"], ["create"]),
    rule("", ["pods"], ["delete"]),
    rule("", ["events"], ["create", "patch"]),
    rule("apps", ["daemonsets", "deployments", "replicasets", "statefulsets"], read),
    rule("apps", ["deployments", "statefulsets"], ["patch"]),
    rule("policy", ["poddisruptionbudgets"], read),
    rule("storage.k8s.io", ["storageclasses", "csinodes", "volumeattachments"], read),
  ];
}

function leaseRules(): unknown[] {
  return [
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create", "get", "patch", "update", "watch"] },
  ];
}
