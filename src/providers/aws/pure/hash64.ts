/**
 * 64 bits of a text as a decimal number, for names and tokens that must come out the same each time: two 32-bit FNV-1a
 * with different beginnings, each mixed once more. Not for anything that must withstand ill will.
 */
export function hash64(text: string): string {
  return ((BigInt(hash32(text, 0x811c9dc5)) << 32n) | BigInt(hash32(text, 0x2f0b4a27))).toString();
}

function hash32(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
