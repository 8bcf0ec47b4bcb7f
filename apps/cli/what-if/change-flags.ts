import { UserError } from "../../../src/base/errors.ts";
import { parseDuration } from "../../../src/model/duration.ts";
import type { RolloutPace } from "../../../src/plan/what-if/rollout.ts";
import { type FailOn, readFailOn } from "./fail-on.ts";
import { type Losses, priceChange } from "./losses.ts";

const TEXTS = { type: "string", multiple: true } as const;

/** What `karpenter plan` can be asked besides manifests. */
export const WHAT_IF_FLAGS = {
  remove: TEXTS,
  "lose-zone": TEXTS,
  "lose-spot": { type: "boolean", default: false },
  "price-change": TEXTS,
  "fail-on": TEXTS,
  "node-ready": { type: "string" },
  "pod-ready": { type: "string" },
} as const;

export type ChangeFlags = {
  remove?: string[] | undefined;
  "lose-zone"?: string[] | undefined;
  "lose-spot": boolean;
  "price-change"?: string[] | undefined;
  "fail-on"?: string[] | undefined;
  "node-ready"?: string | undefined;
  "pod-ready"?: string | undefined;
};

export type Change = {
  removals: readonly string[];
  losses: Losses;
  pace: RolloutPace;
  /** Undefined: what is stuck decides. */
  failOn: readonly FailOn[] | undefined;
};

const PACE: RolloutPace = { nodeReadyMs: 60_000, podReadyMs: 30_000 };

export const NO_CHANGE: Change = {
  removals: [],
  losses: { zones: [], spot: false, priceChanges: [] },
  pace: PACE,
  failOn: undefined,
};

/**
 * What the flags ask for; undefined when none of them is given: then only manifests can be a change.
 * @throws UserError KARP_BAD_FLAG
 */
export function readChange(flags: ChangeFlags): Change | undefined {
  const { remove = [], "lose-zone": zones = [], "lose-spot": spot, "price-change": prices = [] } = flags;
  const { "fail-on": failOn, "node-ready": nodeReady, "pod-ready": podReady } = flags;
  const isAsked = [...remove, ...zones, ...prices].length > 0 || spot;
  if (!isAsked && failOn === undefined && nodeReady === undefined && podReady === undefined) return undefined;
  return {
    removals: remove,
    losses: { zones, spot, priceChanges: prices.map(priceChange) },
    pace: {
      nodeReadyMs: durationFlag("node-ready", nodeReady) ?? PACE.nodeReadyMs,
      podReadyMs: durationFlag("pod-ready", podReady) ?? PACE.podReadyMs,
    },
    failOn: failOn?.flatMap(readFailOn),
  };
}

function durationFlag(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new UserError({
    code: "KARP_BAD_FLAG",
    what: `karpenter plan: --${name} is "${text}", not a duration such as 90s or 2m`,
    remedy: '"karpenter plan --help" lists the flags',
  });
}
