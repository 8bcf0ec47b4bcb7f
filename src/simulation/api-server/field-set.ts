/**
 * A set of paths in an object: members by the path element that leads to them, written as in fieldsV1 ("f:spec",
 * 'k:{"name":"a"}', 'v:"x"', "i:0"). `isMember` says that the path up to here is itself in the set.
 */
export type FieldSet = { isMember: boolean; children: Map<string, FieldSet> };

export const emptySet = (): FieldSet => ({ isMember: false, children: new Map() });

export function isEmptySet(set: FieldSet): boolean {
  return !set.isMember && set.children.size === 0;
}

/** Adds a path, element by element. */
export function addPath(set: FieldSet, path: readonly string[]): void {
  let at = set;
  for (const element of path) {
    let next = at.children.get(element);
    if (next === undefined) {
      next = emptySet();
      at.children.set(element, next);
    }
    at = next;
  }
  at.isMember = true;
}

export function unionOf(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map(a.children);
  for (const [element, child] of b.children) {
    const mine = children.get(element);
    children.set(element, mine === undefined ? child : unionOf(mine, child));
  }
  return { isMember: a.isMember || b.isMember, children };
}

/** The paths of `a` that are not in `b`. */
export function differenceOf(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    const rest = other === undefined ? child : differenceOf(child, other);
    if (!isEmptySet(rest)) children.set(element, rest);
  }
  return { isMember: a.isMember && !b.isMember, children };
}

/** The paths that are in both. */
export function intersectionOf(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    if (other === undefined) continue;
    const both = intersectionOf(child, other);
    if (!isEmptySet(both)) children.set(element, both);
  }
  return { isMember: a.isMember && b.isMember, children };
}

/** `a` without the paths of `b` and without all that lies below them. */
export function withoutSubtrees(a: FieldSet, b: FieldSet): FieldSet {
  if (b.isMember) return emptySet();
  const children = new Map<string, FieldSet>();
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    const rest = other === undefined ? child : withoutSubtrees(child, other);
    if (!isEmptySet(rest)) children.set(element, rest);
  }
  return { isMember: a.isMember, children };
}

/** Every path in the set, in the order of its elements. */
export function pathsOf(set: FieldSet, prefix: readonly string[] = []): string[][] {
  const paths: string[][] = set.isMember ? [[...prefix]] : [];
  for (const [element, child] of sortedChildren(set)) paths.push(...pathsOf(child, [...prefix, element]));
  return paths;
}

function sortedChildren(set: FieldSet): [string, FieldSet][] {
  return [...set.children].sort(([a], [b]) => (a < b ? -1 : 1));
}

type FieldsV1 = { [element: string]: FieldsV1 };

export function toFieldsV1(set: FieldSet): FieldsV1 {
  const out: FieldsV1 = {};
  for (const [element, child] of sortedChildren(set)) {
    const inner = toFieldsV1(child);
    out[element] = child.isMember && child.children.size > 0 ? { ".": {}, ...inner } : inner;
  }
  return out;
}

export function fromFieldsV1(fields: unknown): FieldSet {
  const set = emptySet();
  if (typeof fields !== "object" || fields === null) return set;
  for (const [element, inner] of Object.entries(fields)) {
    if (element === ".") {
      set.isMember = true;
      continue;
    }
    const child = fromFieldsV1(inner);
    if (child.children.size === 0) child.isMember = true;
    set.children.set(element, child);
  }
  return set;
}

/** A path as conflict messages print it: .spec.containers[name="a"].image */
export function printPath(path: readonly string[]): string {
  return path.map(printElement).join("");
}

function printElement(element: string): string {
  const body = element.slice(2);
  if (element.startsWith("f:")) return `.${body}`;
  if (element.startsWith("v:")) return `[=${body}]`;
  if (element.startsWith("i:")) return `[${body}]`;
  const keys = JSON.parse(body) as Record<string, unknown>;
  return `[${Object.entries(keys)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(",")}]`;
}
