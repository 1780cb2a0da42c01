/** How national identity numbers are written, and by which check digits they are told from other numbers. */
import { digitsOf, isDayOfMonth, mod11And10, passesLuhn, passesVerhoeff, weighed } from './check-digits.ts';

export const nationalIdCountries = [
  ...(['be', 'br', 'ch', 'cn', 'de', 'es', 'fi', 'fr', 'gb'] as const),
  ...(['in', 'it', 'kr', 'mx', 'nl', 'pl', 'se', 'za'] as const),
];
export type NationalIdCountry = (typeof nationalIdCountries)[number];

export interface NationalIdForm {
  readonly country: NationalIdCountry;
  /** `9` is a digit, `A` a capital letter, `X` (not behind the first digits) either; all else stands for itself. */
  readonly pattern: string;
  /** Whether one in a thousand ordinary numbers passes at most, or the form itself is hardly met elsewhere. */
  readonly isStrong: boolean;
  /** @param id letters and digits, without what separates them */
  readonly passes: (id: string) => boolean;
}

const part = (id: string, start: number, end: number): number => Number(id.slice(start, end));

/** Rijksregisternummer: the first nine digits modulo 97; for those born since 2000 with a 2 before them. */
function passesBelgian(id: string): boolean {
  const number = part(id, 0, 9);
  const key = part(id, 9, 11);
  // Months from 20 and 40 on are numbers of people who are not residents; unknown days and months are 0.
  if (part(id, 2, 4) % 20 > 12 || part(id, 4, 6) > 31) return false;
  return key === 97 - (number % 97) || key === 97 - ((2_000_000_000 + number) % 97);
}

/** CPF: two digits modulo 11, the second over the first as well. */
function passesBrazilian(id: string): boolean {
  const digits = digitsOf(id);
  const check = (weights: readonly number[]): number => ((weighed(digits, weights) * 10) % 11) % 10;
  const isRepeated = digits.every((digit) => digit === digits[0]);
  return (
    !isRepeated &&
    check([10, 9, 8, 7, 6, 5, 4, 3, 2]) === digits[9] &&
    check([11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) === digits[10]
  );
}

/** AHV-Nummer: GTIN-13 under the country code 756. */
const passesSwiss = (id: string): boolean =>
  weighed(digitsOf(id), [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 === 0;

const chineseWeights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/** GB/T 2260. */
const chineseProvinces = /^(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])/;

/** GB 11643: province, date of birth, and ISO/IEC 7064 MOD 11-2. */
const passesChinese = (id: string): boolean =>
  chineseProvinces.test(id) &&
  /^(?:19|20)/.test(id.slice(6)) &&
  isDayOfMonth(part(id, 10, 12), part(id, 12, 14)) &&
  '10X98765432'[weighed(digitsOf(id), chineseWeights) % 11] === id[17];

/** Steuer-Identifikationsnummer: of the first ten digits one stands there twice or thrice, and the others once at most. */
function passesGerman(id: string): boolean {
  const counts = Array.from({ length: 10 }, () => 0);
  for (const digit of digitsOf(id.slice(0, 10))) counts[digit] = (counts[digit] ?? 0) + 1;
  const repeated = counts.filter((count) => count > 1);
  const isOnce = repeated.length === 1 && (repeated[0] === 2 || repeated[0] === 3);
  return id[0] !== '0' && isOnce && mod11And10(id);
}

/** DNI and NIE: a letter for the number modulo 23; X, Y and Z before it are 0, 1 and 2. */
function passesSpanish(id: string): boolean {
  const number = id.slice(0, -1).replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter)));
  return /^\d+$/.test(number) && 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(number) % 23] === id.at(-1);
}

/** Henkilötunnus: day of birth, a sign for the century, a number, and all digits modulo 31. */
function passesFinnish(id: string): boolean {
  const century = id.slice(6, -4);
  if (!/^[A-FU-Y]?$/.test(century) || !isDayOfMonth(part(id, 2, 4), part(id, 0, 2))) return false;
  const number = Number(id.slice(0, 6) + id.slice(-4, -1));
  return '0123456789ABCDEFHJKLMNPRSTUVWXY'[number % 31] === id.at(-1);
}

/** Numéro de sécurité sociale (NIR): sex, year, month, place, number, and 97 less the number modulo 97; Corsica is 2A or 2B. */
function passesFrench(id: string): boolean {
  const number = id.slice(0, 13).replace('2A', '19').replace('2B', '18');
  const month = part(id, 3, 5);
  // From 20 and 30 on: the month of birth is not known.
  const isMonth = (month >= 1 && month <= 12) || month === 20 || (month >= 30 && month <= 42);
  return /^[12]\d{12}$/.test(number) && isMonth && 97 - (Number(number) % 97) === part(id, 13, 15);
}

/** NHS number: modulo 11. */
function passesNhs(id: string): boolean {
  const check = 11 - (weighed(digitsOf(id), [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11);
  return (check === 11 ? 0 : check) === Number(id[9]) && !/^0+$/.test(id);
}

/** National Insurance number: no check digit, but letters that are not given out (HMRC, NIM39110). */
const passesNino = (id: string): boolean =>
  /^(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$/.test(id);

/** Codice fiscale: a letter for the sum of all characters, those at odd places by a table (decreto 23.12.1976). */
const italianOdd = [
  1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];
/** Letters stand for digits where two people would have the same code (omocodia). */
const italianForm = /^[A-Z]{6}\d\d[ABCDEHLMPRST][0-7L-NP-T][\dL-NP-V][A-Z][\dL-NP-V]{3}[A-Z]$/;

function passesItalian(id: string): boolean {
  if (!italianForm.test(id)) return false;
  const sum = Array.from(id.slice(0, 15)).reduce((total, character, index) => {
    const value = Number.parseInt(character, 36);
    const even = value < 10 ? value : value - 10;
    return total + (index % 2 === 0 ? (italianOdd[even] ?? 0) : even);
  }, 0);
  return id.charCodeAt(15) - 0x41 === sum % 26;
}

/** Jumin deungnok beonho: day of birth, sex and century, and modulo 11; numbers given out since October 2020 have no check digit. */
const passesKorean = (id: string): boolean =>
  isDayOfMonth(part(id, 2, 4), part(id, 4, 6)) &&
  (11 - (weighed(digitsOf(id), [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11)) % 10 === Number(id[12]);

const mexicanCharacters = '0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ';

/** CURP: letters of the name, day of birth, sex, state, and a digit for the sum of all. */
function passesMexican(id: string): boolean {
  if (!/^[HMX]$/.test(id[10] ?? '') || !isDayOfMonth(part(id, 6, 8), part(id, 8, 10))) return false;
  const sum = Array.from(id.slice(0, 17)).reduce(
    (total, character, index) => total + (18 - index) * mexicanCharacters.indexOf(character),
    0,
  );
  return (10 - (sum % 10)) % 10 === Number(id[17]);
}

/** Burgerservicenummer: elfproef. */
const passesDutch = (id: string): boolean =>
  weighed(digitsOf(id), [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0 && !/^0+$/.test(id);

/** PESEL: the century is in the month. */
const passesPolish = (id: string): boolean =>
  isDayOfMonth(part(id, 2, 4) % 20, part(id, 4, 6)) &&
  (10 - (weighed(digitsOf(id), [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10 === Number(id[10]);

/** Personnummer and samordningsnummer, whose days are 60 more; the century, where it is written, does not count. */
function passesSwedish(id: string): boolean {
  const short = id.slice(-10);
  return isDayOfMonth(part(short, 2, 4), part(short, 4, 6) % 60) && passesLuhn(short);
}

/** South African identity number: day of birth, citizenship, Luhn. */
const passesSouthAfrican = (id: string): boolean =>
  isDayOfMonth(part(id, 2, 4), part(id, 4, 6)) && /^[012]$/.test(id[10] ?? '') && passesLuhn(id);

/** Aadhaar. */
const passesIndian = (id: string): boolean => /^[2-9]/.test(id) && passesVerhoeff(id);

const forms = (
  country: NationalIdCountry,
  passes: (id: string) => boolean,
  patterns: { readonly strong?: readonly string[]; readonly weak?: readonly string[] },
): readonly NationalIdForm[] => [
  ...(patterns.strong ?? []).map((pattern) => ({ country, pattern, isStrong: true, passes })),
  ...(patterns.weak ?? []).map((pattern) => ({ country, pattern, isStrong: false, passes })),
];

export const nationalIdForms: readonly NationalIdForm[] = [
  ...forms('be', passesBelgian, { strong: ['99.99.99-999.99'], weak: ['99999999999'] }),
  ...forms('br', passesBrazilian, { strong: ['999.999.999-99'], weak: ['99999999999'] }),
  ...forms('ch', passesSwiss, { strong: ['756.9999.9999.99', '7569999999999'] }),
  ...forms('cn', passesChinese, { strong: ['99999999999999999A', '999999999999999999'] }),
  ...forms('de', passesGerman, { weak: ['99999999999', '99 999 999 999'] }),
  ...forms('es', passesSpanish, {
    strong: ['A9999999A', 'A-9999999-A'],
    weak: ['99999999A', '99999999-A'],
  }),
  ...forms('fi', passesFinnish, { strong: ['999999-999X', '999999+999X', '999999A999X'] }),
  ...forms('fr', passesFrench, {
    strong: ['999999999999999', '9 99 99 99 999 999 99', '999999A99999999', '9 99 99 9A 999 999 99'],
  }),
  ...forms('gb', passesNhs, { weak: ['9999999999', '999 999 9999'] }),
  ...forms('gb', passesNino, { weak: ['AA999999A', 'AA 99 99 99 A'] }),
  ...forms('in', passesIndian, { weak: ['9999 9999 9999', '9999-9999-9999', '999999999999'] }),
  ...forms('it', passesItalian, { strong: ['AAAAAA99AXXAXXXA'] }),
  ...forms('kr', passesKorean, { weak: ['999999-9999999'] }),
  ...forms('mx', passesMexican, { strong: ['AAAA999999AAAAAAX9'] }),
  ...forms('nl', passesDutch, { weak: ['999999999'] }),
  ...forms('pl', passesPolish, { weak: ['99999999999'] }),
  ...forms('se', passesSwedish, { weak: ['999999-9999', '99999999-9999', '9999999999', '999999999999'] }),
  ...forms('za', passesSouthAfrican, { weak: ['9999999999999'] }),
];
