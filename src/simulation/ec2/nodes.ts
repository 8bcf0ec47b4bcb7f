import type { Random } from "../../base/random.ts";
import type { Node } from "../../model/core.ts";
import { NODES } from "../../model/kinds.ts";
import {
  ARCH_LABEL,
  HOSTNAME_LABEL,
  INSTANCE_TYPE_LABEL,
  OS_LABEL,
  REGION_LABEL,
  ZONE_LABEL,
} from "../../model/labels.ts";
import { addResources, formatResources, type Resources, subtractResources } from "../../model/resources.ts";
import type { Clock } from "../../ports/clock.ts";
import { isAlreadyExists, isNotFound } from "../../ports/kube-api.ts";
import { overheadOf } from "../../providers/aws/pure/overhead.ts";
import { branchInterfaces } from "../../providers/ec2/catalogue.ts";
import { deviceResources } from "../../providers/ec2/devices.ts";
import type { ClusterState } from "../cache/cluster-state.ts";
import type { ClusterWriter } from "../cache/cluster-writer.ts";
import type { Kubelets } from "../kubelet/kubelets.ts";
import type { MachineObserver } from "./ec2.ts";
import type { Machine } from "./machine.ts";
import { type NodeSettings, readUserData } from "./user-data-reader.ts";

type Needs = {
  clock: Clock;
  random: Random;
  region: string;
  state: ClusterState;
  writer: ClusterWriter;
  kubelets: Kubelets;
  /** From a running machine to its Node. Default: 1 to 4 s. */
  bootMs?: { min: number; max: number };
  /** Whether a machine ever joins; default: each whose user data its image understands. */
  joins?(machine: Machine): boolean;
};

/** What a machine shows of its memory: hypervisor and firmware keep less than Karpenter assumes. */
const MEMORY_SHARE = 0.97;
const MI = 2 ** 20;

/**
 * The machines' side of a simulated cluster: a running machine reads its user data and brings its Node; the Node of a
 * terminated one is removed, as the cloud's node controller does.
 */
export function ec2Nodes(needs: Needs): MachineObserver {
  const boots = new Map<string, () => void>();
  const { clock, random, bootMs = { min: 1_000, max: 4_000 }, kubelets, joins = () => true } = needs;
  return {
    runs(machine) {
      const settings = readUserData(machine.data.userData, machine.imageKind);
      if (settings === undefined || !joins(machine)) return;
      const cancel = clock.after(random.between(bootMs.min, bootMs.max), () => join(needs, machine, settings));
      boots.set(machine.instance.id, cancel);
    },
    stops({ instance, privateIp }) {
      boots.get(instance.id)?.();
      boots.delete(instance.id);
      kubelets.kill(nodeName(needs, privateIp));
    },
    ends: ({ privateIp }) => removeNode(needs, nodeName(needs, privateIp)),
  };
}

function nodeName({ region }: Needs, privateIp: string): string {
  return `ip-${privateIp.replaceAll(".", "-")}.${region}.compute.internal`;
}

function join(needs: Needs, machine: Machine, settings: NodeSettings): void {
  const name = nodeName(needs, machine.privateIp);
  const { instance, facts, imageKind } = machine;
  const capacity = capacityOf(machine, settings);
  try {
    needs.writer.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata: {
        name,
        labels: {
          ...settings.labels,
          [ARCH_LABEL]: facts.arch,
          [OS_LABEL]: imageKind === "windows" ? "windows" : "linux",
          [HOSTNAME_LABEL]: name,
          [INSTANCE_TYPE_LABEL]: instance.instanceType,
          [REGION_LABEL]: needs.region,
          [ZONE_LABEL]: instance.zone,
          // Played by a simulated kubelet; what it costs, for whoever adds up the bill.
          "kwok.x-k8s.io/node": "fake",
          "eks-node-viewer/instance-price": machine.usdPerHour.toFixed(6),
        },
      },
      spec: { providerID: `aws:///${instance.zone}/${instance.id}`, taints: settings.taints },
    } satisfies Omit<Node, "metadata"> & { metadata: Partial<Node["metadata"]> });
    needs.writer.patchStatus(
      NODES,
      { name },
      {
        capacity: formatResources(capacity),
        allocatable: formatResources(subtractResources(capacity, reserved(machine, settings, capacity))),
        addresses: [{ type: "InternalIP", address: machine.privateIp }],
      },
    );
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

function capacityOf({ facts, data }: Machine, { maxPods = 110 }: NodeSettings): Resources {
  const sizes = (data.blockDeviceMappings ?? []).map(({ ebs }) => ebs?.volumeSize ?? 20);
  const efa = data.networkInterfaces.filter(({ interfaceType }) => interfaceType?.startsWith("efa") === true).length;
  const others = { "vpc.amazonaws.com/efa": efa, "vpc.amazonaws.com/pod-eni": branchInterfaces(facts.name) };
  return {
    cpu: facts.cpu * 1_000,
    memory: Math.floor(facts.memoryMiB * MEMORY_SHARE) * MI,
    "ephemeral-storage": Math.max(20, ...sizes) * 2 ** 30,
    pods: maxPods,
    ...deviceResources(facts),
    ...Object.fromEntries(Object.entries(others).filter(([, count]) => count > 0)),
  };
}

/** What the image's own bootstrap reserves, unless it was told otherwise. */
function reserved({ facts }: Machine, settings: NodeSettings, capacity: Resources): Resources {
  const { kubeReserved, systemReserved, evictionHard } = settings;
  const kept = overheadOf({ kubeReserved, systemReserved, evictionHard }, facts.cpu, settings.maxPods ?? 110, capacity);
  return addResources(kept.kubeReserved, kept.systemReserved, kept.evictionHard);
}

function removeNode({ state, writer }: Needs, name: string): void {
  if (state.of(NODES).get(name) === undefined) return;
  try {
    writer.delete(NODES, { name });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
