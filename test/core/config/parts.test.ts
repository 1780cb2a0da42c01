import { beforeAll, describe, expect, test } from '@jest/globals';
import { configParts } from '../../../services/core/config/parts.ts';
import { References } from '../../../services/core/config/references.ts';
import type { TargetProtocol } from '../../../services/core/config/sections/targets.ts';
import type { Secret } from '../../../services/core/model/secret.ts';
import { postgresTargetSchema } from '../../../services/protocols/postgres/target.ts';
import type * as protocol from '../../../services/protocols/protocol.ts';
import { folderWith } from './folder.ts';

const postgres: Pick<protocol.Protocol, 'name' | 'listeners' | 'targetSchema'> = {
  name: 'postgres',
  listeners: 'postgres',
  targetSchema: postgresTargetSchema,
};

let parts: protocol.ConfigParts;
let folder: string;

beforeAll(() => {
  folder = folderWith({
    password: 'hunter2\n',
    'password.crlf': 'hunter2\r\n',
    'password.two': 'hunter2\n\n',
    'ca.pem': 'some\ntext\n',
    'not-text': 'a\0b',
    large: 'x'.repeat(64 * 1024 + 1),
  });
  // What config makes is what protocols ask for; the compiler says otherwise if the two shapes part.
  parts = configParts(new References(folder, { NAME: 'hunter2\n', TOSTRING: 'x' }));
});

test('a protocol of the gateway is one that config takes', () => {
  // Held by the compiler as well.
  const take = ({ name }: TargetProtocol): string => name;
  expect(take(postgres)).toBe('postgres');
});

describe('duration', () => {
  test.each([
    ['0s', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['3650d', 315_360_000_000],
  ])('%s', (written, ms) => {
    expect(parts.duration.parse(written)).toBe(ms);
  });

  test.each(['', '30', 's', '-1s', '1.5h', '1h30m', '1 h', '01s', '1S', '1w', '3651d', '1s\n', '٣s'])(
    'not %j',
    (written) => {
      expect(parts.duration.safeParse(written).success).toBe(false);
    },
  );
});

describe('size', () => {
  test.each([
    [0, 0],
    [65_536, 65_536],
    ['100', 100],
    ['512KiB', 524_288],
    ['16MiB', 16_777_216],
    ['2GiB', 2_147_483_648],
  ])('%s', (written, bytes) => {
    expect(parts.size.parse(written)).toBe(bytes);
  });

  test.each([-1, 1.5, Number.NaN, '1KB', '1 MiB', '1mib', '', '1025GiB', 2 ** 53])('not %j', (written) => {
    expect(parts.size.safeParse(written).success).toBe(false);
  });
});

describe('secret', () => {
  const reveal = (written: string): string => (parts.secret.parse(written) satisfies Secret).reveal();

  test('a variable as it is, a file without its last line break', () => {
    expect(reveal('env:NAME')).toBe('hunter2\n');
    expect(reveal('file:password')).toBe('hunter2');
    expect(reveal('file:password.crlf')).toBe('hunter2');
    expect(reveal('file:password.two')).toBe('hunter2\n');
    expect(reveal(`file:${folder}/password`)).toBe('hunter2');
  });

  test('not a name that every object has', () => {
    expect(parts.secret.safeParse('env:toString').success).toBe(false);
    expect(parts.secret.safeParse('env:constructor').success).toBe(false);
    expect(parts.secret.safeParse('env:__proto__').success).toBe(false);
  });

  test.each([
    '',
    'hunter2',
    'env:',
    'file:',
    'ENV:NAME',
    'env: NAME',
    'env:NAME\n',
    'file:not-text',
    'file:large',
    'file:.',
  ])('not %j', (written) => {
    expect(parts.secret.safeParse(written).success).toBe(false);
  });
});

test('textFile gives the text as it is', () => {
  expect(parts.textFile.parse('file:ca.pem')).toBe('some\ntext\n');
  expect(parts.textFile.safeParse('ca.pem').success).toBe(false);
  expect(parts.textFile.safeParse('file:nobody').success).toBe(false);
});
