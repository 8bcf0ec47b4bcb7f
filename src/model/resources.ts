/**
 * Amounts by resource name, whole numbers: cpu in milli-cores, everything else in its base unit (bytes, devices, pods).
 * Fractions of a unit are rounded up where a quantity is parsed. An absent name is zero. Immutable.
 */
export type Resources = Readonly<Record<string, number>>;
