import type { JsonObject } from "../schema/schema.ts";

/** An object that a test takes apart: its fields are not checked by the compiler. */
// biome-ignore lint/suspicious/noExplicitAny: tests write objects that no type allows.
export type Loose = any;

/** The least that each of our kinds needs. */
export const nodePool = (): Loose => ({
  apiVersion: "karpenter.sh/v1",
  kind: "NodePool",
  metadata: { name: "default" },
  spec: {
    template: {
      spec: {
        nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
        requirements: [{ key: "kubernetes.io/arch", operator: "In", values: ["amd64"] }],
      },
    },
  },
});
export const nodeClaim = (): Loose => ({
  apiVersion: "karpenter.sh/v1",
  kind: "NodeClaim",
  metadata: { name: "default-1" },
  spec: {
    nodeClassRef: { group: "karpenter.kwok.sh", kind: "KWOKNodeClass", name: "default" },
    requirements: [{ key: "kubernetes.io/arch", operator: "In", values: ["amd64"] }],
  },
});
export const kwokNodeClass = (): Loose => ({
  apiVersion: "karpenter.kwok.sh/v1alpha1",
  kind: "KWOKNodeClass",
  metadata: { name: "default" },
});
export const ec2NodeClass = (): Loose => ({
  apiVersion: "karpenter.k8s.aws/v1",
  kind: "EC2NodeClass",
  metadata: { name: "default" },
  spec: {
    role: "KarpenterNodeRole",
    amiSelectorTerms: [{ alias: "al2023@latest" }],
    subnetSelectorTerms: [{ tags: { "karpenter.sh/discovery": "demo" } }],
    securityGroupSelectorTerms: [{ tags: { "karpenter.sh/discovery": "demo" } }],
  },
});

/**
 * A copy with the field at the path set, taken away (undefined), or computed from what it was (a function). Objects
 * on the way are made. The path "" changes nothing.
 */
export function withChange(object: Loose, path: string, value: unknown): Loose {
  const copy = structuredCopy(object) as JsonObject;
  if (path === "") return copy;
  const names = path.split(".");
  const last = names.pop() ?? "";
  let at = copy;
  for (const name of names) {
    at[name] ??= {};
    at = at[name] as JsonObject;
  }
  const next = typeof value === "function" ? value(at[last]) : value;
  if (next === undefined) delete at[last];
  else at[last] = next;
  return copy;
}

function structuredCopy(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
