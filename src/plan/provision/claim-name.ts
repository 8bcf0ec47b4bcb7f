/** Kubernetes names of this length are labels everywhere. */
const NAME_MAX = 63;
const HASH_LENGTH = 10;

/**
 * The name of a planned claim: the pool's name (cut where it is long) and a hash of the pool and the pods' uids. The same
 * plan gives the same name, so a retry after a lost reply finds the claim there instead of buying a second node.
 */
export function claimName(nodePool: string, podUids: readonly string[]): string {
  const hash = textHash([nodePool, ...podUids].join("\n"));
  const prefix = nodePool
    .slice(0, NAME_MAX - HASH_LENGTH - 1)
    .replace(/[^a-z0-9]+$/, "")
    .replaceAll(".", "-");
  return `${prefix}-${hash}`;
}

/** The name, or the first of its variants ("-2", "-3", ...) that is not taken. */
export function freeName(taken: { has(name: string): boolean }, name: string): string {
  let free = name;
  for (let variant = 2; taken.has(free); variant += 1) free = `${name}-${variant}`;
  return free;
}

/** Two independent 32-bit hashes (FNV-1a and Murmur's mixing), ten letters and digits of their product. */
function textHash(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x5bd1e995);
    b ^= b >>> 15;
  }
  const wide = (BigInt(a >>> 0) << 32n) | BigInt(b >>> 0);
  return wide.toString(36).padStart(HASH_LENGTH, "0").slice(-HASH_LENGTH);
}
