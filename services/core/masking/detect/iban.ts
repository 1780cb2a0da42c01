import {
  at,
  beginsWord,
  byteSet,
  code,
  type Detector,
  digits,
  isDigit,
  isIn,
  type Span,
  upperCase,
  wordSet,
} from './bytes.ts';

/** ISO 13616-1, the SWIFT registry: how long each country's IBAN is. */
const lengths: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ' +
    'ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 ' +
    'LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 ' +
    'PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 ' +
    'YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

const member = byteSet(upperCase + digits);
const space = code(' ');

/** The end of `length` letters and digits from `start` on, plain or in groups of four; -1 when they are not there. */
function ibanEnd(bytes: Uint8Array, start: number, length: number): number {
  const inGroups = at(bytes, start + 4) === space;
  let index = start;
  for (let count = 0; count < length; count += 1) {
    if (inGroups && count > 0 && count % 4 === 0) {
      if (at(bytes, index) !== space) return -1;
      index += 1;
    }
    if (!isIn(member, at(bytes, index))) return -1;
    index += 1;
  }
  return isIn(wordSet, at(bytes, index)) ? -1 : index;
}

/** ISO 7064 MOD 97-10: the first four characters moved to the end, letters as 10 to 35, the remainder 1. */
function passesMod97(bytes: Uint8Array, start: number, end: number): boolean {
  let remainder = 0;
  const take = (index: number): void => {
    const byte = at(bytes, index);
    if (byte === space) return;
    remainder = isDigit(byte) ? (remainder * 10 + byte - 0x30) % 97 : (remainder * 100 + byte - 55) % 97;
  };
  for (let index = start + 4; index < end; index += 1) take(index);
  for (let index = start; index < start + 4; index += 1) take(index);
  return remainder === 1;
}

export const iban: Detector = {
  about:
    'A bank account number (IBAN) in capitals, of its country’s length, that passes mod 97; plain or in fours.',
  anchors: [],
  digitRuns: ['after-capital'],
  match(bytes: Uint8Array, checkDigits: number): Span | null {
    const start = checkDigits - 2;
    const first = at(bytes, start);
    if (!beginsWord(bytes, start, wordSet)) return null;
    const length = lengths[String.fromCharCode(first, at(bytes, start + 1))];
    if (length === undefined || !isDigit(at(bytes, checkDigits + 1))) return null;
    const end = ibanEnd(bytes, start, length);
    return end !== -1 && passesMod97(bytes, start, end) ? { start, end } : null;
  },
};
