import type { Container, Node, Pod } from "../model/core.ts";
import type { KubeObject, ObjectMeta } from "../model/object.ts";

/** The object without what no plan looks at: thousands of pods are kept in memory. A new object, or the same one. */
export function trim<T extends KubeObject>(object: T): T {
  const metadata = trimMetadata(object.metadata);
  if (object.kind === "Pod") return trimPod(object as unknown as Pod, metadata) as unknown as T;
  if (object.kind === "Node") return trimNode(object as unknown as Node, metadata) as unknown as T;
  return metadata === object.metadata ? object : { ...object, metadata };
}

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

function trimMetadata(metadata: ObjectMeta): ObjectMeta {
  const hasLastApplied = metadata.annotations?.[LAST_APPLIED] !== undefined;
  if (metadata.managedFields === undefined && !hasLastApplied) return metadata;
  const { managedFields: _, ...rest } = metadata;
  if (!hasLastApplied) return rest;
  const { [LAST_APPLIED]: __, ...annotations } = metadata.annotations ?? {};
  return { ...rest, annotations };
}

function trimPod(pod: Pod, metadata: ObjectMeta): Pod {
  const { containers, initContainers, ...spec } = pod.spec;
  return {
    ...pod,
    metadata,
    spec: {
      ...spec,
      containers: containers.map(trimContainer),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(trimContainer) }),
    },
  };
}

function trimContainer(container: Container): Container {
  const { name, image, resources, ports, restartPolicy } = container;
  return {
    name,
    ...(image === undefined ? {} : { image }),
    ...(resources === undefined ? {} : { resources }),
    ...(ports === undefined ? {} : { ports }),
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  };
}

function trimNode(node: Node, metadata: ObjectMeta): Node {
  if (node.status?.images === undefined) return metadata === node.metadata ? node : { ...node, metadata };
  const { images: _, ...status } = node.status;
  return { ...node, metadata, status };
}
