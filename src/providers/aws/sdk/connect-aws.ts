import * as ec2 from "@aws-sdk/client-ec2";
import { DescribeClusterCommand } from "@aws-sdk/client-eks";
import { GetParameterCommand } from "@aws-sdk/client-ssm";
import { type AwsApi, AwsError, type Tags } from "../aws-api.ts";
import { type ClientOptions, type Clients, createClients } from "./clients.ts";
import { identityCalls } from "./identity.ts";
import { priceCalls } from "./price-list.ts";
import { queueCalls } from "./queue.ts";
import {
  clusterOf,
  factsOf,
  fleetAnswerOf,
  groupOf,
  imageOf,
  instanceOf,
  isForNodes,
  placementGroupOf,
  reservationOf,
  statusOf,
  subnetOf,
  tagsOf,
} from "./read.ts";
import { fleetInput, sdkFilters, tagList, templateInput, trialInput } from "./write.ts";

import { zonalShiftCalls } from "./zonal-shift.ts";

export type AwsConnection = AwsApi & { close(): void };

/** So many of each page. */
const PAGE = { types: 100, offerings: 1_000, subnets: 500, images: 1_000, instances: 1_000, templates: 200 };

/** AWS over HTTP. Nothing is sent yet. */
export function connectAws(options: ClientOptions): AwsConnection {
  const clients = createClients(options);
  const calls = {
    ...discoveryCalls(clients),
    ...instanceCalls(clients),
    ...identityCalls(clients),
    ...priceCalls(clients, options),
    ...queueCalls(clients),
    ...zonalShiftCalls(clients, options),
  };
  return { ...withAwsErrors(calls), close: () => clients.close() };
}

type Call = { action: string; run(...parameters: never[]): Promise<unknown> };

/** Every failure becomes an AwsError that names the action. */
function withAwsErrors(calls: { [Name in keyof AwsApi]: { action: string; run: AwsApi[Name] } }): AwsApi {
  const api: Record<string, unknown> = {};
  for (const [name, { action, run }] of Object.entries(calls as unknown as Record<string, Call>)) {
    api[name] = async (...parameters: never[]) => {
      try {
        return await run(...parameters);
      } catch (error) {
        const { name: code, message } = error instanceof Error ? error : { name: "Unknown", message: String(error) };
        throw new AwsError(action, code, message, error);
      }
    };
  }
  return api as unknown as AwsApi;
}

/** All items of all pages. */
async function all<Page, Item>(
  pages: AsyncIterable<Page>,
  items: (page: Page) => readonly Item[] | undefined,
): Promise<Item[]> {
  const list: Item[] = [];
  for await (const page of pages) list.push(...(items(page) ?? []));
  return list;
}

function discoveryCalls({ ec2Read: client, ssm, eks }: Clients) {
  return {
    describeInstanceTypes: {
      action: "ec2:DescribeInstanceTypes",
      async run() {
        const filters = {
          "supported-virtualization-type": ["hvm"],
          "processor-info.supported-architecture": ["x86_64", "arm64"],
        };
        const Filters = Object.entries(filters).map(([Name, Values]) => ({ Name, Values }));
        const pages = ec2.paginateDescribeInstanceTypes({ client, pageSize: PAGE.types }, { Filters });
        return (await all(pages, (page) => page.InstanceTypes)).filter(isForNodes).map(factsOf);
      },
    },
    describeInstanceTypeOfferings: {
      action: "ec2:DescribeInstanceTypeOfferings",
      async run() {
        const input = { LocationType: "availability-zone" as const };
        const pages = ec2.paginateDescribeInstanceTypeOfferings({ client, pageSize: PAGE.offerings }, input);
        const offerings = await all(pages, (page) => page.InstanceTypeOfferings);
        return offerings.map(({ InstanceType = "", Location = "" }) => ({
          instanceType: InstanceType,
          zone: Location,
        }));
      },
    },
    describeSubnets: {
      action: "ec2:DescribeSubnets",
      async run({ filters, ids }: Parameters<AwsApi["describeSubnets"]>[0]) {
        const input = { ...sdkFilters(filters), ...(ids === undefined ? {} : { SubnetIds: [...ids] }) };
        const pages = ec2.paginateDescribeSubnets({ client, ...pageSize(PAGE.subnets, ids) }, input);
        return (await all(pages, (page) => page.Subnets)).map(subnetOf);
      },
    },
    describeSecurityGroups: {
      action: "ec2:DescribeSecurityGroups",
      async run({ filters }: Parameters<AwsApi["describeSecurityGroups"]>[0]) {
        const pages = ec2.paginateDescribeSecurityGroups({ client, pageSize: PAGE.subnets }, sdkFilters(filters));
        return (await all(pages, (page) => page.SecurityGroups)).map(groupOf);
      },
    },
    describeImages: {
      action: "ec2:DescribeImages",
      async run({ filters, owners }: Parameters<AwsApi["describeImages"]>[0]) {
        const input = {
          ...sdkFilters([...filters, { name: "state", values: ["available"] }]),
          IncludeDeprecated: true,
          ...(owners === undefined ? {} : { Owners: [...owners] }),
        };
        const pages = ec2.paginateDescribeImages({ client, pageSize: PAGE.images }, input);
        return (await all(pages, (page) => page.Images)).map(imageOf);
      },
    },
    describeCapacityReservations: {
      action: "ec2:DescribeCapacityReservations",
      async run({ filters = [], ids }: Parameters<AwsApi["describeCapacityReservations"]>[0]) {
        const input = {
          ...sdkFilters([...filters, { name: "state", values: ["active"] }]),
          ...(ids === undefined ? {} : { CapacityReservationIds: [...ids] }),
        };
        const pages = ec2.paginateDescribeCapacityReservations({ client, ...pageSize(PAGE.images, ids) }, input);
        return (await all(pages, (page) => page.CapacityReservations)).map(reservationOf);
      },
    },
    describePlacementGroups: {
      action: "ec2:DescribePlacementGroups",
      async run({ id, name }: Parameters<AwsApi["describePlacementGroups"]>[0]) {
        const { PlacementGroups = [] } = await client.send(
          new ec2.DescribePlacementGroupsCommand({
            ...sdkFilters([{ name: "state", values: ["available"] }]),
            ...(id === undefined ? {} : { GroupIds: [id] }),
            ...(name === undefined ? {} : { GroupNames: [name] }),
          }),
        );
        return PlacementGroups.map(placementGroupOf);
      },
    },
    getParameter: {
      action: "ssm:GetParameter",
      async run(name: string) {
        const { Parameter } = await ssm.send(new GetParameterCommand({ Name: name }));
        return Parameter?.Value ?? "";
      },
    },
    describeCluster: {
      action: "eks:DescribeCluster",
      run: async (name: string) => clusterOf((await eks.send(new DescribeClusterCommand({ name }))).cluster),
    },
  };
}

/** EC2 answers a request that would be allowed with an error of this name. */
async function dryRun(send: () => Promise<unknown>): Promise<void> {
  try {
    await send();
  } catch (error) {
    if (!(error instanceof Error && error.name === "DryRunOperation")) throw error;
  }
}

/** A page size and a list of ids exclude each other. */
function pageSize(size: number, ids: readonly string[] | undefined): { pageSize?: number } {
  return ids === undefined ? { pageSize: size } : {};
}

function instanceCalls({ ec2Read, ec2Write }: Clients) {
  return {
    describeLaunchTemplates: {
      action: "ec2:DescribeLaunchTemplates",
      async run({ filters, names }: Parameters<AwsApi["describeLaunchTemplates"]>[0]) {
        const input = { ...sdkFilters(filters), ...(names === undefined ? {} : { LaunchTemplateNames: [...names] }) };
        const config = { client: ec2Read, ...pageSize(PAGE.templates, names) };
        const templates = await all(ec2.paginateDescribeLaunchTemplates(config, input), (page) => page.LaunchTemplates);
        return templates.map(({ LaunchTemplateId = "", LaunchTemplateName = "", Tags }) => ({
          id: LaunchTemplateId,
          name: LaunchTemplateName,
          tags: tagsOf(Tags),
        }));
      },
    },
    createLaunchTemplate: {
      action: "ec2:CreateLaunchTemplate",
      async run({ name, data, tags }: Parameters<AwsApi["createLaunchTemplate"]>[0]) {
        const { LaunchTemplate } = await ec2Write.send(
          new ec2.CreateLaunchTemplateCommand({
            LaunchTemplateName: name,
            LaunchTemplateData: templateInput(data),
            TagSpecifications: [{ ResourceType: "launch-template", Tags: tagList(tags) }],
          }),
        );
        return { id: LaunchTemplate?.LaunchTemplateId ?? "", name, tags };
      },
    },
    deleteLaunchTemplate: {
      action: "ec2:DeleteLaunchTemplate",
      async run(name: string) {
        await ec2Write.send(new ec2.DeleteLaunchTemplateCommand({ LaunchTemplateName: name }));
      },
    },
    createFleet: {
      action: "ec2:CreateFleet",
      async run(request: Parameters<AwsApi["createFleet"]>[0]) {
        return fleetAnswerOf(await ec2Write.send(new ec2.CreateFleetCommand(fleetInput(request))), request);
      },
    },
    tryFleet: {
      action: "ec2:CreateFleet",
      run: (request: Parameters<AwsApi["tryFleet"]>[0]) =>
        dryRun(() => ec2Write.send(new ec2.CreateFleetCommand({ ...fleetInput(request), DryRun: true }))),
    },
    tryInstance: {
      action: "ec2:RunInstances",
      run: (request: Parameters<AwsApi["tryInstance"]>[0]) =>
        dryRun(() => ec2Write.send(new ec2.RunInstancesCommand({ ...trialInput(request), DryRun: true }))),
    },
    describeInstances: {
      action: "ec2:DescribeInstances",
      async run({ filters, ids }: Parameters<AwsApi["describeInstances"]>[0]) {
        const input = { ...sdkFilters(filters), ...(ids === undefined ? {} : { InstanceIds: [...ids] }) };
        const config = { client: ec2Read, ...pageSize(PAGE.instances, ids) };
        const reservations = await all(ec2.paginateDescribeInstances(config, input), (page) => page.Reservations);
        return reservations.flatMap(({ Instances = [] }) => Instances).map(instanceOf);
      },
    },
    describeInstanceStatus: {
      action: "ec2:DescribeInstanceStatus",
      async run({ filters }: Parameters<AwsApi["describeInstanceStatus"]>[0]) {
        const config = { client: ec2Read, pageSize: PAGE.instances };
        const pages = ec2.paginateDescribeInstanceStatus(config, sdkFilters(filters));
        return (await all(pages, (page) => page.InstanceStatuses)).map(statusOf);
      },
    },
    terminateInstances: {
      action: "ec2:TerminateInstances",
      async run(ids: readonly string[]) {
        const { TerminatingInstances = [] } = await ec2Write.send(
          new ec2.TerminateInstancesCommand({ InstanceIds: [...ids] }),
        );
        return TerminatingInstances.map(({ InstanceId = "", CurrentState }) => ({
          id: InstanceId,
          state: CurrentState?.Name ?? "",
        }));
      },
    },
    createTags: {
      action: "ec2:CreateTags",
      async run(id: string, tags: Tags) {
        await ec2Write.send(new ec2.CreateTagsCommand({ Resources: [id], Tags: tagList(tags) }));
      },
    },
  };
}
