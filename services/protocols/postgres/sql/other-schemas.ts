import type { Catalog } from './catalog.ts';

/**
 * Schemas in which unqualified names may be looked up beside the pinned path, once a rule has let a session set its search path (these
 * schemas; `any` where only the server knows them) or its role (none: but which of a path's schemas count is then another question).
 * Null as long as neither has happened. Never taken back, since a ROLLBACK may undo it or not.
 */
export type OtherSchemas = readonly string[] | 'any' | null;

export function mergeOtherSchemas(left: OtherSchemas, right: OtherSchemas): OtherSchemas {
  if (left === null || right === null) return left ?? right;
  if (left === 'any' || right === 'any') return 'any';
  return [...new Set([...left, ...right])];
}

/** A path for each schema that may be in force: what two of them know by one name is unknown, and every function that has it may run. */
export function otherPaths(
  other: OtherSchemas,
  pinned: readonly string[],
  catalog: Catalog,
): readonly (readonly string[])[] {
  if (other === null) return [];
  const schemas = other === 'any' ? [...catalog.schemas.keys()] : [...pinned, ...other];
  return [...new Set(schemas)].filter((name) => catalog.schemas.has(name)).map((name) => [name]);
}
