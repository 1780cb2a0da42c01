/**
 * Masks as SQL expressions that give what core/masking/transforms.ts gives. Built-in functions alone: one of our own would
 * have to be callable by the role, which could then ask it for the pseudonyms of guessed values.
 */
import { adjectives, nouns } from '../../../core/masking/pseudonym-words.ts';
import {
  isPart,
  type ShownPart,
  shownPart,
  type TransformName,
} from '../../../core/masking/transform-names.ts';
import { fewestCharacters } from '../../../core/masking/transforms.ts';
import { canonicalValues, fullMask, hasPseudonym, type ValueKind } from '../../../core/masking/value-kind.ts';
import { unreachable } from '../../../core/model/errors.ts';
import type { Origin } from '../mask/origin.ts';
import { carriedType, valueKind } from '../mask/value-kinds.ts';
import type { Catalog, CatalogColumn } from '../sql/catalog.ts';
import { typeOids } from '../wire/values.ts';
import { hmacHex } from './keys-sql.ts';
import type { Ring } from './ring.ts';
import { identifier, literal, qualified } from './sql-text.ts';

/** The column `t.NAME` as the ring's view shows it. */
export function columnSql(
  origin: Origin,
  column: Pick<CatalogColumn, 'column' | 'type'>,
  ring: Pick<Ring, 'role'>,
  catalog: Catalog,
): string {
  const plain = `t.${identifier(column.column)}`;
  if (origin.kind === 'clear') return plain;
  const type = carriedType(column.type, catalog);
  const kind = valueKind(type, catalog);
  const cast = typeName(type, catalog);
  // As on the wire, it stands for NULL too: whoever wrote the view may have chosen when that is.
  if (origin.kind === 'derived') return constantSql(canonicalValues[kind], cast);
  const { transform, field } = origin;
  const masked = maskedSql(transform, kind, {
    plain,
    type,
    cast,
    hash: (text) => hmacHex(ring, field, text),
  });
  return masked === null ? constantSql(null, cast) : `CASE WHEN ${plain} IS NOT NULL THEN ${masked} END`;
}

interface Masked {
  readonly plain: string;
  readonly type: number;
  /** `"pg_catalog"."text"`, without a length: masks are as long as they are. */
  readonly cast: string;
  /** A pseudonym's digits of this text. */
  hash(text: string): string;
}

function typeName(type: number, catalog: Catalog): string {
  const known = catalog.typesByOid.get(type);
  return known === undefined ? '"pg_catalog"."text"' : qualified(known.schema, known.name);
}

const constantSql = (text: string | null, cast: string): string =>
  `${text === null ? 'NULL' : literal(text)}::${cast}`;

/** Null is NULL for every value. */
function maskedSql(transform: TransformName, kind: ValueKind, column: Masked): string | null {
  if (isPart(transform)) return partSql(kind, shownPart(transform), column);
  switch (transform) {
    case 'null':
      return null;
    case 'full':
      return fullSql(kind, column);
    case 'redact':
      return kind === 'text' ? constantSql('[masked]', column.cast) : fullSql(kind, column);
    case 'email':
      return kind === 'text' ? emailSql(column) : fullSql(kind, column);
    case 'hash':
      return hashSql(kind, column, hashedText);
    case 'pseudonym':
      return hashSql(kind, column, wordPair);
    case 'month':
      return monthSql(kind, column);
    default:
      return unreachable(transform);
  }
}

function fullSql(kind: ValueKind, { plain, type, cast }: Masked): string | null {
  if (kind !== 'json') {
    const text = canonicalValues[kind];
    return text === null ? null : constantSql(text, cast);
  }
  const top = `${type === typeOids.json ? 'json' : 'jsonb'}_typeof(${plain})`;
  return `(CASE ${top} WHEN 'object' THEN '{}' WHEN 'array' THEN '[]' WHEN 'string' THEN '"${fullMask}"' ELSE 'null' END)::${cast}`;
}

/** The value's own text: a cast would take the blanks off a char(n). */
const textOf = ({ plain, type }: Masked): string =>
  type === typeOids.bpchar ? `concat(${plain})` : `${plain}::text`;

/** What JavaScript's `\s` and `trimEnd` take for space. */
const spaces = String.raw`\t\n\u000b\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff`;
const allSpaces =
  String.raw`E'\t\n\u000b\f\r \u00a0\u1680` +
  String.raw`\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff'`;

/** Letters beyond ASCII are not shown, other than on the wire: which ones there are depends on the database's locale. */
const shownCharacters = 'A-Za-z0-9';

/** An expression on `m.x`, which is worked out once: OFFSET keeps the planner from writing it out each time. */
const withValue = (value: string, expression: string): string =>
  `(SELECT ${expression} FROM (SELECT ${value} AS x OFFSET 0) AS m)`;

/** Brackets in regular expressions go by code point in collation C, which must not spread to what the view shows. */
const inC = (expression: string): string => `(${expression}) COLLATE "C"`;
const inDefault = (expression: string): string => `(${expression}) COLLATE "default"`;

function emailSql(column: Masked): string {
  const address = literal(`^[^${spaces}@]+@[^${spaces}@]+[${spaces}]*$`);
  const initial = `CASE WHEN strpos(m.x, '@') > 2 AND ${inC('m.x')} ~ '^[${shownCharacters}]' THEN substr(m.x, 1, 1) ELSE '*' END`;
  const shown = `CASE WHEN ${inC('m.x')} ~ ${address} THEN ${initial} || '***@***.example' ELSE '${fullMask}' END`;
  return `${withValue(textOf(column), shown)}::${column.cast}`;
}

function partSql(kind: ValueKind, part: ShownPart, column: Masked): string | null {
  const { side, characters } = part;
  const fewest = fewestCharacters(characters);
  const [trim, end] = side === 'first' ? ['ltrim', 'left'] : ['rtrim', 'right'];
  switch (kind) {
    case 'text': {
      const plain = `regexp_replace(${inC(`${end}(m.x, ${characters})`)}, '[^${shownCharacters}]', '*', 'g')`;
      const part = side === 'first' ? `${plain} || '****'` : `'****' || ${plain}`;
      const shown = inDefault(`CASE WHEN length(m.x) >= ${fewest} THEN ${part} ELSE '${fullMask}' END`);
      return `${withValue(`${trim}(${textOf(column)}, ${allSpaces})`, shown)}::${column.cast}`;
    }
    case 'integer':
    case 'bigint': {
      const digits = `abs(${column.plain}::int8::numeric)::text`;
      const shown = `CASE WHEN length(m.x) >= ${fewest} THEN ${end}(m.x, ${characters}) ELSE '0' END`;
      return `${withValue(digits, shown)}::int8::${column.cast}`;
    }
    case 'uuid': {
      const zeros = canonicalValues.uuid;
      const shown = `${end}(${column.plain}::text, ${characters})`;
      return side === 'first'
        ? `(${shown} || '${zeros.slice(characters)}')::${column.cast}`
        : `('${zeros.slice(0, -characters)}' || ${shown})::${column.cast}`;
    }
    default:
      return fullSql(kind, column);
  }
}

/** In text, dates without a zone alone: what has one is masked in full, other than on the wire, which tells its month in UTC. */
const dateText =
  '^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?([.][0-9]{1,9})?)?$';

function monthSql(kind: ValueKind, column: Masked): string | null {
  const { plain, cast } = column;
  const within = (value: string, month: string): string =>
    `(CASE WHEN ${value} >= '0001-01-01' AND ${value} < '10000-01-01' THEN ${month} ELSE ${literal(canonicalValues[kind] ?? '')} END)::${cast}`;
  switch (kind) {
    case 'text': {
      const time = `CASE WHEN length(m.x) > 10 THEN substr(m.x, 11, 1) || '00:00:00' ELSE '' END`;
      const shown = `CASE WHEN ${inC('m.x')} ~ '${dateText}' THEN substr(m.x, 1, 7) || '-01' || ${time} ELSE '${fullMask}' END`;
      return `${withValue(textOf(column), shown)}::${cast}`;
    }
    case 'date':
      return within(`${plain}::date`, `date_trunc('month', ${plain}::timestamp)::date`);
    case 'timestamp':
      return within(`${plain}::timestamp`, `date_trunc('month', ${plain}::timestamp)`);
    case 'timestamptz': {
      const utc = `(${plain}::timestamptz AT TIME ZONE 'UTC')`;
      return `(CASE WHEN ${utc} >= '0001-01-01' AND ${utc} < '10000-01-01'
    THEN date_trunc('month', ${utc}) ELSE '2000-01-01' END AT TIME ZONE 'UTC')::${cast}`;
    }
    default:
      return fullSql(kind, column);
  }
}

/** How the digits of a pseudonym are shown as text. */
type ShownDigits = (digits: string) => string;

const hashedText: ShownDigits = (digits) => `('masked-' || substr(${digits}, 1, 20))`;

const wordPair: ShownDigits = (digits) => {
  const word = (words: readonly string[], from: number): string =>
    `('{${words.join(',')}}'::text[])[('x' || substr(m.x, ${from}, 2))::bit(8)::int + 1]`;
  return withValue(digits, `'masked-' || ${word(adjectives, 1)} || '-' || ${word(nouns, 3)}`);
};

/** As JavaScript's: 2^31 - 1, and the largest number that a double holds exactly. */
const maxInteger = '2147483647';
const maxSafeNumber = '9007199254740991';

function hashSql(kind: ValueKind, column: Masked, shown: ShownDigits): string | null {
  if (!hasPseudonym(kind)) return fullSql(kind, column);
  const { cast } = column;
  const digits = column.hash(kind === 'bytea' ? `'\\x' || encode(${column.plain}, 'hex')` : textOf(column));
  switch (kind) {
    case 'text':
      return `${shown(digits)}::${cast}`;
    case 'json':
      return `to_json(${shown(digits)})::${cast}`;
    case 'integer':
    case 'decimal':
      return numberSql(digits, maxInteger, cast);
    case 'bigint':
      return numberSql(digits, maxSafeNumber, cast);
    case 'uuid': {
      const parts = `substr(m.x, 1, 8) || '-' || substr(m.x, 9, 4) || '-8' || substr(m.x, 13, 3) || '-a' || substr(m.x, 16, 3) || '-' || substr(m.x, 19, 12)`;
      return `${withValue(digits, parts)}::${cast}`;
    }
    case 'bytea':
      return `decode(substr(${digits}, 1, 20), 'hex')::${cast}`;
    default:
      return unreachable(kind);
  }
}

/** The first 64 bits, which no signed integer holds, as one number. */
function numberSql(digits: string, max: string, cast: string): string {
  const half = (from: number): string => `('x' || substr(m.x, ${from}, 8))::bit(32)::int8::numeric`;
  return `${withValue(digits, `mod(${half(1)} * 4294967296 + ${half(9)}, ${max}) + 1`)}::int8::${cast}`;
}
