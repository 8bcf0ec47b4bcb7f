import { byText } from "../../../base/order.ts";
import { parseTime } from "../../../base/time.ts";
import { ARCH_LABEL, OS_LABEL, WINDOWS_BUILD_LABEL } from "../../../model/labels.ts";
import type { Image } from "../aws-api.ts";
import { type Alias, type AmiFamily, FAMILIES, isWindows } from "./ami-family.ts";
import type { StatusAmi } from "./class-view.ts";
import { ACCELERATOR_COUNT_LABEL, GPU_COUNT_LABEL } from "./labels.ts";

type AmiRequirement = StatusAmi["requirements"][number];

/** An SSM parameter that names an image, and what nodes with that image may be. */
export type AmiParameter = { name: string; variants: readonly Variant[] };
/** Beside which devices an image works. */
type Variant = "standard" | "gpu" | "accelerator" | "any";

/**
 * Where AWS publishes the images of an alias.
 * @param kubernetes "1.34"
 * @returns what the alias cannot be used for, where it cannot
 * @source reference of the AWS provider, section 4
 */
export function aliasParameters(
  { family, version }: Alias,
  kubernetes: string,
): readonly AmiParameter[] | { problem: string } {
  const minor = Number(kubernetes.split(".")[1]);
  if (family === "AL2" && minor >= 33) return { problem: `there are no images of AL2 for Kubernetes ${kubernetes}` };
  if (family === "Windows2025" && minor < 35) {
    return { problem: `there are no images of Windows 2025 for Kubernetes ${kubernetes}: it needs 1.35` };
  }
  switch (family) {
    case "AL2":
      return al2(kubernetes, version);
    case "AL2023":
      return al2023(kubernetes, version);
    case "Bottlerocket":
      return bottlerocket(kubernetes, version.replace(/^v/, ""));
    default:
      return [{ name: windowsParameter(family, kubernetes), variants: ["any"] }];
  }
}

function al2(kubernetes: string, version: string): AmiParameter[] {
  const base = `/aws/service/eks/optimized-ami/${kubernetes}`;
  const of = (folder: string, name: string, ...variants: Variant[]): AmiParameter => ({
    name: `${base}/${folder}/${version === "latest" ? "recommended" : `${name}-${kubernetes}-${version}`}/image_id`,
    variants,
  });
  return [
    of("amazon-linux-2", "amazon-eks-node", "standard"),
    of("amazon-linux-2-arm64", "amazon-eks-arm64-node", "standard"),
    of("amazon-linux-2-gpu", "amazon-eks-gpu-node", "accelerator", "gpu"),
  ];
}

function al2023(kubernetes: string, version: string): AmiParameter[] {
  const kinds: readonly [arch: string, name: string, variant: Variant][] = [
    ["x86_64", "standard", "standard"],
    ["x86_64", "nvidia", "gpu"],
    ["x86_64", "neuron", "accelerator"],
    ["arm64", "standard", "standard"],
    ["arm64", "nvidia", "gpu"],
  ];
  return kinds.map(([arch, name, variant]) => {
    const image =
      version === "latest" ? "recommended" : `amazon-eks-node-al2023-${arch}-${name}-${kubernetes}-${version}`;
    return {
      name: `/aws/service/eks/optimized-ami/${kubernetes}/amazon-linux-2023/${arch}/${name}/${image}/image_id`,
      variants: [variant],
    };
  });
}

function bottlerocket(kubernetes: string, version: string): AmiParameter[] {
  const of = (flavour: string, arch: string, ...variants: Variant[]): AmiParameter => ({
    name: `/aws/service/bottlerocket/aws-k8s-${kubernetes}${flavour}/${arch}/${version}/image_id`,
    variants,
  });
  return [
    of("", "x86_64", "standard", "accelerator"),
    of("-nvidia", "x86_64", "gpu"),
    of("", "arm64", "standard"),
    of("-nvidia", "arm64", "gpu"),
  ];
}

function windowsParameter(family: AmiFamily, kubernetes: string): string {
  const year = family.replace("Windows", "");
  return `/aws/service/ami-windows-latest/Windows_Server-${year}-English-Core-EKS_Optimized-${kubernetes}/image_id`;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "amd64", arm64: "arm64" };

/** What nodes that start from the image may be; undefined for machines that are no nodes. */
function requirementsOf(image: Image, variant: Variant, family: AmiFamily): AmiRequirement[] | undefined {
  const arch = ARCHITECTURES[image.architecture];
  if (arch === undefined) return undefined;
  const requirements: AmiRequirement[] = [{ key: ARCH_LABEL, operator: "In", values: [arch] }];
  if (variant === "standard") {
    for (const key of [GPU_COUNT_LABEL, ACCELERATOR_COUNT_LABEL]) requirements.push({ key, operator: "DoesNotExist" });
  }
  if (variant === "gpu") requirements.push({ key: GPU_COUNT_LABEL, operator: "Exists" });
  if (variant === "accelerator") requirements.push({ key: ACCELERATOR_COUNT_LABEL, operator: "Exists" });
  const { windowsBuild } = FAMILIES[family];
  if (windowsBuild !== undefined && isWindows(family)) {
    requirements.push({ key: OS_LABEL, operator: "In", values: ["windows"] });
    requirements.push({ key: WINDOWS_BUILD_LABEL, operator: "In", values: [windowsBuild] });
  }
  return requirements.sort((a, b) => a.key.length - b.key.length || byText(a.key, b.key));
}

export type FoundImage = { image: Image; variants: readonly Variant[] };

/**
 * The images as the class' status lists them: of those for the same nodes one, not deprecated before deprecated, the
 * newest, the greatest name; sorted by newest, then by id.
 */
export function statusAmis(found: readonly FoundImage[], family: AmiFamily, nowMs: number): StatusAmi[] {
  const best = new Map<string, { image: Image; requirements: AmiRequirement[] }>();
  for (const { image, variants } of found) {
    for (const variant of variants) {
      const requirements = requirementsOf(image, variant, family);
      if (requirements === undefined) continue;
      const key = JSON.stringify(requirements);
      const other = best.get(key);
      if (other === undefined || isBetter(image, other.image, nowMs)) best.set(key, { image, requirements });
    }
  }
  return [...best.values()]
    .sort((a, b) => byText(b.image.creationDate, a.image.creationDate) || byText(a.image.id, b.image.id))
    .map(({ image, requirements }) => ({
      id: image.id,
      name: image.name,
      ...(isDeprecated(image, nowMs) ? { deprecated: true } : {}),
      requirements,
    }));
}

function isBetter(a: Image, b: Image, nowMs: number): boolean {
  const [aIs, bIs] = [isDeprecated(a, nowMs), isDeprecated(b, nowMs)];
  if (aIs !== bIs) return bIs;
  if (a.creationDate !== b.creationDate) return a.creationDate > b.creationDate;
  return a.name > b.name;
}

export function isDeprecated({ deprecationTime }: Image, nowMs: number): boolean {
  const ms = parseTime(deprecationTime ?? "");
  return ms !== undefined && ms <= nowMs;
}
