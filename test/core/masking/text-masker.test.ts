import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nationalIdCountries } from '../../../services/core/masking/detect/national-id-forms.ts';
import { type DetectorName, detectorNames } from '../../../services/core/masking/detectors.ts';
import { textPieceBytes } from '../../../services/core/masking/limits.ts';
import { ValueScanner } from '../../../services/core/masking/scan.ts';
import { TextMasker } from '../../../services/core/masking/text-masker.ts';
import { byteByByte, cutAt, maskedIn, places } from './chunks.ts';
import { nationalIdExamples, nationalIdTexts } from './national-id-examples.ts';

const key = createSecretKey(Buffer.alloc(32, 7));
const scannerOf = (names: readonly DetectorName[]): ValueScanner =>
  new ValueScanner(
    names.map((detector) => ({ detector, transform: 'redact' })),
    key,
  );
const all = scannerOf(detectorNames);

const mask = (chunks: readonly Buffer[], scanner = all): string =>
  maskedIn(new TextMasker(scanner), chunks).toString('latin1');

// Put together here so that scanners of repositories do not take them for real ones.
const begin = ['-----BEGIN RSA PRIVATE ', 'KEY-----'].join('');
const end = ['-----END RSA PRIVATE ', 'KEY-----'].join('');
const awsId = ['AKIA', 'IOSFODNN7EXAMPLE'].join('');
const awsSecret = ['wJalrXUtnFEMI/K7MDENG', '/bPxRfiCYEXAMPLEKEY'].join('');
const jwt = ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxIn0', 'c2ln'].join('.');
const body = `${'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n'.repeat(20)}`;

const cases: readonly [string, string, string][] = [
  ['nothing', '', ''],
  ['nothing to find', 'a line\nand another', 'a line\nand another'],
  ['an address', 'from ada@example.com\nto bo@example.com', 'from [masked]\nto [masked]'],
  ['no line feed', 'ada@example.com', '[masked]'],
  ['CRLF', 'ada@example.com\r\nbo@example.com\r\n', '[masked]\r\n[masked]\r\n'],
  ['a private key', `x\n${begin}\n${body}${end}\ny`, 'x\n[masked]\ny'],
  ['two private keys', `${begin}\n${body}${end}\n${begin}\n${body}${end}`, '[masked]\n[masked]'],
  ['a private key without its end', `x\n${begin}\n${body}`, 'x\n[masked]'],
  ['a private key in quotes', `k="${begin}\\n${body}" ada@example.com`, 'k="[masked]" [masked]'],
  ['a public key', '-----BEGIN PUBLIC KEY-----\nMIIE\n', '-----BEGIN PUBLIC KEY-----\nMIIE\n'],
  ['a token', `Bearer ${jwt}\n`, 'Bearer [masked]\n'],
  ['a number in a list', '[4111111111111111]', '[[masked]]'],
];

describe('text', () => {
  test.each(cases)('%s', (_, text, expected) => {
    const bytes = Buffer.from(text);
    expect(mask([bytes])).toBe(expected);
    expect(mask(byteByByte(bytes))).toBe(expected);
  });
});

describe('a line that has no end', () => {
  const many = textPieceBytes * 3;
  test.each<[string, string, RegExp]>([
    ['of one token', `a ${['eyJ', 'hbGciOiJIUzI1NiJ9.'].join('')}${'a'.repeat(many)} b`, /^a \[masked\] b$/],
    ['of no characters of tokens', `${'é'.repeat(many)} ada@example.com`, /^(?:Ã©)+ \[masked\]$/],
    ['of addresses', 'ada@example.com,'.repeat(many / 10), /^(?:\[masked\],)+$/],
    ['of addresses and blanks', ' ada@example.com  '.repeat(many / 10), /^(?: \[masked\] {2})+$/],
    ['of cards', '4111 1111 1111 1111, '.repeat(many / 10), /^(?:\[masked\], )+$/],
    [
      'with a key far in',
      `${'x '.repeat(many / 2)}${begin} ${'QUJD'.repeat(many / 4)} ${end} ada@example.com`,
      /^(?:x )+\[masked\] \[masked\]$/,
    ],
    [
      'with an address without an end',
      `${'x'.repeat(20)} ada@${'bb.'.repeat(many / 3)}cc `,
      /^x{20} \[masked\]/,
    ],
  ])('%s', (_, text, expected) => {
    const bytes = Buffer.from(text);
    const whole = mask([bytes]);
    expect(whole.replaceAll(/(?:é|Ã©)+/g, 'Ã©')).toMatch(expected);
    expect(
      mask(cutAt(bytes, [1, 100, textPieceBytes - 1, textPieceBytes, textPieceBytes + 1, many])) === whole,
    ).toBe(true);
    expect(
      mask(
        cutAt(
          bytes,
          Array.from({ length: 500 }, (_, index) => index * 511),
        ),
      ) === whole,
    ).toBe(true);
  });
});

/** What each detector finds. */
const examples: Readonly<Record<DetectorName, readonly string[]>> = {
  'private-key': [`${begin}\n${body}${end}`],
  jwt: [jwt],
  'api-key': [
    `sk_live_${'aB3dE5gH7jK9'.repeat(2)}`,
    `AccountKey=${'aB3dE5gH7jK/'.repeat(7)}aB==`,
    `SG.${'aB3dE5gH7jK9'.repeat(2)}.${'aB3dE5gH7jK9'.repeat(3)}`,
  ],
  'aws-access-key': [`${awsId},${awsSecret}`, awsId],
  email: ['ada.lovelace@mail.example.com', 'ada%40example.com'],
  iban: ['DE89370400440532013000', 'DE89 3704 0044 0532 0130 00'],
  card: ['4111111111111111', '4111 1111 1111 1111'],
  'us-ssn': ['123-45-6789'],
  'national-id': nationalIdCountries.flatMap((country) => nationalIdExamples[country].strong),
  ...nationalIdTexts,
  phone: ['+49 30 1234567', '(415) 555-2671'],
};

describe.each(detectorNames)('%s', (name) => {
  const scanner = scannerOf([name]);

  test.each(examples[name])('%s is found wherever it is cut in two', (example) => {
    const bytes = Buffer.from(`a ${example}, b\nc ${example}`);
    expect(mask([bytes], scanner)).toBe('a [masked], b\nc [masked]');
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(mask(cutAt(bytes, [cut]), scanner)).toBe('a [masked], b\nc [masked]');
    }
    expect(mask(byteByByte(bytes), scanner)).toBe('a [masked], b\nc [masked]');
  });

  test.each(examples[name])('%s is found wherever a line without an end is cut into pieces', (example) => {
    const overlap = 1_200 + example.length;
    for (let at = textPieceBytes - overlap; at <= textPieceBytes; at += 29) {
      const line = `${'. '.repeat(at / 2)}${example} .`;
      expect(mask([Buffer.from(`${line}${' .'.repeat(2_000)}`)], scanner).replaceAll(/[ .]/g, '')).toBe(
        '[masked]',
      );
    }
  });
});

test('a secret key is found by its name wherever a line without an end is cut into pieces', () => {
  for (let at = textPieceBytes - 1_300; at <= textPieceBytes; at += 7) {
    const line = `${'. '.repeat(at / 2)}aws_secret_access_key = "${awsSecret}"${' .'.repeat(2_000)}`;
    expect(mask([Buffer.from(line)]).replaceAll(/[ .]/g, '')).toBe('aws_secret_access_key="[masked]"');
  }
});

const pieces = fc.array(
  fc.constantFrom(
    ...[
      'ada@example.com',
      'a@b',
      '@',
      '.',
      ' ',
      '\n',
      '\r\n',
      '4111 1111 1111 1111',
      '4111',
      '1111',
      '123-45-6789',
      '-',
      '+1 415 555 2671',
      '(415) 555-2671',
    ],
    ...[
      begin,
      end,
      '-----',
      '-----BEGIN ',
      'PRIVATE KEY',
      '"',
      '\\',
      jwt,
      'eyJ',
      'DE89370400440532013000',
      'é',
      'x',
      '0',
      `sk_live_${'aB3dE5gH7jK9'.repeat(2)}`,
    ],
  ),
  { maxLength: 20 },
);

test('however it is cut, it is what a scan of the whole text gives', () => {
  fc.assert(
    fc.property(pieces, places, (parts, cuts) => {
      // A text that begins as JSON does keeps numbers numbers, and is no text here.
      const bytes = Buffer.from(`>${parts.join('')}`);
      const whole = mask([bytes]);
      expect(mask(cutAt(bytes, cuts))).toBe(whole);
      // Behind a key, whose last dashes are not shown, a word begins.
      if (bytes.includes('BEGIN')) return;
      const scanned = all.scan(bytes, 'text');
      expect(whole).toBe((scanned === null ? bytes : (scanned.value ?? Buffer.alloc(0))).toString('latin1'));
    }),
    { numRuns: 3_000 },
  );
});

test('what is held is bounded, whatever comes', () => {
  const masker = new TextMasker(all);
  let out = 0;
  const chunk = Buffer.from(`${'word '.repeat(3_000)}${'z'.repeat(20_000)}`);
  for (let sent = 0; sent < 200; sent += 1) {
    out += masker.write(chunk).length;
    expect((sent + 1) * chunk.length - out).toBeLessThan(2 * textPieceBytes + chunk.length);
  }
});
