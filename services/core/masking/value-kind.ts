/**
 * What type a value has, as far as masking cares: drivers parse values by their column's type, so a masked integer
 * must still be an integer. Integers come in three widths because a pseudonym must fit into its column's type.
 */
export const valueKinds = [
  'text',
  'smallint',
  'integer',
  'bigint',
  'decimal',
  'float',
  'boolean',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
  'json',
  'bytea',
  'inet',
  'array',
  'other',
] as const;
export type ValueKind = (typeof valueKinds)[number];

export const fullMask = '********';

/**
 * The text that stands for a masked value of each kind and says nothing of it, not even its length. For binary
 * formats a protocol encodes the same value. Two kinds are spelt as PostgreSQL spells them (`bytea`, `array`); the
 * others are ISO 8601, RFC 9562, RFC 8259 or plain numbers.
 */
export const canonicalValues = {
  text: fullMask,
  smallint: '0',
  integer: '0',
  bigint: '0',
  decimal: '0',
  float: '0',
  boolean: 'false',
  // Not the epoch: 1970-01-01 is taken for a bug by those who read it.
  date: '2000-01-01',
  time: '00:00:00',
  timestamp: '2000-01-01 00:00:00',
  timestamptz: '2000-01-01 00:00:00+00',
  uuid: '00000000-0000-0000-0000-000000000000',
  json: 'null',
  bytea: '\\x',
  inet: '0.0.0.0',
  array: '{}',
  // Of a type that nothing is known of (enum, range, composite), only NULL is sure to parse.
  other: null,
} as const satisfies Readonly<Record<ValueKind, string | null>>;

const pseudonymKinds = ['text', 'integer', 'bigint', 'decimal', 'uuid', 'json', 'bytea'] as const;
export type PseudonymKind = (typeof pseudonymKinds)[number];

/** The others have too few values for a pseudonym to hide anything or to stay distinct; or it is of no use as one. */
export const hasPseudonym = (kind: ValueKind): kind is PseudonymKind =>
  pseudonymKinds.some((one) => one === kind);
