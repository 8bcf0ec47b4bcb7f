/** Where a policy is to hold. */
export type PolicyScope = { clusterName: string; region: string };
/** A statement of an IAM policy. */
export type Statement = {
  Sid: string;
  Effect: "Allow";
  Action: readonly string[];
  Resource: string | readonly string[];
  Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
};

/** "cn-north-1" is in aws-cn. */
export function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  if (region.startsWith("us-gov-")) return "aws-us-gov";
  if (region.startsWith("us-isob-")) return "aws-iso-b";
  if (region.startsWith("us-isof-")) return "aws-iso-f";
  return region.startsWith("us-iso") ? "aws-iso" : "aws";
}

/**
 * The statements that the controller's role needs, as the installation guide's policies have them.
 * @source reference of operating the AWS provider, section 4
 */
export function controllerPolicy(scope: PolicyScope): readonly Statement[] {
  return [...instanceStatements(scope), ...profileStatements(scope), ...readStatements(scope)];
}

function instanceStatements({ clusterName, region }: PolicyScope): Statement[] {
  const ec2 = (...types: readonly string[]) => types.map((type) => arn(region, "ec2", region, `*:${type}/*`));
  const owned = `kubernetes.io/cluster/${clusterName}`;
  const ofRequest = { [`aws:RequestTag/${owned}`]: "owned", "aws:RequestTag/eks:eks-cluster-name": clusterName };
  const ofPool = { StringLike: { "aws:RequestTag/karpenter.sh/nodepool": "*" } };
  const resourceTags = {
    StringEquals: { [`aws:ResourceTag/${owned}`]: "owned" },
    StringLike: { "aws:ResourceTag/karpenter.sh/nodepool": "*" },
  };
  const made = ec2("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request");
  const given = ec2("image", "snapshot", "security-group", "subnet", "capacity-reservation", "placement-group");
  const launch = ["ec2:RunInstances", "ec2:CreateFleet"];
  const create = [...launch, "ec2:CreateLaunchTemplate"];
  const ends = ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"];
  return [
    allow("AllowScopedEC2InstanceActionsWithTags", create, made, { StringEquals: ofRequest, ...ofPool }),
    allow("AllowScopedEC2InstanceAccessActions", launch, given),
    allow("AllowScopedEC2LaunchTemplateAccessActions", launch, ec2("launch-template"), resourceTags),
    allow("AllowScopedResourceCreationTagging", ["ec2:CreateTags"], made, {
      StringEquals: { ...ofRequest, "ec2:CreateAction": create.map((action) => action.replace("ec2:", "")) },
      ...ofPool,
    }),
    allow("AllowScopedResourceTagging", ["ec2:CreateTags"], ec2("instance"), {
      ...resourceTags,
      "ForAllValues:StringEquals": { "aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"] },
    }),
    allow("AllowScopedDeletion", ends, ec2("instance", "launch-template"), resourceTags),
    allow(
      "AllowPassingInstanceRole",
      ["iam:PassRole"],
      arn(region, "iam", "", `*:role/KarpenterNodeRole-${clusterName}`),
      {
        StringEquals: { "iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"] },
      },
    ),
  ];
}

function profileStatements({ clusterName, region }: PolicyScope): Statement[] {
  const profile = arn(region, "iam", "", "*:instance-profile/*");
  const tags = (kind: "RequestTag" | "ResourceTag") => ({
    StringEquals: {
      [`aws:${kind}/kubernetes.io/cluster/${clusterName}`]: "owned",
      [`aws:${kind}/topology.kubernetes.io/region`]: region,
    },
    StringLike: { [`aws:${kind}/karpenter.k8s.aws/ec2nodeclass`]: "*" },
  });
  const changes = ["AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile", "DeleteInstanceProfile"];
  return [
    allow("AllowScopedInstanceProfileCreationActions", ["iam:CreateInstanceProfile"], profile, tags("RequestTag")),
    allow("AllowScopedInstanceProfileTagActions", ["iam:TagInstanceProfile"], profile, tags("RequestTag")),
    allow(
      "AllowScopedInstanceProfileActions",
      changes.map((name) => `iam:${name}`),
      profile,
      tags("ResourceTag"),
    ),
    allow("AllowInstanceProfileReadActions", ["iam:GetInstanceProfile"], profile),
    allow("AllowUnscopedInstanceProfileListAction", ["iam:ListInstanceProfiles"], "*"),
  ];
}

function readStatements({ clusterName, region }: PolicyScope): Statement[] {
  const queue = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"];
  return [
    allow("AllowRegionalReadActions", EC2_READS, "*", { StringEquals: { "aws:RequestedRegion": region } }),
    allow("AllowSSMReadActions", ["ssm:GetParameter"], arn(region, "ssm", region, ":parameter/aws/service/*")),
    allow("AllowPricingReadActions", ["pricing:GetProducts"], "*"),
    allow("AllowClusterReadActions", ["eks:DescribeCluster"], arn(region, "eks", region, `*:cluster/${clusterName}`)),
    allow("AllowInterruptionQueueActions", queue, arn(region, "sqs", region, `*:${clusterName}`)),
    allow("AllowZonalShiftReadActions", ["arc-zonal-shift:GetManagedResource"], "*"),
  ];
}

const EC2_READS: readonly string[] = [
  "CapacityReservations",
  "Images",
  "Instances",
  "InstanceStatus",
  "InstanceTypeOfferings",
  "InstanceTypes",
  "LaunchTemplates",
  "PlacementGroups",
  "SecurityGroups",
  "SpotPriceHistory",
  "Subnets",
].map((what) => `ec2:Describe${what}`);

function arn(region: string, service: string, where: string, what: string): string {
  return `arn:${partitionOf(region)}:${service}:${where}:${what}`;
}

function allow(
  Sid: string,
  Action: readonly string[],
  Resource: string | readonly string[],
  Condition?: Statement["Condition"],
): Statement {
  return { Sid, Effect: "Allow", Action, Resource, ...(Condition === undefined ? {} : { Condition }) };
}

/** What AWS calls that somebody may not do something. */
const DENIED = /UnauthorizedOperation|AccessDenied|AuthFailure|NotAuthorized/;
const SPOT_ROLE = "AuthFailure.ServiceLinkedRoleCreationNotPermitted";
/** ... and that it does not know, or no longer knows, who is asking. */
const UNKNOWN_CALLER =
  /ExpiredToken|RequestExpired|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|CredentialsProviderError|InvalidIdentityToken/;

type Refusal = { action: string; code: string; message: string };

export function isDenied({ code }: Pick<Refusal, "code">): boolean {
  return DENIED.test(code) && code !== SPOT_ROLE;
}

export function isCallerUnknown({ code }: Pick<Refusal, "code">): boolean {
  return UNKNOWN_CALLER.test(code);
}

/** AWS' own words, without what only its decoder can read. */
const WORDS_MAX = 400;

/**
 * Why AWS refused, and what to do: for a missing permission the statement that gives it, for stale credentials where
 * they come from. Other refusals stand as they are.
 */
export function explained(refusal: Refusal, scope: PolicyScope): string {
  const words = `${refusal.code}: ${refusal.message}`.replace(/ ?Encoded authorization failure message: \S+/, "");
  const said = words.length > WORDS_MAX ? `${words.slice(0, WORDS_MAX)}...` : words;
  if (isCallerUnknown(refusal)) {
    return `${refusal.action}: AWS does not take the controller's credentials (${said}): check the role of its service account or pod identity association, then restart it`;
  }
  if (!isDenied(refusal)) return said;
  const { action, resource } = deniedDeed(refusal);
  const statement = statementFor(action, resource, scope);
  if (/explicit deny|permissions? boundary|service control policy/i.test(refusal.message)) {
    return `the controller may not do ${action}, and not for lack of a statement in its own policy (${said})`;
  }
  if (statement === undefined) return `the controller may not do ${action} (${said})`;
  return `the controller may not do ${action}; this statement in its role's policy allows it: ${JSON.stringify(statement)} (${said})`;
}

/** A call may fail for another action than its own: CreateFleet launches instances, and passes a role. */
function deniedDeed({ action, message }: Refusal): { action: string; resource: string } {
  const match = /not authorized to perform: ([\w-]+:\w+)(?: on resource: (\S+))?/.exec(message);
  return { action: match?.[1] ?? action, resource: match?.[2] ?? "" };
}

function statementFor(action: string, resource: string, scope: PolicyScope): Statement | undefined {
  const fitting = controllerPolicy(scope).filter(({ Action }) => Action.includes(action));
  const type = /:([\w-]+)\/[^:]*$/.exec(resource)?.[1];
  const ofType = fitting.find(({ Resource }) => type !== undefined && String(Resource).includes(`:${type}/`));
  const statement = ofType ?? fitting[0];
  return statement === undefined ? undefined : narrowed(statement, action, resource, type);
}

/** As little as helps: short enough to be read in an event. */
function narrowed(statement: Statement, action: string, resource: string, type: string | undefined): Statement {
  const { Resource } = statement;
  const own = typeof Resource === "string" ? [] : Resource.filter((one) => one.includes(`:${type}/`));
  if (action === "iam:PassRole" && resource !== "") return { ...statement, Resource: resource };
  return { ...statement, Action: [action], Resource: own.length > 0 ? own : Resource };
}
