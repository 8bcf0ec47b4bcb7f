import { resolve } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { formatTime } from "../../src/base/time.ts";
import type { InstanceType, Offering } from "../../src/model/instance-type.ts";
import type { Kind } from "../../src/model/kinds.ts";
import { REGION_LABEL } from "../../src/model/labels.ts";
import type { KubeObject } from "../../src/model/object.ts";
import { readPriceFile } from "../../src/providers/aws/price-file.ts";
import type { OwnPrices } from "../../src/providers/aws/pure/own-prices.ts";
import { CATALOGUE_REGIONS } from "../../src/providers/ec2/catalogue.ts";
import { catalogueInstanceTypes } from "../../src/providers/kwok/catalogue.ts";
import { readInstanceTypesFile } from "../../src/providers/kwok/instance-types-file.ts";
import { readDecisions } from "./decisions.ts";
import { momentFlag } from "./flags.ts";
import type { Io } from "./io.ts";
import { readLive } from "./live-cluster.ts";
import { readManifests } from "./manifests.ts";
import { keptObject } from "./snapshot/kept-object.ts";
import type { NotRead } from "./snapshot/snapshot-file.ts";
import { SNAPSHOT_KINDS, VITAL_KINDS } from "./snapshot/snapshot-kinds.ts";
import { priceChange, withLosses } from "./what-if/losses.ts";

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
  const more = kinds === SNAPSHOT_KINDS ? { more: { resource: "decisions", read: readDecisions } } : {};
  return readLive({ kinds, vital: VITAL_KINDS, keep: keptObject, ...more }, flags, io);
}

/** For people: what could not be read, and so is not in the answer. */
export function notReadNotes(notRead: readonly NotRead[]): string[] {
  return notRead.map(({ resource, why }) => `not looked at: ${resource} (${why})`);
}

const REGION_DEFAULT = "us-east-1";

/** The region that most nodes say they are in, as far as its prices are known here; us-east-1 without any. */
function regionOf(objects: readonly KubeObject[]): string {
  const counts = new Map<string, number>();
  for (const { kind, metadata } of objects) {
    const region = kind === "Node" ? metadata.labels?.[REGION_LABEL] : undefined;
    if (region !== undefined) counts.set(region, (counts.get(region) ?? 0) + 1);
  }
  const known = [...counts].filter(([region]) => CATALOGUE_REGIONS.includes(region)).sort((a, b) => b[1] - a[1]);
  return known[0]?.[0] ?? REGION_DEFAULT;
}

/**
 * What can be bought, and for how much: `--instance-types FILE`, or the catalogue of `--region`, or of the region that the
 * nodes are in; at your own prices where you have some.
 */
export const TYPE_FLAGS = {
  "instance-types": { type: "string" },
  region: { type: "string" },
  "price-file": { type: "string" },
  discount: { type: "string", multiple: true },
} as const;

export const TYPE_USAGE = `  --instance-types FILE    what can be bought, in the shape of the kwok provider's instance_types.json
  --region REGION          or else: what EC2 offers in a region, any of the ${CATALOGUE_REGIONS.length} commercial ones; default:
                           the nodes' own, or ${REGION_DEFAULT}
  --price-file FILE        your own prices and discounts, as the controller takes them (docs/aws.md)
  --discount WHAT=N%       off every price of on-demand, spot, a family (m5), a type or a zone; may be repeated`;

export type TypeFlags = {
  "instance-types"?: string | undefined;
  region?: string | undefined;
  "price-file"?: string | undefined;
  discount?: string[] | undefined;
};

/** @throws UserError KARP_BAD_FLAG, KARP_UNKNOWN_REGION, KARP_NO_SUCH_FILE, KARP_BAD_INSTANCE_TYPES, KARP_BAD_PRICES */
export function typesOf(
  command: string,
  flags: TypeFlags,
  objects: readonly KubeObject[],
  io: Pick<Io, "cwd">,
): readonly InstanceType[] {
  const { region, "instance-types": file, "price-file": prices, discount = [] } = flags;
  if (file !== undefined && region !== undefined) {
    throw badFlag(command, "--region and --instance-types exclude each other");
  }
  const listed =
    file === undefined
      ? catalogueInstanceTypes(region ?? regionOf(objects))
      : readInstanceTypesFile(resolve(io.cwd, file));
  const own = prices === undefined ? listed : withOwnPrices(listed, readPriceFile(resolve(io.cwd, prices), prices));
  const priceChanges = discount.map((text) => {
    if (/=\d+(\.\d+)?%$/.test(text)) return priceChange(text.replace("=", "=-"));
    throw badFlag(command, `--discount is "${text}", not as in "on-demand=12%"`);
  });
  return withLosses(own, { zones: [], spot: false, priceChanges });
}

function withOwnPrices(types: readonly InstanceType[], prices: OwnPrices): readonly InstanceType[] {
  return types.map((type) => ({
    ...type,
    offerings: type.offerings.map((one) => ownOffering(type.name, one, prices)),
  }));
}

/** A reservation is paid for, whatever else its type costs. */
function ownOffering(type: string, offering: Offering, prices: OwnPrices): Offering {
  const { capacityType, zone, priceUsdPerHour } = offering;
  if (capacityType !== "on-demand" && capacityType !== "spot") return offering;
  const own = prices.price({ type, capacityType, zone }, priceUsdPerHour) ?? priceUsdPerHour;
  return { ...offering, priceUsdPerHour: own };
}

function badFlag(command: string, what: string): UserError {
  return new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter ${command}: ${what}`,
    remedy: `"karpenter ${command} --help" lists the flags`,
  });
}
