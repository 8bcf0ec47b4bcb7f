import type { InstanceType, Offering } from "../../model/instance-type.ts";
import type { Requirements } from "../../model/requirements.ts";
import { NodeClassNotReadyError } from "../../ports/cloud-provider.ts";
import type { Prices } from "./prices.ts";
import type { ClassView } from "./pure/class-view.ts";
import { misfit } from "./pure/compatibility.ts";
import {
  type NodeShape,
  nodeShape,
  requirementsKey,
  requirementsOfType,
  type TypeSettings,
} from "./pure/instance-type.ts";
import { kubeletOfType } from "./pure/kubelet-expressions.ts";
import { type Market, offeringsOf } from "./pure/offerings.ts";
import type { ReservationCounts } from "./reservation-counts.ts";
import type { SoldType, TypeBook } from "./type-book.ts";
import type { UnavailableOfferings } from "./unavailable-offerings.ts";
import type { ZonalShift } from "./zonal-shift.ts";

type Needs = {
  book: TypeBook;
  prices: Prices;
  unavailable: UnavailableOfferings;
  reservations: ReservationCounts;
  shift: ZonalShift;
  settings: TypeSettings;
};
/** So many kinds of classes are held at once; most clusters have one or two. */
const SHARED_MAX = 8;

const NO_REQUIREMENTS: Requirements = new Map();

type Shaped = { sold: SoldType; shape: NodeShape; fits: boolean };
/** Of one class: what it is made from, and what came of it. */
type Made = { fingerprint: string; shaped: readonly Shaped[]; moment: string; types: readonly InstanceType[] };

/**
 * The instance types of node classes. As long as nothing changes the very same list is given, so that whoever builds
 * on it can keep what he has built; when only something sold out, unconcerned types stay the same.
 */
export class ClassTypes {
  readonly #needs: Needs;
  readonly #made = new Map<string, Made>();
  readonly #requirements = new Map<string, readonly Requirements[]>();
  readonly #fits = new Map<string, readonly boolean[]>();
  readonly #offerings = new Map<string, Map<string, Offering[]>>();
  readonly #market: Market;

  constructor(needs: Needs) {
    this.#needs = needs;
    const { prices, unavailable, reservations, shift } = needs;
    this.#market = {
      onDemandPrice: (type) => prices.onDemand(type),
      spotPrice: (type, zone) => prices.spot(type, zone),
      isUnavailable: (offering, view) => unavailable.isUnavailable(offering, view),
      reservationLeft: (id) => reservations.left(id),
      isShifted: (zoneId) => shift.isShifted(zoneId),
    };
  }

  /** Why the types of the class cannot be told: an expression in its kubelet's settings fails on one of them. */
  async problem(view: ClassView): Promise<string | undefined> {
    try {
      await this.of(view);
      return undefined;
    } catch (error) {
      if (error instanceof NodeClassNotReadyError) return error.message;
      throw error;
    }
  }

  /**
   * In order of name; also types of which nothing can be bought now.
   * @throws NodeClassNotReadyError when an expression in the class' settings of the kubelet fails on one of them
   */
  async of(view: ClassView): Promise<readonly InstanceType[]> {
    const { book, prices, unavailable, reservations, shift } = this.#needs;
    const sold = await book.types();
    await prices.ready();
    const fingerprint = JSON.stringify([book.version, partsThatShape(view)]);
    const moment = [prices.version, unavailable.version(), reservations.version, shift.version()].join(" ");
    const known = this.#made.get(view.name);
    if (known?.fingerprint === fingerprint && known.moment === moment) return known.types;
    const isSameShape = known?.fingerprint === fingerprint;
    const shaped = isSameShape ? known.shaped : this.#shapes(sold, view);
    const before = isSameShape ? known.types : [];
    const offerings = this.#offeringsNow(moment, view);
    const types = shaped.map((one, i) => this.#type(one, view, offerings, before[i]));
    this.#made.set(view.name, { fingerprint, shaped, moment, types });
    return types;
  }

  /** Of each class that somebody has asked for: as it was told last. */
  known(): readonly (readonly InstanceType[])[] {
    return [...this.#made.values()].map(({ types }) => types);
  }

  forget(className: string): void {
    this.#made.delete(className);
  }

  /** Classes that differ in their kubelet's settings or volumes share what their types require. */
  #shapes(sold: readonly SoldType[], view: ClassView): Shaped[] {
    const { settings, book } = this.#needs;
    const key = `${book.version} ${requirementsKey(view)}`;
    const shared =
      this.#requirements.get(key) ?? sold.map(({ facts, zones }) => requirementsOfType(facts, zones, view, settings));
    if (this.#requirements.size >= SHARED_MAX) this.#requirements.clear();
    this.#requirements.set(key, shared);
    const fits = this.#fitsOf(sold, shared, view);
    const interfaces = view.spec.networkInterfaces ?? [];
    return sold.map((one, i) => {
      const resolved = kubeletOfType(view.kubelet, one.facts, view.familyFacts, interfaces, settings.reservedEnis);
      if ("problem" in resolved) throw new NodeClassNotReadyError(resolved.problem);
      const shape = nodeShape(one.facts, one.zones, view, settings, shared[i], resolved.kubelet);
      return { sold: one, shape, fits: fits[i] === true };
    });
  }

  /** Of each type, whether nodes of the class can be of it: the same for classes with the same images and interfaces. */
  #fitsOf(sold: readonly SoldType[], requirements: readonly Requirements[], view: ClassView): readonly boolean[] {
    const { networkInterfaces, connectionTracking, cpuOptions } = view.spec;
    const parts = [view.family, view.amis, networkInterfaces, connectionTracking !== undefined, cpuOptions];
    const key = `${this.#needs.book.version} ${requirementsKey(view)} ${JSON.stringify(parts)}`;
    const shared =
      this.#fits.get(key) ??
      sold.map(({ facts }, i) => misfit(facts, requirements[i] ?? NO_REQUIREMENTS, view) === undefined);
    if (this.#fits.size >= SHARED_MAX) this.#fits.clear();
    this.#fits.set(key, shared);
    return shared;
  }

  /** By type and whether it fits: what classes with the same places are offered at this moment. */
  #offeringsNow(moment: string, view: ClassView): Map<string, Offering[]> {
    const key = `${this.#needs.book.version} ${moment} ${requirementsKey(view)}`;
    const shared = this.#offerings.get(key) ?? new Map<string, Offering[]>();
    if (this.#offerings.size >= SHARED_MAX) this.#offerings.clear();
    this.#offerings.set(key, shared);
    return shared;
  }

  #type(
    { sold, shape, fits }: Shaped,
    view: ClassView,
    shared: Map<string, Offering[]>,
    before: InstanceType | undefined,
  ): InstanceType {
    const { reservedCapacity } = this.#needs.settings;
    const key = `${sold.facts.name} ${fits}`;
    const offerings =
      shared.get(key) ?? offeringsOf(sold.facts, sold.zones, view, this.#market, fits, reservedCapacity);
    shared.set(key, offerings);
    const isSame = before?.offerings.every((old, i) => {
      const now = offerings[i];
      return (
        old.available === now?.available &&
        old.priceUsdPerHour === now.priceUsdPerHour &&
        old.reservationCapacity === now.reservationCapacity
      );
    });
    return isSame === true && before !== undefined ? before : { name: sold.facts.name, ...shape, offerings };
  }
}

/** Of the class: all that decides how a node looks and what it may be. */
function partsThatShape(view: ClassView): unknown {
  const { spec, subnets, amis, reservations, placementGroup } = view;
  const { kubelet, blockDeviceMappings, instanceStorePolicy, networkInterfaces, cpuOptions, connectionTracking } = spec;
  return [
    [spec.amiFamily, spec.amiSelectorTerms],
    [kubelet, blockDeviceMappings, instanceStorePolicy, networkInterfaces, cpuOptions],
    connectionTracking !== undefined,
    subnets.map(({ zone, zoneID }) => [zone, zoneID]).sort(),
    amis,
    reservations,
    placementGroup,
    [...view.learnedMemory],
  ];
}
