/** Functions, operators, types and casts as a statement names them -> the functions outside the pure built-ins that run. */
import type { TypeName } from 'libpg-query';
import { type CatalogFunction, type CatalogOperator, isSystemSchema } from './catalog.ts';

import { type Context, type FunctionOverload, findFunctions, findOperators, findType } from './context.ts';
import { maxRememberedChoices } from './limits.ts';
import { dotted } from './names.ts';
import { strings } from './nodes.ts';
import { opaqueCall, readsNoTables } from './opaque-functions.ts';
import { chooseOperators, chooseOverloads } from './overloads.ts';
import { isPure } from './pure-functions.ts';
import { isTelling } from './telling-relations.ts';
import { anyType, typeOid } from './types.ts';

/** `schema.name` as it stands in a parse tree. A database before them must be the current one, so it says nothing. */
export function splitName(parts: readonly string[]): {
  readonly schema: string | undefined;
  readonly name: string;
} {
  return { schema: parts.at(-2), name: parts.at(-1) ?? '' };
}

export interface FunctionCall {
  readonly schema: string | undefined;
  readonly name: string;
  readonly given: readonly number[];
  /** Names and VARIADIC change which argument is which: then every function that takes as many is possible. */
  readonly positional: boolean;
}

/** Functions that may run; none when no function has this name. One alone is sure. */
export function possibleFunctions(context: Context, call: FunctionCall): readonly FunctionOverload[] {
  const key = [
    'f',
    context.pathKey,
    call.schema ?? '',
    call.name,
    call.positional ? '' : 'any',
    ...call.given,
  ].join('\0');
  return remembered(context.functionChoices, key, () => chooseFunctions(context, call));
}

/** PostgreSQL looks anew each time; for one catalog the choice stays the same. Names cannot hold a zero character. */
function remembered<Choice>(choices: Map<string, Choice>, key: string, choose: () => Choice): Choice {
  let choice = choices.get(key);
  if (choice === undefined) {
    choice = choose();
    if (choices.size >= maxRememberedChoices) choices.clear();
    choices.set(key, choice);
  }
  return choice;
}

function chooseFunctions(context: Context, call: FunctionCall): readonly FunctionOverload[] {
  const all = findFunctions(context, call.schema, call.name);
  if (all.length === 0) return [];
  if (!call.positional) return all.map((one) => overload(one, one.argumentTypes));
  const { given } = call;
  const fitting = all.flatMap((one) => {
    const parameters = parametersFor(one, given.length);
    return parameters === null ? [] : [overload(one, parameters)];
  });
  if (fitting.length === 0) return all.map((one) => overload(one, one.argumentTypes));
  if (context.anyOrder) return fitting;
  return chooseOverloads(fitting, given, context.types);
}

const overload = (one: CatalogFunction, parameters: readonly number[]): FunctionOverload => ({
  schema: one.schema,
  parameters,
  function: one,
});

/** The parameter types for so many arguments: defaults left away, VARIADIC written out; null when they do not fit. */
function parametersFor(one: CatalogFunction, count: number): readonly number[] | null {
  const { argumentTypes, defaults, variadic } = one;
  if (variadic !== 0 && count >= argumentTypes.length) {
    const fixed = argumentTypes.slice(0, -1);
    return [...fixed, ...Array.from({ length: count - fixed.length }, () => variadic)];
  }
  const least = argumentTypes.length - defaults;
  if (count > argumentTypes.length || count < least) return null;
  return count === argumentTypes.length ? argumentTypes : argumentTypes.slice(0, count);
}

/** Notes what a call of these does, and gives the type of its result. */
export function noteFunctions(
  context: Context,
  possible: readonly FunctionOverload[],
  given: readonly number[],
): number {
  let result: number | null = null;
  for (const { function: one, parameters } of possible) {
    noteCalled(context, one);
    for (const [at, type] of given.entries()) {
      const parameter = parameters[at] ?? anyType;
      noteCoercion(context, type, parameter, 'implicit');
      if (type !== parameter) noteType(context, parameter);
    }
    const type = context.types.result(one, parameters, given);
    result = result === null || result === type ? type : anyType;
  }
  return result ?? anyType;
}

/** Making JSON of a value runs the cast to json that its type has, if somebody has added one (json_categorize_type). */
export function noteJson(context: Context, types: readonly number[]): void {
  for (const cast of context.catalog.foreignCasts) {
    if (cast.target !== typeOid.json && cast.target !== typeOid.jsonb) continue;
    if (!types.some((type) => type === anyType || context.types.partsOf(type).has(cast.source))) continue;
    const run = context.catalog.functionsByOid.get(cast.function);
    if (run !== undefined) noteFunction(context, run);
  }
}

/** What noting a call takes of the context; without the rest of it, nobody knows what bodies read. */
type Noting = Pick<Context, 'catalog' | 'types' | 'findings'>;

const isWhole = (context: Noting): context is Context => 'queries' in context;

/** One that runs otherwise than by a call that is written: where what it gives goes, is not followed. */
export function noteFunction(context: Noting, one: CatalogFunction): void {
  noteCalled(context, one);
  noteUntraced(one, context);
}

/** What it gives may hold what it reads. */
export function noteUntraced(one: CatalogFunction, context: Noting): void {
  if (isSystemSchema(one.schema) || readsNoTables(one)) return;
  // Whoever follows what a body calls asks each of these for itself.
  if (isWhole(context) && context.bodyDepth > 0) return;
  const columns = isWhole(context) ? context.queries.columnsReadBy(one, context) : 'unknown';
  const isUnknown = columns === 'unknown' || columns.some(({ relation }) => isTelling(relation));
  context.findings.untraced(one, isUnknown ? 'anything' : columns.map(({ text }) => text));
}

function noteCalled(context: Noting, one: CatalogFunction): void {
  if (one.schema === 'pg_catalog' && isPure(one.name)) return;
  context.findings.call(one);
  noteOpaque(context, one);
  for (const oid of one.aggregates) {
    const run = context.catalog.functionsByOid.get(oid);
    if (run === undefined || run.schema === 'pg_catalog') continue;
    context.findings.version(run.version);
    noteOpaque(context, run);
  }
}

function noteOpaque(context: Noting, one: CatalogFunction): void {
  const reason = opaqueCall(one);
  if (reason !== null) context.findings.opaque(reason);
}

/** Notes the operator's functions, and gives the type of its result. */
export function noteOperator(
  context: Context,
  parts: readonly string[],
  left: number,
  right: number,
): number {
  const possible = possibleOperators(context, parts, left, right);
  if (possible.length === 0) {
    context.findings.opaque('unknown-operator');
    return anyType;
  }
  let result: number | null = null;
  for (const one of possible) {
    const run = context.catalog.functionsByOid.get(one.function);
    // A built-in operator's function is a built-in, and all of those are pure.
    if (one.schema !== 'pg_catalog' || run?.schema !== 'pg_catalog') {
      if (run === undefined) context.findings.opaque('unknown-function');
      else noteFunction(context, run);
    }
    if (left !== prefix) noteCoercion(context, left, one.left, 'implicit');
    noteCoercion(context, right, one.right, 'implicit');
    result = result === null || result === one.result ? one.result : anyType;
  }
  return result ?? anyType;
}

/** Operators that may run; none when no operator of this name takes such operands. */
export function possibleOperators(
  context: Context,
  parts: readonly string[],
  left: number,
  right: number,
): readonly CatalogOperator[] {
  const { schema, name } = splitName(parts);
  const key = [context.pathKey, schema ?? '', name, left, right].join('\0');
  return remembered(context.operatorChoices, key, () => chooseNamed(context, schema, name, left, right));
}

function chooseNamed(
  context: Context,
  schema: string | undefined,
  name: string,
  left: number,
  right: number,
): readonly CatalogOperator[] {
  const all = findOperators(context, schema, name).filter((one) => (one.left === 0) === (left === prefix));
  if (context.anyOrder && all.some((one) => one.schema !== 'pg_catalog')) return all;
  return left === prefix
    ? chooseOverloads(all, [right], context.types)
    : chooseOperators(all, left, right, context.types);
}

/** Stands for the missing left side of a prefix operator. */
export const prefix = -1;

/** A type as a statement names it; `anyType` and an opaque reason when the catalog does not know it. */
export function resolveType(context: Context, typeName: TypeName | undefined): number {
  const type = knownType(context, typeName);
  if (type === null) context.findings.opaque('unknown-type');
  return type ?? anyType;
}

/** Null when the catalog does not know it. */
export function knownType(context: Context, typeName: TypeName | undefined): number | null {
  const parts = strings(typeName?.names);
  if (typeName === undefined || parts.length === 0) return anyType;
  const { schema, name } = splitName(parts);
  const type = findType(context, schema, name);
  if (type === null) return null;
  return (typeName.arrayBounds ?? []).length > 0 ? type.array || anyType : type.oid;
}

/** Notes what turning a value of one type into the other runs. */
export function noteCast(context: Context, from: number, to: number): void {
  noteType(context, to);
  noteCoercion(context, from, to, 'explicit');
}

/** Notes what making any value of this type runs. */
export function noteType(context: Noting, type: number): void {
  for (const run of context.types.functionsRun(type)) {
    noteFunction(context, run);
  }
  const known = context.types.get(type);
  if (known !== undefined && known.schema !== 'pg_catalog') context.findings.version(known.version);
}

const reach = { implicit: 0, assignment: 1, explicit: 2 } as const;

/** Notes the functions of casts that somebody has added and that the server may choose here. */
export function noteCoercion(context: Context, from: number, to: number, written: keyof typeof reach): void {
  const { foreignCasts, functionsByOid } = context.catalog;
  if (foreignCasts.length === 0 || from === to || from === typeOid.unknown) return;
  const { types } = context;
  const pairs = [[types.base(from), types.base(to)]];
  // An array is cast item by item.
  if (types.isArray(to)) pairs.push([types.elementOf(from), types.elementOf(to)]);
  for (const cast of foreignCasts) {
    if (reach[cast.context] > reach[written]) continue;
    const chosen = pairs.some(
      ([source, target]) =>
        target === cast.target && (source === cast.source || source === anyType || from === anyType),
    );
    if (!chosen) continue;
    const run = functionsByOid.get(cast.function);
    if (run === undefined) context.findings.opaque('unknown-function');
    else noteFunction(context, run);
  }
}

/** The type that several values are brought to (CASE, UNION, ARRAY[]), the casts noted that this may take. */
export function commonType(context: Context, values: readonly { readonly type: number }[]): number {
  const types = [...new Set(values.map((value) => value.type))];
  if (types.length > 1 && context.catalog.foreignCasts.length > 0) {
    for (const from of types) for (const to of types) noteCoercion(context, from, to, 'implicit');
  }
  return context.types.common(types);
}

/** A name that the catalog does not know: as written, so that a refusal tells it. */
export function noteUnknownFunction(context: Context, parts: readonly string[]): void {
  context.findings.opaque('unknown-function');
  context.findings.callNamed(dotted(...parts));
}
