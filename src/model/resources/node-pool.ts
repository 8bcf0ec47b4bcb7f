import Type, { type Static } from "typebox";
import {
  ATOMIC_LIST,
  conditions,
  DURATION_OR_NEVER_PATTERN,
  int32,
  int64,
  LABEL_VALUE_PATTERN,
  METADATA,
  NODE_FIELDS,
  nodeClassRef,
  quantities,
  record,
  requirements,
  rules,
  text,
} from "./fields.ts";

const BUDGET = Type.Object({
  nodes: text("How many nodes may be disrupted at once: a number, or a percentage that is rounded up.", {
    pattern: "^((100|[0-9]{1,2})%|[0-9]+)$",
    default: "10%",
  }),
  reasons: Type.Optional(
    Type.Array(Type.Enum(["Underutilized", "Empty", "Drifted"]), {
      description: "The reasons this budget limits. Without it: all of them.",
      maxItems: 50,
      "x-kubernetes-list-type": "set",
    }),
  ),
  schedule: Type.Optional(
    text("When the budget becomes active: a cron line in UTC, or @hourly, @daily and the like. Needs a duration.", {
      pattern: "^(@(annually|yearly|monthly|weekly|daily|midnight|hourly))|((.+)\\s(.+)\\s(.+)\\s(.+)\\s(.+))$",
    }),
  ),
  duration: Type.Optional(
    text("How long the budget stays active after each start, in hours and minutes. Needs a schedule.", {
      pattern: "^((([0-9]+(h|m))|([0-9]+h[0-9]+m))(0s)?)$",
    }),
  ),
});

const DISRUPTION = Type.Object(
  {
    consolidateAfter: Type.Optional(
      text("How long no pod may have come or gone before a node is consolidated, or Never.", {
        pattern: DURATION_OR_NEVER_PATTERN,
        default: "0s",
      }),
    ),
    consolidationPolicy: Type.Optional(
      Type.Enum(["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"], {
        description: "Which nodes consolidation may touch.",
        default: "WhenEmptyOrUnderutilized",
      }),
    ),
    budgets: Type.Optional(
      Type.Array(BUDGET, {
        description: "Limits on how many nodes are disrupted at once. The strictest active one counts.",
        maxItems: 50,
        default: [{ nodes: "10%" }],
        ...ATOMIC_LIST,
        ...rules({
          rule: "self.all(x, has(x.schedule) == has(x.duration))",
          message: "a budget has both 'schedule' and 'duration', or neither",
        }),
      }),
    ),
  },
  { description: "How nodes may be disrupted by choice.", default: { consolidateAfter: "0s" } },
);

const TEMPLATE_METADATA = Type.Object(
  {
    labels: Type.Optional(
      record(Type.String({ maxLength: 63, pattern: LABEL_VALUE_PATTERN }), "Labels of the NodeClaims and nodes.", {
        maxProperties: 100,
        "x-kubernetes-map-type": "atomic",
        ...rules(
          {
            rule: "self.all(x, x in ['karpenter.sh/capacity-type', 'karpenter.sh/nodepool'] || !x.find('^[^/]*').endsWith('karpenter.sh'))",
            message: "labels of the domain karpenter.sh are reserved",
          },
          {
            rule: "self.all(x, x != 'karpenter.sh/nodepool')",
            message: "the label karpenter.sh/nodepool is set by Karpenter",
          },
          {
            rule: "self.all(x, x != 'kubernetes.io/hostname')",
            message: "the label kubernetes.io/hostname is set by the kubelet",
          },
        ),
      }),
    ),
    annotations: Type.Optional(record(Type.String(), "Annotations of the NodeClaims and nodes.")),
  },
  { description: "Labels and annotations that NodeClaims and nodes get." },
);

const TEMPLATE_SPEC = Type.Object(
  {
    nodeClassRef: nodeClassRef(
      { rule: "self.group == oldSelf.group", message: "nodeClassRef.group cannot be changed" },
      { rule: "self.kind == oldSelf.kind", message: "nodeClassRef.kind cannot be changed" },
    ),
    requirements: requirements("What the nodes' labels must be; combined with what the pods ask for.", {
      poolKeyAllowed: false,
    }),
    ...NODE_FIELDS,
  },
  { description: "What the NodeClaims are made from." },
);

const SPEC = Type.Object(
  {
    template: Type.Object(
      { metadata: Type.Optional(TEMPLATE_METADATA), spec: TEMPLATE_SPEC },
      { description: "The blueprint of the pool's NodeClaims." },
    ),
    disruption: Type.Optional(DISRUPTION),
    limits: Type.Optional(
      quantities("The most that the pool's nodes may sum up to; the key 'nodes' caps their number."),
    ),
    weight: Type.Optional(
      int32("Pools of higher weight are tried first. Without it: 0.", { minimum: 1, maximum: 100 }),
    ),
    replicas: Type.Optional(
      int64("Alpha: makes the pool static, with this number of nodes whatever the pods need.", { minimum: 0 }),
    ),
  },
  {
    description: "What is wanted.",
    ...rules(
      {
        rule: "has(self.replicas) == has(oldSelf.replicas)",
        message: "a pool stays static or dynamic: 'replicas' cannot be added or removed",
      },
      {
        rule: "!has(self.replicas) || !has(self.limits) || size(self.limits) == 0 || (size(self.limits) == 1 && 'nodes' in self.limits)",
        message: "with 'replicas', only the limit 'nodes' may be set",
      },
      { rule: "!has(self.replicas) || !has(self.weight)", message: "with 'replicas', 'weight' may not be set" },
    ),
  },
);

const STATUS = Type.Object(
  {
    conditions: Type.Optional(conditions()),
    resources: Type.Optional(quantities("What the pool's nodes sum up to.")),
    nodes: Type.Optional(int64("How many nodes the pool has.", { default: 0 })),
    nodeClassObservedGeneration: Type.Optional(int64("The metadata.generation of the node class last looked at.")),
  },
  { description: "What is." },
);

export const NODE_POOL_SCHEMA = Type.Object(
  {
    apiVersion: Type.Literal("karpenter.sh/v1"),
    kind: Type.Literal("NodePool"),
    metadata: METADATA,
    spec: SPEC,
    status: Type.Optional(STATUS),
  },
  { description: "NodePool says which nodes Karpenter may add to the cluster, and how it may disrupt them." },
);

export type NodePool = Static<typeof NODE_POOL_SCHEMA>;
export type Budget = Static<typeof BUDGET>;
