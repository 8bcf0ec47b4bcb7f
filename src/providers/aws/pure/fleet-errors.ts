import type { FleetError } from "../aws-api.ts";

/** Errors that mean: not this offering, not now. */
const UNFULFILLABLE: ReadonlySet<string> = new Set([
  "InsufficientInstanceCapacity",
  "MaxSpotInstanceCountExceeded",
  "VcpuLimitExceeded",
  "UnfulfillableCapacity",
  "Unsupported",
  "InsufficientFreeAddressesInSubnet",
  "MaxFleetCountExceeded",
  "ReservationCapacityExceeded",
]);
const SPOT_ROLE = "AuthFailure.ServiceLinkedRoleCreationNotPermitted";

export function isUnfulfillable({ code, message }: Pick<FleetError, "code" | "message">): boolean {
  return UNFULFILLABLE.has(code) || code === SPOT_ROLE || isSpreadLimit(message);
}

/** The account has never used spot capacity, and may not create the role that it needs. */
export function isSpotRoleMissing({ code }: Pick<FleetError, "code">): boolean {
  return code === SPOT_ROLE;
}

export function isSubnetFull({ code }: Pick<FleetError, "code">): boolean {
  return code === "InsufficientFreeAddressesInSubnet";
}

export function isTemplateMissing({ code }: { code: string }): boolean {
  return code === "InvalidLaunchTemplateName.NotFoundException" || code === "InvalidLaunchTemplateId.NotFound";
}

/** A spread placement group holds seven instances in a zone. */
export function isSpreadLimit(message: string): boolean {
  return /spread placement group.*limit|limit.*spread placement group/i.test(message);
}

type Reason = { reason: string; message: string };

const has = (code: string, text: string, ...words: readonly string[]): boolean =>
  words.some((word) => code.includes(word) || text.includes(word));

/** In this order: the first that fits is the reason. */
const REASONS: readonly [reason: string, fits: (code: string, message: string) => boolean][] = [
  ["SpotSLRCreationFailed", (code) => code === SPOT_ROLE],
  [
    "AMIAuthorizationFailure",
    (code, text) => has(code, "", "UnauthorizedOperation", "AccessDenied", "AuthFailure") && /image|ami-/i.test(text),
  ],
  ["Unauthorized", (code) => has(code, "", "UnauthorizedOperation", "AccessDenied", "AuthFailure")],
  ["SecurityGroupSubnetVPCMismatch", (_, text) => /security group.*(different|same) (vpc|network)/i.test(text)],
  ["InstanceProfileNameInvalid", (_, text) => /iaminstanceprofile|instance profile name/i.test(text)],
  ["LaunchTemplateNotFound", (code) => isTemplateMissing({ code })],
  ["UserDataSizeLimitExceeded", (_, text) => /user data is limited|userdata.*(size|16384)/i.test(text)],
  ["InvalidAMIID", (code) => code === "InvalidAMIID.Malformed"],
  ["AMINotFound", (code) => code === "InvalidAMIID.NotFound"],
  ["RequestLimitExceeded", (code) => code === "RequestLimitExceeded"],
  ["InternalError", (code) => code === "InternalError" || code === "InternalFailure"],
  ["FreeTierIneligible", (_, text) => /free tier/i.test(text)],
  ["FleetQuotaExceeded", (code) => code === "MaxFleetCountExceeded"],
  ["AccountPendingVerification", (code) => code === "PendingVerification"],
  ["SpotQuotaExceeded", (code) => code === "MaxSpotInstanceCountExceeded"],
  ["VCPULimitExceeded", (code) => code === "VcpuLimitExceeded"],
  ["InsufficientFreeAddressesInSubnet", (code) => code === "InsufficientFreeAddressesInSubnet"],
];

/** Why a launch failed, as the claim's condition names it. */
export function launchFailure(code: string, message: string): Reason {
  const found = REASONS.find(([, fits]) => fits(code, message));
  return { reason: found?.[0] ?? "LaunchFailed", message: `${code}: ${message}` };
}
