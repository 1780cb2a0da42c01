import type { Node } from 'libpg-query';
import type { Catalog, CatalogFunction, CatalogOperator, CatalogType, Relation } from './catalog.ts';
import type { Findings } from './findings.ts';
import { dotted } from './names.ts';
import type { Overload } from './overloads.ts';
import type { Parsed } from './parse.ts';
import type { Budget, Columns, Scope } from './scope.ts';
import type { Types } from './types.ts';

/** A function with the arguments that it would take of those given. */
export interface FunctionOverload extends Overload {
  readonly function: CatalogFunction;
}

/** What is the same for all texts on one catalog: worked out once, thrown away with it. */
export interface CatalogContext {
  readonly catalog: Catalog;
  readonly types: Types;
  /** What reading a view does and gives, by the relation's oid; `reading` while that is being found out. */
  readonly views: Map<number, ViewFacts>;
  /** What names with arguments of certain types have been found to mean. */
  readonly functionChoices: Map<string, readonly FunctionOverload[]>;
  readonly operatorChoices: Map<string, readonly CatalogOperator[]>;
  /** What the body of a function does, by its oid; null where it cannot be read. */
  readonly bodies: Map<number, Findings | null>;
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
  /** Sub-queries, wherever they stand: queries.ts, kept apart so that modules do not import each other in a circle. */
  readonly queries: Queries;
}

export interface Queries {
  /** SELECT, or INSERT, UPDATE, DELETE and MERGE with what they return. */
  query(node: Node, scope: Scope, context: Context): Columns;
  /** A relation's columns, a view's followed to its tables. Notes nothing. */
  relationColumns(relation: Relation, only: boolean, context: Context): Columns;
  /** Notes what the statements of a rewrite rule do (pg_get_ruledef). */
  ruleActions(definition: string, context: Context): void;
  /** Notes what a statement of a function's body does. `scope`: what its parameters and variables are. */
  bodyStatement(node: Node, scope: Scope, context: Context): void;
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
