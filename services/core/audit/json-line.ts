import { unprintableCharacters } from '../model/visible-text.ts';
import { maxShortenedCharacters, maxShortenedItemCharacters, maxShortenedItems } from './limits.ts';

const escapeUnits = (character: string): string => {
  let escaped = '';
  for (let index = 0; index < character.length; index += 1) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }
  return escaped;
};

/**
 * JSON text with everything escaped that is not printed: JSON.stringify leaves DEL, C1 controls, U+2028, bidi and
 * zero-width characters as they are, and a viewer that splits lines at U+2028, or a terminal that obeys C1, would
 * show records that are not there. The value stays the same.
 */
const escapeUnprintable = (json: string): string => json.replace(unprintableCharacters, escapeUnits);

export interface StoredText {
  readonly text: string;
  /** In UTF-8. */
  readonly bytes: number;
}

/** A byte for each character, and nothing that would have to be escaped: nearly every text, at a fraction of the cost. */
const plain = /^[ -~]*$/;

/** JSON text as it is stored, with everything escaped that is not printed. */
export function storedText(json: string): StoredText {
  if (plain.test(json)) return { text: json, bytes: json.length };
  const text = escapeUnprintable(json);
  return { text, bytes: Buffer.byteLength(text) };
}

function shortenedItem(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, maxShortenedItemCharacters);
  return typeof value === 'object' && value !== null ? shortenedFields(value, shortenedItem) : value;
}

function shortenedFields(value: object, shorten: (field: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, maxShortenedItems).map(shortenedItem);
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, shorten(field)]));
}

/** What is kept of a record that is too large: every field, long texts and lists cut, and `shortened` with its size. */
export const shortened = (record: object, characters: number): object => ({
  ...record,
  ...(shortenedFields(record, (field) =>
    typeof field === 'string' ? field.slice(0, maxShortenedCharacters) : shortenedItem(field),
  ) as object), // an object goes in, so an object comes out
  shortened: characters,
});
