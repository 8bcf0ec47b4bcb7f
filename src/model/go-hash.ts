/**
 * Hashes of Go values, bit for bit, as Karpenter compares them across versions and languages.
 * @source github.com/mitchellh/hashstructure/v2 with SlicesAsSets, IgnoreZeroValue and ZeroNil
 */

/** A field without a hash is zero, and left out. */
export type Fields = readonly (readonly [string, bigint | undefined])[];

const OFFSET = 14_695_981_039_346_656_037n;
const PRIME = 1_099_511_628_211n;
const MASK = (1n << 64n) - 1n;

/** FNV-1, 64 bits: multiply, then xor. */
export function fnv(bytes: Iterable<number>): bigint {
  let hash = OFFSET;
  for (const byte of bytes) hash = ((hash * PRIME) & MASK) ^ BigInt(byte);
  return hash;
}

export function littleEndian(value: bigint): number[] {
  const unsigned = BigInt.asUintN(64, value);
  return Array.from({ length: 8 }, (_, index) => Number((unsigned >> BigInt(index * 8)) & 0xffn));
}

function ordered(a: bigint, b: bigint): bigint {
  return fnv([...littleEndian(a), ...littleEndian(b)]);
}

function finished(hash: bigint): bigint {
  return fnv(littleEndian(hash));
}

export function text(value: string): bigint {
  return fnv(utf8(value));
}

export function textUnlessEmpty(value: string | undefined): bigint | undefined {
  return value === undefined || value === "" ? undefined : text(value);
}

export function struct(typeName: string, fields: Fields): bigint {
  let hash = text(typeName);
  for (const [name, value] of fields) {
    if (value !== undefined) hash = finished(hash ^ ordered(text(name), value));
  }
  return hash;
}

export function structUnlessZero(typeName: string, fields: Fields): bigint | undefined {
  return fields.every(([, value]) => value === undefined) ? undefined : struct(typeName, fields);
}

export function mapOf(map: Readonly<Record<string, string>> | undefined): bigint | undefined {
  if (map === undefined) return undefined;
  let hash = 0n;
  for (const key of Object.keys(map)) hash ^= ordered(text(key), text(map[key] ?? ""));
  return finished(hash);
}

/** Order does not matter, and equal items cancel each other. */
export function setOf(items: readonly bigint[] | undefined): bigint | undefined {
  return items?.reduce((hash, item) => hash ^ item, 0n);
}

function utf8(value: string): number[] {
  return [...encodeURIComponent(value).matchAll(/%([0-9A-F]{2})|./g)].map(([char, hex]) =>
    hex === undefined ? char.charCodeAt(0) : Number.parseInt(hex, 16),
  );
}
