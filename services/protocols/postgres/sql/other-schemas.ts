import type { OtherSchemas } from './analysis.ts';
import type { Catalog } from './catalog.ts';

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
