import { createSecretKey } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MaskingError } from '../../../services/core/masking/errors.ts';
import { EventStreamMasker } from '../../../services/core/masking/event-stream-masker.ts';
import { FormMasker } from '../../../services/core/masking/form-masker.ts';
import type { JsonPlan } from '../../../services/core/masking/json-masker.ts';
import { compilePaths, parseJsonPath } from '../../../services/core/masking/json-path.ts';
import { jsonMask } from '../../../services/core/masking/json-values.ts';
import { maxHeldBytes } from '../../../services/core/masking/limits.ts';
import { ValueScanner } from '../../../services/core/masking/scan.ts';
import { byteByByte, cutAt, maskedIn, places } from './chunks.ts';

const key = createSecretKey(Buffer.alloc(32, 7));

const plan: JsonPlan = (() => {
  const rules = ['**.ssn', 'user.email'].map((text) => {
    const path = parseJsonPath(text);
    if ('fault' in path) throw new Error(path.fault);
    return { path, mask: jsonMask('full', key, text) };
  });
  return {
    paths: compilePaths(rules),
    scanner: new ValueScanner([{ detector: 'email', transform: 'redact' }], key),
  };
})();

const events = (text: string): string => {
  const whole = maskedIn(new EventStreamMasker(plan), [Buffer.from(text)]).toString();
  expect(maskedIn(new EventStreamMasker(plan), byteByByte(Buffer.from(text))).toString()).toBe(whole);
  return whole;
};

test.each<[string, string]>([
  ['data: {"ssn":"1"}\n\n', 'data: {"ssn":"********"}\n\n'],
  ['data:{"ssn":"1"}\n\n', 'data: {"ssn":"********"}\n\n'],
  ['data: {"ss\ndata: n":"1"}\n\n', 'data: ********\n\n'],
  ['data: {\ndata: "ssn":\ndata:  "1"}\n\n', 'data: {\ndata: "ssn":\ndata:  "********"}\n\n'],
  ['event: x\nid: 1\ndata: {"ssn":1}\nretry: 5\n\n', 'event: x\nid: 1\ndata: {"ssn":0}\nretry: 5\n\n'],
  ['data: {"a":1}\r\n\r\ndata: {"ssn":1}\r\n\r\n', 'data: {"a":1}\r\n\r\ndata: {"ssn":0}\n\n\n'],
  ['data: {"ssn":1}\r\rdata: x\r\r', 'data: {"ssn":0}\n\ndata: x\r\r'],
  ['data: to a@b.example\n\ndata: [DONE]\n\n', 'data: to [masked]\n\ndata: [DONE]\n\n'],
  [': ping a@b.example\n\n', ': ping [masked]\n\n'],
  ['id: a@b.example\ndata: x\n\n', 'id: [masked]\ndata: x\n\n'],
  ['data: {"ssn":1} and more\n\n', 'data: ********\n\n'],
  ['data: {"ssn":"1', 'data: ********'],
  ['\ufeffdata: {"ssn":1}\n\ndata: {"ssn":1}\n\n', '\ufeffdata: {"ssn":0}\n\ndata: {"ssn":0}\n\n'],
  ['\ufeffdata: x\n\n', '\ufeffdata: x\n\n'],
  [
    ': {"ssn":1}\nid: {"ssn":1}\n{"ssn":1}\nDATA:{"ssn":1}\n\n',
    ': {"ssn":0}\nid: {"ssn":0}\n{"ssn":0}\nDATA:{"ssn":0}\n\n',
  ],
  ['a@b.example: {"ssn":1}\n\n', '[masked]: {"ssn":0}\n\n'],
  ['data\n\n', 'data\n\n'],
  ['\n\n\n', '\n\n\n'],
  ['', ''],
])('events %j', (text, expected) => {
  expect(events(text)).toBe(expected);
});

test('events that nobody could hold, or read in one way, are unreadable', () => {
  const long = Buffer.from(`data: ${'x'.repeat(maxHeldBytes)}\n\n`);
  for (const chunks of [[long], cutAt(long, [70_000, 900_000])]) {
    expect(() => maskedIn(new EventStreamMasker(plan), chunks)).toThrow(MaskingError);
  }
  expect(() => maskedIn(new EventStreamMasker(plan), [Buffer.from('data: \xff\n\n', 'latin1')])).toThrow(
    MaskingError,
  );
});

test('an event leaves as soon as it is whole', () => {
  const masker = new EventStreamMasker(plan);
  expect(masker.write(Buffer.from('data: {"ssn"')).toString()).toBe('');
  expect(masker.write(Buffer.from(':"1"}\n\nda')).toString()).toBe('data: {"ssn":"********"}\n\n');
  expect(masker.write(Buffer.from('ta: x\n')).toString()).toBe('');
  expect(masker.write(Buffer.from('\n')).toString()).toBe('data: x\n\n');
});

test('events are masked alike however they are cut', () => {
  const parts = fc.array(
    fc.constantFrom(
      'data: ',
      'data:',
      '{"ssn":',
      '"needle"',
      '}',
      '\n',
      '\r',
      '\r\n',
      '\n\n',
      'id: ',
      ':',
      'x',
      'needle@b.example',
      ' ',
    ),
    { maxLength: 25 },
  );
  fc.assert(
    fc.property(parts, places, (texts, cuts) => {
      const bytes = Buffer.from(texts.join(''));
      const whole = maskedIn(new EventStreamMasker(plan), [bytes]).toString();
      expect(maskedIn(new EventStreamMasker(plan), cutAt(bytes, cuts)).toString()).toBe(whole);
      expect(whole).not.toContain('needle@');
    }),
    { numRuns: 2_000 },
  );
});

test.each<[string, string]>([
  ['ssn=1&a=2', 'ssn=********&a=2'],
  ['a=2&s%73n=1', 'a=2&s%73n=********'],
  [
    'user%5Bemail%5D=x&user[email]=y&user.email=z',
    'user%5Bemail%5D=********&user[email]=********&user.email=********',
  ],
  ['note=write+to+a%40b.example', 'note=write%20to%20%5Bmasked%5D'],
  ['a%40b.example=1&x', '%5Bmasked%5D=1&x'],
  ['p=%7B%22ssn%22%3A1%7D', 'p=%7B%22ssn%22%3A0%7D'],
  ['', ''],
  ['&&a&=&', '&&a&=&'],
])('a form %j', (text, expected) => {
  expect(maskedIn(new FormMasker(plan), [Buffer.from(text)]).toString()).toBe(expected);
  expect(maskedIn(new FormMasker(plan), byteByByte(Buffer.from(text))).toString()).toBe(expected);
});

test.each(['a=%', 'a=%ff', `a=${'x'.repeat(maxHeldBytes + 1)}`])('a form that cannot be read', (text) => {
  expect(() => maskedIn(new FormMasker(plan), [Buffer.from(text)])).toThrow(MaskingError);
  expect(() => maskedIn(new FormMasker(plan), cutAt(Buffer.from(text), [1, 3, 1000]))).toThrow(MaskingError);
});
