import type { Pod } from "../../src/model/core.ts";
import { HOSTNAME_LABEL, INITIALIZED_LABEL, REGISTERED_LABEL } from "../../src/model/labels.ts";
import { type RequirementSpec, requirementsOf } from "../../src/model/requirements.ts";
import { addResources, type Resources } from "../../src/model/resources.ts";
import { conditionOf, isTolerated, type Launch, nodeTermsOf, type Term, valueSetsOf } from "./judge-labels.ts";
import {
  daemonRequests,
  daemonsOf,
  type HostPort,
  hostPortsOf,
  type JudgedWorld,
  type Place,
  type Purchase,
  podKey,
  requestsOf,
  unmet,
  unmetKey,
} from "./judge-places.ts";

type Say = (rule: string, about: string, message: string) => void;

/** The rules that one node decides alone. `sayStiff` takes what is wrong only on types that are not the cheapest. */
export function judgeNode(world: JudgedWorld, place: Place, isBestEffort: boolean, say: Say, sayStiff: Say): void {
  const pods = [...place.running, ...place.placed];
  const needed = addResources(...pods.map(requestsOf));
  const total = addResources(needed, place.reserved);
  for (const key of shortOf(total, place.allocatable)) {
    if (!place.placed.some((pod) => (requestsOf(pod)[key] ?? 0) > 0)) continue;
    say("resources", place.name, `is over-packed: ${key} ${total[key]} needed of ${place.allocatable[key] ?? 0}`);
  }
  for (const pod of place.placed) judgePod(place, pod, say);
  judgePorts(place, say);
  judgeVolumes(world, place, say);
  if (place.purchase === undefined) return;
  judgeMinValues(place, place.purchase, needed, isBestEffort, say);
  judgeOtherTypes(world, place, place.purchase, needed, sayStiff);
}

function shortOf(needed: Resources, available: Resources): string[] {
  return Object.keys(needed).filter((key) => (needed[key] ?? 0) > (available[key] ?? 0));
}

function judgePod(place: Place, pod: Pod, say: Say): void {
  if (!isTolerated(place.taints, pod.spec.tolerations)) {
    say("taints", podKey(pod), `does not tolerate the taints of ${place.name}`);
  }
  const terms = nodeTermsOf(pod.spec);
  const unmetKeys = terms.map((term) => unmetKey(place, term));
  if (unmetKeys.includes(undefined)) return;
  say("node-affinity", podKey(pod), `on ${place.name}: no term holds (${unmetKeys.join(", ") || "it has none"})`);
}

function judgePorts(place: Place, say: Say): void {
  const taken: { owner: string; port: HostPort; isNew: boolean }[] = [];
  for (const pod of place.running)
    for (const port of hostPortsOf(pod.spec)) taken.push({ owner: podKey(pod), port, isNew: false });
  for (const port of place.daemonPorts) taken.push({ owner: "a daemon", port, isNew: false });
  for (const pod of place.placed)
    for (const port of hostPortsOf(pod.spec)) taken.push({ owner: podKey(pod), port, isNew: true });
  for (const [i, a] of taken.entries()) {
    for (const b of taken.slice(i + 1)) {
      if (a.owner === b.owner || !(a.isNew || b.isNew) || !clash(a.port, b.port)) continue;
      say("host-ports", place.name, `${a.owner} and ${b.owner} both want ${a.port.port}/${a.port.protocol}`);
    }
  }
}

function clash(a: HostPort, b: HostPort): boolean {
  const isEvery = (ip: string): boolean => ip === "0.0.0.0" || ip === "::";
  return a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || isEvery(a.ip) || isEvery(b.ip));
}

function judgeMinValues(place: Place, bought: Purchase, needed: Resources, isBestEffort: boolean, say: Say): void {
  if (isBestEffort || bought.isListCut) return;
  const wanted = requirementsOf((bought.pool.spec.template.spec.requirements ?? []) as RequirementSpec[]);
  const fitting = [...bought.launches.values()].filter(
    ([first]) => first !== undefined && shortOf(needed, first.type.allocatable).length === 0,
  );
  for (const [key, { minValues }] of wanted) {
    if (minValues === undefined) continue;
    const values = new Set(fitting.flat().flatMap(({ labels }) => labels[key] ?? []));
    if (values.size < minValues) {
      say("min-values", place.name, `minValues ${minValues} for ${key}: only ${values.size} where its pods fit`);
    }
  }
}

/** The provider may launch any listed type, in any offering that is open: the pods have to run on each. */
function judgeOtherTypes(world: JudgedWorld, place: Place, bought: Purchase, needed: Resources, say: Say): void {
  const wanted = requirementsOf((bought.pool.spec.template.spec.requirements ?? []) as RequirementSpec[]);
  const terms = distinctTerms(place.placed);
  for (const [name, launches] of bought.launches) {
    const about = `${place.name} as ${name}`;
    if (launches.length === 0) say("flexibility", about, "has no open offering");
    for (const launch of launches) {
      const sets = labelsOf(launch, bought, place.name);
      const forbidden = unmet(sets, place.open, wanted, "some");
      if (forbidden !== undefined) say("flexibility", about, `${forbidden} is not what the pool allows`);
      judgeLaunch({ world, place, needed, terms, sets, about }, launch.type.allocatable, say);
    }
  }
}

type LaunchCase = {
  world: JudgedWorld;
  place: Place;
  needed: Resources;
  terms: readonly { pod: Pod; of: readonly Term[] }[];
  sets: ReadonlyMap<string, ReadonlySet<string>>;
  about: string;
};

function judgeLaunch({ world, place, needed, terms, sets, about }: LaunchCase, allocatable: Resources, say: Say): void {
  const daemons = daemonsOf(world, place.taints, sets, place.open);
  const total = addResources(needed, ...daemons.map(({ spec }) => daemonRequests(spec)));
  for (const key of shortOf(total, allocatable)) {
    say("flexibility", about, `is too small: ${key} ${total[key]} of ${allocatable[key] ?? 0}`);
  }
  for (const { pod, of } of terms) {
    if (of.some((term) => unmet(sets, place.open, term, "every") === undefined)) continue;
    say("flexibility", about, `${podKey(pod)} does not accept its labels`);
  }
  const ports = daemons.flatMap(({ spec }) => hostPortsOf(spec));
  const blocked = place.placed.find((pod) => hostPortsOf(pod.spec).some((a) => ports.some((b) => clash(a, b))));
  if (blocked !== undefined) say("flexibility", about, `${podKey(blocked)} wants a daemon's host port`);
}

function labelsOf(launch: Launch, bought: Purchase, name: string): Map<string, Set<string>> {
  const sets = valueSetsOf([launch]);
  for (const [key, value] of Object.entries(bought.labels)) sets.set(key, new Set([value]));
  for (const key of [REGISTERED_LABEL, INITIALIZED_LABEL]) sets.set(key, new Set(["true"]));
  sets.set(HOSTNAME_LABEL, new Set([name]));
  return sets;
}

function distinctTerms(pods: readonly Pod[]): { pod: Pod; of: readonly Term[] }[] {
  const seen = new Map<string, Pod>();
  for (const pod of pods) {
    const { nodeSelector, affinity } = pod.spec;
    const key = JSON.stringify([nodeSelector, affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution]);
    if (!seen.has(key)) seen.set(key, pod);
  }
  return [...seen.values()].map((pod) => ({ pod, of: nodeTermsOf(pod.spec) }));
}

// ---------------------------------------------------------------- volumes

type MountedClaim = { key: string; driver: string | undefined; alternatives: readonly Term[] };

/** The volume claims of a pod, and where their volumes are or may be made. */
export function mountedClaims(world: JudgedWorld, pod: Pod): MountedClaim[] {
  const namespace = pod.metadata.namespace ?? "default";
  return (pod.spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    const claimName = persistentVolumeClaim?.claimName ?? (ephemeral && `${pod.metadata.name}-${name}`);
    if (claimName === undefined) return [];
    const key = `${namespace}/${claimName}`;
    const spec = world.volumeClaims.get(key)?.spec ?? ephemeral?.volumeClaimTemplate.spec;
    if (spec === undefined) return [];
    const place =
      (spec.volumeName ?? "") !== "" ? boundVolume(world, spec.volumeName) : futureVolume(world, spec.storageClassName);
    return place === undefined ? [] : [{ key, ...place }];
  });
}

function boundVolume(world: JudgedWorld, name = ""): Omit<MountedClaim, "key"> | undefined {
  const volume = world.volumes.get(name);
  if (volume === undefined) return undefined;
  const { csi, awsElasticBlockStore, local, hostPath, nodeAffinity } = volume.spec;
  // A local volume is lost with its node anyway: its pod may go elsewhere.
  const isLocal = local !== undefined || hostPath !== undefined;
  const alternatives = (nodeAffinity?.required?.nodeSelectorTerms ?? []).map(({ matchExpressions = [] }) =>
    matchExpressions.filter(({ key }) => !(isLocal && key === HOSTNAME_LABEL)).map(conditionOf),
  );
  return { driver: csi?.driver ?? (awsElasticBlockStore && "ebs.csi.aws.com"), alternatives };
}

function futureVolume(world: JudgedWorld, name = ""): Omit<MountedClaim, "key"> | undefined {
  const storageClass = world.storageClasses.get(name);
  if (storageClass === undefined) return undefined;
  const { provisioner, allowedTopologies = [] } = storageClass;
  return {
    driver: provisioner === "kubernetes.io/aws-ebs" ? "ebs.csi.aws.com" : provisioner,
    alternatives: allowedTopologies.map(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.map(({ key, values }) => conditionOf({ key, operator: "In", values })),
    ),
  };
}

function judgeVolumes(world: JudgedWorld, place: Place, say: Say): void {
  const perDriver = new Map<string, Set<string>>();
  const count = ({ driver = "", key }: MountedClaim): void => {
    perDriver.set(driver, (perDriver.get(driver) ?? new Set()).add(key));
  };
  for (const pod of place.running) mountedClaims(world, pod).forEach(count);
  for (const pod of place.placed) {
    for (const mounted of mountedClaims(world, pod)) {
      count(mounted);
      const { alternatives, key } = mounted;
      if (alternatives.length > 0 && alternatives.every((term) => unmetKey(place, term) !== undefined)) {
        say("volumes", podKey(pod), `on ${place.name}: its volume ${key} cannot be there`);
      }
    }
  }
  for (const [driver, most] of place.volumeLimits) {
    const claims = perDriver.get(driver)?.size ?? 0;
    if (claims > most) say("volume-limits", place.name, `would hold ${claims} volumes of ${driver}, of ${most}`);
  }
}
