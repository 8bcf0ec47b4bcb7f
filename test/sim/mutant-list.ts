/** One place in the sources that is changed: the text must stand there exactly once. */
export type Edit = { file: string; from: string; to: string };
/** A careless version of the product. A judge of the simulation has to find it out. */
export type Mutant = { name: string; edits: readonly Edit[] };

export const MUTANTS: readonly Mutant[] = [
  {
    name: "PodDisruptionBudgets do not keep a node",
    edits: [
      {
        file: "src/plan/disrupt/node-pods.ts",
        from: "const block = budgetBlock(pod, budgets, nowMs);",
        to: "const block = nowMs > 0 ? undefined : budgetBlock(pod, budgets, nowMs);",
      },
    ],
  },
  {
    name: "do-not-disrupt does not keep a node",
    edits: [
      {
        file: "src/plan/disrupt/node-pods.ts",
        from: "if (!isDisruptable(pod, nowMs)) {",
        to: "if (nowMs < 0 && !isDisruptable(pod, nowMs)) {",
      },
    ],
  },
  {
    name: "nodes that are leaving already do not count against a budget",
    edits: [
      {
        file: "src/plan/disrupt/budgets.ts",
        from: "remaining: Math.max(0, allowed - consuming)",
        to: "remaining: allowed",
      },
    ],
  },
  {
    name: "only the first budget of a pool is read",
    edits: [
      {
        file: "src/plan/disrupt/budgets.ts",
        from: "return pool.spec.disruption?.budgets ?? DEFAULT_BUDGETS;",
        to: "return (pool.spec.disruption?.budgets ?? DEFAULT_BUDGETS).slice(0, 1);",
      },
    ],
  },
  {
    name: "nodes are deleted before their replacements are ready",
    edits: [
      {
        file: "src/act/disruption/queue.ts",
        from: "const waitsFor = this.#unreadyReplacement(open) ?? this.#protectedPod(open);",
        to: "const waitsFor = this.#protectedPod(open) ?? (open.replacements.length < 0 ? this.#unreadyReplacement(open) : undefined);",
      },
    ],
  },
  {
    name: "a claim's finalizer is dropped while its node drains",
    edits: [
      {
        file: "src/act/nodeclaim/finalization.ts",
        from: "return nodes.length > 0;",
        to: "return false;",
      },
    ],
  },
  {
    name: "the instance ends before its pods have left",
    edits: [
      {
        file: "src/act/node/node-termination.ts",
        from: "(await drain(needs, pass, evictions)) ??",
        to: "((await drain(needs, pass, evictions)) === null ? undefined : undefined) ??",
      },
    ],
  },
  {
    name: "pods are deleted instead of evicted",
    edits: [
      {
        file: "src/act/node/eviction-queue.ts",
        from: `await api.act(PODS, { name, namespace }, "eviction", {`,
        to: `await api.delete(PODS, { name, namespace }, { preconditions: { uid } });
      if (nowMs < 0) await api.act(PODS, { name, namespace }, "eviction", {`,
      },
    ],
  },
  {
    name: "after a crash the commands under way are forgotten",
    edits: [
      {
        file: "src/act/disruption/queue.ts",
        from: "if (this.#forgotten().length === 0) return;",
        to: "if (this.#forgotten().length >= 0) return;",
      },
      {
        file: "src/act/disruption/mark.ts",
        from: "left.push(release(needs, claim,",
        to: 'if (name === "") left.push(release(needs, claim,',
      },
    ],
  },
  {
    name: "nodes are taken away on old knowledge",
    edits: [
      {
        file: "src/act/disruption/knowledge.ts",
        from: "if (disruptionKnowledgeMaxMs === 0 || behindMs <= disruptionKnowledgeMaxMs) return true;",
        to: "if (behindMs >= 0 || disruptionKnowledgeMaxMs >= 0) return true;",
      },
      {
        file: "src/act/disruption/start.ts",
        from: "const startMs = clock.nowMs();",
        to: "const startMs = clock.nowMs(); if (startMs > 0) return;",
      },
      {
        file: "src/act/disruption/mark.ts",
        from: "if (!holdsStill(needs, name, claim, command)) return false;",
        to: "",
      },
      {
        file: "src/act/disruption/mark.ts",
        from: "for (const pod of await listAll(api, PODS, {",
        to: "for (const pod of name !== '' ? [] : await listAll(api, PODS, {",
      },
    ],
  },
  {
    name: "a claim gets another name each time, so that a lost reply buys twice",
    edits: [
      {
        file: "src/act/provision/create-claims.ts",
        from: "name: freeName(snapshot.view.nodeClaims, planned.name),",
        to: "name: freeName(snapshot.view.nodeClaims, [planned.name, needs.clock.nowMs() % 1_000_000].join('-')),",
      },
      {
        file: "src/act/provision/create-claims.ts",
        from: "const isStale = pools === undefined || (await hasUnknownClaims(needs, snapshot));",
        to: "const isStale = pools === undefined || (pools.size < 0 && (await hasUnknownClaims(needs, snapshot)));",
      },
    ],
  },
  {
    name: "claims on their way do not count",
    edits: [
      {
        file: "src/snapshot/take-snapshot.ts",
        from: "stateNodes: stateNodesOf(view, memory, input.instanceTypes),",
        to: "stateNodes: stateNodesOf(view, memory, input.instanceTypes).filter(({ node }) => node !== undefined),",
      },
    ],
  },
  {
    name: "a pool's limits are not looked at",
    edits: [
      {
        file: "src/plan/provision/pools.ts",
        from: "remaining: limits === undefined ? undefined : remainingOf(parseResources(limits), used ?? {}),",
        to: "remaining: limits === undefined || used !== null ? undefined : remainingOf(parseResources(limits), used ?? {}),",
      },
    ],
  },
  {
    name: "what comes instead may cost more",
    edits: [
      {
        file: "src/plan/disrupt/replacement-prices.ts",
        from: "if (planned.length > 0 && cheapest > budget - PRICE_STEP) return tooDear(cheapest, budget);",
        to: "",
      },
      {
        file: "src/plan/disrupt/replacement-prices.ts",
        from: ".filter(({ worst }) => worst < cap - PRICE_STEP)",
        to: ".filter(({ worst }) => worst < cap * 100)",
      },
      {
        file: "src/plan/disrupt/replacement-prices.ts",
        from: 'return { kind: "priced", claims, price: claims.reduce(',
        to: 'return { kind: "priced", claims, price: 0 * claims.reduce(',
      },
    ],
  },
  {
    name: "lost halves are not collected",
    edits: [
      {
        file: "src/act/nodeclaim/garbage-collection.ts",
        from: "return inParallel(instancesWithoutClaim(instances, claims, clock.nowMs()), async (instance) => {",
        to: "return inParallel(instancesWithoutClaim(instances, claims, clock.nowMs()).slice(0, 0), async (instance) => {",
      },
      {
        file: "src/act/nodeclaim/garbage-collection.ts",
        from: "return inParallel(claimsWithoutInstance(ours, instances, isNodeReady, clock.nowMs()), async (claim) => {",
        to: "return inParallel(claimsWithoutInstance(ours, instances, isNodeReady, clock.nowMs()).slice(0, 0), async (claim) => {",
      },
    ],
  },
];
