import Type, { type Static } from "typebox";
import { conditions, DURATION_PATTERN, METADATA, text } from "./fields.ts";

const SPEC = Type.Object(
  {
    nodeRegistrationDelay: Type.Optional(
      text("How long after the launch the fake node appears. Without it: at once.", { pattern: DURATION_PATTERN }),
    ),
  },
  { description: "What is wanted." },
);

const STATUS = Type.Object(
  { conditions: Type.Optional(conditions({ keyed: false })) },
  {
    description: "What is.",
    // Nothing has to be looked up for a fake node: every class is ready from the start.
    default: {
      conditions: [
        { type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: "2024-01-01T01:01:01Z" },
      ],
    },
  },
);

export const KWOK_NODE_CLASS_SCHEMA = Type.Object(
  {
    apiVersion: Type.Literal("karpenter.kwok.sh/v1alpha1"),
    kind: Type.Literal("KWOKNodeClass"),
    metadata: METADATA,
    spec: Type.Optional(SPEC),
    status: Type.Optional(STATUS),
  },
  { description: "KWOKNodeClass configures fake nodes, which exist in the API only." },
);

export type KwokNodeClass = Static<typeof KWOK_NODE_CLASS_SCHEMA>;
