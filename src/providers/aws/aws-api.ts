import type { Ec2Facts } from "../ec2/facts.ts";

export type Tags = Readonly<Record<string, string>>;
/** All filters must match, of each any value. `*` and `?` are wildcards. */
export type Filter = { name: string; values: readonly string[] };

export type Subnet = { id: string; zone: string; zoneId: string; freeAddresses: number };
export type SecurityGroup = { id: string; name: string };
export type Image = {
  id: string;
  name: string;
  /** x86_64, arm64, and others. */
  architecture: string;
  /** RFC 3339. */
  creationDate: string;
  deprecationTime?: string;
};
export type CapacityReservation = {
  id: string;
  instanceType: string;
  zone: string;
  ownerId: string;
  /** open or targeted. */
  matchCriteria: string;
  /** default or capacity-block. */
  type: string;
  isInterruptible: boolean;
  availableCount: number;
  endTime?: string;
};
export type PlacementGroup = { id: string; name: string; strategy: string; partitions: number };

/** As the launch template has it; EC2's names, in camel case. */
export type LaunchTemplateData = {
  imageId: string;
  userData: string;
  iamInstanceProfile: { name: string };
  blockDeviceMappings?: readonly BlockDeviceMapping[];
  monitoring: { enabled: boolean };
  networkInterfaces: readonly NetworkInterface[];
  tagSpecifications: readonly TagSpecification[];
  metadataOptions: {
    httpEndpoint: string;
    httpProtocolIpv6?: string;
    httpPutResponseHopLimit: number;
    httpTokens: string;
    instanceMetadataTags: string;
  };
  placement?: { tenancy?: string; groupId?: string; partitionNumber?: number };
  enclaveOptions: { enabled: boolean };
  cpuOptions?: { nestedVirtualization: string };
  capacityReservationSpecification?: {
    capacityReservationPreference: string;
    capacityReservationTarget?: { capacityReservationId: string };
  };
  instanceMarketOptions?: { marketType: string };
};
export type BlockDeviceMapping = {
  deviceName?: string;
  ebs?: {
    deleteOnTermination?: boolean;
    encrypted?: boolean;
    iops?: number;
    throughput?: number;
    kmsKeyId?: string;
    snapshotId?: string;
    volumeInitializationRate?: number;
    volumeSize?: number;
    volumeType?: string;
  };
};
export type NetworkInterface = {
  networkCardIndex: number;
  deviceIndex: number;
  /** Absent: an ordinary interface. */
  interfaceType?: string;
  groups: readonly string[];
  associatePublicIpAddress?: boolean;
  ipv4PrefixCount?: number;
  ipv6PrefixCount?: number;
  primaryIpv6?: boolean;
  ipv6AddressCount?: number;
  connectionTrackingSpecification?: {
    tcpEstablishedTimeout?: number;
    udpStreamTimeout?: number;
    udpTimeout?: number;
  };
};
export type TagSpecification = { resourceType: string; tags: Tags };
export type LaunchTemplate = { id: string; name: string; tags: Tags };

/** Of type `instant`: answered with the instances that were launched, and with what stood against the others. */
export type FleetRequest = {
  /** Requests with equal tokens launch once. */
  clientToken: string;
  /** How many instances. */
  count: number;
  /** on-demand, spot, capacity-block or reserved-capacity. */
  targetCapacityType: string;
  allocationStrategy?: string;
  templates: readonly { templateName: string; overrides: readonly FleetOverride[] }[];
  tags: readonly TagSpecification[];
  context?: string;
};
export type FleetOverride = {
  instanceType: string;
  zone: string;
  subnetId: string;
  imageId: string;
  /** US dollars per hour: lower is preferred where the strategy is prioritized. */
  priority: number;
};
/** One instance as a launch template describes it. */
export type InstanceTrial = {
  templateName: string;
  instanceType: string;
  imageId: string;
  subnetId: string;
  /** Those of the template. */
  networkInterfaces: readonly NetworkInterface[];
  tags: readonly TagSpecification[];
};
export type FleetInstance = {
  instanceIds: readonly string[];
  instanceType: string;
  zone: string;
  subnetId: string;
  imageId: string;
  /** on-demand or spot. */
  lifecycle: string;
};
export type FleetError = { code: string; message: string; instanceType: string; zone: string; subnetId: string };
export type FleetAnswer = { id: string; instances: readonly FleetInstance[]; errors: readonly FleetError[] };

export type Ec2Instance = {
  id: string;
  /** pending, running, stopping, stopped, shutting-down or terminated. */
  state: string;
  instanceType: string;
  imageId: string;
  zone: string;
  subnetId: string;
  securityGroupIds: readonly string[];
  /** RFC 3339. */
  launchTime: string;
  tags: Tags;
  isSpot: boolean;
  tenancy: string;
  capacityReservationId?: string;
  /** Only then the reservation was meant, and not just met. */
  usesReservationOnly: boolean;
  placementGroupId?: string;
  /** Of a partition group; EC2 chooses where nobody does. */
  placementPartition?: number;
};

/** What EC2 thinks of an instance that is not well, or that it will not leave alone. */
export type InstanceStatus = {
  id: string;
  zone: string;
  /** RFC 3339: since when the look from inside the machine has failed; absent: it has not. */
  instanceImpairedSince?: string;
  /** ... and that from outside. */
  systemImpairedSince?: string;
  /** Codes of what is scheduled and not over. */
  events: readonly string[];
};
/** Away from a zone, for a while. */
export type Shift = { zoneId: string /** RFC 3339. */; expiryTime: string };

export type InstanceProfile = { name: string; path: string; roles: readonly string[] };
export type EksCluster = {
  arn: string;
  version: string;
  endpoint: string;
  /** Base64. */
  certificateAuthority: string;
  serviceIpv4Cidr?: string;
  serviceIpv6Cidr?: string;
};

export type QueueMessage = { id: string; receipt: string; body: string };

/** What we ask of AWS. Lists are complete: pages are the implementation's business. Every method throws AwsError. */
export interface AwsApi {
  /** What can run Linux or Windows nodes: hardware virtualisation, x86_64 or arm64. */
  describeInstanceTypes(): Promise<Ec2Facts[]>;
  describeInstanceTypeOfferings(): Promise<{ instanceType: string; zone: string }[]>;
  describeSubnets(query: { filters?: readonly Filter[]; ids?: readonly string[] }): Promise<Subnet[]>;
  describeSecurityGroups(query: { filters: readonly Filter[] }): Promise<SecurityGroup[]>;
  /** Available ones, deprecated ones too. */
  describeImages(query: { filters: readonly Filter[]; owners?: readonly string[] }): Promise<Image[]>;
  /** Active ones. */
  describeCapacityReservations(query: {
    filters?: readonly Filter[];
    ids?: readonly string[];
  }): Promise<CapacityReservation[]>;
  /** Available ones. */
  describePlacementGroups(query: { name?: string; id?: string }): Promise<PlacementGroup[]>;

  describeLaunchTemplates(query: { filters?: readonly Filter[]; names?: readonly string[] }): Promise<LaunchTemplate[]>;
  createLaunchTemplate(request: { name: string; data: LaunchTemplateData; tags: Tags }): Promise<LaunchTemplate>;
  deleteLaunchTemplate(name: string): Promise<void>;
  createFleet(request: FleetRequest): Promise<FleetAnswer>;
  /** Nothing is launched: resolves when such a fleet might be asked for. */
  tryFleet(request: FleetRequest): Promise<void>;
  /** Nothing is launched: resolves when such an instance might be. */
  tryInstance(request: InstanceTrial): Promise<void>;
  describeInstances(query: { filters?: readonly Filter[]; ids?: readonly string[] }): Promise<Ec2Instance[]>;
  describeInstanceStatus(query: { filters: readonly Filter[] }): Promise<InstanceStatus[]>;
  /** The state of each after the call. */
  terminateInstances(ids: readonly string[]): Promise<{ id: string; state: string }[]>;
  createTags(id: string, tags: Tags): Promise<void>;

  describeSpotPrices(): Promise<{ instanceType: string; zone: string; usdPerHour: number }[]>;
  onDemandPrices(): Promise<{ instanceType: string; usdPerHour: number }[]>;

  getParameter(name: string): Promise<string>;

  getInstanceProfile(name: string): Promise<InstanceProfile>;
  listInstanceProfiles(pathPrefix: string): Promise<InstanceProfile[]>;
  createInstanceProfile(profile: { name: string; path: string; tags: Tags }): Promise<void>;
  deleteInstanceProfile(name: string): Promise<void>;
  addRoleToInstanceProfile(profileName: string, roleName: string): Promise<void>;
  removeRoleFromInstanceProfile(profileName: string, roleName: string): Promise<void>;

  describeCluster(name: string): Promise<EksCluster>;
  /** Those in force for a resource that ARC knows; it throws ResourceNotFoundException for others. */
  zonalShifts(resourceArn: string): Promise<Shift[]>;

  getQueueUrl(name: string): Promise<string>;
  /** At most ten; waits a few seconds for the first. One that is not deleted comes again. */
  receiveMessages(queueUrl: string): Promise<QueueMessage[]>;
  deleteMessage(queueUrl: string, receipt: string): Promise<void>;
}

/** AWS said no. */
export class AwsError extends Error {
  override readonly name = "AwsError";
  /** As in InsufficientInstanceCapacity. */
  readonly code: string;
  /** As in "ec2:CreateFleet". */
  readonly action: string;
  /** AWS' own. */
  readonly words: string;
  constructor(action: string, code: string, words: string, cause?: unknown) {
    super(`${action}: ${code}: ${words}`, { cause });
    this.action = action;
    this.code = code;
    this.words = words;
  }
}

const NOT_FOUND: ReadonlySet<string> = new Set([
  "InvalidCapacityReservationId.NotFound",
  "InvalidInstanceID.NotFound",
  "InvalidLaunchTemplateId.NotFound",
  "InvalidLaunchTemplateName.NotFoundException",
  "QueueDoesNotExist",
  "AWS.SimpleQueueService.NonExistentQueue",
  "NoSuchEntity",
  "NoSuchEntityException",
  "ParameterNotFound",
  "InvalidPlacementGroup.Unknown",
  "InvalidPlacementGroupId.NotFound",
]);
export const isNotFound = (error: unknown): boolean => error instanceof AwsError && NOT_FOUND.has(error.code);
export const isAlreadyThere = (error: unknown): boolean =>
  error instanceof AwsError &&
  ["EntityAlreadyExists", "EntityAlreadyExistsException", "InvalidLaunchTemplateName.AlreadyExistsException"].includes(
    error.code,
  );
