/**
 * What detectors are to find, written a second time: with regular expressions and slices, slow, and as plain as can
 * be. Texts are latin1 strings, one character a byte, so that positions are the same.
 */
import {
  type NationalIdCountry,
  type NationalIdForm,
  nationalIdForms,
} from '../../../services/core/masking/detect/national-id-forms.ts';
import type { DetectorName } from '../../../services/core/masking/detectors.ts';
import { maxPemLineBytes } from '../../../services/core/masking/limits.ts';

export interface Found {
  readonly start: number;
  readonly end: number;
}

/** The find that `at` is the telling character of, if there is one; it may not begin before `floor`. */
type Reference = (text: string, at: number, floor: number) => Found | null;

const endsEscaped = (text: string): boolean => ((/\\*$/.exec(text)?.[0].length ?? 0) & 1) === 1;

function beginsWord(text: string, start: number, word: RegExp): boolean {
  const before = text.slice(0, start);
  if (!word.test(before.slice(-1))) return true;
  return /[A-Za-z]$/.test(before) && endsEscaped(before.slice(0, -1));
}

const startsNumber = (text: string, start: number): boolean =>
  !/[0-9]\.$/.test(text.slice(0, start)) && beginsWord(text, start, /[A-Za-z0-9]/);
const endsNumber = (text: string, end: number): boolean => !/^(?:[A-Za-z0-9]|\.[0-9])/.test(text.slice(end));

function matchAt(pattern: RegExp, text: string, start: number): string | null {
  const sticky = new RegExp(pattern, 'y');
  sticky.lastIndex = start;
  return sticky.exec(text)?.[0] ?? null;
}

const digitsOf = (text: string): string => text.replace(/[^0-9]/g, '');

const email: Reference = (text, at, floor) => {
  const sign = matchAt(/@|%40/, text, at);
  if (sign === null) return null;
  const local = /[A-Za-z0-9._%+\-'!#$^~\x80-\xff]{0,64}$/.exec(text.slice(floor, at))?.[0] ?? '';
  let start = at - local.length;
  if (endsEscaped(text.slice(0, start))) start += text[start] === 'u' ? 5 : 1;
  const trimmed = /[A-Za-z0-9\xc0-\xff]/.exec(text.slice(start, Math.max(start, at)));
  if (local === '' || trimmed === null) return null;
  start += trimmed.index;
  const labels = text.slice(at + sign.length).split('.');
  let length = -1;
  let end = -1;
  for (const [index, label] of labels.entries()) {
    const name = /^[A-Za-z0-9\-\x80-\xff]*/.exec(label)?.[0] ?? '';
    if (name === '' || name.length > 63 || length + 1 >= 255) break;
    length += 1 + name.length;
    const topLevel = /^(?:[A-Za-z\x80-\xff]{2,}|xn--.*)$/.test(name);
    if (index > 0 && topLevel) end = length;
    if (name !== label) break;
  }
  return end === -1 ? null : { start, end: at + sign.length + end };
};

const cardNumber = new RegExp(
  [
    '4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})',
    '(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}',
    '3[47][0-9]{13}',
    '(?:6011|64[4-9][0-9]|65[0-9]{2})(?:[0-9]{12}|[0-9]{15})',
    '(?:60|81|82)[0-9]{14}',
    '508[0-9]{13}',
    '35(?:2[89]|[3-8][0-9])[0-9]{12,15}',
    '(?:30[0-5]|3095|36|38|39)[0-9]*',
    '62[0-9]{14,17}',
    '220[0-4][0-9]{12,15}',
    '9792[0-9]{12}',
    '(?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{9,15}',
  ]
    .map((form) => `^${form}$`)
    .join('|'),
);

function isCard(text: string): boolean {
  const digits = digitsOf(text);
  if (!cardNumber.test(digits)) return false;
  if (/^3[0689]/.test(digits) && digits.length !== 14 && digits.length !== 16) return false;
  const weighed = [...digits].reverse().map((digit, index) => Number(digit) * (1 + (index % 2)));
  return weighed.reduce((sum, value) => sum + Math.floor(value / 10) + (value % 10), 0) % 10 === 0;
}

const card: Reference = (text, at) => {
  if (/[0-9]$/.test(text.slice(0, at)) || !startsNumber(text, at)) return null;
  const forms = [
    /[0-9]{13,}/,
    /[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}\1[0-9]{3}(?![0-9])/,
    /[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?![0-9])/,
    /[0-9]{4}([ -])[0-9]{6}\1[0-9]{5}(?![0-9])/,
    /[0-9]{4}([ -])[0-9]{6}\1[0-9]{4}(?![0-9])/,
  ];
  for (const form of forms) {
    const found = matchAt(form, text, at);
    if (found === null || !endsNumber(text, at + found.length)) continue;
    if (isCard(found)) return { start: at, end: at + found.length };
  }
  return null;
};

/** One line a country, as the registry's examples are written; their lengths are the countries' lengths. */
const ibanLengths = new Map(
  [
    'GB82WEST12345698765432',
    'DE89370400440532013000',
    'FR1420041010050500013M02606',
    'NO9386011117947',
    'CH9300762011623852957',
    'NL91ABNA0417164300',
    'MT84MALT011000012345MTLCAST001S',
    'BE68539007547034',
  ].map((example) => [example.slice(0, 2), example.length]),
);

const iban: Reference = (text, at) => {
  const start = at - 2;
  const head = matchAt(/[A-Z]{2}[0-9]{2}/, text, start);
  const length = ibanLengths.get(head?.slice(0, 2) ?? '');
  if (start < 0 || head === null || length === undefined) return null;
  if (!beginsWord(text, start, /[A-Za-z0-9]/)) return null;
  const plain = matchAt(new RegExp(`[A-Z0-9]{${length}}`), text, start);
  const fours = Math.floor((length - 1) / 4);
  const rest = length - 4 * fours;
  const grouped = matchAt(new RegExp(`(?:[A-Z0-9]{4} ){${fours}}[A-Z0-9]{${rest}}`), text, start);
  const found = text[start + 4] === ' ' ? grouped : plain;
  if (found === null || /^[A-Za-z0-9]/.test(text.slice(start + found.length))) return null;
  const compact = found.replaceAll(' ', '');
  const numeral = [...(compact.slice(4) + compact.slice(0, 4))].map((c) => Number.parseInt(c, 36)).join('');
  return BigInt(numeral) % 97n === 1n ? { start, end: start + found.length } : null;
};

const usSsn: Reference = (text, at) => {
  const found = matchAt(/(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![0-9])/, text, at);
  if (found === null || !startsNumber(text, at) || !endsNumber(text, at + found.length)) return null;
  if (/[0-9]-$/.test(text.slice(0, at)) || /^-[0-9]/.test(text.slice(at + found.length))) return null;
  return { start: at, end: at + found.length };
};

const phone: Reference = (text, at) => {
  if (text[at] === '+') {
    if (!startsNumber(text, at)) return null;
    const whole =
      matchAt(/\+[1-9][0-9]*(?:(?:[ \-./()]|[ \-./][()]|[()][ \-./]|[()][()])[0-9]+)*/, text, at) ?? '';
    let best: Found | null = null;
    for (let end = at + 1; end <= at + whole.length; end += 1) {
      const count = digitsOf(text.slice(at, end)).length;
      const groupEnds = /[0-9]/.test(text[end - 1] ?? '') && !/[0-9]/.test(text[end] ?? '');
      if (groupEnds && count >= 8 && count <= 15 && endsNumber(text, end)) best = { start: at, end };
    }
    return best;
  }
  const nxx = '(?!.11)[2-9][0-9]{2}';
  const bracketed = matchAt(new RegExp(`\\(${nxx}\\) ?${nxx}[- ][0-9]{4}(?![0-9])`), text, at - 1);
  const bare =
    text[at - 1] === '(' ? null : matchAt(new RegExp(`${nxx}([-.])${nxx}\\1[0-9]{4}(?![0-9])`), text, at);
  const found = bracketed ?? bare;
  if (found === null || /[0-9]$/.test(text.slice(0, at))) return null;
  const start = bracketed === null ? at : at - 1;
  const end = start + found.length;
  if (!endsNumber(text, end) || /^-[0-9]/.test(text.slice(end))) return null;
  const separator = bracketed === null ? (bare ?? '')[3] : ' ';
  const before = text.slice(0, start);
  if (before.endsWith(`1${separator}`) && startsNumber(text, start - 2)) return { start: start - 2, end };
  return /[0-9][-.]$/.test(before) || !startsNumber(text, start) ? null : { start, end };
};

const jwt: Reference = (text, at) => {
  const start = at - 2;
  const found =
    start < 0
      ? null
      : (matchAt(/eyJ[\w-]{12,}(?:\.[\w-]*){4}/, text, start) ??
        matchAt(/eyJ[\w-]{12,}(?:\.[\w-]*){2}/, text, start));
  if (found === null || !beginsWord(text, start, /[\w-]/)) return null;
  return { start, end: start + found.length };
};

const isRandom = (text: string): boolean =>
  new Set(text).size >= 8 && /[a-z]/.test(text) && /[A-Z]/.test(text);

function awsSecret(text: string, from: number): Found | null {
  const separators = matchAt(/[ \t:=,;|>"'\\]{1,12}/, text, from);
  const start = from + (separators?.length ?? 0);
  const secret = matchAt(/(?:[A-Za-z0-9+/]|\\\/|%2[fFbB]){40}(?![A-Za-z0-9+/=]|\\\/|%2[fFbB])/, text, start);
  return separators === null || secret === null || !isRandom(secret)
    ? null
    : { start, end: start + secret.length };
}

const awsAccessKey: Reference = (text, at) => {
  const start = at - 2;
  const found = start < 0 ? null : matchAt(/A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])/, text, start);
  if (found !== null && beginsWord(text, start, /[A-Za-z0-9]/)) {
    return { start, end: awsSecret(text, start + found.length)?.end ?? start + found.length };
  }
  const name = at < 6 ? null : matchAt(/secret[_-]?(?:access[_-]?)?key/, text.toLowerCase(), at - 6);
  const isTried = /^(?:[tT]_|t-|tA|tK)/.test(text.slice(at - 1));
  return name === null || !isTried ? null : awsSecret(text, at - 6 + name.length);
};

const privateKey: Reference = (text, at) => {
  const start = at - 1;
  const begin = start < 0 ? null : matchAt(/-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z0-9 ]*-----/, text, start);
  // The bound is on all of the line but its last dashes.
  if (begin === null || begin.length - 5 > maxPemLineBytes) return null;
  const body = text.slice(start + begin.length);
  const endLine = `-----END [A-Z0-9 ]{0,${maxPemLineBytes - '-----END '.length}}-----`;
  const whole = new RegExp(`^[^"]*?${endLine}`).exec(body)?.[0];
  const kept = whole ?? (body.includes('"') ? /^[^"]*/.exec(body)?.[0].replace(/\\+$/, '') : body) ?? '';
  return { start, end: start + begin.length + kept.length };
};

/** `letters`: both cases; `mixed`: digits too. */
const keyForms: readonly RegExp[] = [
  /gh[pousr]_(?<letters>[\w-]{36,})/,
  /github_pat_(?<letters>[\w-]{36,})/,
  /gl(?:pat|dt|rt|ft|cbt|ptt|soat|agent|oas)-(?<letters>[\w-]{20,})/,
  /sk-(?<mixed>[\w-]{32,})/,
  /[sr]k_(?:live|test)_(?<letters>[\w-]{20,})/,
  /whsec_(?<letters>(?=.{32})[A-Za-z0-9+/]{1,128}={0,2})/s,
  /xox[bparse]-(?<letters>[\w-]{20,})/,
  /xapp-(?<letters>[\w-]{20,})/,
  /npm_(?<mixed>[\w-]{36,})/,
  /pypi-(?<letters>[\w-]{50,})/,
  /rubygems_(?<hex>[\da-f]{48,})(?![\w-])/,
  /hf_(?<letters>[\w-]{30,})/,
  /glsa_(?<letters>[\w-]{32,})/,
  /dckr_[po]at_(?<letters>[\w-]{20,})/,
  /do[opr]_v1_(?<hex>[\da-f]{64,})(?![\w-])/,
  /shp(?:at|ss|pa|ca)_(?<hex>[\da-f]{32,})(?![\w-])/,
  /hv[sbr]\.(?<letters>[\w-]{24,})/,
  /dp\.(?:pt|st|ct|sa|scim|audit)\.(?<letters>[\w-]{36,})/,
  /SG\.(?<letters>[\w-]{22,})/,
  /GOCSPX-(?<letters>[\w-]{24,})/,
  /AIza(?<letters>[\w-]{35,})/,
  /ya29\.(?<letters>[\w-]{30,})/,
  /AccountKey=(?<letters>(?=.{86})[A-Za-z0-9+/]{1,128}={0,2})/s,
  /SharedAccessKey=(?<letters>(?=.{43})[A-Za-z0-9+/]{1,128}={0,2})/s,
  /ATATT3(?<letters>[\w-]{60,})/,
  /dapi(?<hex>[\da-f]{32,})(?![\w-])/,
  /pul-(?<hex>[\da-f]{40,})(?![\w-])/,
  /sntryu_(?<hex>[\da-f]{64,})(?![\w-])/,
  /sq0(?:at|cs)p-(?<letters>[\w-]{22,})/,
  /pscale_(?:tkn|pw|oauth)_(?<letters>[\w-]{32,})/,
  /lin_api_(?<letters>[\w-]{40,})/,
  /ntn_(?<mixed>[\w-]{40,})/,
  /figd_(?<letters>[\w-]{40,})/,
  /(?:sbp|sgp|bkua)_(?<hex>[\da-f]{40,})(?![\w-])/,
  /nfp_(?<letters>[\w-]{36,})/,
  /tskey-(?<letters>[\w-]{24,})/,
  /CFPAT-(?<letters>[\w-]{43,})/,
  /gsk_(?<letters>[\w-]{48,})/,
  /xai-(?<letters>[\w-]{70,})/,
  /pplx-(?<letters>[\w-]{40,})/,
  /r8_(?<letters>[\w-]{37,})/,
];
/** How long the find of a form that is base64 is at least. */
const base64Forms: readonly [RegExp, number][] = [
  [/^whsec_/, 38],
  [/^AccountKey=/, 97],
  [/^SharedAccessKey=/, 59],
];

/** Tried at every byte: where in its prefix a form is anchored is the detector's own matter. */
const apiKey: Reference = (text, at) => {
  if (!beginsWord(text, at, /[\w-]/)) return null;
  for (const form of keyForms) {
    const sticky = new RegExp(form, 'y');
    sticky.lastIndex = at;
    const found = sticky.exec(text);
    if (found === null) continue;
    const { letters, mixed, hex } = found.groups ?? {};
    const random =
      hex === undefined
        ? isRandom(letters ?? mixed ?? '') && (mixed === undefined || /\d/.test(mixed))
        : /\d/.test(hex) && new Set(hex).size >= 8;
    const base64 = base64Forms.find(([prefix]) => prefix.test(found[0]));
    if (!random || (base64 !== undefined && found[0].length < base64[1])) continue;
    const second = base64 === undefined ? (matchAt(/\.[\w-]{16,}/, text, at + found[0].length) ?? '') : '';
    return { start: at, end: at + found[0].length + second.length };
  }
  return null;
};

/** Check digits are held against examples by national-id.test.ts; here it is about where an id begins and ends. */
const nationalId =
  (forms: readonly NationalIdForm[]): Reference =>
  (text, at) => {
    for (const { pattern, passes } of forms) {
      const start = at - pattern.search(/\d/);
      // No escape of JSON is a capital letter, so none comes before a number of its own.
      if (start === at && /[A-Z]$/.test(text.slice(0, at))) continue;
      const form = pattern.replaceAll(/[^\dAX]/g, '\\$&').replaceAll(/9|A|X/g, (c) => classes[c] ?? c);
      const found = start < 0 ? null : matchAt(new RegExp(form), text, start);
      if (found === null || !startsNumber(text, start) || !endsNumber(text, start + found.length)) continue;
      const separator = /[^\dA-Z]/.exec(found)?.[0];
      const [before, after] = [text.slice(0, start), text.slice(start + found.length)];
      const isChained = (beside: string | undefined): boolean => /\d/.test(beside ?? '');
      if (separator !== undefined && before.at(-1) === separator && isChained(before.at(-2))) continue;
      if (separator !== undefined && after[0] === separator && isChained(after[1])) continue;
      if (passes(found.replaceAll(/[^\dA-Z]/g, ''))) return { start, end: start + found.length };
    }
    return null;
  };
const classes: Readonly<Record<string, string>> = { 9: '[0-9]', A: '[A-Z]', X: '[A-Z0-9]' };
const of = (country: NationalIdCountry): Reference =>
  nationalId(nationalIdForms.filter((form) => form.country === country));

export const references: Readonly<Record<DetectorName, Reference>> = {
  email,
  card,
  iban,
  'us-ssn': usSsn,
  'national-id': nationalId(nationalIdForms.filter(({ isStrong }) => isStrong)),
  ...{ 'national-id-be': of('be'), 'national-id-br': of('br'), 'national-id-ch': of('ch') },
  ...{ 'national-id-cn': of('cn'), 'national-id-de': of('de'), 'national-id-es': of('es') },
  ...{ 'national-id-fi': of('fi'), 'national-id-fr': of('fr'), 'national-id-gb': of('gb') },
  ...{ 'national-id-in': of('in'), 'national-id-it': of('it'), 'national-id-kr': of('kr') },
  ...{ 'national-id-mx': of('mx'), 'national-id-nl': of('nl'), 'national-id-pl': of('pl') },
  ...{ 'national-id-se': of('se'), 'national-id-za': of('za') },
  phone,
  jwt,
  'aws-access-key': awsAccessKey,
  'private-key': privateKey,
  'api-key': apiKey,
};

/** All finds of one detector, from left to right. */
export function findAll(name: DetectorName, text: string): readonly Found[] {
  const found: Found[] = [];
  let floor = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (at < floor) continue;
    const find = references[name](text, at, floor);
    if (find === null || find.start < floor) continue;
    found.push(find);
    floor = find.end;
  }
  return found;
}
