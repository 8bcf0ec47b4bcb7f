import { isObject, objectAt } from "../json.ts";
import { badRequest } from "../refusals.ts";
import type { ResourceDefinition } from "../resource-definitions.ts";

const review = (group: string, kind: string): ResourceDefinition => ({
  group,
  version: "v1",
  kind,
  plural: `${kind.toLowerCase()}s`,
  namespaced: false,
  listKind: "",
  singular: kind.toLowerCase(),
  shortNames: [],
  categories: [],
  verbs: ["create"],
  subresources: [],
  hasStatus: false,
  hasGeneration: false,
});

/** Questions about who one is and what one may do: nothing is stored. */
export const REVIEW_RESOURCES: readonly ResourceDefinition[] = [
  review("authentication.k8s.io", "SelfSubjectReview"),
  review("authorization.k8s.io", "SelfSubjectAccessReview"),
  review("authorization.k8s.io", "SelfSubjectRulesReview"),
  review("authorization.k8s.io", "SubjectAccessReview"),
];

/** Who everybody is that reaches this server: it listens on loopback and asks for no credentials. */
export const EVERYBODY = { username: "playground", groups: ["system:masters", "system:authenticated"] };

/** The review with its status: everything is allowed. @throws ApiError 400 for something else than such a review */
export function answerReview({ kind, group, version }: ResourceDefinition, body: unknown): unknown {
  const apiVersion = `${group}/${version}`;
  if (!isObject(body)) throw badRequest(`a ${kind} is needed`);
  if (body["kind"] !== undefined && body["kind"] !== kind) {
    throw badRequest(`${kind} in version "${apiVersion}" cannot be handled as a ${String(body["kind"])}`);
  }
  return {
    kind,
    apiVersion,
    metadata: { creationTimestamp: null, ...objectAt(body, "metadata") },
    ...(body["spec"] === undefined ? {} : { spec: body["spec"] }),
    status: STATUS[kind],
  };
}

const STATUS: Readonly<Record<string, unknown>> = {
  SelfSubjectReview: { userInfo: EVERYBODY },
  SelfSubjectAccessReview: { allowed: true },
  SubjectAccessReview: { allowed: true },
  SelfSubjectRulesReview: {
    resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }],
    nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
    incomplete: false,
  },
};
