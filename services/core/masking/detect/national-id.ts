import {
  at,
  type ByteSet,
  byteSet,
  code,
  type Detector,
  type DigitRun,
  digitSet,
  digits,
  isDigit,
  isIn,
  maxDigitRun,
  runEnd,
  type Span,
  upperCase,
} from './bytes.ts';
import { type NationalIdCountry, type NationalIdForm, nationalIdForms } from './national-id-forms.ts';
import { endsNumber, startsNumber } from './number-bounds.ts';

const capitals = byteSet(upperCase);
const capitalsAndDigits = byteSet(upperCase + digits);

const isPatternDigit = (character: string | undefined): boolean =>
  character !== undefined && /\d/.test(character);

/** A form with the run of digits at which it is tried, its first one. */
interface TriedForm {
  readonly form: NationalIdForm;
  readonly places: readonly ByteSet[];
  /** Where in the pattern the run begins. */
  readonly offset: number;
  readonly run: DigitRun;
  /** Groups are told from a longer chain of numbers by this; none where the pattern has no groups of digits. */
  readonly separator: number | null;
}

function tried(form: NationalIdForm): TriedForm {
  const characters = Array.from(form.pattern);
  const offset = characters.findIndex(isPatternDigit);
  const length = characters.slice(offset).findIndex((character) => !isPatternDigit(character));
  const runLength = length === -1 ? characters.length - offset : length;
  const next = characters[offset + runLength];
  const separator = /[^9AX\d]/.exec(form.pattern)?.[0];
  return {
    form,
    places: placesOf(form.pattern),
    offset,
    run:
      characters[offset - 1] === 'A'
        ? 'after-capital'
        : { lengths: [runLength], followedBy: followers(next) },
    separator: separator === undefined ? null : code(separator),
  };
}

function followers(next: string | undefined): string {
  if (next === undefined) return 'anything';
  return next === 'A' ? upperCase : next;
}

/** What may stand at each place of a pattern. */
const placesOf = (pattern: string): readonly ByteSet[] =>
  Array.from(pattern, (character) => {
    if (character === '9') return digitSet;
    if (character === 'A') return capitals;
    return character === 'X' ? capitalsAndDigits : byteSet(character);
  });

function fits(bytes: Uint8Array, start: number, places: readonly ByteSet[]): boolean {
  for (let index = 0; index < places.length; index += 1) {
    if (places[index]?.[at(bytes, start + index)] !== 1) return false;
  }
  return true;
}

/** Whether this is a part of more numbers with the same sign between them: a serial number, a card's groups. */
const isInChain = (bytes: Uint8Array, start: number, end: number, separator: number): boolean =>
  (at(bytes, start - 1) === separator && isDigit(at(bytes, start - 2))) ||
  (at(bytes, end) === separator && isDigit(at(bytes, end + 1)));

function matchForm(
  bytes: Uint8Array,
  digit: number,
  { form, places, offset, separator }: TriedForm,
): Span | null {
  const start = digit - offset;
  const end = start + places.length;
  if (!fits(bytes, start, places)) return null;
  if (!startsNumber(bytes, start) || !endsNumber(bytes, end)) return null;
  if (separator !== null && isInChain(bytes, start, end, separator)) return null;
  const id = Buffer.from(bytes.subarray(start, end))
    .toString('latin1')
    .replaceAll(/[^\dA-Z]/g, '');
  return form.passes(id) ? { start, end } : null;
}

function detector(about: string, forms: readonly NationalIdForm[]): Detector {
  const all = forms.map(tried);
  const afterCapital = all.filter(({ run }) => run === 'after-capital');
  const byLength = Array.from({ length: maxDigitRun + 1 }, (_, length) =>
    all.filter(({ run }) => run !== 'after-capital' && run.lengths.includes(length)),
  );
  return {
    about,
    anchors: [],
    digitRuns: all.map(({ run }) => run),
    match(bytes, index) {
      const isAfterCapital = isIn(capitals, at(bytes, index - 1));
      const length = runEnd(bytes, index, digitSet, index + maxDigitRun) - index;
      for (const form of isAfterCapital ? afterCapital : (byLength[length] ?? [])) {
        const span = matchForm(bytes, index, form);
        if (span !== null) return span;
      }
      return null;
    },
  };
}

export const nationalId = detector(
  'A national identity number whose form and check digits are hardly met elsewhere.',
  nationalIdForms.filter(({ isStrong }) => isStrong),
);

/** All forms of one country, also those of which one ordinary number in ten passes. */
export const nationalIdOf = (country: NationalIdCountry): Detector =>
  detector(
    `A national identity number of ${country.toUpperCase()} that passes its check digits.`,
    nationalIdForms.filter((form) => form.country === country),
  );
