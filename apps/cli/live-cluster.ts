import { randomInt } from "node:crypto";
import { RetryError, UserError } from "../../src/base/errors.ts";
import { Random } from "../../src/base/random.ts";
import { type Connection, connect } from "../../src/kube/connect.ts";
import { realClock } from "../../src/kube/real-clock.ts";
import { type Kind, resourceOf } from "../../src/model/kinds.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { ApiError, isExpired, isNotFound, type KubeApi } from "../../src/ports/kube-api.ts";
import { pagesOf } from "../../src/ports/list-all.ts";
import type { Io } from "./io.ts";
import type { NotRead } from "./snapshot/snapshot-file.ts";

export type ClusterFlags = { kubeconfig?: string | undefined; context?: string | undefined };

export type LiveCluster = { objects: KubeObject[]; notRead: NotRead[]; serverUrl: string };

export type LiveOptions = {
  kinds: readonly Kind[];
  /** Without these there is nothing to say: that one of them cannot be read ends the command. */
  vital: readonly Kind[];
  /** Of each object what is kept; undefined: nothing. */
  keep(object: KubeObject): KubeObject | undefined;
  /** What else is to be read once the objects are known. What it throws is named in `notRead`. */
  more?: { resource: string; read(connection: Connection, objects: readonly KubeObject[]): Promise<KubeObject[]> };
};

/** A connection that broke off is tried again so often. */
const TRIES_MAX = 3;

/**
 * All objects of these kinds as the cluster has them now, page by page. A kind that it does not know has none; one that may
 * not be listed is named instead.
 * @throws UserError KARP_NO_CLUSTER, KARP_KUBECONFIG, KARP_API_REFUSED, KARP_API_UNREACHABLE
 */
export async function readLive(options: LiveOptions, flags: ClusterFlags, io: Pick<Io, "env">): Promise<LiveCluster> {
  const random = new Random(randomInt(2 ** 47));
  const connection = await connect({ env: io.env, clock: realClock(), random, ...flags });
  const { api, close, serverUrl } = connection;
  try {
    const objects: KubeObject[] = [];
    const notRead: NotRead[] = [];
    for (const kind of options.kinds) {
      const found = await readKind(api, kind, options).catch((error: unknown) => {
        if (isNotFound(error)) return [];
        const problem = inWords(error, `list ${resourceOf(kind)}`, serverUrl);
        if (options.vital.includes(kind)) throw problem;
        notRead.push({ resource: resourceOf(kind), why: problem.what });
        return [];
      });
      for (const object of found) objects.push(object);
    }
    const { more } = options;
    const others = await more?.read(connection, objects).catch((error: unknown) => {
      notRead.push({ resource: more.resource, why: inWords(error, `read ${more.resource}`, serverUrl).what });
    });
    return { objects: [...objects, ...(others ?? [])], notRead, serverUrl };
  } finally {
    await close();
  }
}

async function readKind(api: KubeApi, kind: Kind, { keep }: LiveOptions): Promise<KubeObject[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      const objects: KubeObject[] = [];
      for await (const page of pagesOf(api, kind)) {
        for (const item of page) {
          const kept = keep(item);
          if (kept !== undefined) objects.push(kept);
        }
      }
      return objects;
    } catch (error) {
      if (tries >= TRIES_MAX || !(error instanceof RetryError || isExpired(error))) throw error;
    }
  }
}

/** What the API server's refusal, or its silence, means for the user. */
function inWords(error: unknown, what: string, serverUrl: string): UserError {
  if (error instanceof ApiError) {
    return new UserError({
      code: "KARP_API_REFUSED",
      what: `the API server at ${serverUrl} does not let you ${what}: ${error.message}`,
      remedy: "use another --context, or have the right granted (get and list are enough)",
      cause: error,
    });
  }
  if (error instanceof RetryError) {
    return new UserError({
      code: "KARP_API_UNREACHABLE",
      what: `the API server at ${serverUrl} gave no answer to "${what}": ${error.message}`,
      remedy: "see that it can be reached from here, with kubectl for example, and try again",
      cause: error,
    });
  }
  throw error;
}
