import type { KeyObject } from 'node:crypto';
import type { TransformName } from './transform-names.ts';
import { type ColumnMask, columnMask } from './transforms.ts';
import { fullMask } from './value-kind.ts';

/** What becomes of a masked value of a JSON document, by the type that it has. null stays null. */
export interface JsonMask {
  /** The new string, without quotes and escapes; null is JSON's null. */
  string(text: string): string | null;
  /** The new number as it is written. */
  number(text: string): string;
  /** What stands for a value that is not looked at: a string that is too long, `true` and `false`, an object with all that is in it. */
  readonly longString: string;
  readonly boolean: string;
  readonly object: '{}' | 'null';
}

/** Integers up to nine digits keep a pseudonym that fits into 32 bits, as their readers may expect. */
const fits32Bits = /^-?\d{1,9}$/;
const integer = /^-?\d+$/;

/** The mask of a transform (transforms.ts) for JSON; elements of an array are masked each for itself. */
export function jsonMask(transform: TransformName, key: KeyObject, field: string): JsonMask {
  const context = { key, field };
  const string = columnMask(transform, 'text', context);
  const small = columnMask(transform, 'integer', context);
  const large = columnMask(transform, 'bigint', context);
  const fraction = columnMask(transform, 'decimal', context);
  const shown = (mask: ColumnMask, text: string): string | null =>
    mask.kind === 'constant' ? mask.text : mask.mask(text);
  const isNull = transform === 'null';
  return {
    string: (text) => shown(string, text),
    number: (text) =>
      shown(integer.test(text) ? (fits32Bits.test(text) ? small : large) : fraction, text) ?? 'null',
    longString: isNull ? 'null' : JSON.stringify(string.kind === 'constant' ? string.text : fullMask),
    boolean: isNull ? 'null' : 'false',
    object: isNull ? 'null' : '{}',
  };
}
