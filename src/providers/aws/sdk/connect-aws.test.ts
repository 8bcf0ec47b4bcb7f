import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { after, before, beforeEach, describe, it } from "node:test";
import { realClock } from "../../../kube/real-clock.ts";
import { silentTelemetry } from "../../../telemetry/silent-telemetry.ts";
import { AwsError, type FleetRequest } from "../aws-api.ts";
import { type AwsConnection, connectAws } from "./connect-aws.ts";

type Answer = { status: number; body: string; headers?: Record<string, string> };
type Asked = { url: string; authorization: string; body: string };

const ENVIRONMENT = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
const FLEET: FleetRequest = {
  clientToken: "token",
  count: 1,
  targetCapacityType: "on-demand",
  templates: [],
  tags: [],
};
const ec2Error = (status: number, code: string): Answer => ({
  status,
  body: `<Response><Errors><Error><Code>${code}</Code><Message>said ${code}</Message></Error></Errors><RequestID>1</RequestID></Response>`,
});

describe("AWS' client, over HTTP", () => {
  let server: Server;
  let aws: AwsConnection;
  let answers: Answer[] = [];
  let asked: Asked[] = [];
  let counted: string[] = [];
  const saved = { ...process.env };

  before(async () => {
    server = createServer(async (request: IncomingMessage, response) => {
      const chunks: string[] = [];
      for await (const chunk of request) chunks.push(String(chunk));
      const { url = "", headers } = request;
      asked.push({ url, authorization: headers.authorization ?? "", body: chunks.join("") });
      const { status, body, headers: more = {} } = answers.shift() ?? { status: 500, body: "" };
      response.writeHead(status, more).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    Object.assign(process.env, ENVIRONMENT, { AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` });
    const metrics = {
      ...silentTelemetry.metrics,
      count: (name: string, labels: Readonly<Record<string, string>> = {}) => {
        counted.push(`${name} ${labels["service"]}/${labels["action"]}`);
      },
    };
    aws = connectAws({ region: "eu-west-1", version: "test", clock: realClock(), metrics });
  });
  beforeEach(() => {
    [answers, asked, counted] = [[], [], []];
  });
  after(async () => {
    aws.close();
    for (const name of [...Object.keys(ENVIRONMENT), "AWS_ENDPOINT_URL"]) {
      if (saved[name] === undefined) delete process.env[name];
      else process.env[name] = saved[name];
    }
    await new Promise((resolve) => server.close(resolve));
  });

  it("a dry run that EC2 would allow is an error of a certain name", async () => {
    answers = [ec2Error(412, "DryRunOperation")];
    await aws.tryFleet(FLEET);
    assert.match(asked[0]?.body ?? "", /Action=CreateFleet.*DryRun=true/);
    assert.deepEqual(counted.sort(), [
      "aws_sdk_go_request_attempt_total EC2/CreateFleet",
      "aws_sdk_go_request_total EC2/CreateFleet",
    ]);
  });

  it("one that it would not is told with action and code", async () => {
    answers = [ec2Error(403, "UnauthorizedOperation")];
    await assert.rejects(
      aws.tryFleet(FLEET),
      (error) =>
        error instanceof AwsError &&
        error.action === "ec2:CreateFleet" &&
        error.code === "UnauthorizedOperation" &&
        error.words === "said UnauthorizedOperation",
    );
  });

  it("instances that are not well: what is over counts for nothing", async () => {
    const event = (code: string, description: string) =>
      `<item><code>${code}</code><description>${description}</description></item>`;
    answers = [
      {
        status: 200,
        body: `<DescribeInstanceStatusResponse><instanceStatusSet><item><instanceId>i-1</instanceId>
          <availabilityZone>eu-west-1a</availabilityZone>
          <instanceStatus><status>impaired</status><details><item><name>reachability</name><status>failed</status>
          <impairedSince>2026-01-01T00:00:00.000Z</impairedSince></item></details></instanceStatus>
          <eventsSet>${event("instance-stop", "[Completed] it was")}${event("system-reboot", "soon")}</eventsSet>
          </item></instanceStatusSet></DescribeInstanceStatusResponse>`,
      },
    ];
    assert.deepEqual(
      await aws.describeInstanceStatus({ filters: [{ name: "event.code", values: ["system-reboot"] }] }),
      [{ id: "i-1", zone: "eu-west-1a", instanceImpairedSince: "2026-01-01T00:00:00Z", events: ["system-reboot"] }],
    );
  });

  it("zonal shifts: one signed request, and only those in force", async () => {
    const arn = "arn:aws:eks:eu-west-1:111122223333:cluster/shop";
    const shift = (appliedStatus: string, awayFrom: string) => ({ appliedStatus, awayFrom, expiryTime: 1_767_225_600 });
    const body = JSON.stringify({ arn, zonalShifts: [shift("APPLIED", "euw1-az1"), shift("NOT_APPLIED", "euw1-az2")] });
    answers = [{ status: 200, body }];
    assert.deepEqual(await aws.zonalShifts(arn), [{ zoneId: "euw1-az1", expiryTime: "2026-01-01T00:00:00Z" }]);
    assert.equal(asked[0]?.url, `/managedresources/${encodeURIComponent(arn)}`);
    assert.match(asked[0]?.authorization ?? "", /^AWS4-HMAC-SHA256 .*eu-west-1\/arc-zonal-shift\/aws4_request/);
  });

  it("a cluster that ARC does not know is told by name", async () => {
    const headers = { "x-amzn-errortype": "ResourceNotFoundException:http://internal" };
    answers = [{ status: 404, body: '{"message":"no"}', headers }];
    await assert.rejects(
      aws.zonalShifts("arn:x"),
      (error) =>
        error instanceof AwsError &&
        error.code === "ResourceNotFoundException" &&
        error.action === "arc-zonal-shift:GetManagedResource",
    );
  });
});
