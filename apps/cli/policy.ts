import { UserError } from "../../src/base/errors.ts";
import { controllerPolicy, type PolicyScope, partitionOf } from "../../src/providers/aws/pure/permissions.ts";
import { nodeRolePolicies, queuePolicy, trustOf } from "../../src/providers/aws/pure/role-policies.ts";
import { readFlags } from "./flags.ts";
import { EXIT, type Io } from "./io.ts";

const USAGE = `Prints IAM policies for a cluster, as JSON for "aws iam" and "aws sqs".

usage: karpenter policy WHAT --cluster NAME [--region REGION]

  controller    what the controller's role may do
  trust         who may take the controller's role: EKS Pod Identity
  node-trust    who may take the nodes' role: EC2
  node          ARNs of the managed policies that the nodes' role needs
  queue         who may write into the queue of interruptions, which has the cluster's name

  --cluster NAME   the EKS cluster
  --region REGION  default: AWS_REGION, AWS_DEFAULT_REGION
`;

type Print = (scope: PolicyScope) => unknown;
const PRINTS: Readonly<Record<string, Print>> = {
  controller: (scope) => policy(controllerPolicy(scope)),
  trust: ({ region }) => policy(trustOf("pods.eks.amazonaws.com", region)),
  "node-trust": ({ region }) => policy(trustOf("ec2.amazonaws.com", region)),
  node: ({ region }) => nodeRolePolicies(partitionOf(region)),
  queue: (scope) => policy(queuePolicy(scope)),
};

/**
 * `karpenter policy`: from the same table by which the controller says which permission it lacks.
 * @throws UserError KARP_BAD_FLAG
 */
export async function policyCommand([what, ...args]: string[], io: Io): Promise<number> {
  if (what === undefined || what === "--help" || what === "-h") {
    io.out(USAGE);
    return what === undefined ? EXIT.wrongUse : EXIT.fine;
  }
  const flags = readFlags("policy", args, {
    cluster: { type: "string" },
    region: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  });
  if (flags.help) {
    io.out(USAGE);
    return EXIT.fine;
  }
  const print = Object.hasOwn(PRINTS, what) ? PRINTS[what] : undefined;
  const region = flags.region ?? io.env["AWS_REGION"] ?? io.env["AWS_DEFAULT_REGION"] ?? "";
  if (print === undefined) throw wrong(`there is no policy "${what}"`, `use one of: ${Object.keys(PRINTS).join(", ")}`);
  if (!/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/.test(flags.cluster ?? "")) {
    throw wrong(
      `--cluster is ${flags.cluster === undefined ? "missing" : `"${flags.cluster}", no name of an EKS cluster`}`,
      "give --cluster NAME",
    );
  }
  if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(region))
    throw wrong(`the region is "${region}"`, "give --region, such as us-east-1");
  io.out(`${JSON.stringify(print({ clusterName: flags.cluster ?? "", region }), undefined, 2)}\n`);
  return EXIT.fine;
}

function policy(Statement: unknown): unknown {
  return { Version: "2012-10-17", Statement };
}

function wrong(what: string, remedy: string): UserError {
  return new UserError({ code: "KARP_BAD_FLAG", what: `karpenter policy: ${what}`, remedy });
}
