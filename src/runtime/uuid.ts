import type { Random } from "../base/random.ts";

/** A version 4 UUID from a seeded source. */
export function uuidFrom(random: Random): string {
  const words = [random.uint32(), random.uint32(), random.uint32(), random.uint32()];
  const hex = words.map((word) => word.toString(16).padStart(8, "0")).join("");
  const variant = "89ab"[Number.parseInt(hex.slice(16, 17), 16) % 4];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
