import Type, { type TSchema, type TSchemaOptions } from "typebox";
import type { Condition, ObjectMeta } from "../object.ts";

/**
 * Building blocks of our kinds' schemas: one TypeBox value gives the TypeScript type, the CustomResourceDefinition and
 * the validation. Patterns and rules say what the v1 API says; descriptions are what `kubectl explain` prints.
 */

/** A CEL rule of a schema node. `message` is what the user reads. */
export type Rule = { rule: string; message: string; reason?: string; fieldPath?: string };

/** The keyword that holds a node's rules. */
export function rules(...list: Rule[]): { "x-kubernetes-validations": Rule[] } {
  return { "x-kubernetes-validations": list };
}

export const QUALIFIED_KEY_PATTERN =
  "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*(\\/))?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$";
export const LABEL_VALUE_PATTERN = "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$";
export const DURATION_PATTERN = "^([0-9]+(s|m|h))+$";
export const DURATION_OR_NEVER_PATTERN = "^(([0-9]+(s|m|h))+|Never)$";
export const QUANTITY_PATTERN =
  "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$";
const CONDITION_TYPE_PATTERN =
  "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";
const REASON_PATTERN = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";
const REASON_OR_EMPTY_PATTERN = "^([A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?|)$";

/** metadata has its own validation in every API server: a schema only names it. */
export const METADATA = Type.Unsafe<ObjectMeta>({ type: "object" });

/** A list that a write replaces as a whole. */
export const ATOMIC_LIST = { "x-kubernetes-list-type": "atomic" };

export function text(description: string, options: TSchemaOptions = {}) {
  return Type.String({ description, ...options });
}

/** A point in time in RFC 3339. */
export function time(description: string) {
  return Type.String({ description, format: "date-time" });
}

export function int32(description: string, options: TSchemaOptions = {}) {
  return Type.Integer({ format: "int32", description, ...options });
}

export function int64(description: string, options: TSchemaOptions = {}) {
  return Type.Integer({ format: "int64", description, ...options });
}

/** "100m", "4Gi", or a whole number. */
const QUANTITY = Type.Unsafe<string | number>({
  anyOf: [{ type: "integer" }, { type: "string" }],
  pattern: QUANTITY_PATTERN,
  "x-kubernetes-int-or-string": true,
});

/** Amounts by resource name. */
export function quantities(description: string) {
  return record(QUANTITY, description);
}

/** A map from any text. */
export function record<V extends TSchema>(value: V, description: string, options: TSchemaOptions = {}) {
  return Type.Record(Type.String(), value, { description, ...options });
}

/** status.conditions. NodeClaim alone may leave out reason and message. */
export function conditions({ reasonRequired = true, keyed = true } = {}) {
  const item = {
    type: "object",
    description: "What is known about one aspect of the object.",
    required: ["type", "status", "lastTransitionTime", ...(reasonRequired ? ["reason", "message"] : [])].sort(),
    properties: {
      type: {
        type: "string",
        description: "The aspect.",
        maxLength: 316,
        pattern: CONDITION_TYPE_PATTERN,
      },
      status: { type: "string", description: "Whether it holds.", enum: ["True", "False", "Unknown"] },
      lastTransitionTime: { type: "string", format: "date-time", description: "When the status last changed." },
      reason: {
        type: "string",
        description: "Why, in one word that programs may rely on.",
        maxLength: 1024,
        ...(reasonRequired ? { minLength: 1, pattern: REASON_PATTERN } : { pattern: REASON_OR_EMPTY_PATTERN }),
      },
      message: { type: "string", description: "Why, for people.", maxLength: 32768 },
      observedGeneration: {
        type: "integer",
        format: "int64",
        minimum: 0,
        description: "The metadata.generation that was looked at.",
      },
    },
  };
  return Type.Unsafe<Condition[]>({
    type: "array",
    description: "What Karpenter has found out, one entry per aspect.",
    items: item,
    ...(keyed ? { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] } : {}),
  });
}

/** Which node class configures the machines. */
export function nodeClassRef(...extra: Rule[]) {
  return Type.Object(
    {
      group: text("API group of the node class, without a version.", {
        pattern: "^[^/]*$",
        ...rules({ rule: "self != ''", message: "group may not be empty" }),
      }),
      kind: text("Kind of the node class.", rules({ rule: "self != ''", message: "kind may not be empty" })),
      name: text("Name of the node class.", rules({ rule: "self != ''", message: "name may not be empty" })),
    },
    {
      description: "The object that configures the machines of this provider.",
      ...(extra.length > 0 ? rules(...extra) : {}),
    },
  );
}

/** Taints of a node template. */
export function taints(description: string) {
  const item = Type.Object({
    key: text("The key of the taint.", { minLength: 1, pattern: QUALIFIED_KEY_PATTERN }),
    value: Type.Optional(text("The value of the taint.", { pattern: QUALIFIED_KEY_PATTERN })),
    effect: Type.Enum(["NoSchedule", "PreferNoSchedule", "NoExecute"], {
      description: "What happens to pods that do not tolerate the taint.",
    }),
    timeAdded: Type.Optional(time("When the taint was added.")),
  });
  return Type.Array(item, { description, ...ATOMIC_LIST });
}

const DOMAIN_RULE: Rule = {
  rule: "self in ['karpenter.sh/capacity-type', 'karpenter.sh/nodepool'] || !self.find('^[^/]*').endsWith('karpenter.sh')",
  message: "labels of the domain karpenter.sh are reserved: only karpenter.sh/capacity-type may be required",
};
const NODE_POOL_KEY_RULE: Rule = {
  rule: "self != 'karpenter.sh/nodepool'",
  message: "the label karpenter.sh/nodepool is set by Karpenter and may not be required",
};
const HOSTNAME_KEY_RULE: Rule = {
  rule: "self != 'kubernetes.io/hostname'",
  message: "the label kubernetes.io/hostname is known only once a node exists and may not be required",
};

/** Requirements on a node's labels; only a NodeClaim may name its pool. */
export function requirements(description: string, { poolKeyAllowed }: { poolKeyAllowed: boolean }) {
  const item = Type.Object({
    key: text("The label.", {
      maxLength: 316,
      pattern: QUALIFIED_KEY_PATTERN,
      ...rules(DOMAIN_RULE, ...(poolKeyAllowed ? [] : [NODE_POOL_KEY_RULE]), HOSTNAME_KEY_RULE),
    }),
    operator: Type.Enum(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"], {
      description: "How the label's value relates to the values.",
    }),
    values: Type.Optional(
      Type.Array(Type.String(), {
        description: "Operands: some for In and NotIn, one whole number for Gt, Lt, Gte and Lte, none for the others.",
        ...ATOMIC_LIST,
      }),
    ),
    minValues: Type.Optional(
      Type.Integer({
        description: "Alpha: the least number of different values that a launch must leave open.",
        minimum: 1,
        maximum: 50,
      }),
    ),
  });
  return Type.Array(item, {
    description,
    maxItems: 100,
    ...ATOMIC_LIST,
    ...rules(
      {
        rule: "self.all(x, x.operator == 'In' ? has(x.values) && x.values.size() != 0 : true)",
        message: "requirements with operator 'In' must list at least one value",
      },
      {
        rule: "self.all(x, x.operator in ['Gt', 'Lt', 'Gte', 'Lte'] ? has(x.values) && x.values.size() == 1 && int(x.values[0]) >= 0 : true)",
        message:
          "requirements with operator 'Gt', 'Lt', 'Gte' or 'Lte' must have one value: a whole number, zero or more",
      },
      {
        rule: "self.all(x, x.operator == 'In' && has(x.minValues) && has(x.values) ? x.values.size() >= x.minValues : true)",
        message: "requirements with operator 'In' and minValues must list at least that many values",
      },
    ),
  });
}

/** What a NodePool's template and a NodeClaim share beside their requirements. */
export const NODE_FIELDS = {
  taints: Type.Optional(taints("Taints that stay on the node: only pods that tolerate them are placed there.")),
  startupTaints: Type.Optional(
    taints("Taints that something else takes off once the node is prepared: pods need not tolerate them."),
  ),
  expireAfter: Type.Optional(
    text("How long a node may live, counted from the creation of its claim, or Never.", {
      pattern: DURATION_OR_NEVER_PATTERN,
      default: "720h",
    }),
  ),
  terminationGracePeriod: Type.Optional(
    text(
      "How long draining may take before remaining pods are deleted by force. Without it, draining may take for ever.",
      {
        pattern: DURATION_PATTERN,
      },
    ),
  ),
};
