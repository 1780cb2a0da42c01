import { createSecretKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MaskingError } from '../../../services/core/masking/errors.ts';
import { FormMasker } from '../../../services/core/masking/form-masker.ts';
import { JsonMasker, type JsonPlan } from '../../../services/core/masking/json-masker.ts';
import { compilePaths, parseJsonPath } from '../../../services/core/masking/json-path.ts';
import { jsonMask } from '../../../services/core/masking/json-values.ts';
import { maxHeldBytes, maxJsonDepth } from '../../../services/core/masking/limits.ts';
import { type DetectorMask, ValueScanner } from '../../../services/core/masking/scan.ts';
import type { TransformName } from '../../../services/core/masking/transform-names.ts';
import { byteByByte, cutAt, maskedIn, places } from './chunks.ts';

const key = createSecretKey(Buffer.alloc(32, 7));

function plan(
  paths: readonly string[],
  detect: readonly DetectorMask['detector'][] = [],
  transform: TransformName = 'full',
): JsonPlan {
  const rules = paths.map((text) => {
    const path = parseJsonPath(text);
    if ('fault' in path) throw new Error(path.fault);
    return { path, mask: jsonMask(transform, key, text) };
  });
  const scanner =
    detect.length === 0
      ? null
      : new ValueScanner(
          detect.map((detector) => ({ detector, transform })),
          key,
        );
  return { paths: compilePaths(rules), scanner };
}

const mask = (text: string, masks: JsonPlan): string => {
  const whole = maskedIn(new JsonMasker(masks), [Buffer.from(text)]);
  const cut = maskedIn(new JsonMasker(masks), byteByByte(Buffer.from(text)));
  expect(cut.toString()).toBe(whole.toString());
  return whole.toString();
};

describe('fields by path', () => {
  const ssn = plan(['**.ssn']);
  test.each<[string, string]>([
    ['{"ssn":"123-45-6789","name":"Ada"}', '{"ssn":"********","name":"Ada"}'],
    ['{ "ssn" : "1" , "n" : 1 }', '{ "ssn" : "********" , "n" : 1 }'],
    ['{"\\u0073sn":"1"}', '{"\\u0073sn":"********"}'],
    ['{"s\\u0073\\u006e":"1"}', '{"s\\u0073\\u006e":"********"}'],
    ['{"ssn":"1","ssn":"2"}', '{"ssn":"********","ssn":"********"}'],
    ['{"ssn":123456789}', '{"ssn":0}'],
    ['{"ssn":1.2345E8}', '{"ssn":0}'],
    ['{"ssn":-1e-3}', '{"ssn":0}'],
    ['{"ssn":true,"x":false}', '{"ssn":false,"x":false}'],
    ['{"ssn":null}', '{"ssn":null}'],
    ['{"ssn":{"a":[1,{"b":"}]"}],"c":2},"d":3}', '{"ssn":{},"d":3}'],
    ['{"ssn":{"ssn":{"ssn":1}},"d":{"ssn":[]}}', '{"ssn":{},"d":{"ssn":[]}}'],
    ['{"ssn":["1",["2",3],{"x":4}],"d":5}', '{"ssn":["********",["********",0],{}],"d":5}'],
    ['[{"ssn":"1"},[{"a":{"ssn":"2"}}]]', '[{"ssn":"********"},[{"a":{"ssn":"********"}}]]'],
    ['{"x":"{\\"ssn\\":\\"1\\",\\"y\\":2}"}', '{"x":"{\\"ssn\\":\\"********\\",\\"y\\":2}"}'],
    ['{"x":"\\"{\\\\\\"ssn\\\\\\":1}\\""}', '{"x":"\\"{\\\\\\"ssn\\\\\\":0}\\""}'],
    ['{"x":"\\u007b\\"ssn\\":\\"1\\"}"}', '{"x":"{\\"ssn\\":\\"********\\"}"}'],
    ['{"x":"{\\"ssn\\":\\"12"}', '{"x":"********"}'],
    ['{"x":"{name} says [hi]"}', '{"x":"{name} says [hi]"}'],
    ['\ufeff{"ssn":"1"}', '\ufeff{"ssn":"********"}'],
    ['{"ssn":"1"}\n{"ssn":"2"}\n', '{"ssn":"********"}\n{"ssn":"********"}\n'],
    ['\x1e{"ssn":"1"}\n\x1e{"ssn":"2"}\n', '\x1e{"ssn":"********"}\n\x1e{"ssn":"********"}\n'],
    ['{"ssn":"1"}{"ssn":"2"}3 "four"5', '{"ssn":"********"}{"ssn":"********"}3 "four"5'],
    ['', ''],
    [' \n', ' \n'],
    ['{}', '{}'],
    ['[]', '[]'],
    ['0', '0'],
    ['"x"', '"x"'],
    ['{"\\ud83d\\ude00":{"ssn":"\\ud83d"}}', '{"\\ud83d\\ude00":{"ssn":"********"}}'],
    ['{"é😀":"é😀","ssn":"é😀"}', '{"é😀":"é😀","ssn":"********"}'],
  ])('%s', (text, expected) => {
    expect(mask(text, ssn)).toBe(expected);
  });

  test('values keep a sensible type under each transform', () => {
    const text = '{"a":"ada@example.com","a":1234567890,"a":12.5,"a":true,"a":{"x":1},"a":[1]}';
    expect(mask(text, plan(['a'], [], 'null'))).toBe(
      '{"a":null,"a":null,"a":null,"a":null,"a":null,"a":[null]}',
    );
    expect(mask(text, plan(['a'], [], 'last4'))).toBe(
      '{"a":"*****com","a":7890,"a":0,"a":false,"a":{},"a":[0]}',
    );
    expect(mask(text, plan(['a'], [], 'email'))).toBe(
      '{"a":"a***@***.example","a":0,"a":0,"a":false,"a":{},"a":[0]}',
    );
    expect(mask(text, plan(['a'], [], 'redact'))).toBe(
      '{"a":"[masked]","a":0,"a":0,"a":false,"a":{},"a":[0]}',
    );
    const hashed = mask(text, plan(['a'], [], 'hash'));
    expect(JSON.parse(hashed)).toEqual({ a: [expect.any(Number)] });
    expect(hashed).toMatch(/^\{"a":"masked-[0-9a-f]{20}","a":\d+,"a":\d+,"a":false,"a":\{\},"a":\[\d+\]\}$/);
  });

  test('`**` is everything', () => {
    expect(mask('["a",1,{"b":2}]', plan(['**']))).toBe('["********",0,{}]');
  });

  test('the count is of values, whole objects as one', () => {
    const masker = new JsonMasker(plan(['**.ssn']));
    maskedIn(masker, [Buffer.from('{"ssn":"1","a":{"ssn":{"ssn":2}},"b":[{"ssn":3},{"ssn":null}]}')]);
    expect(masker.count).toBe(3);
  });
});

describe('finds of detectors', () => {
  const found = plan([], ['email', 'card', 'us-ssn', 'private-key']);
  test.each<[string, string]>([
    ['{"note":"write to ada@example.com now"}', '{"note":"write to ******** now"}'],
    ['{"note":"write to ada\\u0040example.com"}', '{"note":"write to ********"}'],
    ['{"note":"a\\ta@b.example\\n"}', '{"note":"a\\t********\\n"}'],
    ['{"ada@example.com":1}', '{"********":1}'],
    ['{"ada\\u0040example.com":{"x":"y"}}', '{"********":{"x":"y"}}'],
    ['{"n":4111111111111111}', '{"n":0}'],
    ['{"n":4111111111111111.0}', '{"n":0}'],
    ['{"n":4.111111111111111e15}', '{"n":0}'],
    ['{"n":41111111111111110E-1}', '{"n":0}'],
    ['[4111111111111111,5]', '[0,5]'],
    ['4111111111111111', '0'],
    ['"4111111111111111"', '"********"'],
    [
      '{"x":"{\\"e\\":\\"a\\\\u0040b.example\\",\\"n\\":4111111111111111}"}',
      '{"x":"{\\"e\\":\\"********\\",\\"n\\":0}"}',
    ],
    ['{"k":"-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n"}', '{"k":"********\\n"}'],
    ['{"k":"-----BEGIN PRIVATE KEY-----\\nMIIE"}', '{"k":"********"}'],
    ['{"id":123456789,"v":"1.2.3"}', '{"id":123456789,"v":"1.2.3"}'],
  ])('%s', (text, expected) => {
    expect(mask(text, found)).toBe(expected);
  });
});

describe('a secret that nothing tells but its name', () => {
  const aws = plan([], ['aws-access-key'], 'redact');
  const secret = ['wJalrXUtnFEMI/K7MDENG', '/bPxRfiCYEXAMPLEKEY'].join('');
  const escaped = secret.replaceAll('/', '\\/');
  const other = 'https://example.com/not-a-secret-but-text';
  test.each<[string, string]>([
    [`{"SecretAccessKey":"${secret}"}`, '{"SecretAccessKey":"[masked]"}'],
    [`{"aws_secret_access_key" : "${escaped}"}`, '{"aws_secret_access_key" : "[masked]"}'],
    [`{"Secret\\u0041ccessKey":"${secret}"}`, '{"Secret\\u0041ccessKey":"[masked]"}'],
    [`{"secretKey":["${secret}","x"]}`, '{"secretKey":["[masked]","x"]}'],
    [
      `{"aws-secret-key":{"sensitive":true,"value":"${secret}"},"x":"${secret}"}`,
      `{"aws-secret-key":{"sensitive":true,"value":"[masked]"},"x":"${secret}"}`,
    ],
    [
      `{"env":[{"name":"AWS_SECRET_ACCESS_KEY","value":"${secret}"},{"name":"X","value":"${secret}"}]}`,
      `{"env":[{"name":"AWS_SECRET_ACCESS_KEY","value":"[masked]"},{"name":"X","value":"${secret}"}]}`,
    ],
    [`[["Secret access key","${secret}"],"${secret}"]`, `[["Secret access key","[masked]"],"${secret}"]`],
    [`{"SecretKey":1,"x":"${secret}"}`, `{"SecretKey":1,"x":"${secret}"}`],
    [`{"SecretKey":"${other}"}`, `{"SecretKey":"${other}"}`],
    [`{"SecretAccessKey":"${'x'.repeat(40)}"}`, `{"SecretAccessKey":"${'x'.repeat(40)}"}`],
    [`{"s":"{\\"SecretAccessKey\\":\\"${secret}\\"}"}`, '{"s":"{\\"SecretAccessKey\\":\\"[masked]\\"}"}'],
    [`{"x":"${secret}"}`, `{"x":"${secret}"}`],
  ])('%s', (text, expected) => {
    expect(mask(text, aws)).toBe(expected);
  });

  test('in a form', () => {
    const form = (text: string): string =>
      maskedIn(new FormMasker(aws), byteByByte(Buffer.from(text))).toString();
    const value = encodeURIComponent(secret);
    expect(form(`a=1&aws[secret_access_key]=${value}&x=${value}`)).toBe(
      `a=1&aws[secret_access_key]=%5Bmasked%5D&x=${value}`,
    );
  });
});

describe('a string that is too long to be held', () => {
  const long = 'x'.repeat(maxHeldBytes);
  test.each<[string, JsonPlan, string]>([
    ['a masked field', plan(['a'], []), '{"a":"********","b":1}'],
    ['where detectors look', plan([], ['email']), '{"a":"********","b":1}'],
    ['where nothing is looked for', plan(['c.d'], []), `{"a":"${long}","b":1}`],
    ['where a path goes on', plan(['a.b'], []), `{"a":"${long}","b":1}`],
  ])('%s', (_, masks, expected) => {
    const text = Buffer.from(`{"a":"${long}","b":1}`);
    for (const chunks of [
      [text],
      cutAt(text, [5, 6, 70_000, maxHeldBytes, maxHeldBytes + 7, maxHeldBytes + 8]),
    ]) {
      expect(maskedIn(new JsonMasker(masks), chunks).toString() === expected).toBe(true);
    }
  });
});

describe('what is no JSON is unreadable, and nothing behind it comes out', () => {
  test.each([
    ...[
      '{',
      '{"a"',
      '{"a":',
      '{"a":1',
      '[1',
      '"a',
      '{"a":1,}',
      '[1,]',
      '{,}',
      '[,]',
      '{"a" 1}',
      '{a:1}',
      "{'a':1}",
      '{"a":1}}',
      ']',
    ],
    ...[
      '{"a":01}',
      '{"a":1.}',
      '{"a":.5}',
      '{"a":+1}',
      '{"a":NaN}',
      '{"a":tru}',
      '{"a":truefalse}',
      '{"a":0x1F}',
      '[1 2]',
      '{"a":1 "b":2}',
    ],
    ...[
      '{"a":"\n"}',
      '{"a":"\\x"}',
      '{"a":"\\u12"}',
      '{"a":1}/* x */',
      '// x\n{}',
      ")]}'\n{}",
      'callback({})',
      '{"a":1}<',
      '{"a"::1}',
      '[}',
      '{]',
    ],
    ...[
      '{1:2}',
      '{"a","b"}',
      '[1:2]',
      ':',
      ',',
      '1,2',
      '\x1e{\x1e}',
      '\xff',
      '{"a":\x0b1}',
      '-',
      '--1',
      '1e',
      '[-]',
    ],
  ])('%j', (text) => {
    const masks = plan(['**.ssn'], ['email']);
    for (const chunks of [[Buffer.from(text)], byteByByte(Buffer.from(text))]) {
      expect(() => maskedIn(new JsonMasker(masks), chunks)).toThrow(MaskingError);
    }
  });

  test.each<[string, Buffer]>([
    ['UTF-16', Buffer.from('{"ssn":"1"}', 'utf16le')],
    ['Latin-1 in a string', Buffer.from('{"a":"caf\xe9"}', 'latin1')],
    ['Latin-1 in a key', Buffer.from('{"caf\xe9":1}', 'latin1')],
    ['overlong UTF-8', Buffer.from([0x22, 0xc1, 0xb3, 0x22])],
    ['half a mark', Buffer.from([0xef, 0xbb, 0x7b, 0x7d])],
    ['nothing but half a mark', Buffer.from([0xef, 0xbb])],
    ['too deep', Buffer.from('['.repeat(maxJsonDepth + 1) + ']'.repeat(maxJsonDepth + 1))],
    ['a number without end', Buffer.from(`{"a":${'1'.repeat(2_000)}}`)],
    ['a key without end', Buffer.from(`{"${'k'.repeat(70_000)}":1}`)],
  ])('%s', (_, bytes) => {
    for (const chunks of [[bytes], cutAt(bytes, [1, 2, 3, 7, 100, 1_500, 40_000])]) {
      expect(() => maskedIn(new JsonMasker(plan(['**.ssn'], ['email'])), chunks)).toThrow(MaskingError);
    }
  });

  test('what it says quotes nothing of it', () => {
    for (const text of ['{"secret-of-theirs":"\\q"}', '{"a":secretword}', '{"a":"secret\n"}']) {
      expect(() => maskedIn(new JsonMasker(plan(['x'], ['email'])), [Buffer.from(text)])).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('secret') }),
      );
    }
  });
});

/** Written as any serialiser may: blanks anywhere, any character escaped. */
function written(value: unknown, dice: () => number): string {
  const blank = (): string => ['', '', '', ' ', '\n', '\t\r\n '][dice() % 6] ?? '';
  const escaped = (character: string): string =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('');
  const text = (plain: string): string =>
    JSON.stringify(plain).replaceAll(/\\u[\da-f]{4}|\\.|[^"\\]/gsu, (character) =>
      !character.startsWith('\\') && dice() % 5 === 0 ? escaped(character) : character,
    );
  const write = (each: unknown): string => {
    const inner = (): string => {
      if (typeof each === 'string') return text(each);
      if (Array.isArray(each)) return `[${each.map(write).join(',')}${blank()}]`;
      if (typeof each === 'object' && each !== null) {
        return `{${Object.entries(each)
          .map(([name, below]) => `${blank()}${text(name)}${blank()}:${write(below)}`)
          .join(',')}${blank()}}`;
      }
      return JSON.stringify(each);
    };
    return `${blank()}${inner()}${blank()}`;
  };
  return write(value);
}

/** What `**.ssn` and `users.email` make of it, by way of JavaScript's own parser. */
function expected(value: unknown, place: readonly string[] = []): unknown {
  const last = place.at(-1);
  const masked = last === 'ssn' || place.join('.') === 'users.email';
  if (Array.isArray(value)) return value.map((each) => expected(each, place));
  if (value === null) return null;
  if (masked) return { string: '********', number: 0, boolean: false, object: {} }[typeof value as string];
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, below]) => [name, expected(below, [...place, name])]),
  );
}

const needle = 'needle-that-never-leaks';
const names = fc.constantFrom('ssn', 'users', 'email', 'a', 'b', '', 'é😀', 'x.y');
const leaf = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constant(needle),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
);
const documents = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'medium' },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(names, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

test('any documents in a row, written and cut in any way, are masked as their meaning says', () => {
  fc.assert(
    fc.property(
      fc.array(documents, { minLength: 1, maxLength: 3 }),
      places,
      fc.infiniteStream(fc.nat()),
      (values, cuts, stream) => {
        const dice = (): number => stream.next().value ?? 0;
        const text = Buffer.from(values.map((value) => written(value, dice)).join('\n'));
        const masks = plan(['**.ssn', 'users[*].email']);
        const whole = maskedIn(new JsonMasker(masks), [text]);
        expect(maskedIn(new JsonMasker(masks), cutAt(text, cuts)).equals(whole)).toBe(true);
        // One document a time, so that JavaScript can read it.
        for (const value of values) {
          const one = maskedIn(new JsonMasker(masks), [Buffer.from(written(value, dice))]).toString();
          expect(JSON.parse(one)).toEqual(JSON.parse(JSON.stringify(expected(value))));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('a needle under a masked field is nowhere in what comes out', () => {
  fc.assert(
    fc.property(documents, places, fc.infiniteStream(fc.nat()), (value, cuts, stream) => {
      const text = Buffer.from(
        written({ a: value, ssn: [needle, { x: needle, y: value }] }, () => stream.next().value ?? 0),
      );
      const shown = maskedIn(new JsonMasker(plan(['**.ssn', '**.a'])), cutAt(text, cuts)).toString();
      expect(shown).not.toContain('needle');
      expect(JSON.stringify(JSON.parse(shown))).not.toContain(needle);
    }),
    { numRuns: 300 },
  );
});

test('any bytes at all are either passed on alike however they are cut, or are unreadable', () => {
  const bits = fc.array(
    fc.constantFrom(
      ...'{}[]:,"\\ \n0123e-.tfn',
      'true',
      'null',
      '"ssn"',
      '"a"',
      '\\u0073',
      '{"ssn":',
      'a@b.example',
      '\x1e',
      'é',
    ),
    { maxLength: 30 },
  );
  const outcome = (chunks: readonly Buffer[]): string => {
    try {
      return maskedIn(new JsonMasker(plan(['**.ssn'], ['email'])), chunks).toString();
    } catch (error) {
      if (error instanceof MaskingError) return 'unreadable';
      throw error;
    }
  };
  fc.assert(
    fc.property(bits, places, (parts, cuts) => {
      const bytes = Buffer.from(parts.join(''));
      const whole = outcome([bytes]);
      expect(outcome(cutAt(bytes, cuts))).toBe(whole);
      expect(outcome(byteByByte(bytes))).toBe(whole);
      if (whole === 'unreadable') return;
      expect(whole).not.toContain('a@b');
      const readable = (text: string): boolean => {
        try {
          JSON.parse(text);
          return true;
        } catch {
          return false;
        }
      };
      if (readable(bytes.toString())) expect(readable(whole)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('a hundred megabytes of documents take no more memory than one', () => {
  const row = Buffer.from(
    `${JSON.stringify({ users: Array.from({ length: 500 }, (_, id) => ({ id, email: `user${id}@example.com`, ssn: '123-45-6789', note: 'é'.repeat(40) })) })}\n`,
  );
  const masker = new JsonMasker(plan(['**.ssn'], ['email']));
  const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  let bytes = 0;
  // What the garbage collector lets lie goes up and down; what is kept stays.
  let least = Number.POSITIVE_INFINITY;
  const before = used();
  for (let sent = 0; sent < 100 * 1024 * 1024; sent += row.length) {
    for (const chunk of [row.subarray(0, 30_001), row.subarray(30_001)]) bytes += masker.write(chunk).length;
    if (sent > 50 * 1024 * 1024) least = Math.min(least, used() - before);
  }
  masker.end();
  expect(bytes).toBeGreaterThan(90 * 1024 * 1024);
  expect(least).toBeLessThan(30 * 1024 * 1024);
});
