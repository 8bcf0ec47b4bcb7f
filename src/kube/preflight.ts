import { RetryError, UserError } from "../base/errors.ts";
import { parseTime, SECOND_MS } from "../base/time.ts";
import { type Kind, LEASES, resourceOf } from "../model/kinds.ts";
import type { KubeObject } from "../model/object.ts";
import type { Clock } from "../ports/clock.ts";
import { ApiError, isNotFound, type KubeApi } from "../ports/kube-api.ts";
import type { Permission } from "../ports/permission.ts";

export type Preflight = {
  api: KubeApi;
  clock: Clock;
  /** Our own kinds: without them there is nothing to do. */
  kinds: readonly Kind[];
  permissions: readonly Permission[];
  lease: { name: string; namespace: string };
};

const MINOR_MIN = 29;
/** The newest that it has been tried with. */
const MINOR_TRIED = 36;
const ANSWER_WITHIN_MS = 60 * SECOND_MS;
const RETRY_MS = SECOND_MS;

/**
 * Looks whether the product can work in the cluster at all, before it does anything: half a product is worse than none.
 * @returns warnings
 * @throws UserError KARP_NO_ANSWER, KARP_UNAUTHORIZED, KARP_OLD_API_SERVER, KARP_MISSING_KINDS, KARP_MISSING_PERMISSIONS,
 *   KARP_OTHER_CONTROLLER
 */
export async function preflight(needs: Preflight): Promise<readonly string[]> {
  const warnings = await insist(needs, () => checkVersion(needs));
  await insist(needs, () => checkPermissions(needs));
  await insist(needs, () => checkKinds(needs));
  await insist(needs, () => checkOthers(needs));
  return warnings;
}

/** A server that starts at the same time gets a minute. What it refuses, it refuses. */
async function insist<T>({ clock }: Preflight, check: () => Promise<T>): Promise<T> {
  const untilMs = clock.nowMs() + ANSWER_WITHIN_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (error instanceof ApiError && error.code === 401) throw unauthorized(error);
      const isBusy = error instanceof ApiError && (error.code >= 500 || error.code === 429);
      if (!(error instanceof RetryError) && !isBusy) throw error;
      if (clock.nowMs() >= untilMs) throw noAnswer(error);
      await clock.sleep(RETRY_MS);
    }
  }
}

async function checkVersion({ api }: Preflight): Promise<readonly string[]> {
  const version = await api.version();
  const major = Number.parseInt(version.major, 10);
  // EKS says "34+".
  const minor = Number.parseInt(version.minor, 10);
  if (major === 1 && minor < MINOR_MIN) {
    throw new UserError({
      code: "KARP_OLD_API_SERVER",
      what: `the API server is Kubernetes ${major}.${minor}; this version works with Kubernetes 1.${MINOR_MIN} and newer`,
      remedy: "upgrade the cluster",
    });
  }
  const isUntried = major > 1 || minor > MINOR_TRIED;
  return isUntried
    ? [`Kubernetes ${major}.${minor} is newer than 1.${MINOR_TRIED}, the last one this was tried with`]
    : [];
}

/** Every kind is asked for, so that one message names all that are missing. */
async function checkKinds({ api, kinds }: Preflight): Promise<void> {
  const missing: string[] = [];
  for (const kind of kinds) {
    try {
      await api.list(kind, { limit: 1 });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      missing.push(resourceOf(kind));
    }
  }
  if (missing.length === 0) return;
  throw new UserError({
    code: "KARP_MISSING_KINDS",
    what: `the cluster does not have the kinds ${missing.join(", ")}`,
    remedy:
      'install them: "helm upgrade --install karpenter-crd ...", or "karpenter crds | kubectl apply --server-side -f -"',
  });
}

type AccessReview = KubeObject & { spec: Record<string, unknown>; status?: { allowed?: boolean } };
const ACCESS_REVIEWS: Kind<AccessReview> = {
  group: "authorization.k8s.io",
  version: "v1",
  kind: "SelfSubjectAccessReview",
  plural: "selfsubjectaccessreviews",
  namespaced: false,
};

async function checkPermissions({ api, permissions }: Preflight): Promise<void> {
  const asked = permissions.flatMap((permission) => permission.verbs.map((verb) => ({ ...permission, verb })));
  const answers = await Promise.all(asked.map((one) => isAllowed(api, one)));
  const missing = asked.filter((_, i) => answers[i] === false);
  if (missing.length === 0) return;
  throw new UserError({
    code: "KARP_MISSING_PERMISSIONS",
    what: `the controller's account may not ${missing.map(inWords).join("; ")}`,
    remedy: "bind it to the ClusterRoles and the Role of the chart (charts/karpenter/templates)",
  });
}

type Asked = Permission & { verb: string };

async function isAllowed(api: KubeApi, { kind, verb, subresource, namespace, name }: Asked): Promise<boolean> {
  const resourceAttributes = { group: kind.group, resource: kind.plural, verb, subresource, namespace, name };
  const { apiVersion, kind: reviewKind } = { apiVersion: "authorization.k8s.io/v1", kind: ACCESS_REVIEWS.kind };
  const review = await api.create(ACCESS_REVIEWS, {
    apiVersion,
    kind: reviewKind,
    metadata: {},
    spec: { resourceAttributes },
  });
  return review.status?.allowed === true;
}

function inWords({ kind, verb, subresource, namespace, name }: Asked): string {
  const what = subresource === undefined ? resourceOf(kind) : `${resourceOf(kind)}/${subresource}`;
  const which = name === undefined ? "" : ` "${name}"`;
  return `${verb} ${what}${which}${namespace === undefined ? "" : ` in namespace ${namespace}`}`;
}

/** The Lease keeps two of one namespace apart. In different ones both would act on the same nodes. */
async function checkOthers({ api, clock, lease }: Preflight): Promise<void> {
  const { items } = await api.list(LEASES, { fieldSelector: `metadata.name=${lease.name}` });
  const nowMs = clock.nowMs() + (api.clockSkewMs?.() ?? 0);
  for (const { metadata, spec } of items) {
    const holder = spec.holderIdentity ?? "";
    const renewedMs = parseTime(spec.renewTime ?? "");
    if (metadata.namespace === lease.namespace || holder === "" || renewedMs === undefined) continue;
    if (nowMs - renewedMs > (spec.leaseDurationSeconds ?? 0) * SECOND_MS) continue;
    throw new UserError({
      code: "KARP_OTHER_CONTROLLER",
      what: `another Karpenter leads already: ${holder}, by Lease ${metadata.namespace}/${metadata.name}, and this one would use ${lease.namespace}/${lease.name}`,
      remedy: "uninstall or scale down the other one first, or install this one into its namespace",
    });
  }
}

function unauthorized(cause: ApiError): UserError {
  return new UserError({
    code: "KARP_UNAUTHORIZED",
    what: `the API server does not take the credentials: ${cause.message}`,
    remedy: "the token may have expired, or belong to another cluster: give a valid one",
    cause,
  });
}

function noAnswer(cause: unknown): UserError {
  return new UserError({
    code: "KARP_NO_ANSWER",
    what: `the API server has not answered for ${ANSWER_WITHIN_MS / SECOND_MS} s: ${cause instanceof Error ? cause.message : cause}`,
    remedy: "look at the server's address, the network and its policies",
    cause,
  });
}
