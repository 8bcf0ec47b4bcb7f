import { TokenBucket } from "../base/token-bucket.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";

/**
 * The same API with at most `qps` requests per second in the long run and `burst` at once; what is too much waits its
 * turn, in order. Watches pass freely: there is one per kind, and their reopening has a back-off of its own.
 * @param qps 0 or less: no limit
 */
export function rateLimitedApi(api: KubeApi, limit: { qps: number; burst: number; clock: Clock }): KubeApi {
  const { qps, burst, clock } = limit;
  if (qps <= 0) return api;
  const bucket = new TokenBucket({ perSecond: qps, burst });
  const turn = async (): Promise<void> => {
    const waitMs = bucket.reserve(clock.nowMs());
    if (waitMs > 0) await clock.sleep(waitMs);
  };
  return {
    watch: (kind, options, onEvent) => api.watch(kind, options, onEvent),
    clockSkewMs: () => api.clockSkewMs?.(),
    async version() {
      await turn();
      return await api.version();
    },
    async get(kind, ref) {
      await turn();
      return await api.get(kind, ref);
    },
    async list(kind, options) {
      await turn();
      return await api.list(kind, options);
    },
    async create(kind, object, options) {
      await turn();
      return await api.create(kind, object, options);
    },
    async update(kind, object, options) {
      await turn();
      return await api.update(kind, object, options);
    },
    async updateStatus(kind, object, options) {
      await turn();
      return await api.updateStatus(kind, object, options);
    },
    async patch(kind, ref, patch, options) {
      await turn();
      return await api.patch(kind, ref, patch, options);
    },
    async delete(kind, ref, options) {
      await turn();
      await api.delete(kind, ref, options);
    },
    async act(kind, ref, subresource, body) {
      await turn();
      return await api.act(kind, ref, subresource, body);
    },
  };
}
