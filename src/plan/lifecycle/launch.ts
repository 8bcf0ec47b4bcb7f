import type { NodeClaim } from "../../model/resources/node-claim.ts";
import { NODE_CLAIM_CONDITIONS, setCondition, withConditions } from "./conditions.ts";

/** What a provider tells of a launched instance. */
export type Launched = {
  providerId: string;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  imageId?: string;
  capacity: Readonly<Record<string, string>>;
  allocatable: Readonly<Record<string, string>>;
};

const MESSAGE_CHARACTERS_MAX = 300;

/**
 * The claim with everything that the launch decided. The claim's own labels win over the provider's, and so does a
 * requirement that leaves one value; the provider's annotations win over the claim's.
 */
export function launchedClaim(claim: NodeClaim, launched: Launched, nowMs: number): NodeClaim {
  const required = claim.spec.requirements.flatMap(({ key, operator, values }) => {
    const [value, ...more] = values ?? [];
    return operator === "In" && value !== undefined && more.length === 0 ? [[key, value] as const] : [];
  });
  const named: NodeClaim = {
    ...claim,
    metadata: {
      ...claim.metadata,
      labels: { ...launched.labels, ...Object.fromEntries(required), ...claim.metadata.labels },
      annotations: { ...claim.metadata.annotations, ...launched.annotations },
    },
    status: {
      ...claim.status,
      providerID: launched.providerId,
      ...(launched.imageId === undefined ? {} : { imageID: launched.imageId }),
      capacity: { ...launched.capacity },
      allocatable: { ...launched.allocatable },
    },
  };
  return withConditions(named, setCondition(named, NODE_CLAIM_CONDITIONS, { type: "Launched", status: "True" }, nowMs));
}

/** The claim after a launch that will be tried again: Launched stays Unknown and says why. */
export function unlaunchedClaim(claim: NodeClaim, reason: string, message: string, nowMs: number): NodeClaim {
  const condition = { type: "Launched", status: "Unknown", reason, message: shortened(message) } as const;
  return withConditions(claim, setCondition(claim, NODE_CLAIM_CONDITIONS, condition, nowMs));
}

/** Messages of clouds can be pages long. */
export function shortened(message: string): string {
  return message.length <= MESSAGE_CHARACTERS_MAX ? message : `${message.slice(0, MESSAGE_CHARACTERS_MAX)}...`;
}
