import { deleteObject } from "./deletion.ts";
import type { Engine, Write } from "./engine.ts";
import type { StoreChange } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";
import type { Table } from "./store.ts";
import { storedOf, storeVersion, writeOf } from "./writes.ts";

const CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io";

/**
 * A CustomResourceDefinition takes its objects with it: they are deleted first, and as long as finalizers hold some of
 * them back, one of its own holds it.
 */
export function deleteDefinition(write: Write, name: string): void {
  const { engine, query } = write;
  const current = storedOf(write, name);
  if (query.dryRun === true) return;
  const table = instancesOf(engine, name);
  if (table === undefined) return;
  for (const key of table.keys()) {
    const metadata = table.get(key)?.object.metadata;
    if (metadata === undefined) continue;
    const { namespace } = metadata;
    const instance = writeOf(engine, {
      verb: "delete",
      resource: table.resource,
      ...(namespace === undefined ? {} : { namespace }),
    });
    deleteObject(instance, metadata.name, { dryRun: false });
  }
  const finalizers = current.object.metadata.finalizers ?? [];
  if (table.size === 0 || finalizers.includes(CLEANUP_FINALIZER)) return;
  const metadata = { ...current.object.metadata, finalizers: [...finalizers, CLEANUP_FINALIZER] };
  storeVersion(write, current, { ...current.object, metadata }, () => current.owners);
}

/** Keeps what is served in step with the stored definitions, and lets a definition go after its last object. */
export function followDefinitions(engine: Engine): (change: StoreChange) => void {
  return ({ resource, before, after }) => {
    if (resource.plural === "customresourcedefinitions" && resource.group === "apiextensions.k8s.io") {
      if (after !== undefined) engine.registry.serve(after);
      else if (before !== undefined) {
        const table = instancesOf(engine, before.metadata.name);
        engine.registry.withdraw(before.metadata.name);
        if (table !== undefined) engine.hub.endAll({ reason: "closed" }, table);
      }
    } else if (after === undefined && resource.customResourceDefinition !== undefined) {
      const name = resource.customResourceDefinition;
      // The write that removed the object is still being made: its end must not be in the middle of it.
      queueMicrotask(() => releaseDefinition(engine, name));
    }
  };
}

function releaseDefinition(engine: Engine, name: string): void {
  const resource = definitions(engine);
  const write = writeOf(engine, { verb: "update", resource, user: "apiextensions" });
  const current = write.table.get(name);
  if (current?.object.metadata.deletionTimestamp === undefined || (instancesOf(engine, name)?.size ?? 0) > 0) return;
  const { finalizers = [], ...rest } = current.object.metadata;
  const kept = finalizers.filter((finalizer) => finalizer !== CLEANUP_FINALIZER);
  const metadata = kept.length === 0 ? rest : { ...rest, finalizers: kept };
  storeVersion(write, current, { ...current.object, metadata }, () => current.owners);
}

function definitions(engine: Engine): ResourceDefinition {
  return engine.registry.ofKind({
    group: "apiextensions.k8s.io",
    version: "v1",
    plural: "customresourcedefinitions",
  });
}

function instancesOf(engine: Engine, definitionName: string): Table | undefined {
  const resource = engine.registry.all().find((r) => r.customResourceDefinition === definitionName);
  return resource === undefined ? undefined : engine.store.table(resource);
}
