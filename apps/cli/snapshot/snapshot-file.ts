import { createReadStream, type ReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { UserError } from "../../../src/base/errors.ts";
import { parseTime } from "../../../src/base/time.ts";
import { linesOf } from "../../../src/kube/lines.ts";
import type { KubeObject } from "../../../src/model/object.ts";
import { isJsonObject } from "../../../src/model/schema/schema.ts";
import { checkedSnapshotObject } from "../manifest-check.ts";

/* A snapshot is a text, or its gzip: a header, an object a line, and an end that says how many there were. */

export const SNAPSHOT_VERSION = "karpenter.sh/snapshot/v1";

export type SnapshotHeader = {
  apiVersion: typeof SNAPSHOT_VERSION;
  kind: "ClusterSnapshot";
  /** When the cluster was read. */
  takenAt: string;
  /** Names are not those of the cluster. */
  scrambled: boolean;
};

export type SnapshotEnd = {
  kind: "ClusterSnapshotEnd";
  objects: number;
  /** What could not be read, and why. */
  notRead: readonly NotRead[];
};
export type NotRead = { resource: string; why: string };

/** What a snapshot file holds. */
export type ReadSnapshot = {
  takenMs: number;
  scrambled: boolean;
  objects: KubeObject[];
  notRead: readonly NotRead[];
};

/** A line of a snapshot may be as long as an object in etcd. */
const LINE_BYTES_MAX = 32 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const HEAD_BYTES = 256;

/** Whether the file begins as a snapshot does, or is compressed, as no manifest is; false also for one that cannot be read. */
export async function isSnapshotFile(path: string): Promise<boolean> {
  const head = await headOf(path).catch(() => Buffer.alloc(0));
  return isZipped(head) || /^\{[^\n]*"kind":"ClusterSnapshot"/.test(head.toString("utf8"));
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function isZipped(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Reads a snapshot bit by bit, and checks every object as far as plans rely on it.
 * @param name as the user gave it, for messages
 * @throws UserError KARP_NO_SUCH_FILE, KARP_BAD_SNAPSHOT with the line
 */
export async function readSnapshotFile(path: string, name: string): Promise<ReadSnapshot> {
  const reader = new SnapshotReader(name);
  try {
    for await (const line of linesOf(bytesOf(path), LINE_BYTES_MAX)) reader.take(line);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw reader.broken(cause instanceof Error ? cause.message : String(cause));
  }
  return reader.result();
}

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  if (!isZipped(await headOf(path))) yield* file as AsyncIterable<Buffer>;
  else yield* unzipped(file);
}

async function* unzipped(file: ReadStream): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  file.on("error", (error) => gunzip.destroy(error));
  yield* file.pipe(gunzip) as AsyncIterable<Buffer>;
}

class SnapshotReader {
  readonly #name: string;
  readonly #objects: KubeObject[] = [];
  #line = 0;
  #header: SnapshotHeader | undefined;
  #end: SnapshotEnd | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  take(bytes: Buffer): void {
    this.#line += 1;
    if (bytes.length === 0) return;
    if (this.#end !== undefined) throw this.broken("something follows its end: two snapshots were joined");
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString("utf8"));
    } catch (cause) {
      throw this.broken(`line ${this.#line} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
    if (this.#header === undefined) this.#header = this.#headerIn(value);
    else if (isJsonObject(value) && value["kind"] === "ClusterSnapshotEnd") this.#end = value as SnapshotEnd;
    else this.#objects.push(this.#objectIn(value));
  }

  result(): ReadSnapshot {
    if (this.#header === undefined) throw this.broken("it is empty");
    if (this.#end === undefined) throw this.broken(`it breaks off after line ${this.#line}`);
    const { objects, notRead = [] } = this.#end;
    if (objects !== this.#objects.length) {
      throw this.broken(`it should hold ${objects} objects and holds ${this.#objects.length}`);
    }
    const { takenAt, scrambled } = this.#header;
    return { takenMs: parseTime(takenAt) ?? 0, scrambled, objects: this.#objects, notRead };
  }

  broken(what: string): UserError {
    return new UserError({
      code: "KARP_BAD_SNAPSHOT",
      what: `${this.#name} is no whole snapshot: ${what}`,
      remedy: 'take it anew with "karpenter snapshot --out FILE", and do not edit it by hand',
    });
  }

  #headerIn(value: unknown): SnapshotHeader {
    const header = value as Partial<SnapshotHeader>;
    if (header?.kind !== "ClusterSnapshot") throw this.broken("its first line does not say that it is one");
    if (header.apiVersion !== SNAPSHOT_VERSION) {
      throw this.broken(`it is of version "${header.apiVersion}"; this program reads ${SNAPSHOT_VERSION}`);
    }
    if (parseTime(header.takenAt ?? "") === undefined) throw this.broken("it does not say when it was taken");
    return header as SnapshotHeader;
  }

  #objectIn(value: unknown): KubeObject {
    const problem = checkedSnapshotObject(value);
    if (problem !== undefined) throw this.broken(`line ${this.#line}: ${problem}`);
    return value as KubeObject;
  }
}
