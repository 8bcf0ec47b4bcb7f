import { UserError } from "../../src/base/errors.ts";
import { numberFlag, readFlags } from "../cli/flags.ts";

export type PlaygroundOptions = {
  help: boolean;
  /** One round by itself, then exit. */
  once: boolean;
  /** With once: on virtual time, so that it takes no longer than the computing. */
  virtual: boolean;
  /** Without sample workload and pools. */
  empty: boolean;
  /** 0: any free one. */
  port: number;
  seed: number;
  /** Simulated seconds in a real one. */
  speed: number;
  clusterName: string;
  region: string;
  /** Manifests to apply at the start. */
  files: string[];
};

export const PLAYGROUND_HELP = `usage: karpenter playground [OPTION...]     (npm start -- [OPTION...])

Starts a simulated EKS cluster on loopback with Karpenter at work in it, and writes .karpenter/kubeconfig.

  --once            one round by itself: scale up, all pods Running, scale down, no node left; then exit
  --virtual         with --once: on virtual time
  --empty           no sample workload and no pools
  -f, --file FILE   apply this manifest at the start (may be given several times); in a *.template the names of
                    the cluster are filled in as envsubst would: \${EKS_CLUSTER_NAME}, \${AWS_REGION} and others
  --port N          port of the API server (default 0: any free one)
  --seed N          everything drawn by chance comes from it (default 1)
  --speed N         simulated seconds in a real one, 1 to 100 (default 1)
  --cluster NAME    name of the cluster (default playground)
  --region NAME     whose instance types and prices (default us-east-1)
`;

/** @throws UserError KARP_BAD_FLAG */
export function playgroundOptions(args: string[]): PlaygroundOptions {
  const flags = readFlags("playground", args, {
    help: { type: "boolean", short: "h", default: false },
    once: { type: "boolean", default: false },
    virtual: { type: "boolean", default: false },
    empty: { type: "boolean", default: false },
    port: { type: "string", default: "0" },
    seed: { type: "string", default: "1" },
    speed: { type: "string", default: "1" },
    cluster: { type: "string", default: "playground" },
    region: { type: "string", default: "us-east-1" },
    file: { type: "string", short: "f", multiple: true, default: [] },
  });
  if (flags.virtual && !flags.once) {
    throw new UserError({
      code: "KARP_BAD_FLAG",
      what: "karpenter playground: --virtual works only with --once",
      remedy: "add --once, or use --speed for a faster clock",
    });
  }
  if (flags.once && flags.empty) {
    throw new UserError({
      code: "KARP_BAD_FLAG",
      what: "karpenter playground: --once needs the sample workload that --empty leaves out",
      remedy: "leave one of them out",
    });
  }
  return {
    help: flags.help,
    once: flags.once,
    virtual: flags.virtual,
    empty: flags.empty,
    port: numberFlag("playground", "port", flags.port, 0, 65_535),
    seed: numberFlag("playground", "seed", flags.seed, 0, Number.MAX_SAFE_INTEGER),
    speed: numberFlag("playground", "speed", flags.speed, 1, 100),
    clusterName: flags.cluster,
    region: flags.region,
    files: flags.file,
  };
}
