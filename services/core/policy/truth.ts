/**
 * Whether something holds, given what is known. Numbers, so that the least of several is their `and`, and so that a row
 * of them are the digits of one number (see `Plan` in view.ts).
 */
export type Truth = 0 | 1 | 2;

export const no: Truth = 0;
export const unknown: Truth = 1;
export const yes: Truth = 2;

export const truthOf = (holds: boolean): Truth => (holds ? yes : no);

export const and = (left: Truth, right: Truth): Truth => (left < right ? left : right);

export const or = (left: Truth, right: Truth): Truth => (left > right ? left : right);

export const truthText = (truth: Truth): 'no' | 'unknown' | 'yes' =>
  truth === yes ? 'yes' : truth === no ? 'no' : 'unknown';
