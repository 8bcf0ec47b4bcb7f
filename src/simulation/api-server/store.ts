import { byText } from "../../base/order.ts";
import type { ObjectMeta } from "../../model/object.ts";
import { EventLog, type LogEntry, type Stored } from "./event-log.ts";
import { deepFreeze } from "./json.ts";
import type { Owner } from "./owners.ts";
import type { RawObject, StoreChange } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";

export type StoreOptions = { history: { eventsMax: number; ageMaxMs: number }; nowMs: () => number; freeze: boolean };

/** Everything that is stored, and the one counter of versions. Knows no rules of the API beside order. */
export class Store {
  readonly #options: StoreOptions;
  readonly #tables = new Map<string, Table>();
  readonly #tableOf = new WeakMap<ResourceDefinition, Table>();
  readonly #byUid = new Map<string, { table: Table; key: string }>();
  readonly #byOwnerUid = new Map<string, Set<string>>();
  readonly #observers = new Set<(change: StoreChange) => void>();
  #version = 0;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  version(): number {
    return this.#version;
  }

  table(resource: ResourceDefinition): Table {
    const known = this.#tableOf.get(resource);
    if (known !== undefined) return known;
    const { group, plural } = resource.viewOf ?? resource;
    const name = `${group}/${plural}`;
    const table = this.#tables.get(name) ?? new Table(resource, new EventLog(this.#options.history));
    this.#tables.set(name, table);
    this.#tableOf.set(resource, table);
    return table;
  }

  tables(): Iterable<Table> {
    return this.#tables.values();
  }

  observe(onChange: (change: StoreChange) => void): () => void {
    this.#observers.add(onChange);
    return () => this.#observers.delete(onChange);
  }

  /** Stores a new object, or a new version of one, under the next resourceVersion. */
  put(table: Table, key: string, object: RawObject, owners: (stored: RawObject) => readonly Owner[]): RawObject {
    this.#version += 1;
    const versioned = withVersion(object, this.#version);
    const stored: Stored = { object: versioned, owners: owners(versioned) };
    const before = table.get(key);
    table.set(key, stored);
    this.#index(table, key, before?.object, versioned);
    this.#tell(table, { key, type: before === undefined ? "ADDED" : "MODIFIED", stored, before });
    return versioned;
  }

  remove(table: Table, key: string): RawObject | undefined {
    const before = table.get(key);
    if (before === undefined) return undefined;
    this.#version += 1;
    const last: Stored = { object: withVersion(before.object, this.#version), owners: before.owners };
    table.delete(key);
    this.#index(table, key, before.object, undefined);
    this.#tell(table, { key, type: "DELETED", stored: last, before });
    return last.object;
  }

  objectOfUid(uid: string): { resource: ResourceDefinition; object: RawObject } | undefined {
    const place = this.#byUid.get(uid);
    const stored = place?.table.get(place.key);
    return place === undefined || stored === undefined
      ? undefined
      : { resource: place.table.resource, object: stored.object };
  }

  dependentsOf(ownerUid: string): { resource: ResourceDefinition; object: RawObject }[] {
    const found: { resource: ResourceDefinition; object: RawObject }[] = [];
    for (const uid of this.#byOwnerUid.get(ownerUid) ?? []) {
      const dependent = this.objectOfUid(uid);
      if (dependent !== undefined) found.push(dependent);
    }
    return found;
  }

  #index(table: Table, key: string, before: RawObject | undefined, after: RawObject | undefined): void {
    if (before?.metadata.uid !== after?.metadata.uid) {
      if (before !== undefined) this.#byUid.delete(before.metadata.uid);
      if (after !== undefined) this.#byUid.set(after.metadata.uid, { table, key });
    }
    if (before?.metadata.ownerReferences !== after?.metadata.ownerReferences || after === undefined) {
      for (const owner of before?.metadata.ownerReferences ?? [])
        this.#forgetOwner(owner.uid, before?.metadata.uid ?? "");
      for (const owner of after?.metadata.ownerReferences ?? []) this.#noteOwner(owner.uid, after?.metadata.uid ?? "");
    }
  }

  #noteOwner(ownerUid: string, uid: string): void {
    const dependents = this.#byOwnerUid.get(ownerUid);
    if (dependents === undefined) this.#byOwnerUid.set(ownerUid, new Set([uid]));
    else dependents.add(uid);
  }

  #forgetOwner(ownerUid: string, uid: string): void {
    const dependents = this.#byOwnerUid.get(ownerUid);
    if (dependents?.delete(uid) === true && dependents.size === 0) this.#byOwnerUid.delete(ownerUid);
  }

  #tell(table: Table, change: Omit<LogEntry, "version" | "atMs">): void {
    if (this.#options.freeze) deepFreeze(change.stored.object);
    table.log.append({ ...change, version: this.#version, atMs: this.#options.nowMs() });
    table.onChange?.();
    for (const observer of this.#observers) {
      observer({
        resource: table.resource,
        ...(change.before === undefined ? {} : { before: change.before.object }),
        ...(change.type === "DELETED" ? {} : { after: change.stored.object }),
      });
    }
  }
}

function withVersion(object: RawObject, version: number): RawObject {
  const metadata: ObjectMeta = { ...object.metadata, resourceVersion: String(version) };
  return { ...object, metadata };
}

/** The objects of one resource, by "namespace/name" or name, with the indexes that lists use. */
export class Table {
  readonly resource: ResourceDefinition;
  readonly log: EventLog;
  /** Told after every change of this table. */
  onChange: (() => void) | undefined;
  readonly #objects = new Map<string, Stored>();
  readonly #byNamespace = new Map<string, Set<string>>();
  /** Pods by the node they are bound to; "" for those that are not. Kept for pods only. */
  readonly #byNode: Map<string, Set<string>> | undefined;
  #sortedKeys: string[] | undefined;

  constructor(resource: ResourceDefinition, log: EventLog) {
    this.resource = resource;
    this.log = log;
    this.#byNode = resource.group === "" && resource.plural === "pods" ? new Map() : undefined;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): Stored | undefined {
    return this.#objects.get(key);
  }

  /** All keys, sorted. */
  keys(): readonly string[] {
    this.#sortedKeys ??= [...this.#objects.keys()].sort(byText);
    return this.#sortedKeys;
  }

  /** The keys of one namespace, sorted. */
  keysIn(namespace: string): readonly string[] {
    return [...(this.#byNamespace.get(namespace) ?? [])].sort(byText);
  }

  /** The keys of pods on a node, sorted; undefined for other kinds than pods. */
  keysOnNode(nodeName: string): readonly string[] | undefined {
    if (this.#byNode === undefined) return undefined;
    return [...(this.#byNode.get(nodeName) ?? [])].sort(byText);
  }

  set(key: string, stored: Stored): void {
    const before = this.#objects.get(key);
    this.#objects.set(key, stored);
    if (before === undefined) {
      this.#sortedKeys = undefined;
      if (this.resource.namespaced) addTo(this.#byNamespace, stored.object.metadata.namespace ?? "", key);
    }
    if (this.#byNode === undefined) return;
    const node = nodeNameOf(stored.object);
    if (before !== undefined && nodeNameOf(before.object) === node) return;
    if (before !== undefined) removeFrom(this.#byNode, nodeNameOf(before.object), key);
    addTo(this.#byNode, node, key);
  }

  delete(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    this.#sortedKeys = undefined;
    if (this.resource.namespaced) removeFrom(this.#byNamespace, before.object.metadata.namespace ?? "", key);
    if (this.#byNode !== undefined) removeFrom(this.#byNode, nodeNameOf(before.object), key);
  }
}

function nodeNameOf(pod: RawObject): string {
  return (pod["spec"] as { nodeName?: string } | undefined)?.nodeName ?? "";
}

function addTo(index: Map<string, Set<string>>, value: string, key: string): void {
  const keys = index.get(value);
  if (keys === undefined) index.set(value, new Set([key]));
  else keys.add(key);
}

function removeFrom(index: Map<string, Set<string>>, value: string, key: string): void {
  const keys = index.get(value);
  if (keys?.delete(key) === true && keys.size === 0) index.delete(value);
}
