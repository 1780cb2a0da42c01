import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { visibleLines, visibleText } from '../../../services/core/model/visible-text.ts';

const anyText = () => fc.string({ unit: 'binary', maxLength: 40 });
/** Everything that could hide, move or command; the brackets of a mark are checked by reading it back. */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/u;
const readBack = (shown: string): string =>
  shown.replaceAll(/⟨U\+([0-9A-F]{4,6})⟩/g, (_, digits: string) =>
    String.fromCodePoint(Number.parseInt(digits, 16)),
  );

test('nothing that hides, moves or commands is passed on', () => {
  fc.assert(
    fc.property(anyText(), (text) => {
      expect(visibleText(text)).not.toMatch(unsafe);
    }),
    { numRuns: 2000 },
  );
  // Beyond the planes of ideographs nothing but tags and selectors is assigned.
  const ranges = [Array(0x20000).keys(), [...Array(0x1000).keys()].map((code) => 0xe0000 + code)];
  for (const code of ranges.flatMap((range) => [...range])) {
    const shown = visibleText(String.fromCodePoint(code));
    if (unsafe.test(shown)) throw new Error(`U+${code.toString(16)} is passed on`);
  }
});

test('what is shown can be read back, so no two texts look the same', () => {
  fc.assert(
    fc.property(
      fc.oneof(anyText(), fc.string({ unit: fc.constantFrom('⟨', '⟩', 'U', '+', '2', '0', 'е', 'e', '\\') })),
      (text) => {
        expect(readBack(visibleText(text))).toBe(text);
      },
    ),
    { numRuns: 2000 },
  );
});

test.each([
  ['plain ASCII', "SELECT 'a\\b' -- x <U+202E>", "SELECT 'a\\b' -- x <U+202E>"],
  [
    'languages',
    'Ærø naïve Größe Привет мир Ελλάδα 日本語 한국어 שלום مرحبا हिन्दी Việt',
    'Ærø naïve Größe Привет мир Ελλάδα 日本語 한국어 שלום مرحبا हिन्दी Việt',
  ],
  ['decomposed letters', 'cafe\u0301', 'cafe\u0301'],
  ['words of two scripts that are written together', 'SQL文 ver2版', 'SQL文 ver2版'],
  ['a terminal escape', '\u001b[2J\u001b]0;x\u0007', '⟨U+001B⟩[2J⟨U+001B⟩]0;x⟨U+0007⟩'],
  ['C1 and DEL', '\u009b31m\u007f', '⟨U+009B⟩31m⟨U+007F⟩'],
  ['a line that is written over', 'DROP TABLE x\rSELECT 1', 'DROP TABLE x⟨U+000D⟩SELECT 1'],
  ['line breaks of all kinds', 'a\nb\u0085c\u2028d\u2029e', 'a⟨U+000A⟩b⟨U+0085⟩c⟨U+2028⟩d⟨U+2029⟩e'],
  ['Trojan Source', "'\u202e\u2066// x\u2069 \u2066'", "'⟨U+202E⟩⟨U+2066⟩// x⟨U+2069⟩ ⟨U+2066⟩'"],
  ['zero width', 'us\u200ber\u200d\ufeff\u00ad\u2060s', 'us⟨U+200B⟩er⟨U+200D⟩⟨U+FEFF⟩⟨U+00AD⟩⟨U+2060⟩s'],
  [
    'fillers and blanks',
    '\u3164\u115f\u2800\u00a0\u3000\ufe0f',
    '⟨U+3164⟩⟨U+115F⟩⟨U+2800⟩⟨U+00A0⟩⟨U+3000⟩⟨U+FE0F⟩',
  ],
  ['tags', 'x\u{e0041}\u{e007f}', 'x⟨U+E0041⟩⟨U+E007F⟩'],
  ['a lone surrogate', 'x\ud800y', 'x⟨U+D800⟩y'],
  ['the brackets themselves', '⟨U+202E⟩', '⟨U+27E8⟩U+202E⟨U+27E9⟩'],
  ['a Cyrillic letter in a Latin word', 'app.us\u0435rs', 'app.us⟨U+0435⟩rs'],
  ['a Latin letter in a Cyrillic word', 'Приvет', '⟨U+041F⟩⟨U+0440⟩⟨U+0438⟩v⟨U+0435⟩⟨U+0442⟩'],
  [
    'a word of look-alikes alone',
    '\u0441\u043e\u0440\u0443 \u0391\u0392',
    '⟨U+0441⟩⟨U+043E⟩⟨U+0440⟩⟨U+0443⟩ ⟨U+0391⟩⟨U+0392⟩',
  ],
  [
    'full width and mathematical letters',
    'ＳＥＬＥＣＴ 𝐱；',
    '⟨U+FF33⟩⟨U+FF25⟩⟨U+FF2C⟩⟨U+FF25⟩⟨U+FF23⟩⟨U+FF34⟩ ⟨U+1D431⟩⟨U+FF1B⟩',
  ],
  ['quotes and dashes that are none in SQL', '‘a’ –– b', '⟨U+2018⟩a⟨U+2019⟩ ⟨U+2013⟩⟨U+2013⟩ b'],
  ['a ligature', 'oﬃce', 'o⟨U+FB03⟩ce'],
  ['a dotless i', 'ıd', '⟨U+0131⟩d'],
  ['digits of another script in a word', 'id١', 'id⟨U+0661⟩'],
  ['a letter struck out', 'DROP\u0336', 'DROP⟨U+0336⟩'],
  ['marks that pile up', 'a\u0301\u0302\u0303\u0304', 'a\u0301\u0302⟨U+0303⟩⟨U+0304⟩'],
])('%s', (_, text, shown) => {
  expect(visibleText(text)).toBe(shown);
});

test('several lines stay several lines, and tabs stay tabs', () => {
  expect(visibleLines('SELECT\n\t1,\r\n\u001b2')).toEqual(['SELECT', '\t1,⟨U+000D⟩', '⟨U+001B⟩2']);
  expect(visibleLines('')).toEqual(['']);
});
