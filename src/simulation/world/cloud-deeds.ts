import type { Random } from "../../base/random.ts";
import { MINUTE_MS } from "../../base/time.ts";
import type { Node } from "../../model/core.ts";
import { NODES } from "../../model/kinds.ts";
import { CAPACITY_TYPE_LABEL, NODE_POOL_LABEL } from "../../model/labels.ts";
import { takeBack } from "../cloud/take-back.ts";
import type { Deed, DeedNeeds, Lasting } from "./deed.ts";
import { SMALL_FAMILIES, SMALL_ZONES } from "./small-catalogue.ts";

/** What befalls machines, offerings and clocks. */
export function cloudDeeds(needs: DeedNeeds, lasting: Lasting): Deed[] {
  const { state, writer, kubelets, cloud, tell, setClocksAhead } = needs;
  const pickNode = (random: Random): Node | undefined => {
    const ours = [...state.of(NODES).values()].filter(
      ({ metadata }) => metadata.labels?.[NODE_POOL_LABEL] !== undefined,
    );
    return ours.length === 0 ? undefined : random.pick(ours);
  };
  const kill = (random: Random): void => {
    const node = pickNode(random);
    if (node === undefined) return;
    tell(`story: the machine of ${node.metadata.name} dies`);
    cloud.kill(node.metadata.name, { kubelets, writer, state });
  };
  const loseMachines = (random: Random): void => {
    const count = random.between(1, 3);
    tell(`story: the next ${count} machines never come up`);
    cloud.loseNext(count);
  };
  const sellOut = (random: Random, number: number): void => {
    const zone = random.pick(SMALL_ZONES);
    const what = random.pick([{ capacityType: "spot" }, { zone, capacityType: "spot" }]);
    tell(`story: sold out: ${JSON.stringify(what)}`);
    cloud.sellOut(String(number), what);
    lasting(random.between(2, 20) * MINUTE_MS, () => {
      tell(`story: restocked: ${JSON.stringify(what)}`);
      cloud.restock(String(number));
    });
  };
  const interrupt = (random: Random): void => {
    const node = pickNode(random);
    if (node === undefined) return;
    const id = node.spec.providerID ?? "";
    if (node.metadata.labels?.[CAPACITY_TYPE_LABEL] === "spot") {
      if (random.chance(0.8)) takeBack(needs, node);
      else cloud.announce("rebalance_recommendation", id);
    } else if (random.chance(0.3)) {
      tell(`cloud: work on the machine of ${node.metadata.name} is scheduled`);
      cloud.announce("scheduled_change", id);
    }
  };
  const movePrices = (random: Random): void => {
    for (let i = random.between(1, 4); i > 0; i -= 1) {
      const [family, zone] = [random.pick(SMALL_FAMILIES), random.pick(SMALL_ZONES)];
      const factor = random.between(50, 220) / 100;
      tell(`cloud: spot of ${family} in ${zone} costs ${factor} of what it used to`);
      cloud.setSpotPrice(family, zone, factor);
    }
  };
  const releaseImage = (): void => {
    tell("cloud: a new image is released");
    cloud.releaseImage();
  };
  const closeSubnet = (random: Random, number: number): void => {
    const zone = random.pick(SMALL_ZONES);
    tell(`cloud: no subnet is left in ${zone}`);
    cloud.closeSubnet(zone);
    cloud.sellOut(String(number), { zone });
    lasting(random.between(10, 60) * MINUTE_MS, () => {
      tell(`cloud: a subnet in ${zone} again`);
      cloud.openSubnet(zone);
      cloud.restock(String(number));
    });
  };
  const jumpClocks = (random: Random): void => {
    setClocksAhead(random.pick([-10, 7, 90, 3_000]) * MINUTE_MS);
    lasting(random.between(1, 15) * MINUTE_MS, () => setClocksAhead(0));
  };
  return [
    { weight: 5, isOptional: true, happen: kill },
    { weight: 2, isOptional: true, happen: loseMachines },
    { weight: 6, isOptional: true, happen: sellOut },
    { weight: 10, isOptional: true, happen: interrupt },
    { weight: 8, isOptional: true, happen: movePrices },
    { weight: 1, isOptional: true, happen: releaseImage },
    { weight: 1, isOptional: true, happen: closeSubnet },
    { weight: 1, isOptional: true, happen: jumpClocks },
  ];
}
