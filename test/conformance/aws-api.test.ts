import { describe, it } from "node:test";
import { Random } from "../../src/base/random.ts";
import { VirtualClock } from "../../src/simulation/clock/virtual-clock.ts";
import { createAccount, imageOf } from "../../src/simulation/ec2/account.ts";
import { SimulatedEc2 } from "../../src/simulation/ec2/ec2.ts";
import { awsApiCases } from "./aws-cases.ts";
import type { AwsSide } from "./aws-side.ts";

/** The other side, AWS' own client, runs the same cases in test/aws/emulator.suite.ts. */
describe("AwsApi on a simulated account", () => {
  for (const { name, run } of awsApiCases) {
    it(name, async () => {
      const { side, clock } = simulated();
      let isDone = false;
      const running = run(side).finally(() => {
        isDone = true;
      });
      // A failure is told below.
      running.catch(() => undefined);
      while (!isDone) await clock.runFor(1_000, () => isDone);
      await running;
    });
  }
});

function simulated(): { side: AwsSide; clock: VirtualClock } {
  const [region, clusterName] = ["us-east-1", "shop"];
  const clock = new VirtualClock(1_767_571_200_000);
  const account = createAccount({ region, clusterName });
  const ec2 = new SimulatedEc2({ clock, random: new Random(5), account });
  account.parameters.set("/images/mine", "ami-1");
  account.missingRoles.add("nobody");
  const side: AwsSide = {
    aws: ec2.api(),
    region,
    clusterName,
    imageId: imageOf(account, "amazon-linux-2023/x86_64/standard"),
    parameter: { name: "/images/mine", value: "ami-1" },
    role: "node",
    queueName: ec2.queue.name,
    send: async (body) => ec2.queue.send(body),
    passTime: (ms) => clock.sleep(ms),
  };
  return { side, clock };
}
