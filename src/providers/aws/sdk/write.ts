import { Buffer } from "node:buffer";
import type {
  CreateFleetCommandInput,
  RequestLaunchTemplateData,
  RunInstancesCommandInput,
  Filter as SdkFilter,
  TagSpecification as SdkTagSpecification,
  Tag,
} from "@aws-sdk/client-ec2";
import type { Filter, FleetRequest, InstanceTrial, LaunchTemplateData, TagSpecification, Tags } from "../aws-api.ts";

/** What the port asks for, as AWS wants it written. */
export function sdkFilters(filters: readonly Filter[] | undefined): { Filters?: SdkFilter[] } {
  if (filters === undefined || filters.length === 0) return {};
  return { Filters: filters.map(({ name, values }) => ({ Name: name, Values: [...values] })) };
}

export function tagList(tags: Tags): Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

function tagSpecifications(list: readonly TagSpecification[]): SdkTagSpecification[] {
  return list.map(({ resourceType, tags }) => ({
    ResourceType: resourceType as NonNullable<SdkTagSpecification["ResourceType"]>,
    Tags: tagList(tags),
  }));
}

/** The port's names are EC2's, in camel case. */
export function templateInput({
  userData,
  tagSpecifications: tags,
  ...data
}: LaunchTemplateData): RequestLaunchTemplateData {
  return {
    ...(capitalized(data) as RequestLaunchTemplateData),
    TagSpecifications: tagSpecifications(tags) as NonNullable<RequestLaunchTemplateData["TagSpecifications"]>,
    ...(userData === "" ? {} : { UserData: Buffer.from(userData, "utf8").toString("base64") }),
  };
}

function capitalized(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(capitalized);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [`${key.charAt(0).toUpperCase()}${key.slice(1)}`, capitalized(one)]),
  );
}

export function fleetInput(request: FleetRequest): CreateFleetCommandInput {
  const { targetCapacityType: target, allocationStrategy: strategy, context } = request;
  const input = {
    Type: "instant",
    ClientToken: request.clientToken,
    LaunchTemplateConfigs: request.templates.map(({ templateName, overrides }) => ({
      LaunchTemplateSpecification: { LaunchTemplateName: templateName, Version: "$Latest" },
      Overrides: overrides.map(({ instanceType, zone, subnetId, imageId, priority }) => ({
        InstanceType: instanceType,
        AvailabilityZone: zone,
        SubnetId: subnetId,
        ImageId: imageId,
        Priority: priority,
      })),
    })),
    TargetCapacitySpecification: { TotalTargetCapacity: request.count, DefaultTargetCapacityType: target },
    TagSpecifications: tagSpecifications(request.tags),
    ...(target === "spot" ? { SpotOptions: { AllocationStrategy: strategy } } : {}),
    ...(target === "on-demand" ? { OnDemandOptions: { AllocationStrategy: strategy } } : {}),
    ...(target === "reserved-capacity"
      ? { ReservedCapacityOptions: { ReservationTypes: ["interruptible-capacity-reservation"] } }
      : {}),
    ...(context === undefined ? {} : { Context: context }),
  };
  return input as CreateFleetCommandInput;
}

export function trialInput(trial: InstanceTrial): RunInstancesCommandInput {
  const { templateName, instanceType, imageId, subnetId, networkInterfaces, tags } = trial;
  const interfaces = networkInterfaces.map((one) => ({ ...(capitalized(one) as object), SubnetId: subnetId }));
  return {
    MinCount: 1,
    MaxCount: 1,
    LaunchTemplate: { LaunchTemplateName: templateName, Version: "$Latest" },
    InstanceType: instanceType as NonNullable<RunInstancesCommandInput["InstanceType"]>,
    ImageId: imageId,
    // EC2 takes no subnet beside the template's interfaces: it must stand in each of them.
    NetworkInterfaces: interfaces,
    TagSpecifications: tagSpecifications(tags) as NonNullable<RunInstancesCommandInput["TagSpecifications"]>,
  };
}
