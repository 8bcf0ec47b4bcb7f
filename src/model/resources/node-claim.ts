import Type, { type Static } from "typebox";
import {
  conditions,
  METADATA,
  NODE_FIELDS,
  nodeClassRef,
  quantities,
  requirements,
  rules,
  text,
  time,
} from "./fields.ts";

const SPEC = Type.Object(
  {
    nodeClassRef: nodeClassRef(),
    requirements: requirements("What the node's labels must be.", { poolKeyAllowed: true }),
    resources: Type.Optional(
      Type.Object(
        { requests: Type.Optional(quantities("The least that the node must have room for.")) },
        { description: "What the pods and daemons planned for the node ask for." },
      ),
    ),
    ...NODE_FIELDS,
  },
  {
    description: "What is wanted. It never changes.",
    ...rules({ rule: "self == oldSelf", message: "the spec of a NodeClaim cannot be changed" }),
  },
);

const STATUS = Type.Object(
  {
    providerID: Type.Optional(text("The instance in the cloud, as the node's spec.providerID has it.")),
    nodeName: Type.Optional(text("The node, once it has registered.")),
    imageID: Type.Optional(text("The machine image the instance was started from.")),
    capacity: Type.Optional(quantities("What the node is expected to have.")),
    allocatable: Type.Optional(quantities("What of it pods are expected to get.")),
    lastPodEventTime: Type.Optional(time("When a pod last came to the node or left it.")),
    conditions: Type.Optional(conditions({ reasonRequired: false })),
  },
  { description: "What is." },
);

export const NODE_CLAIM_SCHEMA = Type.Object(
  {
    apiVersion: Type.Literal("karpenter.sh/v1"),
    kind: Type.Literal("NodeClaim"),
    metadata: METADATA,
    spec: SPEC,
    status: Type.Optional(STATUS),
  },
  { description: "NodeClaim asks for one node, and follows it from launch to termination." },
);

export type NodeClaim = Static<typeof NODE_CLAIM_SCHEMA>;
