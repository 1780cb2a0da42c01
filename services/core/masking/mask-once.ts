import { unreachable } from '../model/errors.ts';
import type { MaskContext } from './keyed-hash.ts';
import { isPart, type ShownPart, shownPart, type TransformName } from './transform-names.ts';
import { type ColumnMask, columnMask } from './transforms.ts';
import type { ValueKind } from './value-kind.ts';

/**
 * What the values look like that a transform has made, where a second one would make something else of them; null where the second gives
 * the same. Of integers nothing can tell: any is taken for one.
 */
function formOf(transform: TransformName, kind: ValueKind): RegExp | null {
  if (isPart(transform)) return partForm(shownPart(transform), kind);
  switch (transform) {
    case 'hash':
      return hashForms[kind] ?? null;
    case 'pseudonym':
      return pseudonymForms[kind] ?? hashForms[kind] ?? null;
    case 'email':
    case 'full':
    case 'month':
    case 'redact':
    case 'null':
      return null;
    default:
      return unreachable(transform);
  }
}

function partForm({ side, characters }: ShownPart, kind: ValueKind): RegExp | null {
  const shown = `[^]{1,${2 * characters}}`; // a character is one or two units of UTF-16
  switch (kind) {
    case 'text':
      return new RegExp(`^(?:${side === 'first' ? `${shown}\\*{4}` : `\\*{4}${shown}`}|\\*{8})\\s*$`);
    case 'integer':
    case 'bigint':
      return new RegExp(`^\\d{1,${characters}}$`);
    default:
      return null;
  }
}

const pseudonymForms: Partial<Record<ValueKind, RegExp>> = {
  text: /^masked-[a-z]+-[a-z]+\s*$/,
  json: /^"masked-[a-z]+-[a-z]+"$/,
};

const hashForms: Partial<Record<ValueKind, RegExp>> = {
  text: /^masked-[\da-f]{20}\s*$/,
  json: /^"masked-[\da-f]{20}"$/,
  integer: /^\d{1,10}$/,
  decimal: /^\d{1,10}$/,
  bigint: /^\d{1,16}$/,
  uuid: /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-a[\da-f]{3}-[\da-f]{12}$/,
  bytea: /^\\x[\da-f]{20}$/,
};

/** For values that should have been masked already: those that are stay as they are, and any other is masked. */
export function maskOnce(transform: TransformName, kind: ValueKind, context: MaskContext): ColumnMask {
  const mask = columnMask(transform, kind, context);
  const form = formOf(transform, kind);
  if (mask.kind === 'constant' || form === null) return mask;
  return { kind: 'each', mask: (text) => (form.test(text) ? text : mask.mask(text)) };
}
