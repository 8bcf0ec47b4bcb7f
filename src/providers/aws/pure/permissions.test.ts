import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { controllerPolicy, explained, partitionOf } from "./permissions.ts";

const SCOPE = { clusterName: "shop", region: "us-east-1" };
const denied = (action: string, message = "You are not authorized to perform this operation.") =>
  explained({ action, code: "UnauthorizedOperation", message }, SCOPE);
const statementIn = (text: string) => JSON.parse(/(\{.*\}) \(/.exec(text)?.[1] ?? "{}") as Record<string, unknown>;

describe("a refused permission", () => {
  it("names the action and the statement that gives it", () => {
    const text = denied("ec2:DescribeSubnets");
    assert.match(text, /^the controller may not do ec2:DescribeSubnets; /);
    assert.deepEqual(statementIn(text), {
      Sid: "AllowRegionalReadActions",
      Effect: "Allow",
      Action: ["ec2:DescribeSubnets"],
      Resource: "*",
      Condition: { StringEquals: { "aws:RequestedRegion": "us-east-1" } },
    });
  });

  it("has a statement for everything that the provider does", () => {
    for (const action of controllerPolicy(SCOPE).flatMap(({ Action }) => Action)) {
      const text = denied(action);
      assert.deepEqual([action, statementIn(text)["Effect"]], [action, "Allow"]);
      assert.ok(text.length < 1_024, `${action}: ${text.length} characters do not fit into an event`);
    }
  });

  it("is that of the action and resource which AWS names, where it names them", () => {
    const resource = "arn:aws:ec2:us-east-1:111122223333:subnet/subnet-1";
    const words = `User: x is not authorized to perform: ec2:RunInstances on resource: ${resource} because no policy allows it`;
    const statement = statementIn(denied("ec2:CreateFleet", words));
    assert.deepEqual(statement["Resource"], ["arn:aws:ec2:us-east-1:*:subnet/*"]);
    const role = "arn:aws:iam::111122223333:role/node";
    const pass = statementIn(
      denied("ec2:CreateFleet", `x is not authorized to perform: iam:PassRole on resource: ${role}`),
    );
    assert.deepEqual([pass["Action"], pass["Resource"]], [["iam:PassRole"], role]);
  });

  it("by a boundary or an organization is not mended in the role's policy", () => {
    const text = denied(
      "ec2:CreateFleet",
      "x is not authorized to perform: ec2:CreateFleet with an explicit deny in a service control policy",
    );
    assert.match(text, /not for lack of a statement .*service control policy/);
  });

  it("keeps AWS' words, but not those that only its decoder reads", () => {
    const text = denied("ec2:CreateFleet", `Not allowed. Encoded authorization failure message: ${"x".repeat(900)}`);
    assert.match(text, /\(UnauthorizedOperation: Not allowed\.\)$/);
  });

  it("of stale credentials says where they come from", () => {
    const text = explained({ action: "ec2:CreateFleet", code: "ExpiredToken", message: "it has expired" }, SCOPE);
    assert.match(text, /credentials \(ExpiredToken: it has expired\): check the role of its service account/);
  });

  it("that is none is told as it is", () => {
    const text = explained({ action: "ec2:CreateFleet", code: "InternalError", message: "oops" }, SCOPE);
    assert.equal(text, "InternalError: oops");
  });
});

it("partitions of regions", () => {
  const regions = ["eu-west-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "us-isof-south-1"];
  assert.deepEqual(regions.map(partitionOf), ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-f"]);
  const text = explained(
    { action: "sqs:ReceiveMessage", code: "AccessDenied", message: "no" },
    { clusterName: "shop", region: "cn-north-1" },
  );
  assert.match(text, /arn:aws-cn:sqs:cn-north-1:\*:shop/);
});
