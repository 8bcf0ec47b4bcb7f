import { settleAll } from "../../base/settle-all.ts";
import { HOUR_MS, MINUTE_MS } from "../../base/time.ts";
import { EC2_NODE_CLASSES, NODE_CLAIMS } from "../../model/kinds.ts";
import { REGION_LABEL } from "../../model/labels.ts";
import type { Ec2NodeClass } from "../../model/resources/ec2-node-class.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KubeApi } from "../../ports/kube-api.ts";
import { listAll } from "../../ports/list-all.ts";
import { type AwsApi, type InstanceProfile, isAlreadyThere, isNotFound, type Tags } from "./aws-api.ts";

import { Lookup } from "./lookup.ts";
import { hash64 } from "./pure/hash64.ts";
import { CLUSTER_TAG, NODE_CLASS_TAG, PROFILE_ANNOTATION } from "./pure/labels.ts";

type Needs = { aws: AwsApi; kube: KubeApi; clock: Clock; region: string; clusterName: string };

/** The profile's name, or why there is none. */
type Ensured = { name: string } | { reason: string; message: string };

const TTL_MS = 15 * MINUTE_MS;

/** The instance profiles that we make for the roles of node classes. */
export class InstanceProfiles {
  readonly #needs: Needs;
  readonly #ensured: Lookup<Ensured>;
  /** By name; of this process. */
  readonly #madeMs = new Map<string, number>();

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#ensured = new Lookup({ clock: needs.clock, ttlMs: TTL_MS });
  }

  /**
   * The name of a profile with the role, which is there: the same each time, another for another role. Or why there is
   * none: the role is not there, or the profile is somebody else's.
   */
  async ensure({ metadata, spec }: Ec2NodeClass, role: string): Promise<Ensured> {
    const { clusterName, region } = this.#needs;
    const { name: className, uid } = metadata;
    const name = `${clusterName}_${hash64([region, className, uid, role].join(" "))}`;
    const ensured = await this.#ensured.get(name, async () => {
      await this.#make(name, this.#pathOf(uid), {
        ...spec?.tags,
        [`kubernetes.io/cluster/${clusterName}`]: "owned",
        [CLUSTER_TAG]: clusterName,
        [NODE_CLASS_TAG]: className,
        [REGION_LABEL]: region,
      });
      return this.#setRole(name, this.#pathOf(uid), role);
    });
    if ("reason" in ensured) this.#ensured.forget(name);
    return ensured;
  }

  /** Takes away all that were made for the class. */
  async deleteOf({ metadata }: Ec2NodeClass): Promise<void> {
    const profiles = await this.#needs.aws.listInstanceProfiles(this.#pathOf(metadata.uid));
    await settleAll(profiles.map((profile) => this.#delete(profile)));
  }

  /** Takes away those that no class and no claim names any more; seldom, as nothing depends on it. */
  async collect(): Promise<void> {
    const { aws, kube } = this.#needs;
    const profiles = await aws.listInstanceProfiles(this.#pathOf(""));
    const classes = await listAll(kube, EC2_NODE_CLASSES);
    const claims = await listAll(kube, NODE_CLAIMS);
    const used = new Set([
      ...classes.map(({ status }) => status?.instanceProfile),
      ...claims.map(({ metadata }) => metadata.annotations?.[PROFILE_ANNOTATION]),
    ]);
    const living = new Set(classes.map(({ metadata }) => this.#pathOf(metadata.uid)));
    // A class that is there may be about to write a new profile into its status.
    const stray = profiles.filter(({ name, path }) => !used.has(name) && !(living.has(path) && this.#isRecent(name)));
    await settleAll(stray.map((profile) => this.#delete(profile)));
  }

  #isRecent(name: string): boolean {
    const madeMs = this.#madeMs.get(name);
    return madeMs !== undefined && this.#needs.clock.nowMs() - madeMs < HOUR_MS;
  }

  #pathOf(uid: string): string {
    const { region, clusterName } = this.#needs;
    return `/karpenter/${region}/${clusterName}/${uid === "" ? "" : `${uid}/`}`;
  }

  async #make(name: string, path: string, tags: Tags): Promise<void> {
    this.#madeMs.set(name, this.#needs.clock.nowMs());
    try {
      await this.#needs.aws.createInstanceProfile({ name, path, tags });
    } catch (error) {
      if (!isAlreadyThere(error)) throw error;
    }
  }

  /** A profile holds one role. IAM knows roles by their names, without their paths. */
  async #setRole(name: string, ownPath: string, role: string): Promise<Ensured> {
    const { aws } = this.#needs;
    const bare = role.slice(role.lastIndexOf("/") + 1);
    const { roles, path } = await aws.getInstanceProfile(name);
    if (path !== ownPath) {
      return { reason: "InstanceProfileTaken", message: `instance profile "${name}" is not ours: its path is ${path}` };
    }
    if (roles.length === 1 && roles[0] === bare) return { name };
    for (const other of roles) await aws.removeRoleFromInstanceProfile(name, other);
    try {
      await aws.addRoleToInstanceProfile(name, bare);
      return { name };
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return { reason: "RoleNotFound", message: `IAM has no role "${role}"` };
    }
  }

  async #delete({ name, roles }: InstanceProfile): Promise<void> {
    const { aws } = this.#needs;
    this.#ensured.forget(name);
    try {
      for (const role of roles) await aws.removeRoleFromInstanceProfile(name, role);
      await aws.deleteInstanceProfile(name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
