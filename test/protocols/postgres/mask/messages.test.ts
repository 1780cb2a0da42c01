import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FieldMasks } from '../../../../services/protocols/postgres/mask/field-masks.ts';
import {
  scannedMessage,
  scannedText,
  withheldMessage,
} from '../../../../services/protocols/postgres/mask/messages.ts';
import { catalogOf, key, mask, obligations } from './fixtures.ts';

const scanner = new FieldMasks(obligations(mask([], 'redact', ['email'])), catalogOf({}), key).scanner;
if (scanner === null) throw new Error('a mask with a detector makes a scanner');

const fields = (given: Readonly<Record<string, string>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(given));
const shown = (message: ReadonlyMap<string, string>): Readonly<Record<string, string>> =>
  Object.fromEntries(message);

/** Every field that the protocol has, each with an address in it where free text can stand. */
const everything = {
  S: 'ERROR',
  V: 'ERROR',
  C: '23505',
  M: 'M ada@example.org',
  D: 'D ada@example.org',
  H: 'H ada@example.org',
  p: '7',
  q: 'q ada@example.org',
  W: 'W ada@example.org',
  s: 's ada@example.org',
  t: 't ada@example.org',
  c: 'c ada@example.org',
  d: 'd ada@example.org',
  n: 'n ada@example.org',
  F: 'execIndexing.c',
  L: '670',
  R: 'check_exclusion',
};

describe('a message that may quote a masked value', () => {
  test('keeps severity and SQLSTATE, and says in its own words what has happened', () => {
    expect(shown(withheldMessage(fields(everything)))).toEqual({
      S: 'ERROR',
      V: 'ERROR',
      C: '23505',
      M: 'unique violation (the message is withheld: the statement touches masked columns)',
    });
  });

  test('of an SQLSTATE without words of its own names the code', () => {
    expect(withheldMessage(fields({ S: 'NOTICE', C: '00000', M: 'secret' })).get('M')).toMatch(
      /^condition 00000 /,
    );
    expect(withheldMessage(fields({ M: 'secret' })).get('M')).toMatch(/^condition {2}/);
  });

  test('is shown when it has a position: it is about the text that the client wrote', () => {
    const message = { S: 'ERROR', C: '42703', M: 'column "x" does not exist', P: '8', F: 'parse_relation.c' };
    expect(shown(withheldMessage(fields(message)))).toEqual({
      S: 'ERROR',
      C: '42703',
      M: 'column "x" does not exist',
      P: '8',
    });
  });

  test('carries no byte of any other field, whatever is in them', () => {
    const text = fc.stringMatching(/^secret[a-z0-9 ]{0,10}$/);
    const free = fc.dictionary(fc.constantFrom(...'MDHpqWstcdnFLRxyz'), text);
    fc.assert(
      fc.property(free, (given) => {
        const message = withheldMessage(fields({ S: 'ERROR', C: 'P0001', ...given }));
        expect([...message.values()].join('\n')).not.toContain('secret');
      }),
    );
  });
});

describe('a message that has nothing to do with masked columns', () => {
  test('loses what is about the server’s own source, and every find of a detector', () => {
    expect(shown(scannedMessage(fields({ ...everything, P: '12' }), scanner))).toEqual({
      S: 'ERROR',
      V: 'ERROR',
      C: '23505',
      P: '12',
      p: '7',
      ...Object.fromEntries([...'MDHqWstcdn'].map((letter) => [letter, `${letter} [masked]`])),
    });
  });

  test('passes as it is when nothing is searched for', () => {
    const { F: _file, L: _line, R: _routine, ...rest } = everything;
    expect(shown(scannedMessage(fields(everything), null))).toEqual(rest);
  });

  test('does not pass fields that no version of the protocol has yet', () => {
    expect(shown(scannedMessage(fields({ M: 'x', z: 'new' }), null))).toEqual({ M: 'x' });
  });
});

test('a text that is a find as a whole is masked as a whole', () => {
  expect(scannedText('ada@example.org', scanner)).toBe('[masked]');
  expect(scannedText('nothing here', scanner)).toBe('nothing here');
  const nulling = new FieldMasks(obligations(mask([], 'null', ['email'])), catalogOf({}), key).scanner;
  expect(nulling === null ? null : scannedText('ada@example.org', nulling)).toBe('');
});
