import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { UserError } from "../../../src/base/errors.ts";
import { formatTime } from "../../../src/base/time.ts";
import type { KubeObject } from "../../../src/model/object.ts";
import { CLUSTER_FLAGS, givenCluster } from "../cluster-source.ts";
import { readFlags, spread } from "../flags.ts";
import { EXIT, type Io } from "../io.ts";
import { cannotWrite } from "../make-folder.ts";
import { count } from "../report.ts";
import { keptObject } from "./kept-object.ts";
import { aliases, scrambled } from "./scrambled.ts";
import { type NotRead, SNAPSHOT_VERSION, type SnapshotEnd, type SnapshotHeader } from "./snapshot-file.ts";

const USAGE = `Writes the cluster into one file, for questions later or elsewhere: every command takes it with --snapshot. Only what
questions are about is in it; values of the environment, commands, Secrets, ConfigMaps, user data and other programs'
annotations are left out. Touches nothing.

usage: karpenter snapshot [--out FILE] [OPTION...]

  --out FILE           where to; a name that ends in .gz is compressed; default: standard output
  --scramble           every name becomes another: of namespaces, objects, nodes, images, and labels of your own. Types,
                       zones, amounts, times and what refers to what stay, so plans stay the same
  -f, --filename FILE  makes it of manifests, or of another snapshot, instead of the live cluster; may be repeated
  --kubeconfig FILE    of the live cluster; default: $KUBECONFIG, the cluster around this pod, ~/.kube/config
  --context NAME       which of its contexts
  --now TIME           the moment that the snapshot says it was taken at; default: now

exit code: 0 all was read, 1 some kinds could not be read and are named in the file, 2 wrong use, 3 failure
`;

/**
 * `karpenter snapshot`.
 * @throws UserError KARP_BAD_FLAG, KARP_CANNOT_WRITE, what reading files throws, and what reading a live cluster throws
 */
export async function snapshotCommand(args: string[], io: Io): Promise<number> {
  const { filename, kubeconfig, context, now } = CLUSTER_FLAGS;
  const flags = readFlags("snapshot", spread(args), {
    filename,
    kubeconfig,
    context,
    now,
    out: { type: "string", default: "-" },
    scramble: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  });
  if (flags.help) {
    io.out(USAGE);
    return EXIT.fine;
  }
  if (flags.filename !== undefined && (flags.kubeconfig !== undefined || flags.context !== undefined)) {
    throw new UserError({
      code: "KARP_BAD_FLAG",
      what: "karpenter snapshot: -f and a live cluster exclude each other",
      remedy: "leave out -f, or --kubeconfig and --context",
    });
  }
  const { base, files, nowMs, notRead, source } = await givenCluster("snapshot", flags, io);
  const text = snapshotText(base ?? files, { takenMs: nowMs, scramble: flags.scramble, notRead });
  if (flags.out === "-") io.out(text.all);
  else {
    const bytes = await writeWhole(resolve(io.cwd, flags.out), flags.out.endsWith(".gz"), text.all);
    io.err(`${count(text.objects, "object")} of ${source} in ${flags.out}, ${(bytes / 1e6).toFixed(1)} MB\n`);
  }
  for (const { resource, why } of notRead) io.err(`karpenter snapshot: without ${resource}: ${why}\n`);
  return notRead.length === 0 ? EXIT.fine : EXIT.findings;
}

export type SnapshotTextOptions = { takenMs: number; scramble: boolean; notRead: readonly NotRead[] };

/** The text of a snapshot. Equal clusters give equal texts, unless names are scrambled. */
export function snapshotText(
  objects: readonly KubeObject[],
  { takenMs, scramble, notRead }: SnapshotTextOptions,
): { all: string; objects: number } {
  const header: SnapshotHeader = {
    apiVersion: SNAPSHOT_VERSION,
    kind: "ClusterSnapshot",
    takenAt: formatTime(takenMs),
    scrambled: scramble,
  };
  const alias = aliases(randomBytes(32));
  const kept = objects.map(keptObject).filter((object) => object !== undefined);
  const lines = kept.map((object) => JSON.stringify(scramble ? scrambled(object, alias) : object));
  const end: SnapshotEnd = { kind: "ClusterSnapshotEnd", objects: lines.length, notRead };
  return { all: `${[JSON.stringify(header), ...lines, JSON.stringify(end)].join("\n")}\n`, objects: lines.length };
}

/** All of it or nothing: a file that breaks off would be taken for a snapshot. */
async function writeWhole(path: string, isZipped: boolean, text: string): Promise<number> {
  const bytes = isZipped ? gzipSync(text) : Buffer.from(text);
  const draft = `${path}.part`;
  try {
    await writeFile(draft, bytes);
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    throw cannotWrite(path, cause);
  }
  return bytes.length;
}
