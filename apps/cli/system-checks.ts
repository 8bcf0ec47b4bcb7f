import type { Node } from "../../src/model/core.ts";
import { NODE_POOL_LABEL } from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { CUSTOM_RESOURCES } from "../../src/model/resources/custom-resources.ts";
import type { Finding } from "../../src/plan/doctor/finding.ts";
import { controllerPods } from "./decisions.ts";
import type { Workload } from "./file-cluster.ts";

const GROUP = "karpenter.sh";

/**
 * Whether the controller runs where it should, with its definitions, and alone. Asked of whole clusters only: files leave
 * out what they do not need.
 */
export function systemChecks(objects: readonly KubeObject[]): Finding[] {
  return [...definitionChecks(objects), ...controllerChecks(objects), ...objects.flatMap(rivalCheck)];
}

type Definition = KubeObject & {
  spec?: { group?: string; names?: { plural?: string }; versions?: { name: string; served: boolean }[] };
  status?: { storedVersions?: string[] };
};

function definitionChecks(objects: readonly KubeObject[]): Finding[] {
  const definitions = (objects.filter(({ kind }) => kind === "CustomResourceDefinition") as Definition[]).filter(
    ({ spec }) => spec?.group === GROUP,
  );
  // Not listed, for want of a permission: that is said elsewhere.
  if (definitions.length === 0) return [];
  const ours = CUSTOM_RESOURCES.filter(({ kind }) => kind.group === GROUP);
  return ours.flatMap(({ kind }): Finding[] => {
    const name = `${kind.plural}.${kind.group}`;
    const object = `CustomResourceDefinition ${name}`;
    const install = "karpenter crds | kubectl apply --server-side -f -";
    const common = { object, docs: "docs/install.md" };
    const definition = definitions.find(({ spec }) => spec?.names?.plural === kind.plural);
    if (definition === undefined) {
      return [{ code: "CrdMissing", severity: "error", ...common, evidence: "it is not installed", fix: install }];
    }
    const served = definition.spec?.versions?.some((one) => one.name === kind.version && one.served) === true;
    if (!served) {
      const evidence = `it does not serve version ${kind.version}`;
      return [{ code: "CrdVersion", severity: "error", ...common, evidence, fix: install }];
    }
    const old = (definition.status?.storedVersions ?? []).filter((version) => version !== kind.version);
    if (old.length === 0) return [];
    const evidence = `objects may still be stored as ${old.join(", ")}: a definition without that version is refused`;
    return [{ code: "CrdStoredVersion", severity: "warning", ...common, evidence, fix: rewrite(name, kind.version) }];
  });
}

/** Writes every object once more, in the version that is stored now, and says that the others are gone. */
function rewrite(name: string, version: string): string {
  const status = JSON.stringify({ status: { storedVersions: [version] } });
  const patch = `kubectl patch customresourcedefinition ${name} --subresource status --type merge -p '${status}'`;
  return `kubectl get ${name} -o json | kubectl replace -f - && ${patch}`;
}

function controllerChecks(objects: readonly KubeObject[]): Finding[] {
  const pods = controllerPods(objects);
  const isInstalled = objects.some(
    ({ kind, metadata }) => kind === "Deployment" && metadata.labels?.["app.kubernetes.io/name"] === "karpenter",
  );
  if (pods.length === 0 && isInstalled) {
    const evidence = "its Deployment has no running pod: no node is bought and none is taken away";
    const fix = "kubectl describe pods -A -l app.kubernetes.io/name=karpenter";
    const docs = "docs/install.md";
    return [{ code: "ControllerDown", severity: "error", object: "Karpenter", evidence, fix, docs }];
  }
  const nodes = objects.filter(({ kind }) => kind === "Node") as Node[];
  return pods.flatMap(({ metadata, spec: { nodeName } }): Finding[] => {
    const pool = nodes.find((node) => node.metadata.name === nodeName)?.metadata.labels?.[NODE_POOL_LABEL];
    if (pool === undefined) return [];
    return [
      {
        code: "ControllerOnOwnNode",
        severity: "warning",
        object: `Pod ${metadata.namespace}/${metadata.name}`,
        evidence: `the controller runs on ${nodeName}, a node of NodePool ${pool}: when that goes, nobody may be left to buy another`,
        fix: "give it nodes that are not Karpenter's, and keep the chart's nodeAffinity (karpenter.sh/nodepool DoesNotExist)",
        docs: "docs/install.md",
      },
    ];
  });
}

function rivalCheck(object: KubeObject): Finding[] {
  if (object.kind !== "Deployment") return [];
  const { spec } = object as Workload;
  const images = (spec?.template?.spec.containers ?? []).map(({ image = "" }) => image);
  const isRival = images.some((image) => /\/cluster-autoscaler[:@]/.test(image)) && (spec?.replicas ?? 1) > 0;
  if (!isRival) return [];
  const { namespace, name } = object.metadata;
  return [
    {
      code: "ClusterAutoscaler",
      severity: "warning",
      object: `Deployment ${namespace}/${name}`,
      evidence: "Cluster Autoscaler runs beside Karpenter: both may add nodes for the same pods",
      fix: `kubectl scale deployment -n ${namespace} ${name} --replicas 0`,
      docs: "docs/install.md",
    },
  ];
}
