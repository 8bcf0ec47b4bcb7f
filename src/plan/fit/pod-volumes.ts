import type { ClusterView } from "../../model/cluster-view.ts";
import type {
  NodeSelectorTerm,
  PersistentVolume,
  PersistentVolumeClaimSpec,
  Pod,
  StorageClass,
  Volume,
} from "../../model/core.ts";
import { HOSTNAME_LABEL, normalizedLabel, REGION_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import {
  formatRequirements,
  intersectAll,
  intersects,
  NO_REQUIREMENTS,
  type Operator,
  type Requirements,
  requirement,
  withRequirement,
} from "../../model/requirements.ts";

/** What the claims among a pod's volumes ask of its node. */
export type PodVolumes = {
  /** Where all its volumes can be: any one will do. Empty when they can never be in one place. */
  places: readonly Requirements[];
  /** Claims that count against an attach limit, each once. */
  attached: readonly AttachedClaim[];
};
export type AttachedClaim = { key: string; driver: string };

const ANYWHERE: readonly Requirements[] = [NO_REQUIREMENTS];
/** Ways to combine the places of several volumes that are looked at; real volumes have one or two each. */
const PLACES_MAX = 256;

/** The volumes' demands, or undefined for a pod without claims. Claims that cannot be used are another file's matter. */
export function podVolumesOf(pod: Pod, view: ClusterView): PodVolumes | undefined {
  let places: readonly Requirements[] | undefined;
  const attached = new Map<string, AttachedClaim>();
  for (const volume of pod.spec.volumes ?? []) {
    const claim = volumeClaimOf(volume, pod, view);
    if (claim === undefined) continue;
    places = combined(places ?? ANYWHERE, placesOf(claim.spec, view));
    const driver = driverOf(claim.spec, view);
    if (driver !== undefined) attached.set(claim.key, { key: claim.key, driver });
  }
  return places === undefined ? undefined : { places, attached: [...attached.values()] };
}

/** The claim behind a volume; undefined when it is another sort of volume. */
export type VolumeClaim = { name: string; key: string; spec: PersistentVolumeClaimSpec; exists: boolean };

/**
 * The claim that a volume names, or that a generic ephemeral volume gets; while that is not made yet, its template speaks
 * for it. (Upstream waits for the claim; the node would be needed all the same.)
 */
export function volumeClaimOf(volume: Volume, pod: Pod, view: ClusterView): VolumeClaim | undefined {
  const { persistentVolumeClaim, ephemeral } = volume;
  if (persistentVolumeClaim === undefined && ephemeral === undefined) return undefined;
  const name = persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${volume.name}`;
  const key = `${pod.metadata.namespace ?? "default"}/${name}`;
  const claim = view.persistentVolumeClaims.get(key);
  const spec = claim?.spec ?? ephemeral?.volumeClaimTemplate.spec ?? {};
  return { name, key, spec, exists: claim !== undefined };
}

/** A bound claim is where its volume is; another one can be where its class allows. */
function placesOf({ volumeName = "", storageClassName = "" }: PersistentVolumeClaimSpec, view: ClusterView) {
  if (volumeName !== "") {
    const volume = view.persistentVolumes.get(volumeName);
    return volume === undefined ? ANYWHERE : placesOfVolume(volume);
  }
  const storageClass = view.storageClasses.get(storageClassName);
  return storageClass === undefined ? ANYWHERE : placesOfClass(storageClass);
}

/**
 * A volume's terms are alternatives. A volume on a node's own disk is taken to be made anew elsewhere, so that its
 * hostname does not count; a term that says no more than a hostname then allows every place.
 */
function placesOfVolume({ metadata, spec }: PersistentVolume): readonly Requirements[] {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const isLocal = spec.local !== undefined || spec.hostPath !== undefined;
  const places = terms
    .filter(({ matchExpressions = [], matchFields = [] }) => matchExpressions.length + matchFields.length > 0)
    .map((term) => placeOfTerm(term, isLocal));
  const byLabel = placeOfLabels(metadata.labels ?? {});
  return places.length === 0 ? [byLabel] : combined(places, [byLabel]);
}

function placeOfTerm(term: NodeSelectorTerm, isLocal: boolean): Requirements {
  let place = NO_REQUIREMENTS;
  for (const { key, operator, values } of term.matchExpressions ?? []) {
    const label = placeLabel(key);
    if (isLocal && label === HOSTNAME_LABEL) continue;
    place = withRequirement(place, requirement(label, operator as Operator, values));
  }
  return place;
}

/** Old in-tree volumes tell their zones by labels, several of them joined by two underscores. */
function placeOfLabels(labels: Readonly<Record<string, string>>): Requirements {
  let place = NO_REQUIREMENTS;
  for (const [key, value] of Object.entries(labels)) {
    const label = normalizedLabel(key);
    if (label !== ZONE_LABEL && label !== REGION_LABEL) continue;
    place = withRequirement(place, requirement(label, "In", value.split("__")));
  }
  return place;
}

function placesOfClass({ allowedTopologies = [] }: StorageClass): readonly Requirements[] {
  const places = allowedTopologies.map(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.reduce(
      (place, { key, values }) => withRequirement(place, requirement(placeLabel(key), "In", values)),
      NO_REQUIREMENTS,
    ),
  );
  return places.length === 0 ? ANYWHERE : places;
}

/** Drivers have labels of their own for the zone; nodes that are yet to come are known by the common one. */
const ZONE_LABELS_OF_DRIVERS: ReadonlySet<string> = new Set([
  "topology.ebs.csi.aws.com/zone",
  "topology.gke.io/zone",
  "topology.disk.csi.azure.com/zone",
]);

function placeLabel(key: string): string {
  return ZONE_LABELS_OF_DRIVERS.has(key) ? ZONE_LABEL : normalizedLabel(key);
}

/** Every pair that can hold at once. */
function combined(a: readonly Requirements[], b: readonly Requirements[]): readonly Requirements[] {
  const pairs = new Map<string, Requirements>();
  for (const one of a) {
    for (const other of b) {
      if (pairs.size >= PLACES_MAX || intersects(one, other) !== undefined) continue;
      const both = intersectAll(one, other);
      pairs.set(formatRequirements(both), both);
    }
  }
  return [...pairs.values()];
}

/** Drivers that took over what the cluster's own code once did; their attach limits count for old volumes too. */
const DRIVERS_OF_PLUGINS: ReadonlyMap<string, string> = new Map([
  ["kubernetes.io/aws-ebs", "ebs.csi.aws.com"],
  ["kubernetes.io/gce-pd", "pd.csi.storage.gke.io"],
  ["kubernetes.io/azure-disk", "disk.csi.azure.com"],
  ["kubernetes.io/azure-file", "file.csi.azure.com"],
  ["kubernetes.io/cinder", "cinder.csi.openstack.org"],
  ["kubernetes.io/vsphere-volume", "csi.vsphere.vmware.com"],
]);

/** The driver that attaches it; undefined for volumes that nobody counts. */
function driverOf({ volumeName = "", storageClassName = "" }: PersistentVolumeClaimSpec, view: ClusterView) {
  if (volumeName !== "") {
    const spec = view.persistentVolumes.get(volumeName)?.spec;
    if (spec?.csi !== undefined) return spec.csi.driver;
    return spec?.awsElasticBlockStore === undefined ? undefined : DRIVERS_OF_PLUGINS.get("kubernetes.io/aws-ebs");
  }
  const provisioner = view.storageClasses.get(storageClassName)?.provisioner ?? "";
  if (provisioner === "" || provisioner === "kubernetes.io/no-provisioner") return undefined;
  return DRIVERS_OF_PLUGINS.get(provisioner) ?? provisioner;
}
