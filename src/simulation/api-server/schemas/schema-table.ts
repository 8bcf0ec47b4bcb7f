import { InvariantError } from "../../../base/errors.ts";
import table from "./data/builtin-types.json" with { type: "json" };

/** How a value looks in JSON. "any" is free; quantities and intOrString may be a text or a number. */
export type ScalarName =
  | "string"
  | "bool"
  | "int32"
  | "int64"
  | "float64"
  | "bytes"
  | "quantity"
  | "intOrString"
  | "time"
  | "microTime"
  | "duration"
  | "fieldsV1"
  | "extraValue"
  | "any";

export type FieldType =
  | { kind: "scalar"; name: ScalarName }
  | { kind: "struct"; type: StructType }
  | { kind: "list"; of: FieldType }
  | { kind: "map"; of: FieldType };

export type Field = {
  name: string;
  type: FieldType;
  /** Protobuf field number; 0 when the field is never sent that way. */
  protoNumber: number;
  /** A pointer in Go: its zero value differs from its absence. */
  isPointer: boolean;
  isRequired: boolean;
  /** Strategic merge patch. Without strategy "merge" a list is replaced whole. Maps and structs are merged unless "replace". */
  patch: { mergeKey?: string; strategies: readonly ("merge" | "replace" | "retainKeys")[] };
  /** Server-side apply, lists only: "map" has keys; a list without mark is atomic. */
  list?: { type: "atomic" | "set" | "map"; keys: readonly string[] };
  /** Server-side apply, maps and structs: owned as one value. */
  isAtomic: boolean;
  /** Assumed by server-side apply where a list key is absent (protocol: "TCP"). */
  default?: string;
};

export type StructType = {
  /** As OpenAPI names it: "io.k8s.api.core.v1.PodSpec". */
  name: string;
  /** As Go names it, in messages about wrong types: "PodSpec". */
  goName: string;
  isAtomic: boolean;
  /** By JSON name, embedded structs flattened. */
  readonly fields: ReadonlyMap<string, Field>;
  /** By protobuf number; an embedded struct is one field with `isInline`. */
  readonly protoFields: ReadonlyMap<number, Field & { isInline: boolean }>;
};

/** The type of a built-in kind, or undefined. `apiVersion` is "v1" or "apps/v1". */
export function typeOfKind(apiVersion: string, kind: string): StructType | undefined {
  const name = kinds[`${apiVersion} ${kind}`];
  return name === undefined ? undefined : structType(name);
}

/** Every built-in kind known here, sorted by apiVersion and kind. */
export function knownKinds(): { apiVersion: string; kind: string; type: StructType }[] {
  return Object.keys(kinds)
    .sort()
    .map((key) => {
      const [apiVersion = "", kind = ""] = key.split(" ");
      return { apiVersion, kind, type: structType(kinds[key] ?? "") };
    });
}

type Entry = { atomic?: boolean; fields: Record<string, string> };
const kinds: Record<string, string> = table.kinds;
const entries = table.types as unknown as Record<string, Entry>;
const made = new Map<string, StructType>();

function structType(name: string): StructType {
  const known = made.get(name);
  if (known !== undefined) return known;
  const entry = entries[name];
  if (entry === undefined) throw new InvariantError("a type that the table names is in it", name);
  const type = new LazyStruct(name, entry);
  made.set(name, type);
  return type;
}

/** Types refer to each other in circles, so the fields are read when first asked for. */
class LazyStruct implements StructType {
  readonly name: string;
  readonly goName: string;
  readonly isAtomic: boolean;
  readonly #entry: Entry;
  #fields: ReadonlyMap<string, Field> | undefined;
  #protoFields: ReadonlyMap<number, Field & { isInline: boolean }> | undefined;

  constructor(name: string, entry: Entry) {
    this.name = openApiName(name);
    this.goName = name.slice(name.lastIndexOf(".") + 1);
    this.isAtomic = entry.atomic ?? false;
    this.#entry = entry;
  }

  get fields(): ReadonlyMap<string, Field> {
    if (this.#fields !== undefined) return this.#fields;
    const fields = new Map<string, Field>();
    for (const [name, text] of Object.entries(this.#entry.fields)) {
      const field = readField(name, text);
      if (!name.startsWith("+")) fields.set(name, field);
      else if (field.type.kind === "struct") for (const [inner, f] of field.type.type.fields) fields.set(inner, f);
    }
    this.#fields = new Map([...fields].sort(([a], [b]) => (a < b ? -1 : 1)));
    return this.#fields;
  }

  get protoFields(): ReadonlyMap<number, Field & { isInline: boolean }> {
    this.#protoFields ??= new Map(
      Object.entries(this.#entry.fields).map(([name, text]) => {
        const field = readField(name, text);
        return [field.protoNumber, { ...field, isInline: name.startsWith("+") }];
      }),
    );
    return this.#protoFields;
  }
}

const PACKAGES: readonly (readonly [prefix: string, openApi: string])[] = [
  ["meta.", "io.k8s.apimachinery.pkg.apis."],
  ["apiextensions.", "io.k8s.apiextensions-apiserver.pkg.apis."],
  ["metrics.", "io.k8s.metrics.pkg.apis."],
];
function openApiName(name: string): string {
  const found = PACKAGES.find(([prefix]) => name.startsWith(prefix));
  return `${found?.[1] ?? "io.k8s.api."}${name}`;
}

/** Reads "NUMBER TYPE FLAG...", for example "6 []core.v1.ContainerPort list=map keys=containerPort,protocol". */
function readField(name: string, text: string): Field {
  const [number = "0", typeText = "any", ...flags] = text.split(" ");
  const flag = (key: string): string | undefined => flags.find((f) => f.startsWith(`${key}=`))?.slice(key.length + 1);
  const type = readType(typeText);
  const listType = flag("list");
  const mergeKey = flag("mergeKey");
  const fallback = flag("default");
  const strategies = (flag("strategy")?.split(",") ?? []) as Field["patch"]["strategies"];
  return {
    name,
    type,
    protoNumber: Number(number),
    isPointer: typeText.startsWith("*"),
    isRequired: flags.includes("required"),
    patch: mergeKey === undefined ? { strategies } : { mergeKey, strategies },
    ...(listType === undefined ? {} : { list: { type: listType as "map", keys: flag("keys")?.split(",") ?? [] } }),
    isAtomic: flag("map") === "atomic" || flag("struct") === "atomic" || (type.kind === "struct" && type.type.isAtomic),
    ...(fallback === undefined ? {} : { default: fallback }),
  };
}

function readType(text: string): FieldType {
  if (text.startsWith("*")) return readType(text.slice(1));
  if (text.startsWith("[]")) return { kind: "list", of: readType(text.slice(2)) };
  if (text.startsWith("{}")) return { kind: "map", of: readType(text.slice(2)) };
  if (text.includes(".")) return { kind: "struct", type: structType(text) };
  return { kind: "scalar", name: text as ScalarName };
}
