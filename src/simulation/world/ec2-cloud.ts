import type { Random } from "../../base/random.ts";
import { MINUTE_MS, SECOND_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import { instanceIdOf } from "../../providers/aws/pure/instance.ts";
import { ec2Region } from "../../providers/ec2/catalogue.ts";
import type { ApiServer } from "../api-server/api-server.ts";
import { ClusterWriter } from "../cache/cluster-writer.ts";
import type { CloudControl } from "../cloud/cloud-control.ts";
import { type Account, createAccount } from "../ec2/account.ts";
import { SimulatedEc2 } from "../ec2/ec2.ts";
import { ec2Nodes } from "../ec2/nodes.ts";
import type { Cluster } from "./cluster.ts";
import { SMALL_ZONES } from "./small-catalogue.ts";

export const EC2_WORLD = { region: "test-1", clusterName: "simulated", queueName: "interruptions" } as const;

/** About what the small catalogue has, as EC2 has it. */
const TYPES = /^[cmr]7[ig]\.(large|2?xlarge|4xlarge)$/;

/** How long the machines of a world take to come up; each world has its own. */
const BOOTS = [
  { min: SECOND_MS, max: 4 * SECOND_MS },
  { min: 5 * SECOND_MS, max: 40 * SECOND_MS },
  { min: 20 * SECOND_MS, max: 5 * MINUTE_MS },
] as const;

type Ec2CloudNeeds = {
  clock: Clock;
  random: Random;
  server: ApiServer;
  cluster: Cluster;
  /** Which offerings sell out, which machines die or never join: from here. */
  control: CloudControl;
};

/** An account whose EC2 sells the nodes of a world; what befalls them is what the world's cloud control says. */
export function startEc2Cloud({ clock, random, server, cluster, control }: Ec2CloudNeeds): SimulatedEc2 {
  const { region, clusterName, queueName } = EC2_WORLD;
  const account = createAccount({ region, clusterName, types: smallTypes() });
  const ec2 = new SimulatedEc2({ clock, random: random.fork("ec2"), account, queueName });
  ec2.isSoldOut = control.isSoldOut;
  control.machines = {
    end: (providerId) => ec2.end(instanceIdOf(providerId) ?? ""),
    announce: (kind, providerId) => ec2.announce(kind, instanceIdOf(providerId) ?? ""),
  };
  const writer = new ClusterWriter(server, "cloud-controller-manager");
  const { state, kubelets } = cluster;
  const bootMs = random.pick(BOOTS);
  const joins = (): boolean => !control.takeStillborn();
  ec2.observe(ec2Nodes({ clock, random: random.fork("nodes"), region, state, writer, kubelets, bootMs, joins }));
  return ec2;
}

function smallTypes(): Account["types"] {
  const sold = ec2Region("us-east-1")?.types ?? [];
  const kept = sold.filter(({ facts }) => TYPES.test(facts.name));
  return new Map(kept.map((type) => [type.facts.name, { ...type, zones: SMALL_ZONES }]));
}
