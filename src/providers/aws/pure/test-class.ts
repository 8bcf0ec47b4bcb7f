import type { InstanceType } from "../../../model/instance-type.ts";
import type { Ec2NodeClass } from "../../../model/resources/ec2-node-class.ts";
import type { NodeClaim } from "../../../model/resources/node-claim.ts";
import { ec2Region } from "../../ec2/catalogue.ts";
import type { Ec2Facts } from "../../ec2/facts.ts";
import type { PlacementGroup } from "../aws-api.ts";
import type { Ec2NodeClassSpec } from "./ami-family.ts";
import { type ClassView, classView, type Ec2NodeClassStatus } from "./class-view.ts";
import { misfit } from "./compatibility.ts";
import { nodeShape } from "./instance-type.ts";
import { kubeletOfType } from "./kubelet-expressions.ts";
import { type Market, offeringsOf } from "./offerings.ts";

/** Of us-east-1, for tests. */
const REGION = ec2Region("us-east-1");
export const SETTINGS = { region: "us-east-1", vmMemoryOverhead: 0.075, reservedEnis: 0, reservedCapacity: true };

export function sold(name: string): { facts: Ec2Facts; zones: readonly string[]; usdPerHour: number } {
  const found = REGION?.types.find(({ facts }) => facts.name === name);
  if (found === undefined) throw new RangeError(`the catalogue has no ${name}`);
  return found;
}

const arch = (value: string) => ({ key: "kubernetes.io/arch", operator: "In", values: [value] });
const STATUS: Ec2NodeClassStatus = {
  amis: [
    { id: "ami-arm", name: "image-arm-v1.46.0", requirements: [arch("arm64")] },
    { id: "ami-amd", name: "image-amd-v1.46.0", requirements: [arch("amd64")] },
  ],
  subnets: [
    { id: "subnet-a", zone: "us-east-1a", zoneID: "use1-az1" },
    { id: "subnet-b", zone: "us-east-1b", zoneID: "use1-az2" },
  ],
  securityGroups: [{ id: "sg-1" }],
  instanceProfile: "profile-1",
};

export function specOf(change: Partial<Ec2NodeClassSpec> = {}): Ec2NodeClassSpec {
  return {
    amiSelectorTerms: [{ alias: "al2023@latest" }],
    subnetSelectorTerms: [{ tags: { a: "b" } }],
    securityGroupSelectorTerms: [{ tags: { a: "b" } }],
    role: "role-1",
    ...change,
  };
}

export function classOf(spec: Partial<Ec2NodeClassSpec> = {}, status: Partial<Ec2NodeClassStatus> = {}): Ec2NodeClass {
  return {
    apiVersion: "karpenter.k8s.aws/v1",
    kind: "EC2NodeClass",
    metadata: { name: "default", uid: "uid-1", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: specOf(spec),
    status: { ...STATUS, ...status },
  };
}

export function viewOf(
  spec: Partial<Ec2NodeClassSpec> = {},
  status: Partial<Ec2NodeClassStatus> = {},
  placementGroup?: PlacementGroup,
): ClassView {
  const view = classView(classOf(spec, status), placementGroup);
  if (view === undefined) throw new RangeError("the class has a spec");
  return view;
}

/** Everything is to be had, spot at a third of the on-demand price. */
export const MARKET: Market = {
  onDemandPrice: (type) => sold(type).usdPerHour,
  spotPrice: (type) => sold(type).usdPerHour / 3,
  isUnavailable: () => false,
  reservationLeft: () => 3,
  isShifted: () => false,
};

export function typesOf(names: readonly string[], view: ClassView, market: Partial<Market> = {}): InstanceType[] {
  return names.map((name) => {
    const { facts, zones } = sold(name);
    const resolved = kubeletOfType(view.kubelet, facts, view.familyFacts, [], 0);
    if ("problem" in resolved) throw new RangeError(resolved.problem);
    const shape = nodeShape(facts, zones, view, SETTINGS, undefined, resolved.kubelet);
    const fits = misfit(facts, shape.requirements, view) === undefined;
    return { name, ...shape, offerings: offeringsOf(facts, zones, view, { ...MARKET, ...market }, fits, true) };
  });
}

type Requirement = NodeClaim["spec"]["requirements"][number];

export function claimOf(
  requirements: Requirement[],
  { requests = {}, labels = {}, annotations = {} }: Record<string, Record<string, string>> = {},
): NodeClaim {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: {
      name: "default-x1",
      uid: "11111111-2222",
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { "karpenter.sh/nodepool": "default", ...labels },
      annotations,
    },
    spec: {
      nodeClassRef: { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name: "default" },
      requirements,
      resources: { requests },
    },
  };
}
