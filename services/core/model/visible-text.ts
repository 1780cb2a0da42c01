/**
 * Text from clients and targets, made safe to show to a person: on a terminal, in a log line, beside an Approve
 * button. What cannot be seen, what moves other text about, and what looks like ASCII and is not, is written as its
 * code point: `⟨U+202E⟩`. The brackets themselves are written that way too, so the result is unambiguous, and
 * backslashes, of which SQL and shell are full, need no doubling.
 */

/**
 * Characters without a glyph of their own: controls (which hold every terminal escape), format characters (which hold
 * the bidi controls of the "Trojan Source" attack, CVE-2021-42574), line and paragraph separators, lone surrogates,
 * private use, unassigned, and what Unicode says may be left out when text is shown (zero-width, fillers, variation
 * selectors, tags).
 */
const unprintable = String.raw`\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}`;

export const unprintableCharacters = new RegExp(`[${unprintable}]`, 'gu');

/**
 * Beside those: spaces other than U+0020, the blank Braille pattern, enclosing marks and overlays (they strike out
 * the character before them), and our own brackets.
 */
const notShown = new RegExp(
  String.raw`[${unprintable}\u2800\p{Me}\u0334-\u0338\u20d2\u20d3\u20d8-\u20da\u20e5\u20e6\u20ea\u20eb\u27e8\u27e9]|(?! )\p{Zs}`,
  'u',
);

/**
 * Punctuation that reads as ASCII punctuation, after Unicode's confusables (UTS #39). Those that NFKC turns into ASCII
 * (full width, small forms) are found by that and not listed.
 */
const punctuationLookAlikes = new Set(
  '‘’‚‛′‵ʹʻʼʽˈˊˋ´ꞌ՚׳ߴߵ' + // '
    '“”„‟″‶˝ʺ״〃' + // "
    '‐‑‒–—―−⁃˗➖⸺⸻─━' + // -
    '∗⁎٭✱✻' + // *
    '⁄∕╱⧸⟋∖⧵⧹╲' + // / and \
    '∶։׃ː꞉؛⁏' + // : and ;
    '¸؍٫٬' + // , and .
    '∣׀│⏐❘' + // |
    '‹›❮❯˂˃ᐸᐳ' + // < and >
    '꓿᐀⹀' + // =
    '❨❩❪❫❲❳❴❵〔〕' + // ( ) [ ] { }
    '٪➕᛭∼˜⁓˄ˆⵑߺ', // % + ~ ^ ! _
);

/** Letters that read as ASCII letters in most fonts; a word of nothing else reads as another word. */
const letterLookAlikes = new Set(
  'асеоріјѕухԁһԛԝӏАВСЕНІЈКМОРЅТХУҮӀԌԚԜ' + // Cyrillic
    'αγικνορτυϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ' + // Greek
    'օսոհցյզքԼՕՍ' + // Armenian
    'וןסⲟⲣⲥ', // Hebrew, Coptic
);

/** Latin letters beside the alphabets of languages (dotless i, IPA, small capitals), and scripts that mimic Latin capitals. */
const mimics =
  /[\u0131\u01c0-\u01c3\u0237\u0250-\u02af\u1d00-\u1dbf\ua722-\ua7ff\p{Script=Cherokee}\p{Script=Lisu}]/u;

const latin = /\p{Script=Latin}/u;
/** Scripts that are written beside Latin letters without a space, and look like none of them. */
const besideLatin =
  /[\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]/u;
const otherDigit = /(?![0-9])\p{Nd}/u;

const onlyPlain = /^[\x20-\x7e]*$/;
const wordsAndOthers = /[\p{L}\p{M}\p{Nd}]+|./gsu;
/** Two marks on one letter are Vietnamese; more pile up over the lines around them. */
const maxMarksInARow = 2;

const codePoint = (character: string): string =>
  `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

const readsAsAscii = (character: string): boolean =>
  character > '\x7f' && onlyPlain.test(character.normalize('NFKC'));

const mustBeMarked = (character: string): boolean =>
  notShown.test(character) ||
  punctuationLookAlikes.has(character) ||
  mimics.test(character) ||
  readsAsAscii(character);

function visibleWord(word: string): string {
  const letters = [...word];
  const mixed = latin.test(word);
  const onlyLookAlikes = letters.every(
    (letter) => letterLookAlikes.has(letter) || !/\p{L}/u.test(letter) || mustBeMarked(letter),
  );
  let marksInARow = 0;
  return letters
    .map((letter) => {
      marksInARow = /\p{M}/u.test(letter) ? marksInARow + 1 : 0;
      const foreign = mixed && (!besideLatin.test(letter) || otherDigit.test(letter));
      const mark =
        foreign ||
        marksInARow > maxMarksInARow ||
        (onlyLookAlikes && letterLookAlikes.has(letter)) ||
        mustBeMarked(letter);
      return mark ? codePoint(letter) : letter;
    })
    .join('');
}

/** One line, whatever was in it: line breaks and tabs are written as code points too. */
export function visibleText(text: string): string {
  if (onlyPlain.test(text)) return text;
  return text.replace(wordsAndOthers, (part) => {
    if (onlyPlain.test(part)) return part;
    if (/^[\p{L}\p{M}\p{Nd}]/u.test(part)) return visibleWord(part);
    return mustBeMarked(part) ? codePoint(part) : part;
  });
}

/** A text of several lines, as its lines: split at LF, with tabs left as they are. */
export const visibleLines = (text: string): readonly string[] =>
  text.split('\n').map((line) => line.split('\t').map(visibleText).join('\t'));
