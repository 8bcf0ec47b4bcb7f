import type { NodeClass } from "../../../model/cluster-view.ts";
import type { StatusAmi } from "./class-view.ts";
import { hash64 } from "./hash64.ts";
import { LEARNED_MEMORY_ANNOTATION } from "./labels.ts";

/** What stands in the annotation: memory in KiB by instance type, of nodes with these images. */
type Learned = { amis: string; kib: Readonly<Record<string, number>> };
export type SeenMemory = { type: string; bytes: number };

const KI = 1_024;
const NOTHING: ReadonlyMap<string, number> = new Map();

/** Memory in bytes that nodes of the class really had, by instance type; with other images it is not known any more. */
export function learnedMemory(
  { metadata }: Pick<NodeClass, "metadata">,
  amis: readonly StatusAmi[],
): ReadonlyMap<string, number> {
  const text = metadata.annotations?.[LEARNED_MEMORY_ANNOTATION];
  const learned = text === undefined ? undefined : parse(text);
  if (learned?.amis !== hashOf(amis)) return NOTHING;
  return new Map(Object.entries(learned.kib).map(([type, kib]) => [type, kib * KI]));
}

/**
 * The annotation with what nodes have shown since: of a type the least that any node had, so that pods fit on all of
 * them. Undefined: there is nothing new.
 * @source reference of the AWS provider, section 1.1; upstream remembers it in the process, for 60 days
 */
export function withSeenMemory(
  known: ReadonlyMap<string, number>,
  seen: readonly SeenMemory[],
  amis: readonly StatusAmi[],
): string | undefined {
  const next = new Map(known);
  for (const { type, bytes } of seen) {
    if (bytes > 0 && bytes < (next.get(type) ?? Number.POSITIVE_INFINITY)) next.set(type, bytes);
  }
  if (next.size === known.size && [...next].every(([type, bytes]) => known.get(type) === bytes)) return undefined;
  const kib = Object.fromEntries([...next].sort().map(([type, bytes]) => [type, Math.floor(bytes / KI)]));
  return JSON.stringify({ amis: hashOf(amis), kib } satisfies Learned);
}

function hashOf(amis: readonly StatusAmi[]): string {
  return hash64(
    amis
      .map(({ id }) => id)
      .sort()
      .join(" "),
  );
}

/** Somebody may have written nonsense: then nothing is known. */
function parse(text: string): Learned | undefined {
  try {
    const value = JSON.parse(text) as Partial<Learned> | null;
    const kib = Object.entries(value?.kib ?? {}).filter(([, one]) => Number.isSafeInteger(one) && one > 0);
    return { amis: String(value?.amis), kib: Object.fromEntries(kib) };
  } catch {
    return undefined;
  }
}
