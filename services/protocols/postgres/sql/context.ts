import type { Node } from 'libpg-query';
import type { PostgresEffect } from './analysis.ts';
import type { Catalog, CatalogFunction, CatalogOperator, CatalogType, Relation } from './catalog.ts';
import type { Asked } from './effect-draft.ts';
import type { Choice, Findings } from './findings.ts';
import { dotted, type SearchPath } from './names.ts';
import type { Overload } from './overloads.ts';
import type { Parsed } from './parse.ts';
import type { Budget, Columns, Scope } from './scope.ts';
import type { Types } from './types.ts';
import type { Sources, Value } from './value.ts';

/** A function with the arguments that it would take of those given. */
export interface FunctionOverload extends Overload {
  readonly function: CatalogFunction;
}

/** What is the same for all texts on one catalog: worked out once, thrown away with it. */
export interface CatalogContext {
  readonly catalog: Catalog;
  readonly types: Types;
  /** What reading a view does and gives, by the relation's oid and the search path in which functions that it calls would run. */
  readonly views: Map<string, ViewFacts>;
  /** What names with arguments of certain types have been found to mean. */
  readonly functionChoices: Map<string, readonly FunctionOverload[]>;
  readonly operatorChoices: Map<string, readonly CatalogOperator[]>;
  /** What the body of a function does, by its oid and the search path in which it would run; null where it cannot be read. */
  readonly bodies: Map<string, Findings | null>;
  /** What a body in SQL gives, and does with what it is passed; by the same. */
  readonly functionFacts: Map<string, FunctionFacts | null>;
  /** Over so many tokens a body in PL/pgSQL is too large for this thread. */
  readonly plpgsqlTokens: number;
  /** Parses a definition from the catalog. @throws TooComplexError where it is too large for this thread. */
  parse(text: string): Parsed;
}

export interface ViewFacts {
  readonly columns: Columns;
  readonly findings: Findings;
  /** The one relation in its FROM clause, which an INSERT, UPDATE or DELETE on the view changes; null when there is no one. */
  readonly base: Relation | null;
}

/** What is needed everywhere while one statement is analysed. */
export interface Context extends CatalogContext {
  /** Schemas in the order of the search path in force; two lists when it may be either. Whatever either makes of a name counts. */
  readonly paths: readonly (readonly string[])[];
  /** Schemas may come in any order (other-schemas.ts): a function or operator of one shadows none of another. */
  readonly anyOrder: boolean;
  /** Tells `paths` apart from others. */
  readonly pathKey: string;
  /** The search path that the session was opened with, as SET would have to say it. */
  readonly pinnedSearchPath: readonly string[];
  readonly findings: Findings;
  readonly budget: Budget;
  /** The views that are being read, outermost first. */
  readonly within: readonly Relation[];
  /** How many bodies of functions stand around what is being read: one that makes another, one that holds a DO. */
  readonly bodyDepth: number;
  /** The functions whose bodies are being read, outermost first. */
  readonly callers: readonly Caller[];
  readonly running: Running;
  /** What the parameters of the innermost of these functions stand for; null outside of functions. */
  readonly parameters: readonly Value[] | null;
  /** Sub-queries, wherever they stand: queries.ts, kept apart so that modules do not import each other in a circle. */
  readonly queries: Queries;
}

/** How code runs whose names are looked up when it is called. */
export interface Running {
  /** As they were set; whatever either makes of a name counts. */
  readonly searchPaths: readonly SearchPath[];
  /** Paths that the session may have set beside them. */
  readonly elsewhere: readonly (readonly string[])[];
  /** Perhaps with the rights of a function's owner, who may use other schemas than the login. */
  readonly asOwner: boolean;
  /** Tells these apart from others. */
  readonly key: string;
}

export const running = (
  searchPaths: readonly SearchPath[],
  elsewhere: Running['elsewhere'],
  asOwner: boolean,
): Running => ({
  searchPaths,
  elsewhere,
  asOwner,
  key: JSON.stringify([searchPaths, elsewhere, asOwner]),
});

export interface Caller {
  readonly key: string;
  /** The outermost function, by its place among the callers, that the body calls again; Infinity for none. */
  callsAgain: number;
}

/** What the body of a function in SQL does with what it reads and what it is passed. */
export interface FunctionFacts {
  /** What it gives, parameters standing for what is passed. */
  readonly columns: Columns;
  /** It gives NULL where something that is passed is NULL. */
  readonly strict: boolean;
  readonly relations: readonly Relation[];
  readonly versions: readonly string[];
  readonly choices: readonly Choice[];
  readonly guesses: readonly (readonly [comparison: object, asked: Asked])[];
  readonly untraced: PostgresEffect['untraced'];
  /** Some of it runs with an owner's rights. */
  readonly asOwner: boolean;
  /** By the parameter's position: its name, and what it is when nothing is passed. */
  readonly parameters: readonly { readonly name: string; readonly byDefault: Value }[];
}

/** What stands for one parameter of a function. */
export interface Argument {
  /** As in `f(b => 1)`; null where its place says which it is. */
  readonly name: string | null;
  readonly value: Value;
  /** It is a constant, or a parameter. */
  readonly written: boolean;
}

/** A call as it is written, whatever is called. */
export interface WrittenCall {
  /** In the parse tree. */
  readonly node: object;
  readonly arguments: readonly Argument[];
  /** False where the last argument is an array of the function's last arguments. */
  readonly positional: boolean;
  /** What it looks at beside: ORDER BY and FILTER of an aggregate. */
  readonly others: readonly Value[];
}

export interface Queries {
  /** SELECT, or INSERT, UPDATE, DELETE and MERGE with what they return. */
  query(node: Node, scope: Scope, context: Context): Columns;
  /** A relation's columns, a view's followed to its tables. Notes nothing. */
  relationColumns(relation: Relation, only: boolean, context: Context): Columns;
  /** Notes what the statements of a rewrite rule do (pg_get_ruledef). */
  ruleActions(definition: string, context: Context): void;
  /** What a statement of a function's body does, and the rows that it gives. `scope`: its parameters and variables. */
  bodyStatement(node: Node, scope: Scope, context: Context): Columns;
  /** The value of a call of whichever of these it is, and notes what they do with what they read and are passed. */
  call(possible: readonly FunctionOverload[], call: WrittenCall, type: number, context: Context): Value;
  columnsReadBy(one: CatalogFunction, context: Context): Sources | 'unknown';
}

/** The relation of this name, or null. Two search paths that disagree know nothing. */
export function findRelation(context: Context, schema: string | undefined, name: string): Relation | null {
  const { catalog } = context;
  if (schema !== undefined) return catalog.relation(schema, name) ?? null;
  const found = new Set<Relation>();
  for (const path of context.paths) {
    for (const usable of path) {
      const relation = catalog.relation(usable, name);
      if (relation === undefined) continue;
      found.add(relation);
      break;
    }
  }
  const [only] = found;
  return found.size === 1 ? (only ?? null) : null;
}

/** The schema in which an unqualified CREATE makes its object: the first of the path that is there. Null where paths disagree. */
export function creationSchema(context: Context): string | null {
  const firsts = new Set(
    context.paths.flatMap((path) => path.find((schema) => schema !== 'pg_catalog') ?? []),
  );
  const [only] = firsts;
  return firsts.size === 1 ? (only ?? null) : null;
}

/**
 * What rules on tables go by for a name that the catalog does not know: where an unqualified CREATE would have made it, since such a
 * name is mostly of this session's own transaction. That it is a guess is said by the opaque reason beside it.
 */
export function unknownRelationName(
  context: Context,
  schema: string | undefined,
  name: string,
): string | null {
  const guessed = schema ?? creationSchema(context);
  return guessed === null ? null : dotted(guessed, name);
}

export function findType(context: Context, schema: string | undefined, name: string): CatalogType | null {
  const { catalog } = context;
  if (schema !== undefined) return catalog.type(schema, name) ?? null;
  const found = new Set<CatalogType>();
  for (const path of context.paths) {
    const schemaOfIt = path.find((usable) => catalog.type(usable, name) !== undefined);
    const type = schemaOfIt === undefined ? undefined : catalog.type(schemaOfIt, name);
    if (type !== undefined) found.add(type);
  }
  const [only] = found;
  return found.size === 1 ? (only ?? null) : null;
}

/** Every function that the name could mean, in the order of the path. */
export function findFunctions(
  context: Context,
  schema: string | undefined,
  name: string,
): readonly CatalogFunction[] {
  return inPath(context, schema, context.catalog.functions(name));
}

export function findOperators(
  context: Context,
  schema: string | undefined,
  name: string,
): readonly CatalogOperator[] {
  return inPath(context, schema, context.catalog.operators(name));
}

function inPath<One extends { readonly schema: string }>(
  context: Context,
  schema: string | undefined,
  all: readonly One[],
): readonly One[] {
  if (all.length === 0) return all;
  if (schema !== undefined) return all.filter((one) => one.schema === schema);
  const found = new Set<One>();
  for (const path of context.paths) {
    for (const usable of path) {
      for (const one of all) if (one.schema === usable) found.add(one);
    }
  }
  return [...found];
}
