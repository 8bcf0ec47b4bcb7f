import assert from "node:assert/strict";
import { type AwsCase, refusedAs } from "./aws-side.ts";

const NAME = "case-profile";
const PATH = "/karpenter/case/";

/** Instance profiles, and the queue of interruptions. */
export const awsIdentityCases: readonly AwsCase[] = [
  {
    name: "an instance profile is there once, found by name and path, with the roles that were put in",
    async run({ aws, role }) {
      await refusedAs(aws.getInstanceProfile(NAME), /^NoSuchEntity/, "iam:GetInstanceProfile");
      await aws.createInstanceProfile({ name: NAME, path: PATH, tags: { a: "b" } });
      const again = aws.createInstanceProfile({ name: NAME, path: PATH, tags: { case: "again" } });
      await refusedAs(again, /^EntityAlreadyExists/, "iam:CreateInstanceProfile");
      await aws.addRoleToInstanceProfile(NAME, role);
      const { name, path, roles } = await aws.getInstanceProfile(NAME);
      assert.deepEqual([name, path, roles], [NAME, PATH, [role]]);
      assert.ok((await aws.listInstanceProfiles(PATH)).some((one) => one.name === NAME));
      await refusedAs(aws.deleteInstanceProfile(NAME), /^DeleteConflict/, "iam:DeleteInstanceProfile");
      await aws.removeRoleFromInstanceProfile(NAME, role);
      await aws.deleteInstanceProfile(NAME);
      await refusedAs(aws.deleteInstanceProfile(NAME), /^NoSuchEntity/, "iam:DeleteInstanceProfile");
    },
  },
  {
    name: "instance profiles are listed below a path alone",
    needs: "paths of instance profiles",
    async run({ aws }) {
      await aws.createInstanceProfile({ name: NAME, path: PATH, tags: { case: "path" } });
      const names = async (prefix: string) => (await aws.listInstanceProfiles(prefix)).map((one) => one.name);
      assert.deepEqual([await names("/karpenter/case"), await names("/karpenter/none/")], [[NAME], []]);
      await aws.deleteInstanceProfile(NAME);
    },
  },
  {
    name: "a role that is not there cannot be put into an instance profile",
    async run({ aws }) {
      await aws.createInstanceProfile({ name: NAME, path: PATH, tags: { case: "role" } });
      const added = aws.addRoleToInstanceProfile(NAME, "nobody");
      await refusedAs(added, /^NoSuchEntity/, "iam:AddRoleToInstanceProfile");
      await aws.deleteInstanceProfile(NAME);
    },
  },
  {
    name: "a message of the queue comes until it is deleted, and not while it is worked on",
    async run({ aws, queueName, send }) {
      await refusedAs(aws.getQueueUrl("none"), /QueueDoesNotExist|NonExistentQueue/, "sqs:GetQueueUrl");
      const url = await aws.getQueueUrl(queueName);
      await send("one");
      await send("two");
      const messages = await received(() => aws.receiveMessages(url), 2);
      assert.deepEqual(messages.map(({ body }) => body).sort(), ["one", "two"]);
      assert.equal(new Set(messages.map(({ id }) => id)).size, 2);
      assert.deepEqual(await aws.receiveMessages(url), []);
      for (const { receipt } of messages) await aws.deleteMessage(url, receipt);
    },
  },
];

async function received<T>(receive: () => Promise<T[]>, count: number): Promise<T[]> {
  const all: T[] = [];
  for (let i = 0; i < 5 && all.length < count; i += 1) all.push(...(await receive()));
  return all;
}
