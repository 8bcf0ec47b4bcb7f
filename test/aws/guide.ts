import assert from "node:assert/strict";
import {
  everyClassField,
  everyPoolField,
  getStartedClass,
  getStartedPool,
  inList,
  maintenanceBudgets,
  pool,
  productionClass,
  productionPool,
  REF,
  reservedClass,
  reservedPool,
} from "../../src/model/resources/guide-manifests.ts";
import { type Loose, withChange } from "../../src/model/resources/test-objects.ts";
import { guideParts } from "./guide-text.ts";

/** What guides for EKS show, in the order in which they do. */
export type Guide = {
  /** With choices in the place of values, "a | b", and a status. */
  everyPool: Loose;
  /** Without requirements. */
  barePool: Loose;
  /** With a role and an instance profile, and a status. */
  everyClass: Loose;
  firstPool: Loose;
  firstClass: Loose;
  productionPool: Loose;
  productionClass: Loose;
  reservedPool: Loose;
  reservedClass: Loose;
  /** Of pools. */
  requirements: Loose[];
  disruptions: Loose[];
  budgets: Loose[];
  metadataOptions: Loose;
  tags: Loose;
  /** Of a pool's template, without group and kind. */
  nodeClassRef: Loose;
};

/** The same facts in manifests of our own. */
export function ownGuide(): Guide {
  const choices: readonly [path: string, choice: string][] = [
    ["spec.template.spec.expireAfter", "720h | Never"],
    ["spec.disruption.consolidationPolicy", "WhenEmptyOrUnderutilized | WhenEmpty"],
    ["spec.disruption.consolidateAfter", "1m | Never"],
  ];
  const everyPool = choices.reduce((object, [path, choice]) => withChange(object, path, choice), everyPoolField);
  const twoProfiles = withChange(everyClassField, "spec.instanceProfile", "KarpenterNodeInstanceProfile-shop");
  const families = ["m6i", "m6a", "m7i", "m7a", "c6i", "c6a", "r6i"];
  return structuredClone({
    everyPool: { ...everyPool, status: { resources: { cpu: "20" } } },
    barePool: pool({ template: { spec: { nodeClassRef: REF } } }),
    everyClass: { ...twoProfiles, status: { subnets: [{ id: "subnet-0a", zone: "us-east-2b" }] } },
    firstPool: getStartedPool,
    firstClass: getStartedClass,
    productionPool,
    productionClass,
    reservedPool,
    reservedClass,
    requirements: [
      [inList("karpenter.k8s.aws/instance-family", [...families, "c7i"], 3)],
      [
        { key: "karpenter.k8s.aws/instance-family", operator: "NotIn", values: ["t2", "t3", "t3a", "t4g"] },
        { key: "karpenter.k8s.aws/instance-generation", operator: "Gt", values: ["5"] },
        inList("karpenter.k8s.aws/instance-family", families),
      ],
    ],
    disruptions: [
      { consolidationPolicy: "WhenEmptyOrUnderutilized", consolidateAfter: "5m" },
      { budgets: maintenanceBudgets },
    ],
    budgets: [podDisruptionBudget("cache", "redis", 2), podDisruptionBudget("orders", "orders-api", 1)],
    metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 },
    tags: { Environment: "production", Team: "platform", CostCenter: "one", "karpenter.sh/discovery": "my-cluster" },
    nodeClassRef: { name: "spot-flex" },
  });
}

function podDisruptionBudget(namespace: string, app: string, minAvailable: number): Loose {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: app, namespace },
    spec: { minAvailable, selector: { matchLabels: { app } } },
  };
}

/** What the guides in the folder have. */
export function publishedGuide(from: string, variables: Readonly<Record<string, string>>): Guide {
  const values = guideParts(from, variables).map(({ value }) => value);
  const ofKind = (kind: string): Loose[] => values.filter((value) => value.kind === kind);
  const withField = (field: string): Loose[] =>
    values.filter((value) => value.kind === undefined && value[field] !== undefined).map((value) => value[field]);
  const [everyPool, barePool, firstPool, productionPool, reservedPool] = ofKind("NodePool");
  const [everyClass, firstClass, productionClass, reservedClass] = ofKind("EC2NodeClass");
  assert.ok(
    ofKind("NodePool").length === 5 && ofKind("EC2NodeClass").length === 4,
    "the guides are those that are known",
  );
  return {
    everyPool,
    barePool,
    everyClass,
    firstPool,
    firstClass,
    productionPool,
    productionClass,
    reservedPool,
    reservedClass,
    requirements: withField("requirements"),
    disruptions: withField("disruption"),
    budgets: ofKind("PodDisruptionBudget"),
    metadataOptions: withField("metadataOptions")[0],
    tags: withField("tags").find((tags) => !Array.isArray(tags)),
    nodeClassRef: withField("spec").find((spec) => spec.template !== undefined)?.template.spec.nodeClassRef,
  };
}
