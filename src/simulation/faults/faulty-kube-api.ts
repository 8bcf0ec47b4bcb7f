import { type Kind, resourceOf } from "../../model/kinds.ts";
import { type KubeObject, keyOf } from "../../model/object.ts";
import type { KubeApi, Ref, Watch } from "../../ports/kube-api.ts";
import { type Chances, type FaultNeeds, FaultyCalls } from "./faulty-call.ts";
import { faultyWatch } from "./faulty-watch.ts";

/** The KubeApi as one life of the product gets it: with the faults of the mix, and dead when that life is over. */
export function faultyKubeApi(api: KubeApi, needs: FaultNeeds): KubeApi {
  const calls = new FaultyCalls(needs);
  const reading = (): Chances => {
    const { refused, throttled, lostReply } = needs.mix();
    return { refused, throttled, conflict: 0, lostReply };
  };
  const writing = (): Chances => needs.mix();
  // Nobody else answers a create or a patch without a version with a conflict.
  const creating = (): Chances => ({ ...needs.mix(), conflict: 0 });
  const write = <T>(verb: string, kind: Kind, key: string, body: unknown, chances: Chances, run: () => Promise<T>) =>
    calls.call({ verb, kind: resourceOf(kind), key, body }, chances, run);
  return {
    get: (kind, ref) =>
      calls.call({ verb: "get", kind: resourceOf(kind), key: keyOfRef(ref) }, reading(), () => api.get(kind, ref)),
    list: (kind, options) =>
      calls.call({ verb: "list", kind: resourceOf(kind), key: options?.namespace ?? "" }, reading(), () =>
        api.list(kind, options),
      ),
    watch: (kind, options, onEvent): Watch => faultyWatch(api, kind, options, onEvent, needs),
    version: () => calls.call({ verb: "get", kind: "version", key: "" }, reading(), () => api.version()),
    clockSkewMs: () => -needs.life.clockAheadMs,
    create: (kind, object, options) =>
      write("create", kind, draftKey(object), object, creating(), () => api.create(kind, object, options)),
    update: (kind, object, options) =>
      write("update", kind, keyOf(object), object, writing(), () => api.update(kind, object, options)),
    updateStatus: (kind, object, options) =>
      write("update status", kind, keyOf(object), object, writing(), () => api.updateStatus(kind, object, options)),
    patch: (kind, ref, patch, options) => {
      const verb = options?.subresource === undefined ? "patch" : `patch ${options.subresource}`;
      const chances = hasVersion(patch.body) ? writing() : creating();
      return write(verb, kind, keyOfRef(ref), patch.body, chances, () => api.patch(kind, ref, patch, options));
    },
    delete: (kind, ref, options) =>
      write("delete", kind, keyOfRef(ref), options, creating(), () => api.delete(kind, ref, options)),
    act: (kind, ref, subresource, body) =>
      write(subresource, kind, keyOfRef(ref), body, creating(), () => api.act(kind, ref, subresource, body)),
  };
}

function keyOfRef({ name, namespace }: Ref): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function draftKey({ metadata }: { metadata: Partial<KubeObject["metadata"]> }): string {
  const name = metadata.name ?? `${metadata.generateName ?? ""}*`;
  return metadata.namespace === undefined ? name : `${metadata.namespace}/${name}`;
}

function hasVersion(body: unknown): boolean {
  const { metadata } = (body ?? {}) as { metadata?: { resourceVersion?: string } };
  return metadata?.resourceVersion !== undefined;
}
