import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Kind, NAMESPACES, resourceOf } from "../../src/model/kinds.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { parseSettings, settingsHelp } from "../../src/model/settings.ts";
import { isNotFound, type KubeApi } from "../../src/ports/kube-api.ts";
import { pause } from "../conformance/side.ts";
import { type ControlPlane, startControlPlane, whyNoControlPlane } from "./control-plane.ts";
import { startController } from "./controller.ts";
import { DEFINITIONS } from "./definitions.ts";
import { CHART, CRD_CHART, FOR_KUBERNETES, helm, helmOk, render, whyNoHelm } from "./helm.ts";
import { UPSTREAM_VALUES } from "./upstream-values.ts";

const EKS = ["--set=settings.clusterName=shop"];
const KWOK = ["--set=settings.kwok=true"];
/** What the guides to upstream's chart set. */
const GUIDES = [
  ...EKS,
  "--set=settings.interruptionQueue=shop",
  "--set=serviceAccount.annotations.eks\\.amazonaws\\.com/role-arn=arn:aws:iam::111122223333:role/shop",
  "--set=controller.resources.requests.cpu=1",
  "--set=controller.resources.requests.memory=1Gi",
  "--set=controller.resources.limits.cpu=1",
  "--set=controller.resources.limits.memory=1Gi",
  "--set=controller.nodeSelector.karpenter\\.sh/controller=true",
  "--set=webhook.timeoutSeconds=30",
  "--set=controller.env[0].name=BATCH_MAX_DURATION",
  "--set=controller.env[0].value=30s",
];
const WITH_EVERYTHING = {
  additionalLabels: { team: 7 },
  additionalAnnotations: { audited: true },
  podLabels: { tier: "system" },
  podAnnotations: { "example.com/since": 2024 },
  surge: { enabled: true },
  networkPolicy: { enabled: true },
  dashboards: { enabled: true },
  additionalClusterRoleRules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }],
  terminationGracePeriodSeconds: 60,
  imagePullSecrets: [{ name: "registry" }],
  initContainers: [{ name: "wait", image: "wait:1" }],
  extraVolumes: [{ name: "token", emptyDir: {} }],
  controller: {
    envFrom: [{ configMapRef: { name: "more", optional: true } }],
    securityContext: { seccompProfile: { type: "RuntimeDefault" }, seLinuxOptions: { level: "s0" } },
    extraVolumeMounts: [{ name: "token", mountPath: "/token" }],
    sidecarContainer: [{ name: "proxy", image: "proxy:1" }],
    sidecarVolumeMounts: [{ name: "token", mountPath: "/token" }],
  },
  settings: {
    clusterName: "shop",
    vmMemoryOverheadPercent: 0,
    schedulerConfig: { podTopologySpread: { defaultConstraints: [] } },
  },
};
const MONITORING = ["--set=serviceMonitor.enabled=true", "--set=prometheusRule.enabled=true"];

type EnvEntry = { name: string; value?: string; valueFrom?: unknown };
type Container = { name: string; image: string; args: string[]; env: EnvEntry[] };
type PodTemplate = {
  containers: Container[];
  nodeSelector: Record<string, string>;
  tolerations: { key: string }[];
};
type Rendered = KubeObject & { spec: { template: { spec: PodTemplate } } };

describe("charts, rendered", { skip: whyNoHelm() }, () => {
  it("pass Helm's own checks", () => {
    helmOk(["lint", "--strict", FOR_KUBERNETES, CHART, ...EKS]);
    helmOk(["lint", "--strict", FOR_KUBERNETES, CRD_CHART]);
  });
  it("need to know which cluster: one of EKS, or made-up nodes, never both", () => {
    assert.match(refusal([]), /settings\.clusterName is needed/);
    assert.match(refusal([...EKS, ...KWOK]), /set one of them/);
  });
  it("render what they are said to", () => {
    const rendered = render(CHART, EKS).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    assert.deepEqual(rendered.sort(), [
      "ClusterRole karpenter",
      "ClusterRole karpenter-admin",
      "ClusterRole karpenter-core",
      "ClusterRoleBinding karpenter",
      "ClusterRoleBinding karpenter-core",
      "Deployment karpenter",
      "PodDisruptionBudget karpenter",
      "Role karpenter",
      "RoleBinding karpenter",
      "Service karpenter",
      "ServiceAccount karpenter",
    ]);
  });
  it("render alerts and what scrapes the metrics where Prometheus' operator is wanted", () => {
    const [monitor, rule] = ["ServiceMonitor", "PrometheusRule"].map((wanted) =>
      render(CHART, [...EKS, ...MONITORING]).find(({ kind }) => kind === wanted),
    ) as unknown as [{ spec: { endpoints: unknown[] } }, { spec: { groups: unknown[] } }];
    assert.deepEqual(monitor.spec.endpoints, [{ port: "http-metrics", path: "/metrics" }]);
    assert.ok(rule.spec.groups.length > 0);
  });
  it("keep the kinds when the chart goes", () => {
    const definitions = render(CRD_CHART, ["--set=additionalAnnotations.team=a"]);
    assert.equal(definitions.length, 4);
    for (const { metadata } of definitions) {
      assert.deepEqual(metadata.annotations, { "helm.sh/resource-policy": "keep", team: "a" });
    }
  });

  for (const [name, args] of Object.entries({ EKS, KWOK, GUIDES })) {
    it(`give the controller settings that it takes: ${name}`, () => {
      const { args: argv, env } = controllerOf(args);
      const known = new Set(settingsHelp().map(({ variable }) => variable));
      const others = env.filter((entry) => !known.has(entry.name)).map((entry) => entry.name);
      // The runtime's own, and the namespace that it runs in.
      assert.deepEqual(others.sort(), ["NODE_OPTIONS", "SYSTEM_NAMESPACE"]);
      assert.equal(argv[0], "controller");
      const { clusterName, warnings } = parseSettings({ argv: argv.slice(1), env: valuesOf(env) });
      assert.deepEqual({ clusterName, warnings }, { clusterName: name === "KWOK" ? "" : "shop", warnings: [] });
    });
  }
  it("pass on values that are empty to a template", () => {
    const settings = { clusterName: "shop", vmMemoryOverheadPercent: 0, ignoreDRARequests: false, isolatedVPC: false };
    const env = valuesOf(controllerOf([], { settings }).env);
    assert.equal(env["VM_MEMORY_OVERHEAD_PERCENT"], "0");
    assert.equal(env["IGNORE_DRA_REQUESTS"], "false");
  });

  for (const typo of [
    "setings.clusterName=a",
    "settings.clusterNmae=a",
    "controller.resource.limits.cpu=1",
    "replica=1",
  ]) {
    it(`refuse a typo: ${typo}`, () => {
      assert.match(refusal([...EKS, `--set=${typo}`]), /additional properties .* not allowed/i);
    });
  }
  for (const bad of ["logLevel=loud", "settings.batchMaxDuration=ten", "settings.featureGates.nodeRepair=maybe"]) {
    it(`refuse a value that means nothing: ${bad}`, () => {
      assert.match(refusal([...EKS, `--set=${bad}`]), /don't meet the specifications of the schema/);
    });
  }

  it("have no variable twice", () => {
    const more = [
      { name: "BATCH_MAX_DURATION", value: 30 },
      { name: "SYSTEM_NAMESPACE", value: "elsewhere" },
      { name: "AWS_REGION", value: "eu-west-1" },
      { name: "AWS_REGION", value: "eu-north-1" },
    ];
    const { env } = controllerOf(EKS, { controller: { env: more } });
    const names = env.map((entry) => entry.name);
    assert.deepEqual(names, [...new Set(names)]);
    const { BATCH_MAX_DURATION, SYSTEM_NAMESPACE, AWS_REGION } = valuesOf(env);
    assert.deepEqual([BATCH_MAX_DURATION, SYSTEM_NAMESPACE, AWS_REGION], ["30", "elsewhere", "eu-north-1"]);
  });
  it("take the log level from where it has been", () => {
    const levelOf = (values: object): string | undefined => valuesOf(controllerOf(EKS, values).env)["LOG_LEVEL"];
    const logConfig = { logLevel: { global: "info", controller: "debug", webhook: "error" } };
    assert.equal(levelOf({}), "info");
    assert.equal(levelOf({ logLevel: "error" }), "error");
    assert.equal(levelOf({ controller: { env: [{ name: "LOGLEVEL", value: "debug" }] } }), "debug");
    assert.equal(levelOf({ controller: { env: [{ name: "LOG_LEVEL", value: "debug" }] } }), "debug");
    assert.equal(levelOf({ logConfig: { enabled: true, ...logConfig } }), "debug");
    assert.equal(levelOf({ logConfig }), "debug");
    assert.equal(levelOf({ logConfig: { enabled: false, ...logConfig }, logLevel: "error" }), "error");
  });
  it("take what charts 0.x had below settings.aws", () => {
    const aws = { clusterName: "old", interruptionQueueName: "queue", isolatedVPC: true, vmMemoryOverheadPercent: 0 };
    const env = valuesOf(controllerOf([], { settings: { aws: { ...aws, tags: { a: "b" } } } }).env);
    assert.equal(env["CLUSTER_NAME"], "old");
    assert.equal(env["INTERRUPTION_QUEUE"], "queue");
    assert.equal(env["ISOLATED_VPC"], "true");
    assert.equal(env["VM_MEMORY_OVERHEAD_PERCENT"], "0");
  });
  it("merge both places for node selectors and tolerations", () => {
    const { nodeSelector, tolerations } = podOf([...EKS, "--set=controller.nodeSelector.system=true"], {
      nodeSelector: { disk: "ssd" },
      tolerations: [{ key: "a", operator: "Exists" }],
      controller: {
        nodeSelector: { disk: "nvme" },
        tolerations: [
          { key: "a", operator: "Exists" },
          { key: "b", operator: "Exists" },
        ],
      },
    });
    assert.deepEqual(nodeSelector, { "kubernetes.io/os": "linux", disk: "nvme", system: "true" });
    assert.deepEqual(
      tolerations.map(({ key }) => key),
      ["a", "b"],
    );
  });
  it("do nothing for a webhook", () => {
    assert.deepEqual(render(CHART, [...EKS, "--set=webhook.enabled=true,webhook.port=8443"]), render(CHART, EKS));
  });
});

describe("charts on a real API server", { skip: whyNoHelm() || whyNoControlPlane() }, () => {
  let plane: ControlPlane;
  let api: KubeApi;
  before(async () => {
    plane = await startControlPlane({ isAlone: true });
    api = plane.connection.api;
    await api.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: "karpenter" } });
  });
  after(() => plane?.stop());
  const run = (...args: string[]): string => helmOk(args, { kubeconfig: plane.adminKubeconfig });

  for (const [name, args, values] of [
    ["by default", EKS, {}],
    ["with made-up nodes", KWOK, {}],
    ["as in guides", GUIDES, {}],
    ["with everything", [], WITH_EVERYTHING],
  ] as [string, string[], object][]) {
    it(`${name}: every object is taken as it is`, async () => {
      for (const object of render(CHART, args, values)) await tryOut(api, object);
    });
  }
  it("the kinds are taken as they are", async () => {
    for (const object of render(CRD_CHART)) await tryOut(api, object);
  });

  it("install as the documents say; the controller starts with what the chart gives it; the kinds outlive it", async () => {
    run("upgrade", "--install", "karpenter-crd", CRD_CHART, "--namespace=trial", "--create-namespace");
    const told = run("upgrade", "--install", "karpenter", CHART, "--namespace=trial", ...KWOK);
    assert.match(told, /made up \(settings\.kwok\)/);
    assert.doesNotMatch(told, /WARNING/);
    await runsAsPod(plane, "trial");
    run("uninstall", "karpenter", "--namespace=trial");
    run("uninstall", "karpenter-crd", "--namespace=trial");
    const { items } = await api.list(DEFINITIONS);
    assert.equal(items.length, 4);
  });

  it("an upgrade of the kinds takes away those that are upstream's alone, but for those that are to be kept", async () => {
    const definitions = [definitionOf("karpenter.sh", "NodeOverlay"), definitionOf("example.com", "CapacityBuffer")];
    const template = definitions.map((definition) => JSON.stringify(definition)).join("\n---\n");
    const theirs = upstreamChart(plane.folder, { name: "karpenter-crd", version: "1.14.1", template });
    run("install", "karpenter-crd", theirs, "--namespace=trial", "--create-namespace");
    const keep = { metadata: { annotations: { "helm.sh/resource-policy": "keep" } } };
    await api.patch(DEFINITIONS, { name: "nodeoverlays.karpenter.sh" }, { type: "merge", body: keep });
    run("upgrade", "karpenter-crd", CRD_CHART, "--namespace=trial");
    await api.get(DEFINITIONS, { name: "nodeoverlays.karpenter.sh" });
    await assert.rejects(gone(api, "capacitybuffers.example.com"), isNotFound);
  });

  for (const [version, values] of Object.entries(UPSTREAM_VALUES)) {
    it(`take over from upstream's ${version} in place, and give it back`, async () => {
      const namespace = `from-${version.replaceAll(".", "-")}`;
      const there = [`--namespace=${namespace}`, "--create-namespace"];
      const theirs = upstreamChart(plane.folder, { name: "karpenter", version, values, template: ACCOUNT });
      run("install", "karpenter", theirs, ...there, ...EKS);
      const upgrade = ["upgrade", "karpenter", CHART, `--namespace=${namespace}`, "--reuse-values"];
      const told = run(...upgrade, "--set=webhook.timeoutSeconds=30");
      assert.match(told, /WARNING: these values have no effect: webhook \(there is none\)/);
      assert.match(told, /another program's image \(public\.ecr\.aws\/karpenter\/controller\)/);
      const { containers } = (await deploymentIn(api, namespace)).spec.template.spec;
      assert.match(containers[0]?.image ?? "", /^karpenter\/controller:\d+\.\d+\.\d+$/);
      assert.equal(containers[0]?.name, "controller");
      parseSettings({ argv: [], env: valuesOf(containers[0]?.env ?? []) });
      run("rollback", "karpenter", "1", `--namespace=${namespace}`);
      run("uninstall", "karpenter", `--namespace=${namespace}`);
    });
  }
});

/** @throws ApiError once there is no such kind: it is deleted in the background */
async function gone(api: KubeApi, name: string): Promise<void> {
  for (let i = 0; i < 100; i += 1) {
    await api.get(DEFINITIONS, { name });
    await pause(100);
  }
}

function refusal(args: readonly string[]): string {
  const { code, err } = helm(["template", "karpenter", CHART, FOR_KUBERNETES, ...args]);
  assert.notEqual(code, 0, "it is refused");
  return err;
}

function podOf(args: readonly string[], values: object = {}): PodTemplate {
  const deployment = render(CHART, args, values).find(({ kind }) => kind === "Deployment") as Rendered;
  return deployment.spec.template.spec;
}

function controllerOf(args: readonly string[], values: object = {}): Container {
  return podOf(args, values).containers[0] as Container;
}

function valuesOf(env: readonly EnvEntry[]): Record<string, string> {
  return Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}

/** Kinds as the chart has them: all of their plurals are plain. */
function kindOf({ apiVersion, kind }: KubeObject, namespaced: boolean): Kind {
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  return { group, version, kind, plural: kind.toLowerCase().replace(/(y|)$/, (y) => (y ? "ies" : "s")), namespaced };
}

/** @throws ApiError when the server would not take it, or does not know one of its fields */
async function tryOut(api: KubeApi, object: KubeObject): Promise<void> {
  const kind = kindOf(object, /^(Cluster|CustomResource)/.test(object.kind) === false);
  const draft = kind.namespaced ? { ...object, metadata: { namespace: "karpenter", ...object.metadata } } : object;
  try {
    await api.create(kind, draft, { dryRun: true, fieldValidation: "Strict" });
  } catch (error) {
    throw new Error(`${resourceOf(kind)} ${object.metadata.name}: ${String(error)}`, { cause: error });
  }
}

async function deploymentIn(api: KubeApi, namespace: string): Promise<Rendered> {
  const kind = kindOf({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "" } } as KubeObject, true);
  return (await api.get(kind, { namespace, name: "karpenter" })) as Rendered;
}

/** As a pod of the Deployment would: with its variables, and what its account may do. */
async function runsAsPod(plane: ControlPlane, namespace: string): Promise<void> {
  const { api } = plane.connection;
  const account = kindOf({ apiVersion: "v1", kind: "ServiceAccount" } as KubeObject, true);
  const asked = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3_600 } };
  const { status } = (await api.act(account, { namespace, name: "karpenter" }, "token", asked)) as {
    status: { token: string };
  };
  const { containers } = (await deploymentIn(api, namespace)).spec.template.spec;
  const controller = await startController(plane, {
    kubeconfig: plane.kubeconfig("pod", status.token),
    env: { ...valuesOf(containers[0]?.env ?? []), SYSTEM_NAMESPACE: namespace },
  });
  try {
    await controller.whenReady();
  } finally {
    await controller.stop();
  }
}

type OtherChart = { name: string; version: string; values?: object; template: string };

/** A chart that is upstream's in what a release keeps of it. */
function upstreamChart(folder: string, { name, version, values = {}, template }: OtherChart): string {
  const chart = join(folder, `upstream-${name}-${version}`);
  mkdirSync(join(chart, "templates"), { recursive: true });
  writeFileSync(join(chart, "Chart.yaml"), JSON.stringify({ apiVersion: "v2", name, version }));
  writeFileSync(join(chart, "values.yaml"), JSON.stringify(values));
  writeFileSync(join(chart, "templates", "objects.yaml"), template);
  return chart;
}

const ACCOUNT =
  "apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: karpenter, namespace: {{ .Release.Namespace }} }\n";

/** A kind without rules. */
function definitionOf(group: string, kind: string): KubeObject & { spec: unknown } {
  const plural = `${kind.toLowerCase()}s`;
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` } as KubeObject["metadata"],
    spec: {
      group,
      scope: "Cluster",
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: "v1alpha1", served: true, storage: true, schema }],
    },
  };
}
