/**
 * The keys of pseudonyms inside the database. HMAC (RFC 2104) needs no more of a key than the two blocks that it begins with. They stand
 * in a table that the login alone reads, for the ring's views: a function's body, and a view's definition, everybody may read.
 */
import type { KeyObject } from 'node:crypto';
import { fieldKey } from '../../../core/masking/keyed-hash.ts';
import type { Ring } from './ring.ts';
import { identifier, literal, qualified } from './sql-text.ts';

export const keysSchema = ({ role }: Pick<Ring, 'role'>): string => `${role}_keys`;

const keysTable = (ring: Pick<Ring, 'role'>): string => qualified(keysSchema(ring), 'keys');

/** HMAC-SHA-256 of a text under the field's key, in hex; NULL when there is no such key. */
export function hmacHex(ring: Pick<Ring, 'role'>, field: string, text: string): string {
  const block = (name: string): string =>
    `(SELECT k.${name} FROM ${keysTable(ring)} AS k WHERE k.field = ${literal(field)})`;
  const inner = `sha256(${block('inner_block')} || convert_to(${text}, 'UTF8'))`;
  return `encode(sha256(${block('outer_block')} || ${inner}), 'hex')`;
}

/** SHA-256's block. */
const blockBytes = 64;

const padded = (key: Buffer, byte: number): string => {
  const block = Buffer.alloc(blockBytes, byte);
  for (const [at, value] of key.entries()) block[at] = value ^ byte;
  return literal(`\\x${block.toString('hex')}`);
};

/** The table of these fields' keys. What it says is secret. */
export function keysTableSql(
  ring: Ring,
  fields: readonly string[],
  maskingKey: KeyObject,
): readonly string[] {
  const rows = fields.map((field) => {
    const key = fieldKey({ key: maskingKey, field }).export();
    return `  (${literal(field)}, ${padded(key, 0x36)}, ${padded(key, 0x5c)})`;
  });
  return [
    `CREATE TABLE ${keysTable(ring)} (field text PRIMARY KEY, inner_block bytea NOT NULL, outer_block bytea NOT NULL)`,
    ...(rows.length === 0 ? [] : [`INSERT INTO ${keysTable(ring)} VALUES\n${rows.join(',\n')}`]),
  ];
}

export const dropKeysSql = (ring: Pick<Ring, 'role'>): readonly string[] => [
  `DROP TABLE IF EXISTS ${keysTable(ring)}`,
  `DROP SCHEMA IF EXISTS ${identifier(keysSchema(ring))}`,
];
