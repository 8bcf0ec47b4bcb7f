import { HOSTNAME_LABEL } from "./labels.ts";

/**
 * Why users may not ask for this label, or undefined when they may: Karpenter's own domain and the hostname belong to
 * Karpenter, unless the label is well-known.
 * @param key         already normalised
 * @param wellKnown   core's and the provider's
 * @param moreDomains the provider's restricted domains
 */
export function restrictedLabelProblem(
  key: string,
  wellKnown: ReadonlySet<string>,
  moreDomains: readonly string[] = [],
): string | undefined {
  if (wellKnown.has(key)) return undefined;
  const slash = key.indexOf("/");
  const domain = slash < 0 ? "" : key.slice(0, slash);
  const restricted = ["karpenter.sh", ...moreDomains].find((one) => domain === one || domain.endsWith(`.${one}`));
  if (restricted !== undefined || key === HOSTNAME_LABEL) {
    return `label ${key} is restricted; specify a well known label, or a custom label that does not use a restricted domain`;
  }
  return undefined;
}
