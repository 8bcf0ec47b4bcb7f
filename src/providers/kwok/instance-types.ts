import Type, { type Static } from "typebox";
import { UserError } from "../../base/errors.ts";
import { byText } from "../../base/order.ts";
import type { CapacityType, InstanceType, Offering } from "../../model/instance-type.ts";
import { CAPACITY_TYPE_LABEL, ZONE_LABEL } from "../../model/labels.ts";
import { milliValue, parseQuantity } from "../../model/quantity.ts";
import { type Requirement, type Requirements, requirementsOf } from "../../model/requirements.ts";
import { parseResources } from "../../model/resources.ts";
import { fieldErrorText } from "../../model/schema/field-error.ts";
import { structuralSchema } from "../../model/schema/structural.ts";
import { schemaErrors } from "../../model/schema/validate.ts";
import { isReservationLabel, kwokInstanceType, kwokOffering } from "./instance-type.ts";

const REQUIREMENT = Type.Object({
  key: Type.String({ minLength: 1 }),
  operator: Type.Enum(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"]),
  values: Type.Optional(Type.Array(Type.String())),
});
/** In USD per hour: sums over a cluster stay exact enough. */
const PRICE_MAX = 1_000_000;
const TYPE = Type.Object({
  name: Type.String({ minLength: 1 }),
  architecture: Type.String({ minLength: 1 }),
  operatingSystems: Type.Array(Type.String(), { minItems: 1 }),
  resources: Type.Record(Type.String(), Type.Unsafe<string | number>({ "x-kubernetes-int-or-string": true })),
  offerings: Type.Array(
    Type.Object({
      Price: Type.Number({ minimum: 0, maximum: PRICE_MAX }),
      Available: Type.Optional(Type.Boolean()),
      ReservationCapacity: Type.Optional(Type.Integer({ minimum: 0 })),
      Requirements: Type.Array(REQUIREMENT),
    }),
  ),
});
const FILE = structuralSchema(Type.Array(TYPE));
type FileType = Static<typeof TYPE>;

const CAPACITY_TYPES: ReadonlySet<string> = new Set(["on-demand", "spot", "reserved"]);

/**
 * The instance types of a file in the shape of upstream's instance_types.json, in order of their names. An offering
 * that is marked as not available is sold out (upstream ignores the mark).
 * @param json   the parsed file
 * @param source how the error names the file
 * @throws UserError KARP_BAD_INSTANCE_TYPES with the first few mistakes; no type is taken from a file with a mistake
 */
export function instanceTypesFromKwokFile(json: unknown, source = "the file of instance types"): InstanceType[] {
  const errors = schemaErrors(FILE, json).map((error) =>
    fieldErrorText({ ...error, field: error.field || "the file" }),
  );
  if (errors.length > 0) throw badFile(source, errors);
  const entries = json as FileType[];
  const mistakes = [...repeatedNames(entries), ...entries.flatMap(mistakesOf)];
  if (mistakes.length > 0) throw badFile(source, mistakes);
  return entries.map(typeOf).sort((a, b) => byText(a.name, b.name));
}

function typeOf({ name, architecture, operatingSystems, offerings, resources }: FileType): InstanceType {
  return kwokInstanceType({
    name,
    architecture,
    operatingSystems,
    resources: parseResources(resources),
    offerings: offerings.map(offeringOf),
  });
}

function offeringOf(one: FileType["offerings"][number]): Offering {
  const { Price, Available = true, ReservationCapacity, Requirements } = one;
  const requirements = requirementsOf(Requirements);
  const reservationId = reservationOf(requirements);
  return kwokOffering(
    {
      zone: onlyValue(requirements.get(ZONE_LABEL)) ?? "",
      capacityType: (onlyValue(requirements.get(CAPACITY_TYPE_LABEL)) ?? "") as CapacityType,
      priceUsdPerHour: Price,
      available: Available,
      ...(reservationId === undefined ? {} : { reservationId }),
      ...(ReservationCapacity === undefined ? {} : { reservationCapacity: ReservationCapacity }),
    },
    requirements,
  );
}

/** Providers name the label differently; all call it a reservation's id. */
function reservationOf(requirements: Requirements): string | undefined {
  const key = [...requirements.keys()].find(isReservationLabel);
  return key === undefined ? undefined : onlyValue(requirements.get(key));
}

function onlyValue(one: Requirement | undefined): string | undefined {
  if (one === undefined || one.complement || one.values.size !== 1) return undefined;
  const [value] = one.values;
  return value;
}

function repeatedNames(entries: readonly FileType[]): string[] {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { name } of entries) (seen.has(name) ? repeated : seen).add(name);
  return [...repeated].map((name) => `there are two types named "${name}"`);
}

function mistakesOf({ name, resources, offerings }: FileType): string[] {
  const mistakes: string[] = [];
  for (const resource of ["cpu", "memory"]) {
    if (resources[resource] === undefined) mistakes.push(`${name}: resources has no ${resource}`);
  }
  for (const [resource, amount] of Object.entries(resources)) {
    const quantity = parseQuantity(amount);
    if (quantity === undefined) mistakes.push(`${name}: "${amount}" is no amount of ${resource}`);
    else if (milliValue(quantity) < 0) mistakes.push(`${name}: "${amount}" of ${resource} is less than nothing`);
  }
  for (const [i, { Requirements }] of offerings.entries()) {
    const requirements = requirementsOf(Requirements);
    const at = `${name}: offerings[${i}]`;
    if (onlyValue(requirements.get(ZONE_LABEL)) === undefined) mistakes.push(`${at} does not name one ${ZONE_LABEL}`);
    const capacityType = onlyValue(requirements.get(CAPACITY_TYPE_LABEL));
    if (capacityType === "reserved" && reservationOf(requirements) === undefined) {
      mistakes.push(`${at} is reserved and does not name one reservation: a label that ends in reservation-id`);
    }
    if (!CAPACITY_TYPES.has(capacityType ?? "")) {
      mistakes.push(`${at} does not name one ${CAPACITY_TYPE_LABEL}: on-demand, spot or reserved`);
    }
  }
  return mistakes;
}

const SHOWN_MAX = 5;

function badFile(source: string, mistakes: readonly string[]): UserError {
  const more = mistakes.length > SHOWN_MAX ? `\n    and ${mistakes.length - SHOWN_MAX} more` : "";
  return new UserError({
    code: "KARP_BAD_INSTANCE_TYPES",
    what: `${source} cannot be used:\n    ${mistakes.slice(0, SHOWN_MAX).join("\n    ")}${more}`,
    remedy:
      "write a JSON list of types with name, architecture, operatingSystems, resources and offerings, as upstream's kwok provider reads it",
  });
}
