import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nationalIdCountries } from '../../../services/core/masking/detect/national-id-forms.ts';
import {
  type DetectorName,
  detectorName,
  detectorNames,
  detectors,
} from '../../../services/core/masking/detectors.ts';
import { MaskingError } from '../../../services/core/masking/errors.ts';
import { type DetectorMask, ValueScanner } from '../../../services/core/masking/scan.ts';
import type { TransformName } from '../../../services/core/masking/transform-names.ts';
import type { ValueKind } from '../../../services/core/masking/value-kind.ts';
import { nationalIdExamples, nationalIdTexts } from './national-id-examples.ts';
import { findAll } from './reference.ts';

const key = createSecretKey(Buffer.alloc(32, 1));
const scannerOf = (...masks: DetectorMask[]): ValueScanner => new ValueScanner(masks, key);
const all = (transform: TransformName): ValueScanner =>
  scannerOf(...detectorNames.map((detector) => ({ detector, transform })));
const redacting = all('redact');

/** The value as it may be seen. */
function seen(scanner: ValueScanner, text: string, kind: ValueKind = 'text'): string | null {
  const scanned = scanner.scan(Buffer.from(text), kind);
  return scanned === null ? text : (scanned.value?.toString() ?? null);
}

// Keys are put together here so that scanners of repositories do not take them for real ones.
const token = (prefix: string, length: number): string => prefix + 'aB3dE5gH7jK9'.repeat(8).slice(0, length);
const jwtText = ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxIn0', 'c2lnbmF0dXJl'].join('.');
const awsKey = ['AKIA', 'IOSFODNN7EXAMPLE'].join('');
const awsSecret = ['wJalrXUtnFEMI/K7MDENG', '/bPxRfiCYEXAMPLEKEY'].join('');
const pem = [
  '-----BEGIN PRIVATE ',
  'KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ==\n-----END PRIVATE ',
  'KEY-----',
].join('');

describe('finds', () => {
  test.each<[DetectorName, string, string]>([
    ['email', 'jane.doe@example.com', '[masked]'],
    ['email', 'write to <jane@example.co.uk>, please.', 'write to <[masked]>, please.'],
    ['email', 'a@b.co,c@d.org;e+f@g-h.museum', '[masked],[masked];[masked]'],
    ['email', 'mailto:jane@example.com?subject=x', 'mailto:[masked]?subject=x'],
    ['email', 'user=jane@example.com&x=1', 'user=[masked]&x=1'],
    ['email', 'https://example.com/?u=jane%40example.com&x', 'https://example.com/?u=[masked]&x'],
    ['email', 'jörg.müller@müller.example', '[masked]'],
    ['email', "'jane@example.com'", "'[masked]'"],
    ['email', 'jane@example.com.', '[masked].'],
    ['email', 'ends jane@example.com.1', 'ends [masked].1'],
    ['email', 'jane@localhost, @handle, a@b, x@1.2.3.4', 'jane@localhost, @handle, a@b, x@1.2.3.4'],
    ['card', '4111111111111111', '[masked]'],
    ['card', '4111 1111 1111 1111 12/27', '[masked] 12/27'],
    ['card', 'card:4111-1111-1111-1111!', 'card:[masked]!'],
    ['card', '3782 822463 10005 and 3056-930902-5904', '[masked] and [masked]'],
    ['card', '4111111111111112', '4111111111111112'],
    ['card', '9111111111111111 1234567890123456', '9111111111111111 1234567890123456'],
    ['card', '0.4111111111111111 4111111111111111.5', '0.4111111111111111 4111111111111111.5'],
    ['card', 'a4111111111111111 4111111111111111f', 'a4111111111111111 4111111111111111f'],
    ['card', '41111111111111110000', '41111111111111110000'],
    ['iban', 'DE89370400440532013000', '[masked]'],
    ['iban', 'IBAN: GB82 WEST 1234 5698 7654 32.', 'IBAN: [masked].'],
    ['iban', 'DE88370400440532013000', 'DE88370400440532013000'],
    ['us-ssn', 'SSN 123-45-6789.', 'SSN [masked].'],
    ['us-ssn', '000-12-3456 666-12-3456 900-12-3456', '000-12-3456 666-12-3456 900-12-3456'],
    ['us-ssn', '1-123-45-6789 123-45-6789-0', '1-123-45-6789 123-45-6789-0'],
    ['phone', '+49 (0)30 1234567', '[masked]'],
    ['phone', 'call +14155552671, or (415) 555-2671', 'call [masked], or [masked]'],
    ['phone', '1-415-555-2671 415.555.2671', '[masked] [masked]'],
    ['phone', '2024-01-15 10:22:33+0100 12:30+12345678', '2024-01-15 10:22:33+0100 12:30+12345678'],
    ['phone', '200 300 4000 and 911-555-1234', '200 300 4000 and 911-555-1234'],
    ['jwt', `Bearer ${jwtText}`, 'Bearer [masked]'],
    ['jwt', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.', '[masked]'],
    ['jwt', 'eyJhbGciOiJub25lIn0', 'eyJhbGciOiJub25lIn0'],
    ['aws-access-key', `id=${awsKey};`, 'id=[masked];'],
    ['aws-access-key', `${awsKey},${awsSecret}\n`, '[masked]\n'],
    ['aws-access-key', `aws_secret_access_key = ${awsSecret}`, 'aws_secret_access_key = [masked]'],
    ['aws-access-key', `AWS_SECRET_ACCESS_KEY='${awsSecret}'`, "AWS_SECRET_ACCESS_KEY='[masked]'"],
    ['aws-access-key', `{"SecretAccessKey": "${awsSecret}"}`, '{"SecretAccessKey": "[masked]"}'],
    [
      'aws-access-key',
      `"{\\"secret-access-key\\":\\"${awsSecret}\\"}"`,
      '"{\\"secret-access-key\\":\\"[masked]\\"}"',
    ],
    ['aws-access-key', `export AWS_SECRET_KEY="${awsSecret}"`, 'export AWS_SECRET_KEY="[masked]"'],
    ['aws-access-key', `  secretKey: ${awsSecret}\n`, '  secretKey: [masked]\n'],
    [
      'aws-access-key',
      `https://s3/?aws_secret_access_key=${encodeURIComponent(awsSecret)}&x=1`,
      'https://s3/?aws_secret_access_key=[masked]&x=1',
    ],
    [
      'aws-access-key',
      `{"SecretAccessKey":"${awsSecret.replaceAll('/', '\\/')}"}`,
      '{"SecretAccessKey":"[masked]"}',
    ],
    ['aws-access-key', `secret_access_key=${awsSecret}%2F`, `secret_access_key=${awsSecret}%2F`],
    ['aws-access-key', `secret_access_key=${awsSecret}x`, `secret_access_key=${awsSecret}x`],
    ['aws-access-key', `secret_access_key=${'a'.repeat(40)}`, `secret_access_key=${'a'.repeat(40)}`],
    ['aws-access-key', `sha ${awsSecret}`, `sha ${awsSecret}`],
    ['private-key', `before ${pem} after`, 'before [masked] after'],
    ['private-key', pem.slice(0, 60), '[masked]'],
    ['private-key', '-----BEGIN CERTIFICATE-----\nMIIB\n', '-----BEGIN CERTIFICATE-----\nMIIB\n'],
    ['api-key', `export TOKEN=${token('ghp_', 36)}`, 'export TOKEN=[masked]'],
    ['api-key', `"${token('sk-proj-', 48)}"`, '"[masked]"'],
    [
      'api-key',
      `${token('xoxb-', 24)} ${token('AIza', 35)} ${token('SG.', 22)}.${token('', 43)}`,
      '[masked] [masked] [masked]',
    ],
    ['api-key', `hf_${'aBcDeFgHiJkLmNoPqR'.repeat(2)}`, '[masked]'],
    ['api-key', `dp.pt.${token('', 43)} dapi${'0a1b2c3d4e'.repeat(4)}`, '[masked] [masked]'],
    [
      'api-key',
      `AccountName=x;AccountKey=${token('', 80)}/+aB3d==;EndpointSuffix=y`,
      'AccountName=x;[masked];EndpointSuffix=y',
    ],
    [
      'api-key',
      `glpat-${'x'.repeat(30)} ghp_${'aA'.repeat(20)}`,
      `glpat-${'x'.repeat(30)} ghp_${'aA'.repeat(20)}`,
    ],
    ['api-key', 'sk-learn-something-very-long-in-lower-case', 'sk-learn-something-very-long-in-lower-case'],
    ['api-key', 'payment_status_pending_review_by_the_shop', 'payment_status_pending_review_by_the_shop'],
  ])('%s in %j', (detector, text, expected) => {
    expect(seen(scannerOf({ detector, transform: 'redact' }), text)).toBe(expected);
  });

  test('a value without any is null, and a short one is not read', () => {
    expect(redacting.scan(Buffer.from('the parcel was left with a neighbour, 2 kg'), 'text')).toBeNull();
    expect(redacting.scan(Buffer.from('a@b.c'), 'text')).toBeNull();
    expect(redacting.scan(Buffer.alloc(0), 'text')).toBeNull();
  });

  test('finds are counted', () => {
    const scanned = redacting.scan(Buffer.from(`a@b.org 4111111111111111 ${jwtText}`), 'text');
    expect(scanned?.count).toBe(3);
    expect(scanned?.value?.toString()).toBe('[masked] [masked] [masked]');
  });

  test('digits and signs outside ASCII are not found, as detect/bytes.ts says', () => {
    expect(seen(redacting, '４１１１１１１１１１１１１１１１ jane＠example.com')).toBe(
      '４１１１１１１１１１１１１１１１ jane＠example.com',
    );
  });

  test('only detectors that are named look', () => {
    const scanner = scannerOf({ detector: 'card', transform: 'full' });
    expect(seen(scanner, 'jane@example.com 4111111111111111')).toBe('jane@example.com ********');
  });

  test('each with its transform, and the first mask of two for the same', () => {
    const scanner = scannerOf(
      { detector: 'card', transform: 'last4' },
      { detector: 'email', transform: 'email' },
      { detector: 'card', transform: 'full' },
    );
    expect(seen(scanner, 'jane@example.com 4111 1111 1111 1234')).toBe(
      'j***@***.example 4111 1111 1111 1234',
    );
    expect(seen(scanner, 'jane@example.com 4111 1111 1111 1111')).toBe('j***@***.example ****1111');
  });

  test('hash is the same wherever the value is found', () => {
    const scanner = all('hash');
    const alone = seen(scanner, 'jane@example.com') ?? '';
    expect(alone).toMatch(/^masked-[0-9a-f]{20}$/);
    expect(seen(scanner, 'to jane@example.com now')).toBe(`to ${alone} now`);
  });

  test('a name that is no detector is refused with those there are', () => {
    expect(detectorName('card')).toBe('card');
    expect(() => detectorName('ip')).toThrow(MaskingError);
    expect(() => detectorName('ip')).toThrow(/email, iban, card/);
  });
});

test('no anchor is a digit, as runs of digits are stepped over', () => {
  for (const { anchors } of Object.values(detectors)) {
    expect(anchors.filter((anchor) => /\d$/.test(anchor))).toEqual([]);
  }
});

describe('kinds', () => {
  test('a whole number stays one', () => {
    expect(seen(all('full'), '4111111111111111', 'bigint')).toBe('0');
    expect(seen(all('last4'), '4111111111111111', 'bigint')).toBe('1111');
    expect(seen(all('null'), '4111111111111111', 'decimal')).toBeNull();
  });

  test('null is NULL for a whole value, and a word inside a larger one', () => {
    expect(seen(all('null'), 'jane@example.com')).toBeNull();
    expect(seen(all('null'), 'to jane@example.com')).toBe('to [masked]');
  });

  test.each<ValueKind>(['bytea', 'date', 'uuid', 'boolean', 'inet', 'smallint', 'float'])(
    '%s is not read',
    (kind) => {
      expect(redacting.scan(Buffer.from('4111111111111111'), kind)).toBeNull();
    },
  );

  test.each<[ValueKind, string, string]>([
    ['json', '{"a": "jane@example.com", "b": 4111111111111111}', '{"a": "****@****", "b": 0}'],
    ['json', '[4111111111111111,"4111111111111111"]', '[0,"********"]'],
    ['json', '4111111111111111', '0'],
    ['json', '"a, 4111111111111111, b"', '"a, ********, b"'],
    ['json', '"\\"x\\": 4111111111111111, "', '"\\"x\\": ********, "'],
    ['json', '"\\njane@example.com\\t4111111111111111"', '"\\n********\\t********"'],
    ['json', '"C:\\\\jane@example.com"', '"C:\\\\********"'],
    ['json', '"jane\\u0040example.com"', '"********"'],
    ['json', '"jos\\u00e9@example.com \\u00e9 \\u0022"', '"******** é \\u0022"'],
    ['json', '"\\\\u0040 jane@example.com"', '"\\\\u0040 ********"'],
    ['json', '"\\ud83d\\ude00 jane@example.com"', '"\\ud83d\\ude00 ********"'],
    ['json', `{"k": ${JSON.stringify(pem)}, "n": 1}`, '{"k": "********", "n": 1}'],
    ['json', `{"k": ${JSON.stringify(pem.slice(0, 50))}, "n": 1}`, '{"k": "********", "n": 1}'],
    ['text', '{"card": 4111111111111111}', '{"card": 0}'],
    ['text', 'cards: 4111111111111111, more', 'cards: ********, more'],
    ['text', '[INFO] card 4111111111111111 charged', '[INFO] card ******** charged'],
    ['array', '{jane@example.com,"x y@example.com"}', '{********,"x ********"}'],
    ['array', '{4111111111111111,2}', '{0,2}'],
  ])('%s %s', (kind, text, expected) => {
    const full = expected.replace('****@****', '********');
    expect(seen(all('full'), text, kind)).toBe(full);
  });

  test('\\u escapes stay as they were where nothing is found', () => {
    expect(redacting.scan(Buffer.from('{"a": "caf\\u00e9 \\u0040"}'), 'json')).toBeNull();
  });
});

/** For each detector, what it looks for, whole and broken. */
const pieces: Readonly<Record<DetectorName, readonly string[]>> = {
  'national-id': nationalIdCountries.flatMap((country) => nationalIdExamples[country].strong),
  ...nationalIdTexts,
  email: [
    'jane',
    '@',
    '%40',
    '.',
    'example',
    'com',
    'xn--p1ai',
    'müller',
    '@b.co',
    'x@y.org',
    'a.b-c@d.e.net',
  ],
  card: [
    ...[
      '4111111111111111',
      '4111 1111 1111 1111',
      '378282246310005',
      '3782-822463-10005',
      '4111',
      '1111',
      '0000',
    ],
    ...[
      '30569309025904',
      '3056-930902-5904',
      '4000000000000000006',
      '4000 0000 0000 0000 006',
      '5105105105105100',
    ],
  ],
  iban: [
    ...[
      'DE89370400440532013000',
      'DE89 3704 0044 0532 0130 00',
      'GB82WEST12345698765432',
      'DE89',
      '3704 0044',
    ],
    ...['NO93 8601 1117 947', 'BE68 5390 0754 7034', 'CH9300762011623852957'],
  ],
  'us-ssn': ['123-45-6789', '001-01-0001', '000-45-6789', '987-65-4321', '123-45', '-6789', '-1', '1-'],
  phone: [
    ...[
      '+1 415 555 2671',
      '+49 (0)30 1234567',
      '+49',
      '(415) 555-2671',
      '(415)555 2671',
      '415-555-2671',
      '1-',
    ],
    ...['415.555.2671', '555', '(', ')', '+', ' (0)', '1 ', '-1', '200', '. '],
  ],
  jwt: [jwtText, 'eyJ', '.e30.', 'eyJhbGciOiJub25l', '.', '..'],
  'aws-access-key': [
    ...['AKIA', 'ASIA', 'IOSFODNN7EXAMPLE', awsKey, awsSecret, `${awsKey}","${awsSecret}`, ' = '],
    ...[
      '%2F',
      '%2b',
      '\\/',
      awsSecret.slice(0, 39),
      encodeURIComponent(awsSecret),
      'secretKey: ',
      'secret_key=',
    ],
    ...['secret_access_key=', 'SecretAccessKey": "', 'secret-access-key', 'AWS_SECRET_ACCESS_KEY: ', '": "'],
  ],
  'private-key': [
    pem,
    pem.slice(0, 50),
    '-----BEGIN ',
    'RSA PRIVATE KEY-----',
    '-----END ',
    '-----',
    '--',
    '\n',
  ],
  'api-key': [
    ...[
      token('ghp_', 36),
      token('sk-', 32),
      token('SG.', 22),
      token('.', 20),
      token('', 20),
      'ghp_',
      'sk_live_',
    ],
    ...[
      `AccountKey=${token('', 84)}/+==`,
      `whsec_${token('', 30)}/+`,
      `dp.st.${token('', 40)}`,
      `ya29.${token('', 40)}`,
    ],
    ...[
      `hf_${'aBcDeFgHiJkLmNoPqR'.repeat(2)}`,
      `dapi${'0a1b2c3d4e'.repeat(4)}`,
      `ATATT3${token('', 70)}`,
      'x'.repeat(40),
    ],
    ...['github_pat_', 'AIza', 'hvs.', `shpat_${'0a'.repeat(16)}`, `dop_v1_${'f0'.repeat(32)}`, 'xoxb-'],
  ],
};
const surroundings = fc.oneof(
  fc.constantFrom('_', '-', '\\', '\\n', '\\u00e9', '"', '/', ' ', ',', 'é', '=', ':'),
  fc.nat(99_999).map(String),
  fc.string({ maxLength: 3 }),
);

/** Texts of such pieces. Some stand apart, or hardly any would begin and end where a find may. */
const mixtureOf = (...detectors: readonly DetectorName[]): fc.Arbitrary<string> => {
  const piece = fc.constantFrom(...detectors.flatMap((detector) => pieces[detector]));
  const part = fc.oneof({ weight: 4, arbitrary: piece }, surroundings, fc.constantFrom(' ', ', '));
  return fc.array(part, { maxLength: 8 }).map((parts) => parts.join(''));
};
const mixture = mixtureOf(...detectorNames);

describe.each(detectorNames)('%s', (detector) => {
  const scanner = scannerOf({ detector, transform: 'redact' });

  test('finds what a slow and plain reference finds', () => {
    let finds = 0;
    fc.assert(
      fc.property(fc.oneof(mixtureOf(detector), mixture), (text) => {
        // In what looks like JSON a bare number becomes 0; the kinds below test that.
        fc.pre(!/^\s*[{[]/.test(text));
        const bytes = Buffer.from(text);
        const found = findAll(detector, bytes.toString('latin1'));
        const kept: Buffer[] = [];
        let copied = 0;
        for (const { start, end } of found) {
          kept.push(bytes.subarray(copied, start), Buffer.from('[masked]'));
          copied = end;
        }
        kept.push(bytes.subarray(copied));
        const scanned = scanner.scan(bytes, 'other');
        finds += found.length;
        expect((scanned?.value ?? bytes).toString('latin1')).toBe(Buffer.concat(kept).toString('latin1'));
        expect(scanned?.count ?? 0).toBe(found.length);
      }),
      { numRuns: detector.startsWith('national-id-') ? 500 : 1500 },
    );
    // The property says nothing if no text holds a find.
    expect(finds).toBeGreaterThan(50);
  });
});

test('a text in which nothing is called for has no find, whatever stands around it', () => {
  const around = fc.constantFrom('', '4', '4111', 'A', '@', '-', ' ', 'eyJ');
  let plain = 0;
  fc.assert(
    fc.property(fc.oneof(mixture, fc.string({ maxLength: 12 })), around, around, (text, before, after) => {
      const bytes = Buffer.from(text);
      const larger = Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);
      const start = Buffer.byteLength(before);
      const isPlain = redacting.isPlain(larger, start, start + bytes.length);
      // What stands around it changes nothing.
      expect(isPlain).toBe(redacting.isPlain(bytes, 0, bytes.length));
      if (isPlain) expect(redacting.scan(bytes, 'text')).toBeNull();
      plain += isPlain ? 1 : 0;
    }),
    { numRuns: 3_000 },
  );
  expect(plain).toBeGreaterThan(200);
});

describe('JSON', () => {
  const document = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      mixture,
      fc.constantFrom(4111111111111111, 378282246310005, 12, null, true),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.record({ mail: tie('value'), card: tie('value') }, { requiredKeys: [] }),
    ),
  })).value;
  /** Types in place of values. */
  const shape = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shape);
    if (typeof value !== 'object' || value === null) return value === null ? null : typeof value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shape(member)]));
  };
  const escapeAll = (text: string): string =>
    text.replace(/[@é]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

  test.each(['full', 'redact', 'last4', 'email', 'hash'] as const)(
    'masked by %s keeps its shape',
    (transform) => {
      const scanner = all(transform);
      let finds = 0;
      fc.assert(
        fc.property(document, fc.constantFrom(0, 2), fc.boolean(), (value, indent, escaped) => {
          const written = JSON.stringify(value, null, indent);
          const scanned = scanner.scan(Buffer.from(escaped ? escapeAll(written) : written), 'json');
          if (scanned === null) return;
          finds += scanned.count;
          const masked = new TextDecoder('utf-8', { fatal: true }).decode(scanned.value ?? Buffer.alloc(0));
          expect(shape(JSON.parse(masked))).toEqual(shape(value));
        }),
        { numRuns: 500 },
      );
      expect(finds).toBeGreaterThan(50);
    },
  );
});
