/**
 * Why a text is no qualified name ("prefix/name", as label and taint keys are), or undefined when it is one.
 * @source k8s.io/apimachinery pkg/util/validation, IsQualifiedName
 */
export function qualifiedNameProblem(text: string): string | undefined {
  const parts = text.split("/");
  if (parts.length > 2)
    return `a qualified name ${NAME_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
  const name = parts.at(-1) ?? "";
  const prefix = parts.length === 2 ? parts[0] : undefined;
  if (prefix === "") return "prefix part must be non-empty";
  if (prefix !== undefined) {
    const problem = subdomainProblem(prefix);
    if (problem !== undefined) return `prefix part ${problem}`;
  }
  if (name === "") return "name part must be non-empty";
  if (name.length > 63) return "name part must be no more than 63 characters";
  return NAME.test(name) ? undefined : `name part ${NAME_RULE}`;
}

/** Why a text is no label value, or undefined when it is one: empty, or up to 63 characters. */
export function labelValueProblem(text: string): string | undefined {
  if (text.length > 63) return "must be no more than 63 characters";
  if (text === "" || NAME.test(text)) return undefined;
  return `a valid label must be an empty string or ${NAME_RULE}`;
}

/** Why a text is no DNS subdomain, or undefined when it is one. */
export function subdomainProblem(text: string): string | undefined {
  if (text.length > 253) return "must be no more than 253 characters";
  if (/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text)) return undefined;
  return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
}

/** Why a text is no DNS label (namespace and service names), or undefined when it is one. */
export function dnsLabelProblem(text: string): string | undefined {
  if (text.length > 63) return "must be no more than 63 characters";
  if (/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text)) return undefined;
  return "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
}

const NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const NAME_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
