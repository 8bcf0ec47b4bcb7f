import { isObject, type JsonObject, listAt, objectAt, textAt } from "./json.ts";
import type { Field, FieldType, StructType } from "./schemas/schema-table.ts";

/** What merging and ownership must know about a place in an object, whatever its type is written in. */
export type TypeView = {
  /** The view of a member of an object here. */
  member(name: string): TypeView;
  /** The view of an item of a list here. */
  item(): TypeView;
  /** Owned and replaced as one value by server-side apply. */
  isAtomic: boolean;
  /** How items of a list here are told apart by server-side apply; "atomic" when they are not. */
  list: { type: "atomic" | "set" | "map"; keys: readonly string[] };
  /** Assumed where this member is absent and is a list key. */
  default: unknown;
  /** In Go this is there even when nothing was written: its appearance is nothing that anybody owns. */
  isAlwaysThere: boolean;
  /** Strategic merge patch. */
  patch: { mergeKey?: string; strategies: readonly string[] };
};

const ATOMIC_LIST = { type: "atomic", keys: [] } as const;
const NO_PATCH = { strategies: [] } as const;

/** Nothing is known: objects are merged member by member, lists are one value. */
export const UNTYPED: TypeView = {
  member: () => UNTYPED,
  item: () => UNTYPED,
  isAtomic: false,
  list: ATOMIC_LIST,
  default: undefined,
  isAlwaysThere: false,
  patch: NO_PATCH,
};

const structViews = new WeakMap<StructType, TypeView>();

/** The view of a built-in type. */
export function viewOfStruct(type: StructType): TypeView {
  const known = structViews.get(type);
  if (known !== undefined) return known;
  const members = new Map<string, TypeView>();
  const view: TypeView = {
    ...UNTYPED,
    isAtomic: type.isAtomic,
    member(name) {
      let member = members.get(name);
      if (member === undefined) {
        const field = type.fields.get(name);
        member = field === undefined ? UNTYPED : viewOfField(field);
        members.set(name, member);
      }
      return member;
    },
  };
  structViews.set(type, view);
  return view;
}

function viewOfField(field: Field): TypeView {
  const inner = viewOfType(field.type);
  return {
    member: inner.member,
    item: inner.item,
    isAtomic: field.isAtomic || inner.isAtomic,
    list: field.list ?? ATOMIC_LIST,
    default: field.default,
    isAlwaysThere:
      (field.type.kind === "struct" && !field.isPointer) || (field.type.kind === "list" && field.isRequired),
    patch: field.patch,
  };
}

function viewOfType(type: FieldType): TypeView {
  switch (type.kind) {
    case "scalar":
      // A free value (a CRD's default, a raw extension) and fieldsV1 have no inner owners.
      return UNTYPED;
    case "struct":
      return viewOfStruct(type.type);
    case "list": {
      const of = type.of;
      return { ...UNTYPED, item: () => viewOfType(of) };
    }
    case "map": {
      const of = type.of;
      return { ...UNTYPED, member: () => viewOfType(of) };
    }
  }
}

const METADATA_MEMBERS: Readonly<Record<string, Partial<TypeView>>> = {
  finalizers: { list: { type: "set", keys: [] }, patch: { strategies: ["merge"] } },
  ownerReferences: {
    list: { type: "map", keys: ["uid"] },
    patch: { mergeKey: "uid", strategies: ["merge"] },
    item: () => ({ ...UNTYPED, isAtomic: true }),
  },
};

/** The view of metav1.ObjectMeta, for kinds whose own type says nothing about it. */
export const METADATA_VIEW: TypeView = {
  ...UNTYPED,
  isAlwaysThere: true,
  member: (name) => ({ ...UNTYPED, ...METADATA_MEMBERS[name] }),
};

/** The view of a custom resource, from the structural schema of its version. */
export function viewOfSchema(schema: unknown): TypeView {
  const root = viewOfSchemaNode(isObject(schema) ? schema : {});
  return { ...root, member: (name) => (name === "metadata" ? METADATA_VIEW : root.member(name)) };
}

function viewOfSchemaNode(schema: JsonObject): TypeView {
  const members = new Map<string, TypeView>();
  const properties = objectAt(schema, "properties");
  const additional = objectAt(schema, "additionalProperties");
  const listType = textAt(schema, "x-kubernetes-list-type");
  let item: TypeView | undefined;
  return {
    member(name) {
      let member = members.get(name);
      if (member === undefined) {
        const inner = objectAt(properties, name) ?? additional;
        member = inner === undefined ? UNTYPED : viewOfSchemaNode(inner);
        members.set(name, member);
      }
      return member;
    },
    item() {
      item ??= viewOfSchemaNode(objectAt(schema, "items") ?? {});
      return item;
    },
    isAtomic: textAt(schema, "x-kubernetes-map-type") === "atomic",
    list:
      listType === "set" || listType === "map"
        ? { type: listType, keys: listAt(schema, "x-kubernetes-list-map-keys").filter((k) => typeof k === "string") }
        : ATOMIC_LIST,
    default: schema["default"],
    isAlwaysThere: false,
    patch: NO_PATCH,
  };
}
