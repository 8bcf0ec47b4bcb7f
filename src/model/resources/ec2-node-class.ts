import Type, { type Static } from "typebox";
import { conditions, int32, int64, METADATA, type Rule, record, rules, text, time } from "./fields.ts";

const selectorTags = () =>
  record(Type.String(), "Tags that must all match; the value * matches any.", {
    maxProperties: 20,
    ...rules({ rule: "self.all(k, k != '' && self[k] != '')", message: "tag keys and values may not be empty" }),
  });

/**
 * The rules "stands alone" of subnets, security groups and reservations refuse a list only when every term breaks
 * them, as upstream's do: manifests that mix terms exist, and the id of a term wins over its tags.
 */
const SUBNET_TERMS = Type.Array(
  Type.Object({
    id: Type.Optional(text("The subnet's id.", { pattern: "subnet-[0-9a-z]+" })),
    tags: Type.Optional(selectorTags()),
  }),
  {
    description: "The subnets to launch in: those that match any of the terms.",
    maxItems: 30,
    ...rules(
      { rule: "self.size() != 0", message: "subnetSelectorTerms needs at least one term" },
      { rule: "self.all(x, has(x.tags) || has(x.id))", message: "each term needs one of 'tags', 'id'" },
      {
        rule: "!self.all(x, has(x.id) && has(x.tags))",
        message: "'id' stands alone: it may not be combined with 'tags'",
      },
    ),
  },
);

const SECURITY_GROUP_TERMS = Type.Array(
  Type.Object({
    id: Type.Optional(text("The security group's id.", { pattern: "sg-[0-9a-z]+" })),
    name: Type.Optional(text("The security group's own name, not its Name tag.")),
    tags: Type.Optional(selectorTags()),
  }),
  {
    description: "The security groups of the machines: all that match any of the terms.",
    maxItems: 30,
    ...rules(
      { rule: "self.size() != 0", message: "securityGroupSelectorTerms needs at least one term" },
      {
        rule: "self.all(x, has(x.tags) || has(x.id) || has(x.name))",
        message: "each term needs one of 'tags', 'id', 'name'",
      },
      {
        rule: "!self.all(x, has(x.id) && (has(x.tags) || has(x.name)))",
        message: "'id' stands alone: it may not be combined with 'tags' or 'name'",
      },
      {
        rule: "!self.all(x, has(x.name) && (has(x.tags) || has(x.id)))",
        message: "'name' stands alone: it may not be combined with 'tags' or 'id'",
      },
    ),
  },
);

const CAPACITY_RESERVATION_TERMS = Type.Array(
  Type.Object({
    id: Type.Optional(text("The reservation's id.", { pattern: "^cr-[0-9a-z]+$" })),
    ownerID: Type.Optional(text("The account that owns the reservation.", { pattern: "^[0-9]{12}$" })),
    instanceMatchCriteria: Type.Optional(
      Type.Enum(["open", "targeted"], { description: "Which launches the reservation takes." }),
    ),
    tags: Type.Optional(selectorTags()),
  }),
  {
    description: "The capacity reservations to launch into: those that match any of the terms.",
    maxItems: 30,
    ...rules(
      {
        rule: "self.all(x, has(x.tags) || has(x.id) || has(x.instanceMatchCriteria))",
        message: "each term needs one of 'tags', 'id', 'instanceMatchCriteria'",
      },
      {
        rule: "self.size() == 0 || !self.all(x, has(x.id) && (has(x.tags) || has(x.ownerID) || has(x.instanceMatchCriteria)))",
        message: "'id' stands alone: it may not be combined with 'tags', 'ownerID' or 'instanceMatchCriteria'",
      },
    ),
  },
);

const ALIAS = text("An image published for EKS, as family@version, for example al2023@latest.", {
  maxLength: 30,
  ...rules(
    { rule: "self.matches('^[a-zA-Z0-9]+@.+$')", message: "an alias is written family@version" },
    {
      rule: "self.find('^[^@]+') in ['al2', 'al2023', 'bottlerocket', 'windows2019', 'windows2022', 'windows2025']",
      message: "the alias' family is one of al2, al2023, bottlerocket, windows2019, windows2022, windows2025",
    },
    {
      rule: "self.find('^[^@]+') in ['windows2019', 'windows2022', 'windows2025'] ? self.find('[^@]+$') == 'latest' : true",
      message: "an alias of a windows family has the version 'latest'",
    },
  ),
});

const AMI_TERMS = Type.Array(
  Type.Object({
    alias: Type.Optional(ALIAS),
    id: Type.Optional(text("The image's id.", { pattern: "ami-[0-9a-z]+" })),
    name: Type.Optional(text("The image's name, with * and ? as wildcards.")),
    owner: Type.Optional(text("Who owns the image: an account, self, amazon or aws-marketplace.")),
    tags: Type.Optional(selectorTags()),
    ssmParameter: Type.Optional(text("The SSM parameter, by name or ARN, that holds the image's id.")),
  }),
  {
    description: "The machine images: those that match any of the terms, newest first.",
    minItems: 1,
    maxItems: 30,
    ...rules(
      {
        rule: "self.all(x, has(x.tags) || has(x.id) || has(x.name) || has(x.alias) || has(x.ssmParameter))",
        message: "each term needs one of 'tags', 'id', 'name', 'alias', 'ssmParameter'",
      },
      {
        rule: "!self.exists(x, has(x.id) && (has(x.alias) || has(x.tags) || has(x.name) || has(x.owner)))",
        message: "'id' stands alone: it may not be combined with other fields of the term",
      },
      {
        rule: "!self.exists(x, has(x.alias) && (has(x.id) || has(x.tags) || has(x.name) || has(x.owner)))",
        message: "'alias' stands alone: it may not be combined with other fields of the term",
      },
      {
        rule: "!(self.exists(x, has(x.alias)) && self.size() != 1)",
        message: "a term with 'alias' must be the only term",
      },
    ),
  },
);

const PLACEMENT_GROUP = Type.Object(
  {
    name: Type.Optional(text("The group's name.", { minLength: 1 })),
    id: Type.Optional(text("The group's id.", { pattern: "^pg-[0-9a-z]+$" })),
  },
  {
    description: "The placement group of the machines.",
    ...rules({ rule: "has(self.name) != has(self.id)", message: "exactly one of 'name', 'id' must be set" }),
  },
);

/** Sizes that EBS can have: 1 to 59000 Gi, 64000 G, 58 Ti, 64 T. (Upstream's pattern forgets 18Ti, 19Ti, 28Ti and so on.) */
const VOLUME_SIZE_PATTERN =
  "^(([1-9][0-9]{0,3}|[1-4][0-9]{4}|5[0-8][0-9]{3}|59000)Gi|([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-3][0-9]{3}|64000)G|([1-9]|[1-4][0-9]|5[0-8])Ti|([1-9]|[1-5][0-9]|6[0-4])T)$";

const EBS = Type.Object(
  {
    deleteOnTermination: Type.Optional(Type.Boolean({ description: "Whether the volume goes with its instance." })),
    encrypted: Type.Optional(Type.Boolean({ description: "Whether the volume is encrypted." })),
    iops: Type.Optional(int64("Operations per second, for volume types that let one choose.")),
    throughput: Type.Optional(int64("MiB per second, for gp3.")),
    kmsKeyID: Type.Optional(text("The key that encrypts the volume.")),
    snapshotID: Type.Optional(text("The snapshot the volume starts from.")),
    volumeInitializationRate: Type.Optional(
      int32("MiB per second with which a snapshot is loaded.", { minimum: 100, maximum: 300 }),
    ),
    volumeSize: Type.Optional(text("The volume's size, for example 100Gi.", { pattern: VOLUME_SIZE_PATTERN })),
    volumeType: Type.Optional(
      Type.Enum(["standard", "io1", "io2", "gp2", "sc1", "st1", "gp3"], { description: "The kind of volume." }),
    ),
  },
  {
    description: "The EBS volume.",
    ...rules(
      {
        rule: "has(self.snapshotID) || has(self.volumeSize)",
        message: "one of 'snapshotID', 'volumeSize' must be set",
      },
      {
        rule: "!has(self.volumeInitializationRate) || (has(self.snapshotID) && self.snapshotID != '')",
        message: "'volumeInitializationRate' needs a 'snapshotID'",
      },
    ),
  },
);

const BLOCK_DEVICES = Type.Array(
  Type.Object({
    deviceName: Type.Optional(text("The device, for example /dev/xvda.")),
    rootVolume: Type.Optional(Type.Boolean({ description: "Whether pods' ephemeral storage is counted on this one." })),
    ebs: Type.Optional(EBS),
  }),
  {
    description: "The machines' volumes. Without it: what fits the image family.",
    maxItems: 50,
    ...rules({
      rule: "self.filter(x, has(x.rootVolume) && x.rootVolume).size() <= 1",
      message: "at most one block device may have 'rootVolume'",
    }),
  },
);

const NETWORK_INTERFACES = Type.Array(
  Type.Object({
    networkCardIndex: int32("The network card.", { minimum: 0 }),
    deviceIndex: int32("The device on the card.", { minimum: 0 }),
    interfaceType: Type.Enum(["interface", "efa-only"], { description: "What the interface carries." }),
  }),
  {
    description: "The machines' network interfaces. Without it: one, or what EFA needs.",
    maxItems: 150,
    ...rules(
      {
        rule: "self.size() == 0 || self.exists(x, x.networkCardIndex == 0 && x.deviceIndex == 0 && x.interfaceType == 'interface')",
        message: "card 0, device 0 must be there, of type 'interface'",
      },
      {
        rule: "self.all(x, self.exists_one(y, x.networkCardIndex == y.networkCardIndex && x.deviceIndex == y.deviceIndex))",
        message: "two interfaces may not have the same card and device",
      },
      {
        rule: "self.all(x, x.interfaceType != 'efa-only' || self.exists_one(y, y.interfaceType == 'efa-only' && x.networkCardIndex == y.networkCardIndex))",
        message: "a card may have at most one interface of type 'efa-only'",
      },
    ),
  },
);

const METADATA_OPTIONS = Type.Object(
  {
    httpEndpoint: Type.Optional(
      Type.Enum(["enabled", "disabled"], { description: "Whether the service answers.", default: "enabled" }),
    ),
    httpProtocolIPv6: Type.Optional(
      Type.Enum(["enabled", "disabled"], { description: "Whether it answers on IPv6.", default: "disabled" }),
    ),
    httpPutResponseHopLimit: Type.Optional(
      int64("How many hops a token may travel; 1 keeps it from pods.", { minimum: 1, maximum: 64, default: 1 }),
    ),
    httpTokens: Type.Optional(
      Type.Enum(["required", "optional"], { description: "Whether a token is needed.", default: "required" }),
    ),
  },
  {
    description: "The instance metadata service.",
    default: {
      httpEndpoint: "enabled",
      httpProtocolIPv6: "disabled",
      httpPutResponseHopLimit: 1,
      httpTokens: "required",
    },
  },
);

const CONNECTION_TRACKING = Type.Object(
  {
    tcpEstablishedTimeout: Type.Optional(
      int32("Seconds for idle established TCP connections.", { minimum: 60, maximum: 432000 }),
    ),
    udpStreamTimeout: Type.Optional(int32("Seconds for idle UDP streams.", { minimum: 60, maximum: 180 })),
    udpTimeout: Type.Optional(int32("Seconds for UDP flows of one packet or one way.", { minimum: 30, maximum: 60 })),
  },
  {
    description: "How long the network remembers idle connections.",
    ...rules({
      rule: "has(self.tcpEstablishedTimeout) || has(self.udpStreamTimeout) || has(self.udpTimeout)",
      message: "at least one of 'tcpEstablishedTimeout', 'udpStreamTimeout', 'udpTimeout' must be set",
    }),
  },
);

const reservedTag = (rule: string, what: string): Rule => ({ rule, message: `the tag ${what} is set by Karpenter` });
const TAG_RULES: readonly Rule[] = [
  { rule: "self.all(k, k != '')", message: "tag keys may not be empty" },
  reservedTag("self.all(k, k != 'eks:eks-cluster-name')", "eks:eks-cluster-name"),
  reservedTag("self.all(k, !k.startsWith('kubernetes.io/cluster'))", "kubernetes.io/cluster/..."),
  reservedTag("self.all(k, k != 'karpenter.sh/nodepool')", "karpenter.sh/nodepool"),
  reservedTag("self.all(k, k != 'karpenter.sh/nodeclaim')", "karpenter.sh/nodeclaim"),
  reservedTag("self.all(k, k != 'karpenter.k8s.aws/ec2nodeclass')", "karpenter.k8s.aws/ec2nodeclass"),
];

const FAMILIES = ["AL2", "AL2023", "Bottlerocket", "Windows2019", "Windows2022", "Windows2025"] as const;
const familyRule = (family: string): Rule => ({
  rule: `!has(self.amiFamily) || !self.amiSelectorTerms.exists(x, has(x.alias) && x.alias.find('^[^@]+') == '${family.toLowerCase()}') || self.amiFamily in ['${family}', 'Custom']`,
  message: `with an alias of ${family.toLowerCase()}, 'amiFamily' is ${family}, Custom or left out`,
});

const SPEC = Type.Object(
  {
    subnetSelectorTerms: SUBNET_TERMS,
    securityGroupSelectorTerms: SECURITY_GROUP_TERMS,
    capacityReservationSelectorTerms: Type.Optional(CAPACITY_RESERVATION_TERMS),
    placementGroupSelector: Type.Optional(PLACEMENT_GROUP),
    associatePublicIPAddress: Type.Optional(
      Type.Boolean({ description: "Whether machines get a public address. Without it: as the subnet says." }),
    ),
    ipPrefixCount: Type.Optional(int32("Address prefixes per network interface.", { minimum: 0 })),
    amiSelectorTerms: AMI_TERMS,
    amiFamily: Type.Optional(
      Type.Enum(["AL2", "AL2023", "Bottlerocket", "Custom", "Windows2019", "Windows2022", "Windows2025"], {
        description: "How user data is written and which volumes are the default. Follows from an alias.",
      }),
    ),
    userData: Type.Optional(text("What the machine runs or reads at its start, merged with what Karpenter needs.")),
    role: Type.Optional(
      text("The IAM role of the machines; Karpenter makes the instance profile.", {
        ...rules({ rule: "self != ''", message: "role may not be empty" }),
      }),
    ),
    instanceProfile: Type.Optional(
      text("The instance profile of the machines, kept by you.", {
        ...rules({ rule: "self != ''", message: "instanceProfile may not be empty" }),
      }),
    ),
    tags: Type.Optional(record(Type.String(), "Tags of everything made for the machines.", rules(...TAG_RULES))),
    kubelet: Type.Optional(
      Type.Unsafe<Record<string, unknown>>({
        type: "object",
        description: "Settings of the kubelet, as its configuration file has them.",
        "x-kubernetes-preserve-unknown-fields": true,
      }),
    ),
    blockDeviceMappings: Type.Optional(BLOCK_DEVICES),
    instanceStorePolicy: Type.Optional(
      Type.Enum(["RAID0"], { description: "What is done with the machine's own disks." }),
    ),
    networkInterfaces: Type.Optional(NETWORK_INTERFACES),
    detailedMonitoring: Type.Optional(Type.Boolean({ description: "Whether metrics come every minute." })),
    metadataOptions: Type.Optional(METADATA_OPTIONS),
    connectionTracking: Type.Optional(CONNECTION_TRACKING),
    context: Type.Optional(text("Reserved for the fleet request.")),
    cpuOptions: Type.Optional(
      Type.Object(
        {
          nestedVirtualization: Type.Optional(
            Type.Enum(["enabled", "disabled"], { description: "Whether machines may run virtual machines." }),
          ),
        },
        { description: "Features of the processor." },
      ),
    ),
  },
  {
    description: "What is wanted.",
    ...rules(
      {
        rule: "has(self.role) != has(self.instanceProfile)",
        message: "exactly one of 'role', 'instanceProfile' must be set",
      },
      {
        rule: "has(self.amiFamily) || self.amiSelectorTerms.exists(x, has(x.alias))",
        message: "'amiFamily' is needed unless amiSelectorTerms has an alias",
      },
      ...FAMILIES.map(familyRule),
    ),
  },
);

const AMI_REQUIREMENT = Type.Object({
  key: text("The label."),
  operator: text("How the label's value relates to the values."),
  values: Type.Optional(Type.Array(Type.String(), { description: "Operands." })),
});

const STATUS = Type.Object(
  {
    subnets: Type.Optional(
      Type.Array(
        Type.Object({
          id: text("The subnet's id."),
          zone: text("Its availability zone."),
          zoneID: Type.Optional(text("The id of its availability zone.")),
        }),
        { description: "The subnets found, those with the most free addresses first." },
      ),
    ),
    securityGroups: Type.Optional(
      Type.Array(Type.Object({ id: text("The group's id."), name: Type.Optional(text("Its name.")) }), {
        description: "The security groups found.",
      }),
    ),
    capacityReservations: Type.Optional(
      Type.Array(
        Type.Object({
          availabilityZone: text("The zone it holds capacity in."),
          endTime: Type.Optional(time("When it ends.")),
          id: text("The reservation's id.", { pattern: "^cr-[0-9a-z]+$" }),
          instanceMatchCriteria: Type.Enum(["open", "targeted"], { description: "Which launches it takes." }),
          instanceType: text("The type it holds."),
          ownerID: text("The account that owns it.", { pattern: "^[0-9]{12}$" }),
          reservationType: Type.Optional(
            Type.Enum(["default", "capacity-block"], { description: "The kind of reservation.", default: "default" }),
          ),
          interruptible: Type.Optional(Type.Boolean({ description: "Whether its owner may take it back." })),
          state: Type.Optional(
            Type.Enum(["active", "expiring"], { description: "Whether it is about to end.", default: "active" }),
          ),
        }),
        { description: "The capacity reservations found." },
      ),
    ),
    amis: Type.Optional(
      Type.Array(
        Type.Object({
          id: text("The image's id."),
          name: Type.Optional(text("Its name.")),
          deprecated: Type.Optional(Type.Boolean({ description: "Whether its owner has deprecated it." })),
          requirements: Type.Array(AMI_REQUIREMENT, { description: "The nodes it can be used for." }),
        }),
        { description: "The machine images found, newest first." },
      ),
    ),
    instanceProfile: Type.Optional(text("The instance profile in use.")),
    conditions: Type.Optional(conditions()),
  },
  { description: "What is." },
);

export const EC2_NODE_CLASS_SCHEMA = Type.Object(
  {
    apiVersion: Type.Literal("karpenter.k8s.aws/v1"),
    kind: Type.Literal("EC2NodeClass"),
    metadata: METADATA,
    spec: Type.Optional(SPEC),
    status: Type.Optional(STATUS),
  },
  { description: "EC2NodeClass configures machines of Amazon EC2." },
);

export type Ec2NodeClass = Static<typeof EC2_NODE_CLASS_SCHEMA>;
