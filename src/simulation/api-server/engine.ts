import type { Random } from "../../base/random.ts";
import type { Clock } from "../../ports/clock.ts";
import type { RequestQuery } from "./requests.ts";
import type { ResourceDefinition } from "./resource-definitions.ts";
import type { ResourceRegistry } from "./resource-registry.ts";
import type { Store, Table } from "./store.ts";
import type { WatchHub } from "./watch.ts";

/** The parts of a server, for the functions that carry out requests. */
export type Engine = {
  clock: Clock;
  random: Random;
  store: Store;
  registry: ResourceRegistry;
  hub: WatchHub;
};

/** A request to change one object, with what every step needs to know about it. */
export type Write = {
  engine: Engine;
  /** As the client speaks of it. */
  resource: ResourceDefinition;
  table: Table;
  namespace: string | undefined;
  query: RequestQuery;
  user: string;
  /** "" for the object itself. */
  subresource: string;
  warnings: string[];
};

/** A version 4 UUID, drawn from the server's own chance. */
export function newUid(random: Random): string {
  const hex = [0, 0, 0, 0].map(() => random.uint32().toString(16).padStart(8, "0")).join("");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

const SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789";

/** Five letters without vowels, as generated names end in. */
export function newSuffix(random: Random): string {
  let suffix = "";
  for (let i = 0; i < 5; i += 1) suffix += SUFFIX_LETTERS.charAt(random.between(0, SUFFIX_LETTERS.length - 1));
  return suffix;
}
