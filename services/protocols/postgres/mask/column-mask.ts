import type { KeyObject } from 'node:crypto';
import { maskOnce } from '../../../core/masking/mask-once.ts';
import { isScanned, type ValueScanner } from '../../../core/masking/scan.ts';
import type { TransformName } from '../../../core/masking/transform-names.ts';
import { columnMask, maskDerived } from '../../../core/masking/transforms.ts';
import type { Catalog } from '../sql/catalog.ts';
import { BodyReader } from '../wire/body.ts';
import { encodeBinary } from '../wire/encode.ts';
import { isTextual, valueText } from '../wire/values.ts';
import { carriedType, valueKind } from './value-kinds.ts';

/** A masked value as it goes to the client; `unchanged` is the commonest answer of a scan. */
export type MaskedValue = Buffer | null | 'unchanged';

/** What is done to each value of one result column. NULL is not given to it. */
export interface ColumnMasker {
  /** How many values one call has masked: a scanned text may hold several. */
  readonly count: number;
  /**
   * NULL is masked too where the statement may choose when a computed column is NULL; the value is then given as null.
   */
  readonly masksNull: boolean;
  mask(value: Buffer | null): MaskedValue;
  /** Whether the value that lies here surely stays unchanged: asked first, where there is it, since a Buffer for each value costs more. */
  readonly isPlain: ((bytes: Buffer, start: number, end: number) => boolean) | null;
}

export interface MaskedColumn {
  readonly typeOid: number;
  /** 0 text, 1 binary. */
  readonly format: number;
}

/** `once`: what has the form of a mask already stays as it is. */
export type MaskingMode = 'always' | 'once';

/** A column that is one masked field as it stands. */
export function directMasker(
  column: MaskedColumn,
  transform: TransformName,
  field: string,
  catalog: Catalog,
  key: KeyObject,
  mode: MaskingMode = 'always',
): ColumnMasker {
  const type = carriedType(column.typeOid, catalog);
  const masking = mode === 'once' ? maskOnce : columnMask;
  const mask = masking(transform, valueKind(type, catalog), { key, field });
  const encode = encoderOf(column, type, catalog);
  if (mask.kind === 'constant') return constantMasker(encode(mask.text), false);
  return {
    count: 1,
    masksNull: false,
    isPlain: null,
    mask: (value) => (value === null ? null : encode(mask.mask(valueText(value, type, column.format) ?? ''))),
  };
}

/** A column that was computed from masked fields, or whose origin cannot be known. */
export function derivedMasker(column: MaskedColumn, catalog: Catalog): ColumnMasker {
  const type = carriedType(column.typeOid, catalog);
  return constantMasker(encoderOf(column, type, catalog)(maskDerived(valueKind(type, catalog))), true);
}

const constantMasker = (shown: Buffer | null, masksNull: boolean): ColumnMasker => ({
  count: 1,
  masksNull,
  isPlain: null,
  mask: () => shown,
});

function encoderOf(
  { format }: MaskedColumn,
  type: number,
  catalog: Catalog,
): (text: string | null) => Buffer | null {
  if (format === 0) return (text) => (text === null ? null : Buffer.from(text));
  const element = catalog.typesByOid.get(type)?.element ?? 0;
  return (text) => (text === null ? null : encodeBinary(text, type, element));
}

/** A column that no field mask covers, searched for what detectors know. Null when its type can hold nothing of the kind. */
export function scanningMasker(
  column: MaskedColumn,
  scanner: ValueScanner,
  catalog: Catalog,
): ColumnMasker | null {
  const type = carriedType(column.typeOid, catalog);
  const kind = valueKind(type, catalog);
  if (column.format === 0 || isTextual(type)) return isScanned(kind) ? textScanner(scanner, kind) : null;
  switch (kind) {
    case 'json':
      return jsonbScanner(scanner);
    case 'integer':
    case 'bigint':
    case 'decimal':
      return numberScanner(scanner, kind, column, type, catalog);
    case 'array':
      return arrayScanner(scanner, catalog);
    case 'other':
      return opaqueScanner(scanner);
    default:
      return null;
  }
}

type Kind = Parameters<ValueScanner['scan']>[1];

/** One object a column, since `count` belongs to the call just made. */
function scanningWith(
  scan: (value: Buffer) => { readonly value: MaskedValue; readonly count: number },
  isPlain: ColumnMasker['isPlain'] = null,
): ColumnMasker {
  const masker = {
    count: 0,
    masksNull: false,
    isPlain,
    mask(value: Buffer | null): MaskedValue {
      if (value === null) return 'unchanged';
      const scanned = scan(value);
      masker.count = scanned.count;
      return scanned.value;
    },
  };
  return masker;
}

const nothingFound = { value: 'unchanged', count: 0 } as const;

const textScanner = (scanner: ValueScanner, kind: Kind): ColumnMasker =>
  scanningWith(
    (value) => scanner.scan(value, kind) ?? nothingFound,
    // What JSON escapes is seen when the escapes are undone.
    kind === 'json' ? null : (bytes, start, end) => scanner.isPlain(bytes, start, end),
  );

/** jsonb_send puts one version byte before the text. */
const jsonbScanner = (scanner: ValueScanner): ColumnMasker =>
  scanningWith((value) => {
    const scanned = scanner.scan(value.subarray(1), 'json');
    if (scanned === null) return nothingFound;
    const shown = scanned.value === null ? null : Buffer.concat([value.subarray(0, 1), scanned.value]);
    return { value: shown, count: scanned.count };
  });

function numberScanner(
  scanner: ValueScanner,
  kind: Kind,
  column: MaskedColumn,
  type: number,
  catalog: Catalog,
): ColumnMasker {
  const encode = encoderOf(column, type, catalog);
  return scanningWith((value) => {
    const scanned = scanner.scan(Buffer.from(valueText(value, type, 1) ?? ''), kind);
    if (scanned === null) return nothingFound;
    return { value: encode(scanned.value?.toString('utf8') ?? null), count: scanned.count };
  });
}

/**
 * array_send: dimensions, flags, element type, two Int32 a dimension, then each element with its length before it. Each is scanned as a
 * value of its own type is.
 */
const arrayScanner = (scanner: ValueScanner, catalog: Catalog): ColumnMasker =>
  scanningWith((value) => {
    const body = new BodyReader(value, 0);
    const dimensions = body.int32();
    body.int32();
    const masker = scanningMasker({ typeOid: body.uint32(), format: 1 }, scanner, catalog);
    if (masker === null) return nothingFound;
    body.bytes(8 * dimensions);
    const head = value.subarray(0, 12 + 8 * dimensions);
    const parts: Buffer[] = [head];
    let count = 0;
    for (let at = head.length; at < value.length; ) {
      const item = body.nullableBytes();
      at += 4 + (item?.length ?? 0);
      const masked = masker.mask(item);
      const shown = masked === 'unchanged' ? item : masked;
      if (masked !== 'unchanged') count += masker.count;
      const length = Buffer.alloc(4);
      length.writeInt32BE(shown?.length ?? -1);
      parts.push(length, ...(shown === null ? [] : [shown]));
    }
    return count === 0 ? nothingFound : { value: Buffer.concat(parts), count };
  });

/** A binary value of a type that nothing is known of: what holds a find is not shown at all. */
const opaqueScanner = (scanner: ValueScanner): ColumnMasker =>
  scanningWith((value) => {
    const scanned = scanner.scan(value, 'other');
    return scanned === null ? nothingFound : { value: null, count: scanned.count };
  });
