import {
  formatRequirement,
  formatRequirements,
  type Requirement,
  type Requirements,
} from "../../../model/requirements.ts";
import { labelFits } from "../../fit/label-fit.ts";

/**
 * Everything that pods and daemons ask of labels, with numbers for names: terms (conjunctions over labels) and, per label,
 * the distinct requirements. Values that every requirement on a label treats alike are one atom.
 */
export class TermTable {
  readonly #ids = new Map<string, number>();
  readonly terms: Requirements[] = [];
  readonly #byKey = new Map<string, Map<string, Requirement>>();
  readonly #atoms = new Map<string, Map<string | undefined, string>>();

  /** The number of a term; equal terms have equal numbers. All terms come before the first question. */
  add(term: Requirements): number {
    const text = formatRequirements(term);
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.terms.length;
    this.#ids.set(text, id);
    this.terms.push(term);
    for (const [key, r] of term) {
      const requirements = this.#byKey.get(key) ?? new Map<string, Requirement>();
      requirements.set(formatRequirement(r), r);
      this.#byKey.set(key, requirements);
    }
    return id;
  }

  /** Labels that some term looks at. */
  keys(): string[] {
    return [...this.#byKey.keys()];
  }

  requirementsOn(key: string): readonly Requirement[] {
    return [...(this.#byKey.get(key)?.values() ?? [])];
  }

  /** What the requirements on the label say of the value, as text: equal texts are one and the same to every term. */
  atom(key: string, value: string | undefined): string {
    const atoms = this.#atoms.get(key) ?? new Map<string | undefined, string>();
    const known = atoms.get(value);
    if (known !== undefined) return known;
    let atom = "";
    for (const r of this.#byKey.get(key)?.values() ?? []) atom += labelFits(r, value) ? "1" : "0";
    atoms.set(value, atom);
    this.#atoms.set(key, atoms);
    return atom;
  }
}

/** A term on a node whose labels are known by a function. */
export function termFits(term: Requirements, labelValue: (key: string) => string | undefined): boolean {
  for (const [key, r] of term) if (!labelFits(r, labelValue(key))) return false;
  return true;
}
