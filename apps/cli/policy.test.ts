import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import { controllerPolicy } from "../../src/providers/aws/pure/permissions.ts";
import { policyCommand } from "./policy.ts";

type Statement = { Action: string | string[]; Principal?: { Service?: unknown }; Resource?: unknown };

async function printed(...args: string[]) {
  let text = "";
  const io = {
    out: (more: string) => {
      text += more;
    },
    err: () => undefined,
    stdin: async () => "",
    env: { AWS_REGION: "eu-west-1" },
    cwd: "/",
    terminal: undefined,
  };
  assert.equal(await policyCommand(args, io), 0);
  return JSON.parse(text);
}

describe("karpenter policy", () => {
  it("prints what the controller asks of AWS, for this cluster and region alone", async () => {
    const { Version, Statement } = (await printed("controller", "--cluster", "shop")) as {
      Version: string;
      Statement: Statement[];
    };
    assert.equal(Version, "2012-10-17");
    assert.deepEqual(
      Statement,
      JSON.parse(JSON.stringify(controllerPolicy({ clusterName: "shop", region: "eu-west-1" }))),
    );
    assert.ok(Statement.every(({ Action }) => ![Action].flat().includes("*")));
    const ends = Statement.filter(({ Action }) => Action.includes("ec2:TerminateInstances"));
    assert.ok(JSON.stringify(ends).includes("kubernetes.io/cluster/shop"), "only instances of this cluster");
  });

  it("prints trust, managed policies and the queue's policy, in the region's partition", async () => {
    const trust = await printed("trust", "--cluster", "shop");
    assert.deepEqual(trust.Statement[0].Principal, { Service: "pods.eks.amazonaws.com" });
    const china = await printed("node-trust", "--cluster", "shop", "--region", "cn-north-1");
    assert.deepEqual(china.Statement[0].Principal, { Service: "ec2.amazonaws.com.cn" });
    assert.match(
      (await printed("node", "--cluster", "shop", "--region", "us-gov-west-1"))[0],
      /^arn:aws-us-gov:iam::aws:/,
    );
    const queue = await printed("queue", "--cluster", "shop");
    assert.deepEqual(
      queue.Statement.map(({ Effect, Resource }: { Effect: string; Resource: string }) => [Effect, Resource]),
      [
        ["Allow", "arn:aws:sqs:eu-west-1:*:shop"],
        ["Deny", "arn:aws:sqs:eu-west-1:*:shop"],
      ],
    );
  });

  for (const args of [
    ["controler", "--cluster", "a"],
    ["controller"],
    ["controller", "--cluster", "a b"],
    ["node", "--cluster", "a", "--region", "mars"],
  ]) {
    it(`refuses ${args.join(" ")}`, async () => {
      await assert.rejects(printed(...args), (error) => error instanceof UserError && error.code === "KARP_BAD_FLAG");
    });
  }
});
