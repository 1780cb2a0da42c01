import type { ValueKind } from '../../../core/masking/value-kind.ts';
import type { Catalog } from '../sql/catalog.ts';
import { isTextual, typeOids } from '../wire/values.ts';

/** pg_type.dat: OIDs of built-in types never change. What is not here is asked of the catalog. */
const kinds: ReadonlyMap<number, ValueKind> = new Map([
  [typeOids.bool, 'boolean'],
  [typeOids.bytea, 'bytea'],
  [typeOids.char, 'text'],
  [typeOids.name, 'text'],
  [typeOids.int8, 'bigint'],
  [typeOids.int2, 'smallint'],
  [typeOids.int4, 'integer'],
  [typeOids.text, 'text'],
  // An unsigned 32-bit number: zero, its mask, is in its range.
  [typeOids.oid, 'integer'],
  [typeOids.json, 'json'],
  [typeOids.jsonb, 'json'],
  [typeOids.float4, 'float'],
  [typeOids.float8, 'float'],
  [typeOids.unknown, 'text'],
  [typeOids.bpchar, 'text'],
  [typeOids.varchar, 'text'],
  [typeOids.date, 'date'],
  [typeOids.timestamp, 'timestamp'],
  [typeOids.timestamptz, 'timestamptz'],
  [typeOids.numeric, 'decimal'],
  [typeOids.uuid, 'uuid'],
  [typeOids.inet, 'inet'],
  [typeOids.time, 'time'],
]);

/** Of domains the type beneath counts; of types in category S (citext) the text. */
export function valueKind(typeOid: number, catalog: Catalog): ValueKind {
  const known = kinds.get(typeOid);
  if (known !== undefined) return known;
  const type = catalog.typesByOid.get(typeOid);
  if (type === undefined) return 'other';
  if (type.kind === 'domain' && type.base !== 0 && type.base !== typeOid)
    return valueKind(type.base, catalog);
  if (type.category === 'A') return 'array';
  return type.category === 'S' && type.kind === 'base' ? 'text' : 'other';
}

/** The type as whose bytes a value of this type travels: a domain's base, and text for types of category S (citext). */
export function carriedType(typeOid: number, catalog: Catalog): number {
  const type = catalog.typesByOid.get(typeOid);
  if (type?.kind === 'domain' && type.base !== 0 && type.base !== typeOid) {
    return carriedType(type.base, catalog);
  }
  return isTextual(typeOid) || valueKind(typeOid, catalog) !== 'text' ? typeOid : typeOids.text;
}
