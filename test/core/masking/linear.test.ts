import { createSecretKey } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { detectorNames } from '../../../services/core/masking/detectors.ts';
import { ValueScanner } from '../../../services/core/masking/scan.ts';

const scanner = new ValueScanner(
  detectorNames.map((detector) => ({ detector, transform: 'full' })),
  createSecretKey(Buffer.alloc(32, 1)),
);

/** How many bytes a scan reads: steps are counted, because time on a shared machine proves nothing. */
function bytesRead(text: string): number {
  let read = 0;
  const counted = new Proxy(Buffer.from(text), {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      // Only elements, and places beyond either end, are not functions, and `length` is read once a call.
      if (typeof value !== 'function' && property !== 'length') read += 1;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  scanner.scan(counted, 'text');
  return read;
}

const long = 'aB3dE5gH7jK9'.repeat(4);
const jwt = ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxIn0', 'c2ln'].join('.');

/** What would be quadratic for a detector that read on from each place where something may begin. */
test.each<[string, string]>([
  ['signs', '@'],
  ['addresses without a domain', 'a@'],
  ['one long local part', 'a.'],
  ['domains without an end', 'a@b.c.d.'],
  ['escaped signs', 'a%40'],
  ['backslashes before signs', '\\\\\\\\a%40a%40'],
  ['backslashes', '\\'],
  ['digits', '4'],
  ['groups of four digits', '4111 '],
  ['groups that nearly are a card', '4111 1111 1111 1112 '],
  ['cards', '4111111111111111 '],
  ['groups of three digits', '415-'],
  ['pluses and digits', '+1 2 3 '],
  ['a number that goes on', '+49 30 1 2 3 4 5 6 7 8 9 '],
  ['country codes', 'DE89'],
  ['accounts that fail', 'DE88 3704 0044 0532 0130 00 '],
  ['heads of tokens', 'eyJ'],
  ['heads of tokens with dots', 'eyJhbGciOiJub25l.'],
  ['tokens', `${jwt} `],
  ['prefixes of keys', 'ghp_'],
  ['prefixes of keys after escapes', '\\nghp_'],
  ['keys', `ghp_${long} `],
  ['keys of two parts', `SG.${long}.`],
  ['heads of AWS keys', 'AKIA'],
  ['dashes', '-'],
  ['heads of private keys', '-----BEGIN '],
  ['private keys without an end', '-----BEGIN RSA PRIVATE KEY-----'],
  ['private keys', '-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n'],
  ['private keys in quotes', '"-----BEGIN PRIVATE KEY-----\\nMII\\\\\\", '],
  ['numbers in lists', '[4111111111111111,'],
  ['numbers far apart', `4111111111111111,${' '.repeat(500)}`],
])('a value of %s is read in linear time', (_, piece) => {
  const small = piece.repeat(Math.ceil(2000 / piece.length));
  const perByte = bytesRead(small) / small.length;
  const large = piece.repeat(Math.ceil(16_000 / piece.length));
  expect(bytesRead(large) / large.length).toBeLessThan(perByte * 1.1 + 1);
  // An `@` after 64 letters reads them all again; nothing else comes near.
  expect(perByte).toBeLessThan(80);
});
