import { SECOND_MS } from "../../base/time.ts";
import { NODES } from "../../model/kinds.ts";
import type { Clock } from "../../ports/clock.ts";
import type { InterruptionKind, InterruptionNotice, NoticeQueue } from "../../ports/interruptions.ts";
import { isNotFound, type KubeApi } from "../../ports/kube-api.ts";
import { listAll } from "../../ports/list-all.ts";
import { INTERRUPTION_LABEL } from "./labels.ts";

const IDLE_MS = 5 * SECOND_MS;

const KINDS: readonly InterruptionKind[] = [
  "spot_interrupted",
  "capacity_reservation_interrupted",
  "rebalance_recommendation",
  "scheduled_change",
  "instance_stopped",
  "instance_terminated",
];

/**
 * Notices that a user writes on fake nodes, `kubectl label node NAME karpenter.kwok.sh/interruption=spot_interrupted`:
 * they count from when they are first read, and the label goes when they have been dealt with.
 */
export function labelledNotices(api: KubeApi, clock: Clock): NoticeQueue {
  /** When each notice that is still there was first read, by id. */
  let known = new Map<string, number>();
  return {
    idleMs: IDLE_MS,
    async receive() {
      const nodes = await listAll(api, NODES, { labelSelector: INTERRUPTION_LABEL });
      const notices = nodes.map(({ metadata, spec }): InterruptionNotice => {
        const written = metadata.labels?.[INTERRUPTION_LABEL];
        const id = `${metadata.name}/${metadata.uid}/${written ?? ""}`;
        const kind = KINDS.find((one) => one === written) ?? "no_op";
        const providerIds = spec.providerID === undefined ? [] : [spec.providerID];
        return { id, kind, providerIds, sentAtMs: known.get(id) ?? clock.nowMs() };
      });
      known = new Map(notices.map(({ id, sentAtMs }) => [id, sentAtMs]));
      return notices;
    },
    async remove({ id }) {
      const [name = ""] = id.split("/");
      const body = { metadata: { labels: { [INTERRUPTION_LABEL]: null } } };
      try {
        await api.patch(NODES, { name }, { type: "merge", body });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  };
}
