import { MINUTE_MS } from "../../base/time.ts";
import { NODE_CLAIMS, NODES } from "../../model/kinds.ts";
import { NODE_POOL_LABEL } from "../../model/labels.ts";
import type { Judge, JudgeNeeds } from "./judge.ts";

/** Strays are looked for every two minutes, a node may take a quarter of an hour to register, and the product may be down. */
const BOUND_MS = 22 * MINUTE_MS;
const PERIOD_MS = 10_000;

/** Law 1: no instance without a claim and no claim without an instance, for longer than the collection takes. */
export function judgeInstancesAndClaims({ state, report }: JudgeNeeds): Judge {
  const strayNodes = new Map<string, number>();
  const emptyClaims = new Map<string, number>();
  const claims = state.of(NODE_CLAIMS);
  const nodes = state.of(NODES);
  return {
    onSecond(nowMs) {
      if (nowMs % PERIOD_MS !== 0) return;
      const claimed = new Set([...claims.values()].map(({ status }) => status?.providerID));
      const ours = [...nodes.values()].filter(({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] !== undefined);
      const strays = ours.filter(({ spec }) => !claimed.has(spec.providerID)).map(({ metadata }) => metadata.name);
      for (const name of overdue(strayNodes, strays, nowMs))
        report("instances and claims", `node ${name} has no claim`);
      const present = new Set(ours.map(({ spec }) => spec.providerID));
      const empty = [...claims.values()].filter(({ status }) => {
        const providerId = status?.providerID;
        return providerId !== undefined && providerId !== "" && !present.has(providerId);
      });
      const names = empty.map(({ metadata }) => metadata.name);
      for (const name of overdue(emptyClaims, names, nowMs))
        report("instances and claims", `claim ${name} has no instance`);
    },
  };
}

/** Those that have been in the list for too long; `since` remembers from when. */
export function overdue(since: Map<string, number>, names: readonly string[], nowMs: number): string[] {
  const present = new Set(names);
  for (const name of since.keys()) if (!present.has(name)) since.delete(name);
  for (const name of names) if (!since.has(name)) since.set(name, nowMs);
  return names.filter((name) => nowMs - (since.get(name) ?? nowMs) > BOUND_MS);
}
