import type { CatalogColumn } from './catalog.ts';
import { anyType, typeOid } from './types.ts';

/** A column that a value comes from. */
export interface Source extends CatalogColumn {
  /** The effect that it counts with, where that is another than `select` on its relation: the call of the function that reads it. */
  readonly countsWith?: EffectName;
  /** It stands for what is passed to the function whose body is analysed, and is no column. */
  readonly parameter?: ParameterPart;
}

export interface EffectName {
  readonly verb: 'call' | 'select';
  /** `app.user_by_id`, `app.v_users`. */
  readonly resource: string;
}

export interface ParameterPart {
  /** From 0. */
  readonly position: number;
  /** Of a composite parameter, the one field; null for all others. */
  readonly field: string | null;
}

export const isParameter = (source: Source): source is Source & { readonly parameter: ParameterPart } =>
  source.parameter !== undefined;

export type Sources = readonly Source[];

/** What is known of an expression without running it: where its value comes from, and its type. */
export interface Value {
  readonly sources: Sources;
  /** False when the value is one source column as it stands; constants have no sources and are `false` too. */
  readonly derived: boolean;
  readonly type: number;
  /** The fields of a row, where they are known one by one. */
  readonly row: readonly Field[] | null;
}

export interface Field {
  readonly name: string;
  readonly value: Value;
}

const noSources: Sources = [];

const constants = new Map<number, Value>();

/** A value that comes from no column. */
export function constant(type: number): Value {
  let value = constants.get(type);
  if (value === undefined) {
    value = { sources: noSources, derived: false, type, row: null };
    constants.set(type, value);
  }
  return value;
}

export const literal = constant(typeOid.unknown);
export const anything = constant(anyType);

export function mergeSources(values: readonly Value[]): Sources {
  let merged: Sources = noSources;
  for (const { sources } of values) {
    if (sources.length === 0 || sources === merged) continue;
    merged = merged.length === 0 ? sources : union(merged, sources);
  }
  return merged;
}

function union(left: Sources, right: Sources): Sources {
  if (left.length + right.length > 16) return [...new Set([...left, ...right])];
  const added = right.filter((source) => !left.includes(source));
  return added.length === 0 ? left : [...left, ...added];
}

/** Computed from all of these. */
export function computed(values: readonly Value[], type: number): Value {
  const sources = mergeSources(values);
  return sources.length === 0 ? constant(type) : { sources, derived: true, type, row: null };
}

export const withType = (value: Value, type: number): Value =>
  value.type === type ? value : { ...value, type, row: null };

/** One of several values, row by row: a UNION's column, a merged join column. It stays as it stands when all are the same. */
export function oneOf(values: readonly Value[], type: number): Value {
  const [first] = values;
  if (first === undefined) return constant(type);
  const same = values.every(
    (value) =>
      value === first ||
      (!value.derived &&
        !first.derived &&
        value.sources.length === first.sources.length &&
        value.sources.every((source, at) => source === first.sources[at])),
  );
  return same ? withType(first, type) : computed(values, type);
}

/** A row of these fields. */
export function rowOf(fields: readonly Field[], type: number): Value {
  const sources = mergeSources(fields.map((field) => field.value));
  return { sources, derived: sources.length > 0, type, row: fields };
}
