import { parseDuration } from "../../../model/duration.ts";
import { milliValue, parseQuantity } from "../../../model/quantity.ts";
import type { AmiFamily } from "./ami-family.ts";
import { FAMILIES } from "./ami-family.ts";
import { expressionProblem, expressionsIn } from "./kubelet-expressions.ts";
import { KUBELET_FIELDS, type KubeletFieldType } from "./kubelet-fields.ts";

export type Amounts = Readonly<Record<string, string>>;
export type RawKubelet = Readonly<Record<string, unknown>>;

/** What spec.kubelet says about nodes that Karpenter has to know. */
export type Kubelet = {
  clusterDNS?: readonly string[];
  maxPods?: number;
  podsPerCore?: number;
  systemReserved?: Amounts;
  kubeReserved?: Amounts;
  evictionHard?: Amounts;
  evictionSoft?: Amounts;
  evictionSoftGracePeriod?: Amounts;
  evictionMaxPodGracePeriod?: number;
  imageGCHighThresholdPercent?: number;
  imageGCLowThresholdPercent?: number;
  cpuCFSQuota?: boolean;
};

/** The settings that every family can be given. */
const MANAGED_KEYS: ReadonlySet<string> = new Set<keyof Kubelet>([
  "clusterDNS",
  "maxPods",
  "podsPerCore",
  "systemReserved",
  "kubeReserved",
  "evictionHard",
  "evictionSoft",
  "evictionSoftGracePeriod",
  "evictionMaxPodGracePeriod",
  "imageGCHighThresholdPercent",
  "imageGCLowThresholdPercent",
  "cpuCFSQuota",
]);
const SIGNALS: readonly string[] = [
  "memory.available",
  "nodefs.available",
  "nodefs.inodesFree",
  "imagefs.available",
  "imagefs.inodesFree",
  "pid.available",
];
const RESERVED: readonly string[] = ["cpu", "memory", "ephemeral-storage", "pid"];

export type KubeletProblem = {
  reason:
    | "InvalidKubeletConfiguration"
    | "KubeletExpressionsDisabled"
    | "KubeletExpressionInvalid"
    | "UnsupportedKubeletConfiguration";
  message: string;
};

/** spec.kubelet as far as it concerns Karpenter; to be used only where `kubeletProblem` finds nothing. */
export function kubeletOf(raw: RawKubelet | undefined): Kubelet {
  return (raw ?? {}) as Kubelet;
}

/**
 * What is wrong with spec.kubelet: unknown fields and wrong types by themselves, then all other mistakes at once.
 * @source reference of the AWS provider's API, section 2.5
 */
export function kubeletProblem(
  raw: RawKubelet | undefined,
  family: AmiFamily,
  allowsExpressions: boolean,
): KubeletProblem | undefined {
  if (raw === undefined) return undefined;
  const invalid = (mistakes: readonly string[]): KubeletProblem | undefined =>
    mistakes.length === 0 ? undefined : { reason: "InvalidKubeletConfiguration", message: mistakes.join("; ") };
  const shape = invalid(shapeMistakes(raw));
  if (shape !== undefined) return shape;
  const expressions = expressionsIn(raw).map(({ field, name }) => (field === name ? field : `${field}.${name}`));
  if (expressions.length > 0 && !allowsExpressions) {
    return {
      reason: "KubeletExpressionsDisabled",
      message: `${expressions.join(", ")}: expressions need the feature gate NodeClassCEL (--aws-feature-gates=NodeClassCEL=true)`,
    };
  }
  const unreadable = expressionProblem(raw);
  if (unreadable !== undefined) return { reason: "KubeletExpressionInvalid", message: unreadable };
  const kubelet = kubeletOf(raw);
  return invalid(valueMistakes(raw, kubelet)) ?? unsupported(raw, kubelet, family);
}

/** "10%" is 10; what is no part is undefined. */
export function percentOf(value: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(value);
  return match === null ? undefined : Number(match[1]);
}

function shapeMistakes(raw: RawKubelet): string[] {
  const mistakes: string[] = [];
  for (const [key, value] of Object.entries(raw)) {
    const type = KUBELET_FIELDS[key];
    if (type === undefined) mistakes.push(`kubelet has no setting "${key}"`);
    else if (!(key === "maxPods" && typeof value === "string") && !isOf(type, value)) {
      mistakes.push(`${key} must be ${WORDS[type]}`);
    }
  }
  return mistakes;
}

const WORDS: Readonly<Record<KubeletFieldType, string>> = {
  text: "text",
  bool: "true or false",
  int: "a whole number",
  number: "a number",
  duration: "a duration, as in 10s",
  texts: "a list of texts",
  textMap: "a map of texts",
  boolMap: "a map of true and false",
  object: "an object",
  objects: "a list of objects",
};

function isOf(type: KubeletFieldType, value: unknown): boolean {
  switch (type) {
    case "text":
      return typeof value === "string";
    case "bool":
      return typeof value === "boolean";
    case "int":
      return Number.isSafeInteger(value);
    case "number":
      return typeof value === "number";
    case "duration":
      return typeof value === "string" && parseDuration(value) !== undefined;
    case "texts":
      return Array.isArray(value) && value.every((one) => typeof one === "string");
    case "textMap":
      return isMapOf(value, "string");
    case "boolMap":
      return isMapOf(value, "boolean");
    case "object":
      return isObject(value);
    case "objects":
      return Array.isArray(value) && value.every(isObject);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isMapOf(value: unknown, type: "string" | "boolean"): boolean {
  return isObject(value) && Object.values(value).every((one) => typeof one === type);
}

function valueMistakes(raw: RawKubelet, kubelet: Kubelet): string[] {
  const mistakes: string[] = [];
  if (raw["registerWithTaints"] !== undefined) {
    mistakes.push("registerWithTaints is set by Karpenter: put taints in the NodePool");
  }
  for (const list of ["evictionHard", "evictionSoft", "evictionMinimumReclaim"]) {
    mistakes.push(...thresholdMistakes(list, (raw[list] ?? {}) as Amounts));
  }
  mistakes.push(...softMistakes(kubelet));
  for (const list of ["kubeReserved", "systemReserved"] as const) {
    for (const [name, value] of Object.entries(kubelet[list] ?? {})) {
      if (!RESERVED.includes(name)) mistakes.push(`${list}: "${name}" cannot be reserved`);
      if (value.startsWith("-")) mistakes.push(`${list}.${name}: "${value}" is less than nothing`);
    }
  }
  return [...mistakes, ...numberMistakes(kubelet)];
}

/** Each soft threshold has a time for which it may be crossed, and the other way round. */
function softMistakes({ evictionSoft = {}, evictionSoftGracePeriod = {} }: Kubelet): string[] {
  const mistakes: string[] = [];
  for (const [signal, grace] of Object.entries(evictionSoftGracePeriod)) {
    if (!SIGNALS.includes(signal)) mistakes.push(`evictionSoftGracePeriod: there is no signal "${signal}"`);
    const ms = parseDuration(grace);
    if (ms === undefined || ms < 0) mistakes.push(`evictionSoftGracePeriod.${signal}: "${grace}" is no duration`);
    if (evictionSoft[signal] === undefined) mistakes.push(`evictionSoftGracePeriod.${signal} has no evictionSoft`);
  }
  for (const signal of Object.keys(evictionSoft)) {
    if (evictionSoftGracePeriod[signal] === undefined) {
      mistakes.push(`evictionSoft.${signal} has no evictionSoftGracePeriod`);
    }
  }
  return mistakes;
}

function thresholdMistakes(list: string, thresholds: Amounts): string[] {
  return Object.entries(thresholds).flatMap(([signal, value]) => {
    if (!SIGNALS.includes(signal)) return [`${list}: there is no signal "${signal}"`];
    const percent = percentOf(value);
    if (percent !== undefined && percent <= 100) return [];
    const quantity = value.endsWith("%") ? undefined : parseQuantity(value);
    const isGood = quantity !== undefined && milliValue(quantity) >= 0;
    return isGood ? [] : [`${list}.${signal}: "${value}" is neither an amount nor a part from 0% to 100%`];
  });
}

function numberMistakes(kubelet: Kubelet): string[] {
  const mistakes: string[] = [];
  for (const key of ["maxPods", "podsPerCore", "evictionMaxPodGracePeriod"] as const) {
    const value = kubelet[key];
    if (typeof value === "number" && value < 0) mistakes.push(`${key} may not be negative`);
  }
  const { imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: low } = kubelet;
  for (const [name, value] of Object.entries({ imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: low })) {
    if (value !== undefined && (value < 0 || value > 100)) mistakes.push(`${name} goes from 0 to 100`);
  }
  if (high !== undefined && low !== undefined && high <= low) {
    mistakes.push("imageGCHighThresholdPercent must be above imageGCLowThresholdPercent");
  }
  return mistakes;
}

/** What the family's images cannot be told. */
function unsupported(raw: RawKubelet, kubelet: Kubelet, family: AmiFamily): KubeletProblem | undefined {
  const { takesAnyKubeletKey, honoursPodsPerCore } = FAMILIES[family];
  if (takesAnyKubeletKey) return undefined;
  const others = Object.keys(raw).filter((key) => !MANAGED_KEYS.has(key));
  const mistakes = others.map((key) => `${key} cannot be passed to nodes of ${family}`);
  if (kubelet.podsPerCore !== undefined && !honoursPodsPerCore) {
    mistakes.push(`podsPerCore has no effect on nodes of ${family}`);
  }
  if ((kubelet.clusterDNS ?? []).length > 1) mistakes.push(`nodes of ${family} take one entry of clusterDNS`);
  return mistakes.length === 0
    ? undefined
    : { reason: "UnsupportedKubeletConfiguration", message: mistakes.join("; ") };
}
