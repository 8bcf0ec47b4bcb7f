import * as iam from "@aws-sdk/client-iam";
import type { AwsApi, InstanceProfile } from "../aws-api.ts";
import type { Clients } from "./clients.ts";
import { tagList } from "./write.ts";

export function identityCalls({ iam: client }: Clients) {
  return {
    getInstanceProfile: {
      action: "iam:GetInstanceProfile",
      run: async (name: string) =>
        profileOf(
          (await client.send(new iam.GetInstanceProfileCommand({ InstanceProfileName: name }))).InstanceProfile,
        ),
    },
    listInstanceProfiles: {
      action: "iam:ListInstanceProfiles",
      async run(pathPrefix: string) {
        const profiles: InstanceProfile[] = [];
        for await (const page of iam.paginateListInstanceProfiles({ client }, { PathPrefix: pathPrefix })) {
          profiles.push(...(page.InstanceProfiles ?? []).map(profileOf));
        }
        return profiles;
      },
    },
    createInstanceProfile: {
      action: "iam:CreateInstanceProfile",
      async run({ name, path, tags }: Parameters<AwsApi["createInstanceProfile"]>[0]) {
        const Tags = tagList(tags).map(({ Key = "", Value = "" }) => ({ Key, Value }));
        await client.send(new iam.CreateInstanceProfileCommand({ InstanceProfileName: name, Path: path, Tags }));
      },
    },
    deleteInstanceProfile: {
      action: "iam:DeleteInstanceProfile",
      async run(name: string) {
        await client.send(new iam.DeleteInstanceProfileCommand({ InstanceProfileName: name }));
      },
    },
    addRoleToInstanceProfile: {
      action: "iam:AddRoleToInstanceProfile",
      async run(name: string, role: string) {
        await client.send(new iam.AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: role }));
      },
    },
    removeRoleFromInstanceProfile: {
      action: "iam:RemoveRoleFromInstanceProfile",
      async run(name: string, role: string) {
        await client.send(new iam.RemoveRoleFromInstanceProfileCommand({ InstanceProfileName: name, RoleName: role }));
      },
    },
  };
}

function profileOf(profile: iam.InstanceProfile | undefined): InstanceProfile {
  return {
    name: profile?.InstanceProfileName ?? "",
    path: profile?.Path ?? "",
    roles: (profile?.Roles ?? []).map(({ RoleName = "" }) => RoleName),
  };
}
