import { byText } from "../../base/order.ts";
import { NODE_CLAIMS } from "../../model/kinds.ts";
import type { Tags } from "../../providers/aws/aws-api.ts";
import type { SimulatedEc2 } from "../ec2/ec2.ts";
import { overdue } from "./instances-and-claims.ts";
import type { Judge, JudgeNeeds } from "./judge.ts";

const PERIOD_MS = 10_000;
const LAUNCHED_FOR = /^karpenter\.(sh\/nodeclaim|k8s\.aws\/launched-for-\d+)$/;

/** Law 1 and 3 in the account itself: no instance without a claim for longer than the collection takes, and no claim gets two. */
export function judgeAccount(ec2: Pick<SimulatedEc2, "machines">, { state, report }: JudgeNeeds): Judge {
  const strays = new Map<string, number>();
  /** By instance id: the claims that it was launched for. */
  const launches = new Map<string, readonly string[]>();
  /** By name: how many claims have had it, one after the other. */
  const made = new Map<string, number>();
  state.of(NODE_CLAIMS).onChange((before, after) => {
    if (before !== undefined || after === undefined) return;
    made.set(after.metadata.name, (made.get(after.metadata.name) ?? 0) + 1);
  });
  return {
    onSecond(nowMs) {
      for (const { instance } of ec2.machines()) {
        if (!launches.has(instance.id)) launches.set(instance.id, claimsIn(instance.tags));
      }
      if (nowMs % PERIOD_MS !== 0) return;
      const claimed = new Set([...state.of(NODE_CLAIMS).values()].map(({ status }) => status?.providerID));
      const alive = ec2
        .machines()
        .filter(({ instance }) => instance.state === "pending" || instance.state === "running");
      const without = alive.filter(({ instance }) => !claimed.has(`aws:///${instance.zone}/${instance.id}`));
      const ids = without.map(({ instance }) => instance.id);
      for (const id of overdue(strays, ids, nowMs)) report("account", `instance ${id} has no claim`);
      for (const { claims, instances } of groupsOf(launches)) {
        const count = claims.reduce((sum, name) => sum + (made.get(name) ?? 0), 0);
        if (instances.length <= count) continue;
        report("account", `${instances.length} instances for ${count} claims: ${claims.join(" ")}`);
      }
    },
  };
}

/** What is left in the account that somebody pays for, or that is in somebody's way: of a world that has been taken down. */
export function leftInAccount(ec2: Pick<SimulatedEc2, "machines" | "account">): string[] {
  const alive = ec2.machines().filter(({ instance }) => instance.state !== "terminated");
  return [
    ...alive.map(({ instance }) => `instance ${instance.id}`),
    ...[...ec2.account.templates.keys()].map((name) => `launch template ${name}`),
    ...[...ec2.account.profiles.keys()].map((name) => `instance profile ${name}`),
  ].sort(byText);
}

function claimsIn(tags: Tags): string[] {
  return Object.entries(tags).flatMap(([key, value]) => (LAUNCHED_FOR.test(key) ? value.split(" ") : []));
}

type Group = { claims: string[]; instances: string[] };

/** Instances and claims that belong together: a claim that was launched for in one batch may have been in another before. */
function groupsOf(launches: ReadonlyMap<string, readonly string[]>): readonly Group[] {
  const byClaim = new Map<string, Group>();
  for (const [id, claims] of launches) {
    const group: Group = { claims: [...claims], instances: [id] };
    for (const other of new Set(claims.flatMap((claim) => byClaim.get(claim) ?? []))) {
      group.claims.push(...other.claims);
      group.instances.push(...other.instances);
    }
    group.claims = [...new Set(group.claims)].sort(byText);
    for (const claim of group.claims) byClaim.set(claim, group);
  }
  return [...new Set(byClaim.values())];
}
