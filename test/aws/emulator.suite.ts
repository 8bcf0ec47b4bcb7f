import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import {
  CreateTagsCommand,
  DescribeImagesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { CreateClusterCommand, EKSClient } from "@aws-sdk/client-eks";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateQueueCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { ec2Provider } from "../../apps/controller/provider.ts";
import { Random } from "../../src/base/random.ts";
import { realClock } from "../../src/kube/real-clock.ts";
import { crdOf } from "../../src/model/resources/crd.ts";
import { CUSTOM_RESOURCES } from "../../src/model/resources/custom-resources.ts";
import type { Ec2NodeClass } from "../../src/model/resources/ec2-node-class.ts";
import type { NodeClaim } from "../../src/model/resources/node-claim.ts";
import { defaultSettings } from "../../src/model/settings.ts";
import { type CloudProvider, InstanceNotFoundError } from "../../src/ports/cloud-provider.ts";
import { AwsError } from "../../src/providers/aws/aws-api.ts";
import { type AwsConnection, connectAws } from "../../src/providers/aws/sdk/connect-aws.ts";
import { createApiServer } from "../../src/simulation/api-server/api-server.ts";
import { silentTelemetry } from "../../src/telemetry/silent-telemetry.ts";
import { awsApiCases } from "../conformance/aws-cases.ts";
import type { AwsFeature, AwsSide } from "../conformance/aws-side.ts";

const SERVER = new URL("../../.aws-emulator/bin/moto_server", import.meta.url).pathname;
const REGION = "us-east-1";
const CLUSTER = "shop";
const QUEUE = "interruptions";
/** Cases that need this are left out here: docs/aws.md lists them, too. */
const LACKS: ReadonlySet<AwsFeature> = new Set([
  "capacity reservations",
  "placement groups",
  "price list",
  "limits of user data",
  "paths of instance profiles",
  "client tokens",
  "lack of capacity",
  "security groups of interfaces",
  "refusal of a second deletion",
]);

/** The real client over real HTTP, against an emulator: shapes of requests and answers, from discovery to the end of an instance. */
describe("AWS' own client against the emulator", {
  skip: existsSync(SERVER) ? false : "no emulator: run tools/aws-emulator/install.sh",
}, () => {
  let emulator: ChildProcess;
  let aws: AwsConnection;
  let provider: CloudProvider;
  let side: AwsSide;

  before(async () => {
    const port = await freePort();
    emulator = spawn(SERVER, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
    process.env["AWS_ENDPOINT_URL"] = `http://127.0.0.1:${port}`;
    process.env["AWS_ACCESS_KEY_ID"] = "test";
    process.env["AWS_SECRET_ACCESS_KEY"] = "test";
    await answering(`http://127.0.0.1:${port}/`);
    const clock = realClock();
    aws = connectAws({ region: REGION, version: "test", clock, metrics: silentTelemetry.metrics });
    const furnished = await furnish();
    const passTime = () => Promise.resolve();
    side = { aws, region: REGION, clusterName: CLUSTER, role: "node", queueName: QUEUE, passTime, ...furnished };
    const server = createApiServer({ clock, random: new Random(1), crds: CUSTOM_RESOURCES.map(crdOf) });
    const settings = { ...defaultSettings(), clusterName: CLUSTER, isolatedVpc: true };
    provider = ec2Provider(settings, { aws, kube: server.api(), clock, ...silentTelemetry, region: REGION });
  });
  after(() => {
    aws?.close();
    emulator?.kill();
  });

  it("finds out what there is, launches, finds, names and ends an instance, and leaves nothing behind", async () => {
    const [image] = await aws.describeImages({
      filters: [{ name: "architecture", values: ["x86_64"] }],
      owners: ["amazon"],
    });
    const care = provider.nodeClassCare!;
    const found = nodeClass(image!.id);
    const findings = await care.findings(found);
    assert.deepEqual(findings.failures, []);
    assert.deepEqual(
      findings.conditions.filter(({ status }) => status !== "True"),
      [],
    );
    const { annotation, hash, versionAnnotation, version } = care.hash(found);
    const ready: Ec2NodeClass = {
      ...found,
      metadata: { ...found.metadata, annotations: { [annotation]: hash, [versionAnnotation]: version } },
      status: {
        ...findings.status,
        conditions: [
          {
            type: "Ready",
            status: "True",
            reason: "Ready",
            message: "",
            lastTransitionTime: "2026-01-01T00:00:00Z",
            observedGeneration: 1,
          },
        ],
      },
    };
    const types = await provider.instanceTypes({} as never, ready);
    assert.ok(types.length > 800, `${types.length} types`);
    const m5 = types.find(({ name }) => name === "m5.large");
    assert.ok(m5!.offerings.some(({ available }) => available));
    assert.equal(m5!.capacity["pods"], 29);

    const instance = await provider.create(claim(), ready);
    assert.match(instance.providerId, /^aws:\/\/\/us-east-1[a-f]\/i-/);
    assert.equal(instance.labels["node.kubernetes.io/instance-type"], "m5.large");
    assert.equal(instance.labels["karpenter.sh/capacity-type"], "on-demand");
    const launched = claim({ status: { providerID: instance.providerId, nodeName: "node-1", imageID: image!.id } });
    const listed = await provider.list();
    assert.deepEqual(
      listed.map(({ providerId, claimName }) => [providerId, claimName]),
      [[instance.providerId, "default-x1"]],
    );
    assert.equal((await provider.get(instance.providerId)).labels["karpenter.sh/nodepool"], "default");
    assert.equal((await provider.nameInstance!(launched))["karpenter.k8s.aws/tagged"], "true");
    const [tagged] = await aws.describeInstances({ filters: [{ name: "tag:Name", values: ["node-1"] }] });
    assert.equal(tagged?.tags["eks:eks-cluster-name"], CLUSTER);

    await gone(() => provider.delete(launched));
    await gone(() => provider.get(instance.providerId));
    await care.finalize(ready);
    assert.deepEqual(await aws.describeLaunchTemplates({}), []);
    assert.deepEqual(await aws.listInstanceProfiles("/karpenter/"), []);
  });

  for (const { name, needs, run } of awsApiCases) {
    it(name, { skip: needs !== undefined && LACKS.has(needs) && `the emulator has no ${needs}` }, () => run(side));
  }

  it("tells which action was refused, and with which of AWS' codes", async () => {
    const refused = (code: RegExp, action: string) => (error: unknown) =>
      error instanceof AwsError && code.test(error.code) && error.action === action;
    await assert.rejects(
      aws.describeInstances({ ids: ["i-0123456789abcdef0"] }),
      refused(/^InvalidInstanceID\.NotFound$/, "ec2:DescribeInstances"),
    );
    await assert.rejects(aws.getInstanceProfile("none"), refused(/^NoSuchEntity/, "iam:GetInstanceProfile"));
    await assert.rejects(aws.getParameter("/none"), refused(/^ParameterNotFound$/, "ssm:GetParameter"));
    await assert.rejects(aws.describeCluster("none"), refused(/^ResourceNotFoundException$/, "eks:DescribeCluster"));
    const override = { instanceType: "m5.large", zone: "us-east-1a", subnetId: "", imageId: "", priority: 1 };
    const fleet = {
      clientToken: "t",
      count: 1,
      targetCapacityType: "on-demand",
      allocationStrategy: "lowest-price",
      templates: [{ templateName: "none", overrides: [override] }],
      tags: [],
    };
    await assert.rejects(
      aws.createFleet(fleet),
      refused(/^InvalidLaunchTemplateName\.NotFoundException$/, "ec2:CreateFleet"),
    );
  });
});

function nodeClass(imageId: string): Ec2NodeClass {
  const discovery = [{ tags: { "karpenter.sh/discovery": CLUSTER } }];
  return {
    apiVersion: "karpenter.k8s.aws/v1",
    kind: "EC2NodeClass",
    metadata: {
      name: "default",
      uid: "u-1",
      generation: 1,
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
    },
    spec: {
      amiFamily: "AL2023",
      amiSelectorTerms: [{ id: imageId }],
      subnetSelectorTerms: discovery,
      securityGroupSelectorTerms: discovery,
      role: "node",
      tags: { team: "a" },
    },
  };
}

function claim(change: Partial<NodeClaim> = {}): NodeClaim {
  return {
    apiVersion: "karpenter.sh/v1",
    kind: "NodeClaim",
    metadata: {
      name: "default-x1",
      uid: "u-2",
      resourceVersion: "1",
      creationTimestamp: "2030-01-01T00:00:00Z",
      labels: { "karpenter.sh/nodepool": "default" },
    },
    spec: {
      nodeClassRef: { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name: "default" },
      requirements: [
        { key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand"] },
        { key: "node.kubernetes.io/instance-type", operator: "In", values: ["m5.large"] },
      ],
    },
    ...change,
  };
}

/** The account's owner sets up a cluster, an interruption queue and a parameter. */
async function furnish(): Promise<Pick<AwsSide, "imageId" | "parameter" | "send">> {
  const [ec2, iam, eks, ssm] = [EC2Client, IAMClient, EKSClient, SSMClient].map(
    (one) => new one({ region: REGION }),
  ) as [EC2Client, IAMClient, EKSClient, SSMClient];
  await iam.send(new CreateRoleCommand({ RoleName: "node", AssumeRolePolicyDocument: "{}" }));
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
  const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({}));
  const ids = [...Subnets.map(({ SubnetId = "" }) => SubnetId), ...SecurityGroups.map(({ GroupId = "" }) => GroupId)];
  await ec2.send(new CreateTagsCommand({ Resources: ids, Tags: [{ Key: "karpenter.sh/discovery", Value: CLUSTER }] }));
  const subnetIds = Subnets.slice(0, 2).map(({ SubnetId = "" }) => SubnetId);
  await eks.send(
    new CreateClusterCommand({
      name: CLUSTER,
      roleArn: "arn:aws:iam::123456789012:role/node",
      resourcesVpcConfig: { subnetIds },
    }),
  );
  const parameter = { name: "/images/mine", value: "ami-1" };
  await ssm.send(new PutParameterCommand({ Name: parameter.name, Value: parameter.value, Type: "String" }));
  const sqs = new SQSClient({ region: REGION });
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: QUEUE }));
  const { Images = [] } = await ec2.send(
    new DescribeImagesCommand({ Filters: [{ Name: "architecture", Values: ["x86_64"] }], Owners: ["amazon"] }),
  );
  for (const client of [ec2, iam, eks, ssm]) client.destroy();
  return {
    imageId: Images[0]?.ImageId ?? "",
    parameter,
    send: async (body) => {
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
    },
  };
}

async function gone(ask: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 20; i += 1) {
    try {
      await ask();
    } catch (error) {
      if (error instanceof InstanceNotFoundError) return;
      throw error;
    }
  }
  assert.fail("the instance is still there");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function answering(url: string): Promise<void> {
  for (let i = 0; i < 200; i += 1) {
    try {
      await fetch(url);
      return;
    } catch {
      await realClock().sleep(100);
    }
  }
  assert.fail("the emulator does not answer");
}
