/** What every Kubernetes object carries. Times are RFC 3339 texts, as on the wire. */
export type ObjectMeta = {
  name: string;
  namespace?: string;
  generateName?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: unknown[];
};

export type OwnerReference = {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
};

/** Any object, when its kind does not matter. */
export type KubeObject = { apiVersion: string; kind: string; metadata: ObjectMeta };

/** An object as a client sends it to be created: the server fills in the rest of the metadata. */
export type Draft<T extends KubeObject> = Omit<T, "metadata"> & { metadata: Partial<ObjectMeta> };

/** status.conditions[] of our own kinds and of most built-in ones. */
export type Condition = {
  type: string;
  status: "True" | "False" | "Unknown";
  lastTransitionTime: string;
  reason: string;
  message: string;
  observedGeneration?: number;
};

/** "namespace/name", or "name" for an object without namespace: the key of maps and work queues. */
export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}
