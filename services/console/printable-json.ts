import { unprintableCharacters } from '../core/model/visible-text.ts';

const onlyPrintable = /^[\x20-\x7e\n]*$/;

/**
 * JSON that any terminal can be shown. JSON itself escapes the controls of ASCII; U+009B (a terminal's CSI), bidi
 * overrides and whatever else has no glyph of its own it would let through. A reader of JSON gets the same value.
 *
 * @param indent spaces a level; without it, one line
 */
export function printableJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent);
  if (onlyPrintable.test(text)) return text;
  return text.replace(unprintableCharacters, (character) => (character === '\n' ? '\n' : escaped(character)));
}

/** By UTF-16 unit, as JSON's escapes are. */
const escaped = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
