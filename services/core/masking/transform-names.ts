import { unreachable } from '../model/errors.ts';
import { MaskingError } from './errors.ts';

/** Each transform and what it does to text; transforms.ts says what becomes of other kinds. */
const whole = {
  full: 'Eight stars, whatever the length.',
  redact: 'The word [masked]: for readers who would take stars for the data.',
  email: 'The first letter: a***@***.example. The domain is hidden, since a small one names its owner.',
  hash: 'masked- and 20 hex digits of a keyed hash: equal values of one field stay equal, for joins and counts.',
  pseudonym:
    'masked- and two words of a keyed hash (masked-amber-falcon): equal values of one field stay equal, for readers.',
  month: 'A date or time as the beginning of its month in UTC; what is none: as full.',
  null: 'No value at all.',
} as const;

/** How many characters `first2` or `last4` show at most: a card's issuer has six digits, and more would name the card. */
const partCharacters = [1, 2, 3, 4, 5, 6] as const;
type PartCharacters = (typeof partCharacters)[number];

export type PartName = `first${PartCharacters}` | `last${PartCharacters}`;
export type TransformName = keyof typeof whole | PartName;

export const transformNames: readonly TransformName[] = [
  ...(Object.keys(whole) as (keyof typeof whole)[]), // keys of the literal above
  ...partCharacters.map((count) => `first${count}` as const),
  ...partCharacters.map((count) => `last${count}` as const),
];

/** @throws MaskingError `unknown-transform` */
export function transformName(name: string): TransformName {
  const found = transformNames.find((known) => known === name);
  if (found === undefined) {
    throw new MaskingError(
      'unknown-transform',
      `"${name}" is no transform; there are ${transformNames.join(', ')}`,
    );
  }
  return found;
}

/** What stays of a value: so many characters at its beginning or its end. */
export interface ShownPart {
  readonly side: 'first' | 'last';
  readonly characters: number;
}

export const isPart = (transform: TransformName): transform is PartName =>
  /^(?:first|last)\d$/.test(transform);

export const shownPart = (transform: PartName): ShownPart => ({
  side: transform.startsWith('first') ? 'first' : 'last',
  characters: Number(transform.at(-1)),
});

/** From what shows least to what shows most: where several masks name a field, the strictest one holds. */
export function strictness(transform: TransformName): number {
  if (isPart(transform)) return 10 + shownPart(transform).characters;
  switch (transform) {
    case 'null':
      return 0;
    case 'full':
      return 1;
    case 'redact':
      return 2;
    case 'pseudonym':
      return 3;
    case 'hash':
      return 4;
    case 'month':
      return 5;
    case 'email':
      return 6;
    default:
      return unreachable(transform);
  }
}
