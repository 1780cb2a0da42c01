/** Decimal numbers compared as they are written: a double would take 9007199254740993 for 9007199254740992. */

import { maxNumberCharacters } from './limits.ts';

/** 0.DIGITS times ten to the power of `exponent`; no digits is zero. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

const form = /^(?<sign>[+-]?)(?<whole>[0-9]*)(?:\.(?<fraction>[0-9]*))?(?:[eE](?<power>[+-]?[0-9]+))?$/;

/** Null when it is no number in digits, or one that nobody writes. */
function decimalOf(text: string): Decimal | null {
  if (text.length > maxNumberCharacters) return null;
  const { sign, whole = '', fraction = '', power = '0' } = form.exec(text)?.groups ?? {};
  if (whole === '' && fraction === '') return null;
  const written = whole + fraction;
  const digits = written.replace(/^0+/, '');
  if (digits === '') return { negative: false, digits: '', exponent: 0 };
  const zeros = written.length - digits.length;
  return {
    negative: sign === '-',
    digits: digits.replace(/0+$/, ''),
    exponent: whole.length - zeros + Number(power),
  };
}

const order = (left: number | string, right: number | string): -1 | 0 | 1 =>
  left === right ? 0 : left < right ? -1 : 1;

/** Below, at or above; null when the text is no number in digits. */
export function compareDecimal(text: string, bound: number): -1 | 0 | 1 | null {
  const left = decimalOf(text);
  const right = decimalOf(String(bound));
  if (left === null || right === null) return null;
  const signs = order(signOf(left), signOf(right));
  if (signs !== 0) return signs;
  const size = order(left.exponent, right.exponent) || order(left.digits, right.digits);
  return left.negative ? order(0, size) : size;
}

const signOf = ({ digits, negative }: Decimal): number => (digits === '' ? 0 : negative ? -1 : 1);
