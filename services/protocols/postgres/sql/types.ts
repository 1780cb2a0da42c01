import { typeOids } from '../wire/values.ts';
import type { Catalog, CatalogFunction, CatalogType } from './catalog.ts';

/**
 * Types are pg_type oids, fixed since PostgreSQL 8 (src/include/catalog/pg_type.dat): those of values on the wire, and some that only
 * statements meet. Beside them: `anyType` where the type cannot be told (a parameter, a polymorphic result), so that every overload
 * stays possible.
 */
export const anyType = 0;
export const typeOid = {
  ...typeOids,
  timetz: 1266,
  bit: 1560,
  refcursor: 1790,
  record: 2249,
  any: 2276,
  trigger: 2279,
} as const;

/** Pseudo-types that stand for whatever is passed, and what must hold for it. */
const polymorphic: ReadonlyMap<number, 'any' | 'array' | 'notArray' | 'enum' | 'range' | 'multirange'> =
  new Map([
    [2276, 'any'], // "any"
    [2283, 'any'], // anyelement
    [5077, 'any'], // anycompatible
    [2277, 'array'], // anyarray
    [5078, 'array'], // anycompatiblearray
    [2776, 'notArray'], // anynonarray
    [5079, 'notArray'], // anycompatiblenonarray
    [3500, 'enum'], // anyenum
    [3831, 'range'], // anyrange
    [5080, 'range'], // anycompatiblerange
    [4537, 'multirange'], // anymultirange
    [4538, 'multirange'], // anycompatiblemultirange
  ]);

/** What the argument types make of a polymorphic result: anyelement of anyelement, and anyarray of anyarray. */
const sameAsArgument = new Set([2283, 2277, 2776, 3500, 3831, 4537]);
const elementOfArgument = new Map([[2283, 2277]]);
const arrayOfArgument = new Map([[2277, 2283]]);

/** What PostgreSQL's type system says about one catalog's types. */
export class Types {
  readonly #catalog: Catalog;
  readonly #parts = new Map<number, ReadonlySet<number>>();
  readonly #run = new Map<number, readonly CatalogFunction[]>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  get(oid: number): CatalogType | undefined {
    return this.#catalog.typesByOid.get(oid);
  }

  /** A domain's underlying type, however deep; any other type is its own. */
  base(oid: number): number {
    let type = this.get(oid);
    while (type?.kind === 'domain') type = this.get(type.base);
    return type?.oid ?? oid;
  }

  isArray(oid: number): boolean {
    const type = this.get(this.base(oid));
    return type !== undefined && type.element !== 0 && type.category === 'A';
  }

  elementOf(oid: number): number {
    const type = this.get(this.base(oid));
    return type !== undefined && type.category === 'A' ? type.element : anyType;
  }

  arrayOf(oid: number): number {
    return this.get(oid)?.array || anyType;
  }

  category(oid: number): string {
    return this.get(oid)?.category ?? 'U';
  }

  isPreferred(oid: number): boolean {
    return this.get(oid)?.preferred ?? false;
  }

  isComposite(oid: number): boolean {
    return this.get(this.base(oid))?.kind === 'composite';
  }

  /** Whether a value of one type may be passed for the other without a cast being written (can_coerce_type, implicit). */
  coercible(from: number, to: number): boolean {
    if (from === to || from === anyType || to === anyType || from === typeOid.unknown) return true;
    const wanted = polymorphic.get(to);
    if (wanted !== undefined) return this.#fits(from, wanted);
    const source = this.base(from);
    const target = this.base(to);
    if (source === target || this.#catalog.hasImplicitCast(source, target)) return true;
    if (target === typeOid.record) return this.isComposite(source);
    if (source === typeOid.record) return this.isComposite(target);
    if (this.isArray(source) && this.isArray(target)) {
      return this.coercible(this.elementOf(source), this.elementOf(target));
    }
    return this.#inherits(source, target);
  }

  #fits(from: number, wanted: 'any' | 'array' | 'notArray' | 'enum' | 'range' | 'multirange'): boolean {
    const kind = this.get(this.base(from))?.kind;
    switch (wanted) {
      case 'any':
        return true;
      case 'array':
        return this.isArray(from);
      case 'notArray':
        return !this.isArray(from);
      default:
        return kind === wanted;
    }
  }

  /** A child table's row may stand for its parent's. */
  #inherits(from: number, to: number): boolean {
    const child = this.#catalog.relationsByOid.get(this.get(from)?.relation ?? 0);
    const parent = this.get(to)?.relation;
    if (child === undefined || parent === undefined || parent === 0) return false;
    const ancestors = [...child.parents];
    for (const ancestor of ancestors) {
      if (ancestor.oid === parent) return true;
      ancestors.push(...ancestor.parents);
    }
    return false;
  }

  /** What a function gives for these arguments; `anyType` where it cannot be told. */
  result(one: CatalogFunction, parameters: readonly number[], given: readonly number[]): number {
    if (!polymorphic.has(one.returns)) return one.returns;
    const passedFor = (parameter: number | undefined): number | null => {
      const at = parameter === undefined ? -1 : parameters.indexOf(parameter);
      const type = given[at] ?? anyType;
      return at < 0 || type === anyType || type === typeOid.unknown ? null : type;
    };
    if (sameAsArgument.has(one.returns)) {
      const same = passedFor(one.returns);
      if (same !== null) return same;
    }
    const array = passedFor(elementOfArgument.get(one.returns));
    if (array !== null) return this.elementOf(array);
    const element = passedFor(arrayOfArgument.get(one.returns));
    return element === null ? anyType : this.arrayOf(element);
  }

  /** The type of a CASE, a UNION's column and the like: the one that all have, literals aside. */
  common(types: readonly number[]): number {
    let common: number = typeOid.unknown;
    for (const type of types) {
      if (type === typeOid.unknown || type === common) continue;
      if (common !== typeOid.unknown) return anyType;
      common = type;
    }
    return common;
  }

  /** The type and those of its parts: a composite's fields, an array's items, what a domain or range is made of. */
  partsOf(oid: number): ReadonlySet<number> {
    const known = this.#parts.get(oid);
    if (known !== undefined) return known;
    // Types may contain themselves (an array of its own composite); a set gives each once, also while it grows.
    const parts = new Set([oid]);
    for (const part of parts) {
      const type = this.get(part);
      if (type === undefined) continue;
      const columns = this.#catalog.relationsByOid.get(type.relation)?.columns ?? [];
      for (const next of [type.base, type.element, type.rangeOf, ...columns.map((column) => column.type)]) {
        if (next !== 0) parts.add(next);
      }
    }
    this.#parts.set(oid, parts);
    return parts;
  }

  /**
   * Functions outside pg_catalog that run when a value becomes one of this type: a domain's checks, an extension type's
   * input, and those of the parts of a composite, an array or a range.
   */
  functionsRun(oid: number): readonly CatalogFunction[] {
    const known = this.#run.get(oid);
    if (known !== undefined) return known;
    const found = new Set<CatalogFunction>();
    for (const part of this.partsOf(oid)) {
      const type = this.get(part);
      // Built-in types run nothing but built-ins.
      if (type === undefined || type.schema === 'pg_catalog') continue;
      const functions = [type.input, ...type.rangeFunctions].flatMap(
        (run) => this.#catalog.functionsByOid.get(run) ?? [],
      );
      for (const one of [...functions, ...type.checks]) if (one.schema !== 'pg_catalog') found.add(one);
    }
    const functions = [...found];
    this.#run.set(oid, functions);
    return functions;
  }
}
