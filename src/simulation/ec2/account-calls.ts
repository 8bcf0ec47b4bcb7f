import { byText } from "../../base/order.ts";
import { type AwsApi, AwsError, type Filter, type Image, type Tags } from "../../providers/aws/aws-api.ts";
import { spotFraction } from "../../providers/ec2/catalogue.ts";
import type { Account, SimulatedImage } from "./account.ts";
import { matches } from "./filters.ts";

/** A call: the action that a policy would have to allow, and what it does. */
type Call<Name extends keyof AwsApi> = {
  action: string;
  run(...parameters: Parameters<AwsApi[Name]>): Awaited<ReturnType<AwsApi[Name]>>;
};
type InstanceCall =
  | "getQueueUrl"
  | "receiveMessages"
  | "deleteMessage"
  | "createFleet"
  | "tryFleet"
  | "tryInstance"
  | "describeInstances"
  | "describeInstanceStatus"
  | "zonalShifts"
  | "terminateInstances"
  | "createTags";
export type AccountCalls = { [Name in Exclude<keyof AwsApi, InstanceCall>]: Call<Name> };

/** EC2 takes user data of so many bytes. */
const USER_DATA_BYTES_MAX = 16_384;

/** Everything that is asked of an account but for its instances. */
export function accountCalls(account: Account, nowMs: () => number): AccountCalls {
  return { ...discovery(account, nowMs), ...templates(account), ...identity(account), ...prices(account) };
}

type Some<Name extends keyof AccountCalls> = Pick<AccountCalls, Name>;

function discovery(
  account: Account,
  nowMs: () => number,
): Some<
  | "describeInstanceTypes"
  | "describeInstanceTypeOfferings"
  | "describeSubnets"
  | "describeSecurityGroups"
  | "describeImages"
  | "describeCapacityReservations"
  | "describePlacementGroups"
  | "getParameter"
  | "describeCluster"
> {
  return {
    describeInstanceTypes: {
      action: "ec2:DescribeInstanceTypes",
      run: () => [...account.types.values()].map(({ facts }) => facts),
    },
    describeInstanceTypeOfferings: {
      action: "ec2:DescribeInstanceTypeOfferings",
      run: () =>
        [...account.types.values()].flatMap(({ facts, zones }) =>
          zones.map((zone) => ({ instanceType: facts.name, zone })),
        ),
    },
    describeSubnets: {
      action: "ec2:DescribeSubnets",
      run({ filters = [] }) {
        for (const id of named(account, filters, "subnet-id")) {
          const [first] = account.subnets.values();
          if (first !== undefined && !account.subnets.has(id)) account.subnets.set(id, { ...first, id, tags: {} });
        }
        return [...account.subnets.values()]
          .filter(({ id, tags }) => matches({ fields: { "subnet-id": id }, tags }, filters))
          .map(({ tags: _, ...subnet }) => subnet);
      },
    },
    describeSecurityGroups: {
      action: "ec2:DescribeSecurityGroups",
      run({ filters }) {
        for (const id of named(account, filters, "group-id")) {
          if (!account.securityGroups.has(id)) account.securityGroups.set(id, { id, name: id, tags: {} });
        }
        return [...account.securityGroups.values()]
          .filter(({ id, name, tags }) => matches({ fields: { "group-id": id, "group-name": name }, tags }, filters))
          .map(({ id, name }) => ({ id, name }));
      },
    },
    describeImages: { action: "ec2:DescribeImages", run: (query) => images(account, query, nowMs()) },
    describeCapacityReservations: {
      action: "ec2:DescribeCapacityReservations",
      run({ ids, filters = [] }) {
        for (const id of ids ?? []) {
          if (account.reservations.has(id)) continue;
          const code = "InvalidCapacityReservationId.NotFound";
          throw new AwsError(
            "ec2:DescribeCapacityReservations",
            code,
            `The capacity reservation ${id} does not exist.`,
          );
        }
        return [...account.reservations.values()]
          .filter(({ id }) => ids === undefined || ids.includes(id))
          .filter(({ ownerId, matchCriteria, tags }) =>
            matches({ fields: { "owner-id": ownerId, "instance-match-criteria": matchCriteria }, tags }, filters),
          )
          .map(({ tags: _, ...reservation }) => reservation);
      },
    },
    describePlacementGroups: {
      action: "ec2:DescribePlacementGroups",
      run({ id, name }) {
        const found = [...account.placementGroups.values()].filter((group) => group.id === id || group.name === name);
        if (found.length > 0) return found;
        const message = `The Placement Group '${id ?? name}' is unknown.`;
        throw new AwsError("ec2:DescribePlacementGroups", "InvalidPlacementGroup.Unknown", message);
      },
    },
    getParameter: {
      action: "ssm:GetParameter",
      run(name) {
        const value = account.parameters.get(name);
        if (value === undefined) throw new AwsError("ssm:GetParameter", "ParameterNotFound", `There is no ${name}.`);
        return value;
      },
    },
    describeCluster: {
      action: "eks:DescribeCluster",
      run(name) {
        if (account.cluster.name === name) return account.cluster;
        throw new AwsError("eks:DescribeCluster", "ResourceNotFoundException", `No cluster found for name: ${name}.`);
      },
    },
  };
}

/** Ids that the filters name, where the account has whatever is named. */
function named(account: Account, filters: readonly Filter[], idFilter: string): readonly string[] {
  if (!account.hasWhateverIsNamed) return [];
  return filters.filter(({ name }) => name === idFilter).flatMap(({ values }) => values);
}

function images(account: Account, query: Parameters<AwsApi["describeImages"]>[0], nowMs: number): Image[] {
  const { filters, owners } = query;
  for (const id of named(account, filters, "image-id")) {
    const image: SimulatedImage = {
      id,
      name: id,
      architecture: "x86_64",
      creationDate: "2025-01-01T00:00:00.000Z",
      kind: "any",
      ownerAlias: "self",
      tags: {},
    };
    if (!account.images.has(id)) account.images.set(id, image);
  }
  return [...account.images.values()]
    .filter(({ creationDate }) => creationDate <= new Date(nowMs).toISOString())
    .filter(({ ownerAlias }) => owners === undefined || owners.includes(ownerAlias))
    .filter(({ id, name, tags }) => matches({ fields: { "image-id": id, name }, tags }, filters))
    .map(({ kind: _kind, ownerAlias: _owner, tags: _tags, ...image }) => image);
}

function templates(
  account: Account,
): Some<"describeLaunchTemplates" | "createLaunchTemplate" | "deleteLaunchTemplate"> {
  return {
    describeLaunchTemplates: {
      action: "ec2:DescribeLaunchTemplates",
      run: ({ filters = [], names }) =>
        [...account.templates.values()]
          .filter(({ name }) => names === undefined || names.includes(name))
          .filter(({ tags }) => matches({ fields: {}, tags }, filters))
          .map(({ data: _, ...template }) => template),
    },
    createLaunchTemplate: {
      action: "ec2:CreateLaunchTemplate",
      run({ name, data, tags }) {
        const refused = (code: string, message: string) => new AwsError("ec2:CreateLaunchTemplate", code, message);
        if (account.templates.has(name)) {
          throw refused("InvalidLaunchTemplateName.AlreadyExistsException", `Launch template name ${name} is in use.`);
        }
        if (new TextEncoder().encode(data.userData).length > USER_DATA_BYTES_MAX) {
          throw refused("InvalidUserData.Malformed", "User data is limited to 16384 bytes");
        }
        const template = { id: `lt-${account.templates.size}`, name, tags };
        account.templates.set(name, { ...template, data });
        return template;
      },
    },
    deleteLaunchTemplate: {
      action: "ec2:DeleteLaunchTemplate",
      run(name) {
        if (account.templates.delete(name)) return;
        const code = "InvalidLaunchTemplateName.NotFoundException";
        throw new AwsError("ec2:DeleteLaunchTemplate", code, `There is no launch template ${name}.`);
      },
    },
  };
}

function identity(
  account: Account,
): Some<
  | "getInstanceProfile"
  | "listInstanceProfiles"
  | "createInstanceProfile"
  | "deleteInstanceProfile"
  | "addRoleToInstanceProfile"
  | "removeRoleFromInstanceProfile"
> {
  const find = (action: string, name: string) => {
    const profile = account.profiles.get(name);
    if (profile !== undefined) return profile;
    throw new AwsError(action, "NoSuchEntity", `Instance Profile ${name} cannot be found.`);
  };
  return {
    getInstanceProfile: { action: "iam:GetInstanceProfile", run: (name) => find("iam:GetInstanceProfile", name) },
    listInstanceProfiles: {
      action: "iam:ListInstanceProfiles",
      run: (prefix) =>
        [...account.profiles.values()]
          .filter(({ path }) => path.startsWith(prefix))
          .sort((a, b) => byText(a.name, b.name)),
    },
    createInstanceProfile: {
      action: "iam:CreateInstanceProfile",
      run({ name, path, tags }: { name: string; path: string; tags: Tags }) {
        if (account.profiles.has(name)) {
          throw new AwsError("iam:CreateInstanceProfile", "EntityAlreadyExists", `Instance Profile ${name} exists.`);
        }
        account.profiles.set(name, { name, path, tags, roles: [] });
      },
    },
    deleteInstanceProfile: {
      action: "iam:DeleteInstanceProfile",
      run(name) {
        const { roles } = find("iam:DeleteInstanceProfile", name);
        if (roles.length > 0) throw new AwsError("iam:DeleteInstanceProfile", "DeleteConflict", "Remove roles first.");
        account.profiles.delete(name);
      },
    },
    addRoleToInstanceProfile: {
      action: "iam:AddRoleToInstanceProfile",
      run(profileName, role) {
        const profile = find("iam:AddRoleToInstanceProfile", profileName);
        if (account.missingRoles.has(role)) {
          const message = `The role with name ${role} cannot be found.`;
          throw new AwsError("iam:AddRoleToInstanceProfile", "NoSuchEntity", message);
        }
        account.profiles.set(profileName, { ...profile, roles: [...profile.roles, role] });
      },
    },
    removeRoleFromInstanceProfile: {
      action: "iam:RemoveRoleFromInstanceProfile",
      run(profileName, role) {
        const profile = find("iam:RemoveRoleFromInstanceProfile", profileName);
        account.profiles.set(profileName, { ...profile, roles: profile.roles.filter((one) => one !== role) });
      },
    },
  };
}

function prices(account: Account): Some<"describeSpotPrices" | "onDemandPrices"> {
  return {
    describeSpotPrices: {
      action: "ec2:DescribeSpotPriceHistory",
      run: () =>
        [...account.types.values()]
          .filter(({ facts }) => facts.usageClasses.includes("spot"))
          .flatMap(({ facts: { name }, zones, usdPerHour }) =>
            zones.map((zone) => ({
              instanceType: name,
              zone,
              usdPerHour: Math.round(usdPerHour * spotFraction(name, zone) * 1e6) / 1e6,
            })),
          ),
    },
    onDemandPrices: {
      action: "pricing:GetProducts",
      run: () => [...account.types.values()].map(({ facts, usdPerHour }) => ({ instanceType: facts.name, usdPerHour })),
    },
  };
}
