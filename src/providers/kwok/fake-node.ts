import { parseTime } from "../../base/time.ts";
import type { Node, ResourceList } from "../../model/core.ts";
import { CAPACITY_TYPE_LABEL, HOSTNAME_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import type { Draft } from "../../model/object.ts";
import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { formatResources } from "../../model/resources.ts";
import { UNREGISTERED_TAINT } from "../../model/taints.ts";
import type { Instance } from "../../ports/cloud-provider.ts";
import type { Choice } from "./cheapest-offering.ts";
import {
  CLAIM_ANNOTATION,
  KWOK_NODE_KEY,
  KWOK_NODE_VALUE,
  KWOK_PARTITION_LABEL,
  PRICE_LABEL,
  PROVIDER_ID_PREFIX,
} from "./labels.ts";

const CLAIM_NAME_CHARACTERS_MAX = 40;
const UID_CHARACTERS = 12;

/**
 * The name of a claim's node: the same for every launch of the claim, so that a launch that is repeated (after a lost
 * reply, after a crash) finds what the first one made. At most 58 characters: it is a label value too.
 */
export function nodeNameOf({ metadata: { name, uid } }: Pick<NodeClaim, "metadata">): string {
  const readable = name.slice(0, CLAIM_NAME_CHARACTERS_MAX).replace(/[^a-z0-9]+$/, "");
  const unique = uid
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "")
    .slice(0, UID_CHARACTERS);
  return `kwok-${readable}-${unique}`;
}

export const providerIdOf = (nodeName: string): string => `${PROVIDER_ID_PREFIX}${nodeName}`;

export function nodeNameOfId(providerId: string): string | undefined {
  return providerId.startsWith(PROVIDER_ID_PREFIX) ? providerId.slice(PROVIDER_ID_PREFIX.length) : undefined;
}

/** What the claim gets when it is launched as the choice. */
export function chosenInstance(claim: NodeClaim, { type, offering }: Choice, nowMs: number): Instance {
  const labels: Record<string, string> = {};
  for (const requirements of [type.requirements, offering.requirements]) {
    for (const { key, complement, values } of requirements.values()) {
      const [value] = values;
      if (!complement && values.size === 1 && value !== undefined && value !== "") labels[key] = value;
    }
  }
  return {
    providerId: providerIdOf(nodeNameOf(claim)),
    labels: {
      ...labels,
      [ZONE_LABEL]: offering.zone,
      [CAPACITY_TYPE_LABEL]: offering.capacityType,
      [PRICE_LABEL]: offering.priceUsdPerHour.toFixed(6),
    },
    annotations: {},
    capacity: formatResources(type.capacity),
    allocatable: formatResources(type.allocatable),
    claimName: claim.metadata.name,
    createdAtMs: nowMs,
    isTerminating: false,
  };
}

/** What a launched claim remembers of its instance; the node may be on its way still. */
export function launchedInstance(claim: NodeClaim, launchedAtMs: number): Instance {
  const { providerID = "", capacity, allocatable } = claim.status ?? {};
  return {
    providerId: providerID,
    labels: claim.metadata.labels ?? {},
    annotations: {},
    capacity: texts(capacity),
    allocatable: texts(allocatable),
    claimName: claim.metadata.name,
    createdAtMs: launchedAtMs,
    isTerminating: false,
  };
}

/** The instance behind a node. A node that is being drained has its instance still. */
export function instanceOf(node: Node): Instance {
  const { metadata, spec, status } = node;
  const {
    [HOSTNAME_LABEL]: _hostname,
    [KWOK_NODE_KEY]: _fake,
    [KWOK_PARTITION_LABEL]: _partition,
    ...labels
  } = metadata.labels ?? {};
  const claimName = metadata.annotations?.[CLAIM_ANNOTATION];
  return {
    providerId: spec.providerID ?? "",
    labels,
    annotations: {},
    capacity: texts(status?.capacity),
    allocatable: texts(status?.allocatable),
    ...(claimName === undefined ? {} : { claimName }),
    createdAtMs: parseTime(metadata.creationTimestamp) ?? 0,
    isTerminating: false,
  };
}

/**
 * The Node that a kubelet would create as it joins: with the claim's labels, not yet registered, with nothing said
 * about its health.
 * @source kubernetes-sigs/karpenter kwok/cloudprovider; there the name is drawn at random
 */
export function nodeOf(claim: NodeClaim, instance: Instance): Draft<Node> {
  const name = nodeNameOf(claim);
  const { nodeClassRef, requirements } = claim.spec;
  const required = requirements.flatMap(({ key, operator, values = [] }) => {
    const [value] = values;
    return operator === "In" && values.length === 1 && value !== undefined ? [[key, value]] : [];
  });
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        ...Object.fromEntries(required),
        ...instance.labels,
        ...claim.metadata.labels,
        [`${nodeClassRef.group}/${nodeClassRef.kind.toLowerCase()}`]: nodeClassRef.name,
        [HOSTNAME_LABEL]: name,
        [KWOK_NODE_KEY]: KWOK_NODE_VALUE,
        [KWOK_PARTITION_LABEL]: "a",
      },
      annotations: {
        ...claim.metadata.annotations,
        [KWOK_NODE_KEY]: KWOK_NODE_VALUE,
        [CLAIM_ANNOTATION]: claim.metadata.name,
      },
    },
    spec: { providerID: instance.providerId, taints: [UNREGISTERED_TAINT] },
    status: { phase: "Pending", capacity: instance.capacity, allocatable: instance.allocatable },
  };
}

function texts(list: ResourceList | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(list ?? {}).map(([name, amount]) => [name, String(amount)]));
}
