import { RetryError } from "../base/errors.ts";
import type { KubeApi } from "../ports/kube-api.ts";

/**
 * The same API for one who may write only while `mayWrite`: a process that was paused finds out that it no longer leads
 * before it does harm, not when its timers come round. Reads and watches pass.
 */
export function fencedApi(api: KubeApi, mayWrite: () => boolean): KubeApi {
  const check = (): void => {
    if (!mayWrite()) throw new RetryError("this process does not lead, so it writes nothing");
  };
  return {
    get: (kind, ref) => api.get(kind, ref),
    list: (kind, options) => api.list(kind, options),
    watch: (kind, options, onEvent) => api.watch(kind, options, onEvent),
    version: () => api.version(),
    clockSkewMs: () => api.clockSkewMs?.(),
    async create(kind, object, options) {
      check();
      return await api.create(kind, object, options);
    },
    async update(kind, object, options) {
      check();
      return await api.update(kind, object, options);
    },
    async updateStatus(kind, object, options) {
      check();
      return await api.updateStatus(kind, object, options);
    },
    async patch(kind, ref, patch, options) {
      check();
      return await api.patch(kind, ref, patch, options);
    },
    async delete(kind, ref, options) {
      check();
      await api.delete(kind, ref, options);
    },
    async act(kind, ref, subresource, body) {
      check();
      return await api.act(kind, ref, subresource, body);
    },
  };
}
