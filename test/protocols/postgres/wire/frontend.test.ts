import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { frameOf, int16, int32 } from '../../../../services/protocols/postgres/wire/backend.ts';
import { nameKey } from '../../../../services/protocols/postgres/wire/body.ts';
import { WireError } from '../../../../services/protocols/postgres/wire/errors.ts';
import {
  formatOf,
  frontend,
  readBind,
  readExecute,
  readNamed,
  readParse,
  readQuery,
} from '../../../../services/protocols/postgres/wire/frontend.ts';
import {
  readStartupPacket,
  requestPacket,
  sslRequestCode,
  startupMessage,
  startupPacketBytes,
} from '../../../../services/protocols/postgres/wire/startup.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('messages of clients', () => {
  test('Query keeps every character, a byte order mark included', () => {
    expect(readQuery(frameOf(frontend.query, '\ufeffSELECT é'))).toBe('\ufeffSELECT é');
  });

  test.each([
    ['no terminating NUL', Buffer.from('SELECT 1'), 'malformed-message'],
    ['bytes behind the terminator', Buffer.from('SELECT 1\0x'), 'malformed-message'],
    ['not UTF-8', Buffer.from([0x27, 0x95, 0x5c, 0x27, 0]), 'bad-encoding'],
  ])('Query with %s is refused', (_, body, expected) => {
    expect(() => readQuery(frameOf(frontend.query, body))).toThrow(code(expected));
  });

  test('Parse, Bind, Execute and Describe are read field by field', () => {
    const parse = frameOf(frontend.parse, 's1', 'SELECT $1', int16(1), int32(23));
    expect(readParse(parse)).toEqual({ name: 's1', text: 'SELECT $1', parameterTypes: [23] });
    const value = Buffer.from('42');
    const bind = frameOf(
      frontend.bind,
      'p1',
      's1',
      int16(1),
      int16(0),
      int16(2),
      int32(value.length),
      value,
      int32(-1),
      int16(2),
      int16(0),
      int16(1),
    );
    expect(readBind(bind)).toEqual({
      portal: 'p1',
      statement: 's1',
      parameterFormats: [0],
      parameters: [value, null],
      resultFormats: [0, 1],
    });
    expect(readExecute(frameOf(frontend.execute, 'p1', int32(10)))).toEqual({ portal: 'p1', maxRows: 10 });
    expect(readNamed(frameOf(frontend.describe, Buffer.from('S'), 's1'))).toEqual({
      kind: 'statement',
      name: 's1',
    });
  });

  test.each([
    ['a parameter of length -2', [int16(0), int16(1), int32(-2), int16(0)]],
    ['more parameters than bytes', [int16(0), int16(65_535), int16(0)]],
    ['two formats for one parameter', [int16(2), int16(0), int16(0), int16(1), int32(-1), int16(0)]],
    ['a format that is neither text nor binary', [int16(1), int16(2), int16(0), int16(0)]],
    ['bytes behind the last field', [int16(0), int16(0), int16(0), Buffer.from('junk')]],
  ])('Bind with %s is refused', (_, fields) => {
    expect(() => readBind(frameOf(frontend.bind, '', '', ...fields))).toThrow(code('malformed-message'));
  });

  test('names over 63 bytes are refused: the server would cut them', () => {
    const name = 'é'.repeat(32);
    expect(() => readExecute(frameOf(frontend.execute, name, int32(0)))).toThrow(code('name-too-long'));
  });

  test('a name in SQL and the same name on the wire have one key', () => {
    const { name } = readParse(frameOf(frontend.parse, 'Größe', '', int16(0)));
    expect(nameKey('Größe')).toBe(name);
  });

  test('formats may be none, one for all, or one each', () => {
    expect([formatOf([], 3), formatOf([1], 3), formatOf([0, 1], 1)]).toEqual([0, 1, 1]);
  });

  test('no bytes make a reader throw anything but a WireError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (body) => {
        for (const read of [readQuery, readParse, readBind, readExecute, readNamed]) {
          try {
            read(frameOf(0x51, Buffer.from(body)));
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
          }
        }
      }),
    );
  });
});

describe('start-up packets', () => {
  test('what we say to targets is read as what clients say to us', () => {
    const parameters = new Map([
      ['user', 'é'],
      ['database', 'shop'],
    ]);
    const packet = startupMessage(parameters);
    expect(startupPacketBytes(packet)).toBe(packet.length);
    expect(readStartupPacket(packet)).toEqual({ kind: 'startup', minor: 0, parameters });
  });

  test.each([0, 7, 10_001, 0x47455420, 2 ** 31 - 1, 2 ** 32 - 1])('a length of %i is refused', (length) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    expect(() => startupPacketBytes(head)).toThrow(WireError);
  });

  test.each([
    ['a parameter given twice', [196_608, 'user', 'a', 'user', 'b', '']],
    ['no terminator', [196_608, 'user', 'a']],
    ['bytes behind the terminator', [196_608, 'user', 'a', '', 'junk']],
    ['version 2', [131_072, 'user', 'a', '']],
  ])('%s is refused', (_, [version, ...strings]) => {
    const rest = Buffer.from(strings.map((text) => `${text}\0`).join(''));
    expect(() => readStartupPacket(requestPacket(Number(version), rest))).toThrow(WireError);
  });

  test('SSLRequest has nothing behind its code', () => {
    expect(readStartupPacket(requestPacket(sslRequestCode))).toEqual({ kind: 'ssl-request' });
    expect(() => readStartupPacket(requestPacket(sslRequestCode, Buffer.from('x')))).toThrow(WireError);
  });
});
