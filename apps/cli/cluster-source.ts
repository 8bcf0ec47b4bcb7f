import { UserError } from "../../src/base/errors.ts";
import { formatTime } from "../../src/base/time.ts";
import type { Kind } from "../../src/model/kinds.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { momentFlag } from "./flags.ts";
import type { Io } from "./io.ts";
import { readLive } from "./live-cluster.ts";
import { readManifests } from "./manifests.ts";
import { keptObject } from "./snapshot/kept-object.ts";
import type { NotRead } from "./snapshot/snapshot-file.ts";
import { SNAPSHOT_KINDS, VITAL_KINDS } from "./snapshot/snapshot-kinds.ts";

/** Which cluster is meant: the same flags in every command that asks about one. */
export const CLUSTER_FLAGS = {
  filename: { type: "string", short: "f", multiple: true },
  snapshot: { type: "string", multiple: true },
  live: { type: "boolean", default: false },
  kubeconfig: { type: "string" },
  context: { type: "string" },
  now: { type: "string" },
} as const;

export type ClusterFlags = {
  filename?: string[] | undefined;
  snapshot?: string[] | undefined;
  live?: boolean | undefined;
  kubeconfig?: string | undefined;
  context?: string | undefined;
  now?: string | undefined;
};

export const CLUSTER_USAGE = `  --snapshot FILE          the cluster as "karpenter snapshot" wrote it, or as "kubectl get -o yaml" printed it; may be repeated
  --live                   the cluster of the kubeconfig: the default without files
  --kubeconfig FILE        where that is; default: $KUBECONFIG, the cluster around this pod, ~/.kube/config
  --context NAME           which of its contexts
  --now TIME               the moment to reckon for, such as 2026-01-01T12:00:00Z; default: that of the snapshot, or now`;

/** A cluster, and what is to be laid over it. */
export type GivenCluster = {
  /** Of the cluster itself; undefined when only files are given. */
  base: KubeObject[] | undefined;
  /** Of the files given with -f. */
  files: KubeObject[];
  nowMs: number;
  /** In words: "the cluster at https://...", "shop.jsonl of 2026-01-01T00:00:00Z". */
  source: string;
  notRead: readonly NotRead[];
};

/**
 * Reads what the flags name: a snapshot, or the live cluster, and files.
 * @param kinds what is asked of a live cluster
 * @throws UserError KARP_BAD_FLAG, what reading files throws, and what reading a live cluster throws
 */
export async function givenCluster(
  command: string,
  flags: ClusterFlags,
  io: Io,
  kinds: readonly Kind[] = SNAPSHOT_KINDS,
): Promise<GivenCluster> {
  const isLive = flags.live === true || flags.kubeconfig !== undefined || flags.context !== undefined;
  if (isLive && flags.snapshot !== undefined) {
    throw new UserError({
      code: "KARP_BAD_FLAG",
      what: `karpenter ${command}: --snapshot and a live cluster exclude each other`,
      remedy: "leave out --snapshot, or --live, --kubeconfig and --context",
    });
  }
  const read = flags.filename === undefined ? undefined : await readManifests(flags.filename, io);
  const files = read?.objects.map(({ object }) => object) ?? [];
  const fileNotes = read?.snapshots.flatMap(({ notRead }) => notRead) ?? [];
  if (flags.snapshot !== undefined) {
    const { objects, snapshots } = await readManifests(flags.snapshot, io);
    const takenMs = snapshots[0]?.takenMs;
    return {
      base: objects.map(({ object }) => object),
      files,
      nowMs: flags.now === undefined && takenMs !== undefined ? takenMs : momentFlag(command, flags.now),
      source: `${flags.snapshot.join(", ")}${takenMs === undefined ? "" : ` of ${formatTime(takenMs)}`}`,
      notRead: [...snapshots.flatMap(({ notRead }) => notRead), ...fileNotes],
    };
  }
  if (isLive || flags.filename === undefined) {
    const { objects, notRead, serverUrl } = await liveCluster(flags, io, kinds);
    return {
      base: objects,
      files,
      nowMs: momentFlag(command, flags.now),
      source: `the cluster at ${serverUrl}`,
      notRead,
    };
  }
  const takenMs = read?.snapshots[0]?.takenMs;
  const nowMs = flags.now === undefined && takenMs !== undefined ? takenMs : momentFlag(command, flags.now);
  return { base: undefined, files, nowMs, source: flags.filename.join(", "), notRead: fileNotes };
}

/** The live cluster, as a snapshot would hold it. */
function liveCluster(flags: ClusterFlags, io: Pick<Io, "env">, kinds: readonly Kind[]) {
  return readLive({ kinds, vital: VITAL_KINDS, keep: keptObject }, flags, io);
}

/** For people: what could not be read, and so is not in the answer. */
export function notReadNotes(notRead: readonly NotRead[]): string[] {
  return notRead.map(({ resource, why }) => `not looked at: ${resource} (${why})`);
}
