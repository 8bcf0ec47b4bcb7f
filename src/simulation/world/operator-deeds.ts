import type { Random } from "../../base/random.ts";
import { formatTime, MINUTE_MS } from "../../base/time.ts";
import { NODE_CLAIMS, NODE_POOLS, NODES } from "../../model/kinds.ts";
import { DISRUPTION_PAUSE_ANNOTATION, DO_NOT_DISRUPT_ANNOTATION, NODE_POOL_LABEL } from "../../model/labels.ts";
import type { KubeObject } from "../../model/object.ts";
import type { Deed, DeedNeeds, Lasting } from "./deed.ts";
import { drawBudgets } from "./draw-pools.ts";

/** What those who run the cluster do with pools and nodes. */
export function operatorDeeds(needs: DeedNeeds, pools: readonly string[], lasting: Lasting): Deed[] {
  const { state, writer, tell, clock } = needs;
  const pickOurs = <T extends KubeObject>(objects: Iterable<T>, random: Random): T | undefined => {
    const ours = [...objects].filter(
      ({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] !== undefined && metadata.deletionTimestamp === undefined,
    );
    return ours.length === 0 ? undefined : random.pick(ours);
  };
  const patchPool = (name: string, patch: object): void => {
    if (state.of(NODE_POOLS).get(name) !== undefined) writer.patch(NODE_POOLS, { name }, patch);
  };
  const changeTemplate = (random: Random, number: number): void => {
    const name = random.pick(pools);
    tell(`story: a new template for pool ${name}`);
    patchPool(name, { spec: { template: { metadata: { labels: { generation: `g${number}` } } } } });
  };
  const changeBudgets = (random: Random): void => {
    const name = random.pick(pools);
    const budgets = drawBudgets(random);
    tell(`story: budgets of pool ${name} are ${JSON.stringify(budgets)}`);
    patchPool(name, { spec: { disruption: { budgets } } });
  };
  const pause = (random: Random): void => {
    const name = random.pick(pools);
    const minutes = random.between(5, 30);
    tell(`story: disruption of pool ${name} is paused`);
    const until = formatTime(clock.nowMs() + minutes * MINUTE_MS);
    patchPool(name, { metadata: { annotations: { [DISRUPTION_PAUSE_ANNOTATION]: `${until} # a look at it` } } });
    lasting(minutes * MINUTE_MS, () =>
      patchPool(name, { metadata: { annotations: { [DISRUPTION_PAUSE_ANNOTATION]: null } } }),
    );
  };
  const deleteClaim = (random: Random): void => {
    const claim = pickOurs(state.of(NODE_CLAIMS).values(), random);
    if (claim === undefined) return;
    tell(`story: deletes NodeClaim ${claim.metadata.name}`);
    writer.delete(NODE_CLAIMS, { name: claim.metadata.name });
  };
  const deleteNode = (random: Random): void => {
    const node = pickOurs(state.of(NODES).values(), random);
    if (node === undefined) return;
    tell(`story: deletes Node ${node.metadata.name}`);
    writer.delete(NODES, { name: node.metadata.name });
  };
  const protectNode = (random: Random): void => {
    const node = pickOurs(state.of(NODES).values(), random);
    if (node === undefined) return;
    const { name } = node.metadata;
    const set = (value: string | null): void => {
      if (state.of(NODES).get(name) === undefined) return;
      writer.patch(NODES, { name }, { metadata: { annotations: { [DO_NOT_DISRUPT_ANNOTATION]: value } } });
    };
    tell(`story: Node ${name} must not be disrupted`);
    set("true");
    lasting(random.between(5, 60) * MINUTE_MS, () => set(null));
  };
  return [
    { weight: 3, isOptional: true, happen: changeTemplate },
    { weight: 3, isOptional: true, happen: changeBudgets },
    { weight: 3, isOptional: true, happen: pause },
    { weight: 3, isOptional: true, happen: deleteClaim },
    { weight: 3, isOptional: true, happen: deleteNode },
    { weight: 3, isOptional: true, happen: protectNode },
  ];
}
