import type { Filter, Tags } from "../../providers/aws/aws-api.ts";

/** Of a resource: what EC2 can be asked for it by. */
export type Filterable = { fields: Readonly<Record<string, string>>; tags: Tags };

/** As EC2 filters: all filters, of each any value, `*` and `?` as wildcards. A filter that is not known matches nothing. */
export function matches({ fields, tags }: Filterable, filters: readonly Filter[]): boolean {
  return filters.every(({ name, values }) => {
    if (name === "tag-key") return Object.keys(tags).some((key) => isAnyOf(key, values));
    const actual = name.startsWith("tag:") ? tags[name.slice("tag:".length)] : fields[name];
    return actual !== undefined && isAnyOf(actual, values);
  });
}

function isAnyOf(text: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => pattern === text || (/[*?]/.test(pattern) && wildcard(pattern).test(text)));
}

function wildcard(pattern: string): RegExp {
  const literal = pattern.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${literal.replaceAll("*", ".*").replaceAll("?", ".")}$`);
}
