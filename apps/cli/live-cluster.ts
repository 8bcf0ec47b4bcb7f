import { randomInt } from "node:crypto";
import { Random } from "../../src/base/random.ts";
import { connect } from "../../src/kube/connect.ts";
import { realClock } from "../../src/kube/real-clock.ts";
import type { Kind } from "../../src/model/kinds.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { isNotFound } from "../../src/ports/kube-api.ts";
import { listAll } from "../../src/ports/list-all.ts";
import type { Io } from "./io.ts";

export type ClusterFlags = { kubeconfig?: string | undefined; context?: string | undefined };

/**
 * All objects of these kinds as the cluster has them now; a kind that it does not know has none.
 * @throws UserError KARP_NO_CLUSTER, KARP_KUBECONFIG
 */
export async function liveObjects(
  kinds: readonly Kind[],
  flags: ClusterFlags,
  io: Pick<Io, "env">,
): Promise<KubeObject[]> {
  const random = new Random(randomInt(2 ** 47));
  const { api, close } = await connect({ env: io.env, clock: realClock(), random, ...flags });
  try {
    const objects: KubeObject[] = [];
    for (const kind of kinds) {
      const items = await listAll(api, kind).catch((error: unknown) => {
        if (isNotFound(error)) return [];
        throw error;
      });
      objects.push(...items);
    }
    return objects;
  } finally {
    await close();
  }
}
