import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { byText } from "../../src/base/order.ts";
import { type KubeObject, keyOf } from "../../src/model/object.ts";
import { isJsonObject, type JsonObject } from "../../src/model/schema/schema.ts";
import type { Io } from "./io.ts";
import { checkedObject } from "./manifest-check.ts";
import { type ManifestDocument, readDocuments } from "./manifest-text.ts";
import { isSnapshotFile, type ReadSnapshot, readSnapshotFile } from "./snapshot/snapshot-file.ts";
import { type FilledText, filled } from "./template.ts";

/** Where an object was read. */
export type Origin = {
  /** As the user named it; "-" is standard input. */
  file: string;
  /** Of the object's first line, from 1. */
  line: number;
  /** Of the file, from 1. */
  document: number;
};
export type ReadObject = { object: KubeObject; origin: Origin };
export type ManifestIo = Pick<Io, "cwd" | "stdin" | "env">;

/**
 * Reads Kubernetes objects from files, folders (all .yaml, .yml and .json files below, in order of their names) and
 * standard input ("-"): YAML with any number of documents, JSON, and lists as `kubectl get -o yaml` prints them. In a
 * file named *.template the environment's variables are filled in first. Every object is checked as the API server
 * would, and has its defaults filled in. Snapshots are files like any other.
 * @throws UserError KARP_BAD_SNAPSHOT, KARP_NO_SUCH_FILE, KARP_NO_MANIFEST, and KARP_BAD_MANIFEST with every mistake at its file and line;
 *         one mistake anywhere, and nothing is taken
 */
export async function readManifests(
  paths: readonly string[] | "-",
  io: ManifestIo,
): Promise<{ objects: ReadObject[]; snapshots: readonly TakenSnapshot[] }> {
  const list = typeof paths === "string" ? [paths] : paths;
  const found = emptyFound();
  const snapshots: TakenSnapshot[] = [];
  for (const path of list) {
    for (const file of await filesAt(path, io)) {
      const snapshot = await snapshotAt(file, io);
      if (snapshot !== undefined) {
        snapshots.push(takeSnapshotFile(snapshot, file, found));
        continue;
      }
      const { text, mistakes } = await textOf(file, io);
      for (const { line, text: what } of mistakes) found.mistakes.push(`${file}:${line}: ${what}`);
      takeText(text, file, found);
    }
  }
  if (found.mistakes.length > 0) throw badManifests(found.mistakes);
  if (found.objects.length === 0) {
    throw new UserError({
      code: "KARP_NO_MANIFEST",
      what: `there is no Kubernetes object in ${list.join(", ")}`,
      remedy: "name files or folders with .yaml, .yml or .json manifests, or - for standard input",
    });
  }
  return { objects: found.objects, snapshots };
}

/** What is known of a snapshot besides its objects. */
export type TakenSnapshot = Omit<ReadSnapshot, "objects"> & { file: string };

async function snapshotAt(file: string, { cwd }: Pick<Io, "cwd">): Promise<ReadSnapshot | undefined> {
  const path = resolve(cwd, file);
  return file !== "-" && (await isSnapshotFile(path)) ? readSnapshotFile(path, file) : undefined;
}

function takeSnapshotFile({ objects, ...rest }: ReadSnapshot, file: string, found: Found): TakenSnapshot {
  for (const [i, object] of objects.entries()) {
    takeObject(object, () => ({ file, line: i + 2, document: 1 }), found);
  }
  return { ...rest, file };
}

/**
 * The objects of one text.
 * @throws UserError KARP_BAD_MANIFEST
 */
export function manifestsIn(text: string, file: string): ReadObject[] {
  const found = emptyFound();
  takeText(text, file, found);
  if (found.mistakes.length > 0) throw badManifests(found.mistakes);
  return found.objects;
}

type Found = { objects: ReadObject[]; mistakes: string[]; places: Map<string, Origin> };
const emptyFound = (): Found => ({ objects: [], mistakes: [], places: new Map() });

function takeText(text: string, file: string, found: Found): void {
  const { documents, mistakes } = readDocuments(text);
  for (const { line, text: what } of mistakes) found.mistakes.push(`${file}:${line}: ${what}`);
  for (const document of documents) takeDocument(document, file, found);
}

function takeDocument(document: ManifestDocument, file: string, found: Found): void {
  for (const { value, steps } of itemsOf(document.value, [])) {
    const origin = () => ({ file, line: document.lineOf(steps, ""), document: document.number });
    if (!isJsonObject(value)) {
      const { line } = origin();
      found.mistakes.push(`${file}:${line}: this is no Kubernetes object: expected fields such as apiVersion and kind`);
      continue;
    }
    const checked = checkedObject(value);
    if ("object" in checked) takeObject(checked.object as unknown as KubeObject, origin, found);
    else {
      for (const { path, text } of checked.mistakes) {
        found.mistakes.push(`${file}:${document.lineOf(steps, path)}: ${titleOf(value)}${text}`);
      }
    }
  }
}

type Item = { value: unknown; steps: (string | number)[] };

/** The items of a list, with the kind that its name gives them; lists of lists are taken apart as well. */
function itemsOf(value: unknown, steps: (string | number)[]): Item[] {
  if (!isJsonObject(value) || typeof value["kind"] !== "string" || !value["kind"].endsWith("List")) {
    return [{ value, steps }];
  }
  const { items = [], apiVersion } = value;
  if (!Array.isArray(items)) return [{ value, steps }];
  const kind = value["kind"].slice(0, -"List".length);
  return items.flatMap((item, i) => {
    const named = isJsonObject(item) && kind !== "" ? { apiVersion, kind, ...item } : item;
    return itemsOf(named, [...steps, "items", i]);
  });
}

function takeObject(object: KubeObject, origin: () => Origin, found: Found): void {
  const group = object.apiVersion.includes("/") ? object.apiVersion.split("/")[0] : "";
  const id = `${group}/${object.kind}/${keyOf(object)}`;
  const here = origin();
  const first = found.places.get(id);
  if (first !== undefined) {
    found.mistakes.push(
      `${here.file}:${here.line}: ${object.kind} "${keyOf(object)}" is here a second time, after ${first.file}:${first.line}: keep one of them`,
    );
    return;
  }
  found.places.set(id, here);
  found.objects.push({ object, origin: here });
}

function titleOf(value: JsonObject): string {
  const { kind, metadata } = value;
  const name = isJsonObject(metadata) ? metadata["name"] : undefined;
  if (typeof kind !== "string") return "";
  return typeof name === "string" ? `${kind} "${name}": ` : `${kind}: `;
}

const SHOWN_MAX = 20;

function badManifests(mistakes: readonly string[]): UserError {
  const shown = mistakes.slice(0, SHOWN_MAX).map((mistake) => `\n    ${mistake}`);
  const more = mistakes.length > SHOWN_MAX ? `\n    and ${mistakes.length - SHOWN_MAX} more` : "";
  const count = mistakes.length === 1 ? "a mistake" : `${mistakes.length} mistakes`;
  return new UserError({
    code: "KARP_BAD_MANIFEST",
    what: `there ${mistakes.length === 1 ? "is" : "are"} ${count} in the manifests, nothing was taken from them:${shown.join("")}${more}`,
    remedy: "mend the lines named above, then run the command again",
  });
}

async function filesAt(path: string, io: Pick<Io, "cwd">): Promise<string[]> {
  if (path === "-") return ["-"];
  const isFolder = (await noSuchFile(path, stat(resolve(io.cwd, path)))).isDirectory();
  if (!isFolder) return [path];
  const entries = await noSuchFile(path, readdir(resolve(io.cwd, path), { recursive: true }));
  return entries
    .filter((entry) => /\.(ya?ml|json)$/.test(entry))
    .sort(byText)
    .map((entry) => join(path, entry));
}

async function textOf(file: string, io: ManifestIo): Promise<FilledText> {
  if (file === "-") return { text: await io.stdin(), mistakes: [] };
  const text = await noSuchFile(file, readFile(resolve(io.cwd, file), "utf8"));
  return file.endsWith(".template") ? filled(text, io.env) : { text, mistakes: [] };
}

async function noSuchFile<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new UserError({
      code: "KARP_NO_SUCH_FILE",
      what: `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: "name a file or folder that is there and that you may read",
      cause,
    });
  }
}
