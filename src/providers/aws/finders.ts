import { byText } from "../../base/order.ts";
import { settleAll } from "../../base/settle-all.ts";
import { HOUR_MS, MINUTE_MS } from "../../base/time.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type AwsApi,
  type CapacityReservation,
  type Filter,
  isNotFound,
  type PlacementGroup,
  type SecurityGroup,
  type Subnet,
} from "./aws-api.ts";
import { Lookup } from "./lookup.ts";
import { aliasOf, type Ec2NodeClassSpec } from "./pure/ami-family.ts";
import { aliasParameters, type FoundImage, isDeprecated } from "./pure/ami-selection.ts";

type TagTerms = Readonly<Record<string, string>>;
type FinderOptions = { aws: AwsApi; clock: Clock; subnetRefreshMs: number; amiRefreshMs: number };

/** Groups and reservations seldom change; who changes a class asks anew. */
const OTHERS_TTL_MS = MINUTE_MS;
const ALIAS_TTL_MS = 24 * HOUR_MS;
const PARAMETER_TTL_MS = 5 * MINUTE_MS;

/** `*` asks for the key alone. */
export function tagFilters(tags: TagTerms): Filter[] {
  return Object.entries(tags).map(([key, value]) =>
    value === "*" ? { name: "tag-key", values: [key] } : { name: `tag:${key}`, values: [value] },
  );
}

/** Finds what the terms of node classes select. Answers are shared between classes, and good for a while. */
export class Finders {
  readonly #aws: AwsApi;
  readonly #subnets: Lookup<Subnet[]>;
  readonly #groups: Lookup<SecurityGroup[]>;
  readonly #images: Lookup<FoundImage[]>;
  readonly #parameters: Lookup<string>;
  readonly #reservations: Lookup<CapacityReservation[]>;
  readonly #placementGroups: Lookup<PlacementGroup | undefined>;

  constructor({ aws, clock, subnetRefreshMs, amiRefreshMs }: FinderOptions) {
    this.#aws = aws;
    this.#subnets = new Lookup({ clock, ttlMs: subnetRefreshMs });
    this.#groups = new Lookup({ clock, ttlMs: OTHERS_TTL_MS });
    this.#images = new Lookup({ clock, ttlMs: amiRefreshMs });
    this.#parameters = new Lookup({ clock, ttlMs: ALIAS_TTL_MS });
    this.#reservations = new Lookup({ clock, ttlMs: OTHERS_TTL_MS });
    this.#placementGroups = new Lookup({ clock, ttlMs: OTHERS_TTL_MS });
  }

  /** Those with the most free addresses first. */
  async subnets({ subnetSelectorTerms: terms }: Ec2NodeClassSpec): Promise<Subnet[]> {
    return filled(this.#subnets, JSON.stringify(terms), async () => {
      const queries = queriesOf(terms, "subnet-id").map((filters) => this.#aws.describeSubnets({ filters }));
      const found = unique((await settleAll(queries)).flat());
      return found.sort((a, b) => b.freeAddresses - a.freeAddresses || byText(a.id, b.id));
    });
  }

  /** In order of id. */
  async securityGroups({ securityGroupSelectorTerms: terms }: Ec2NodeClassSpec): Promise<SecurityGroup[]> {
    return filled(this.#groups, JSON.stringify(terms), async () => {
      const names = terms.flatMap(({ id, name }) => (id === undefined && name !== undefined ? [name] : []));
      const rest = terms.filter(({ id, name }) => id !== undefined || name === undefined);
      const filters = queriesOf(rest, "group-id");
      if (names.length > 0) filters.push([{ name: "group-name", values: names }]);
      const queries = filters.map((one) => this.#aws.describeSecurityGroups({ filters: one }));
      return unique((await settleAll(queries)).flat()).sort((a, b) => byText(a.id, b.id));
    });
  }

  /**
   * @param kubernetes the cluster's version, for aliases
   * @returns what the alias cannot be used for, where it cannot
   */
  async images(spec: Ec2NodeClassSpec, kubernetes: () => Promise<string>): Promise<FoundImage[] | { problem: string }> {
    const alias = aliasOf(spec);
    if (alias === undefined) {
      return filled(this.#images, JSON.stringify(spec.amiSelectorTerms), () => this.#imagesOfTerms(spec));
    }
    const version = await kubernetes();
    const parameters = aliasParameters(alias, version);
    if ("problem" in parameters) return parameters;
    return filled(this.#images, JSON.stringify([alias, version]), async () => {
      const ids = await settleAll(parameters.map(({ name }) => this.#parameter(name, ALIAS_TTL_MS)));
      const images = await this.#imagesById(ids.filter((id) => id !== undefined));
      return parameters.flatMap(({ variants }, i) =>
        images.filter(({ image }) => image.id === ids[i]).map(({ image }) => ({ image, variants })),
      );
    });
  }

  /** A parameter that names the newest image is asked for again as soon as that image is deprecated. */
  async forgetDeprecated(nowMs: number): Promise<void> {
    const newest = this.#parameters.known().filter(([name]) => /\/(recommended|latest)\/image_id$/.test(name));
    const images = await this.#imagesById(newest.map(([, id]) => id));
    const old = new Set(images.filter(({ image }) => isDeprecated(image, nowMs)).map(({ image }) => image.id));
    for (const [name, id] of newest) if (old.has(id)) this.#parameters.forget(name);
  }

  async reservations({
    capacityReservationSelectorTerms: terms = [],
  }: Ec2NodeClassSpec): Promise<CapacityReservation[]> {
    if (terms.length === 0) return [];
    return this.#reservations.get(JSON.stringify(terms), async () => {
      const found = await settleAll(terms.map((term) => this.#reservationsOf(term)));
      return unique(found.flat()).sort((a, b) => byText(a.id, b.id));
    });
  }

  async placementGroup({ placementGroupSelector: selector }: Ec2NodeClassSpec): Promise<PlacementGroup | undefined> {
    if (selector === undefined) return undefined;
    return this.#placementGroups.get(JSON.stringify(selector), async () => {
      try {
        const [group] = await this.#aws.describePlacementGroups(selector);
        return group;
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    });
  }

  async #imagesOfTerms({ amiSelectorTerms: terms }: Ec2NodeClassSpec): Promise<FoundImage[]> {
    const named = terms.filter(({ id, ssmParameter }) => id === undefined && ssmParameter === undefined);
    const parameters = terms.flatMap(({ ssmParameter }) => (ssmParameter === undefined ? [] : [ssmParameter]));
    const values = await settleAll(parameters.map((name) => this.#parameter(name, PARAMETER_TTL_MS)));
    const ids = [
      ...terms.flatMap(({ id }) => (id === undefined ? [] : [id])),
      ...values.filter((value) => value?.startsWith("ami-") === true).map(String),
    ];
    const queries = named.map(async ({ name, owner, tags = {} }) => {
      const owners = owner !== undefined ? [owner] : name !== undefined ? ["self", "amazon"] : undefined;
      const filters = [...(name === undefined ? [] : [{ name: "name", values: [name] }]), ...tagFilters(tags)];
      const images = await this.#aws.describeImages({ filters, ...(owners === undefined ? {} : { owners }) });
      return images.map((image): FoundImage => ({ image, variants: ["any"] }));
    });
    return (await settleAll([this.#imagesById(ids), ...queries])).flat();
  }

  async #imagesById(ids: readonly string[]): Promise<FoundImage[]> {
    if (ids.length === 0) return [];
    const images = await this.#aws.describeImages({ filters: [{ name: "image-id", values: [...new Set(ids)] }] });
    return images.map((image): FoundImage => ({ image, variants: ["any"] }));
  }

  /** Not every variant of an image is published for every version; a user's parameter may be yet to come. */
  async #parameter(name: string, ttlMs: number): Promise<string | undefined> {
    try {
      return await this.#parameters.get(name, () => this.#aws.getParameter(name), ttlMs);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #reservationsOf(
    term: NonNullable<Ec2NodeClassSpec["capacityReservationSelectorTerms"]>[number],
  ): Promise<CapacityReservation[]> {
    const { id, ownerID, instanceMatchCriteria, tags = {} } = term;
    try {
      if (id !== undefined) return await this.#aws.describeCapacityReservations({ ids: [id] });
      const filters = [
        ...(ownerID === undefined ? [] : [{ name: "owner-id", values: [ownerID] }]),
        ...(instanceMatchCriteria === undefined
          ? []
          : [{ name: "instance-match-criteria", values: [instanceMatchCriteria] }]),
        ...tagFilters(tags),
      ];
      return await this.#aws.describeCapacityReservations({ filters });
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }
}

/** Finding nothing is not remembered: it may be mended any moment. */
async function filled<T>(lookup: Lookup<T[]>, key: string, ask: () => Promise<T[]>): Promise<T[]> {
  const found = await lookup.get(key, ask);
  if (found.length === 0) lookup.forget(key);
  return found;
}

/** One query for all ids, and one for each term of tags. An id wins over the tags beside it. */
function queriesOf(terms: readonly { id?: string; tags?: TagTerms }[], idFilter: string): Filter[][] {
  const ids = terms.flatMap(({ id }) => (id === undefined ? [] : [id]));
  const tags = terms.filter(({ id }) => id === undefined).map((term) => tagFilters(term.tags ?? {}));
  return [
    ...(ids.length > 0 ? [[{ name: idFilter, values: ids }]] : []),
    ...tags.filter((filters) => filters.length > 0),
  ];
}

function unique<T extends { id: string }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [item.id, item])).values()];
}
