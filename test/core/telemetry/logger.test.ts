import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SallyportError } from '../../../services/core/model/errors.ts';
import type { Logger } from '../../../services/core/model/log.ts';
import { Secret } from '../../../services/core/model/secret.ts';
import { createLogger, type LoggerOptions } from '../../../services/core/telemetry/logger.ts';

function logging(options: Partial<LoggerOptions> = {}): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  return { log: createLogger({ level: 'debug', format: 'json', write, ...options }), lines };
}

/** The fields of the one line that is written. */
function written(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { log, lines } = logging();
  log.info(fields, 'said');
  expect(lines).toHaveLength(1);
  const { level, time, msg, ...rest }: Record<string, unknown> = JSON.parse(lines[0] ?? '');
  expect([level, msg]).toEqual(['info', 'said']);
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  return rest;
}

describe('values', () => {
  test.each<[string, unknown, unknown]>([
    ['a secret', new Secret('hunter2'), '[secret]'],
    ['a secret deep inside', { login: [new Secret('hunter2')] }, { login: ['[secret]'] }],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['bytes', Buffer.from('hunter2'), '[7 bytes]'],
    ['an instance of a class', new URL('http://user:hunter2@host/'), '[URL]'],
    ['a map', new Map([['password', 'hunter2']]), '[Map]'],
    ['a function', () => 1, '[function]'],
    ['a big integer', 2n ** 64n, '18446744073709551616'],
    ['not a number', Number.NaN, 'NaN'],
    ['null', null, null],
    ['a list with a hole', [undefined, 1], [null, 1]],
    ['a long text', 'x'.repeat(5000), `${'x'.repeat(4096)}[904 more]`],
    [
      'a long list',
      Array.from({ length: 40 }, () => 0),
      [...Array.from({ length: 32 }, () => 0), '[8 more]'],
    ],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ])('%s', (_, value, expected) => {
    expect(written({ value })).toEqual({ value: expected });
  });

  test('undefined fields are left out', () => {
    expect(written({ a: undefined, b: 1 })).toEqual({ b: 1 });
  });

  test('an error has its code and its causes, and nothing that clients hang on it', () => {
    const cause = Object.assign(new Error('refused'), {
      code: 'ECONNREFUSED',
      headers: { authorization: 'hunter2' },
    });
    const error = new SallyportError('target-unavailable', 'the target is away', { cause });
    const line = written({ error });
    expect(line).toMatchObject({
      error: {
        name: 'SallyportError',
        code: 'target-unavailable',
        message: 'the target is away',
        stack: expect.stringContaining('logger.test.ts'),
        cause: { name: 'Error', code: 'ECONNREFUSED', message: 'refused' },
      },
    });
    expect(JSON.stringify(line)).not.toContain('hunter2');
  });

  test('an aggregate error has its errors', () => {
    const error = new AggregateError([new Error('by IPv6'), new Error('by IPv4')], '');
    expect(written({ error })).toMatchObject({
      error: { errors: [{ message: 'by IPv6' }, { message: 'by IPv4' }] },
    });
  });

  test('a circle and a getter that throws end nothing', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const hostile = {
      get bad(): never {
        throw new Error('no');
      },
    };
    expect(JSON.stringify(written({ circle }))).toContain('[nested too deeply]');
    expect(written({ hostile })).toEqual({ hostile: { bad: '[unreadable: no]' } });
    expect(written(hostile)).toEqual({ bad: '[unreadable: no]' });
  });

  test('a line is bounded, whatever is logged', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`field${n}`, 'x'.repeat(4000)]));
    const { log, lines } = logging();
    log.info({ ...many, deep: { many: [many, many] } }, 'said');
    expect(lines[0]?.length).toBeLessThan(16 * 1024);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ fieldsLeftOut: 69 });
  });
});

describe('lines', () => {
  const colour = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');

  test('a field cannot pass for what the log itself says', () => {
    const { log, lines } = logging();
    log.child({ session: 's_1', level: 'error' }).warn({ msg: 'forged', time: 0, session: 's_2' }, 'said');
    expect(lines[0]?.match(/"(level|msg|time|session)":/g)).toHaveLength(4);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'warn',
      msg: 'said',
      session: 's_2',
      level_: 'error',
      msg_: 'forged',
      time_: 0,
    });
  });

  test('a trace is joined by its ids', () => {
    const ids = { trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331' };
    expect(written({ ...ids, hold: 'h_1' })).toEqual({ ...ids, hold: 'h_1' });
  });

  test('those below the level are not written', () => {
    const { log, lines } = logging({ level: 'warn' });
    log.debug({}, 'no');
    log.info({}, 'no');
    log.warn({}, 'yes');
    log.error({}, 'yes');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['yes', 'yes']);
  });

  test.each(['json', 'terminal', 'terminal-in-colour'] as const)(
    '%s: nothing logged makes a line or moves the cursor',
    (format) => {
      const hostile = fc.string({
        unit: fc.constantFrom(
          '\n',
          '\r',
          '\u001b[2J',
          '\u009b',
          '\u2028',
          '\u202e',
          '\u0000',
          'a',
          '"',
          '\\',
          'é',
          '\ud800',
          '😀',
        ),
      });
      fc.assert(
        fc.property(hostile, hostile, (name, value) => {
          const { log, lines } = logging({ format });
          log.info({ [name]: value, error: { message: value } }, 'said');
          expect(lines).toHaveLength(1);
          const line = (lines[0] ?? '').replaceAll(colour, '');
          expect(line.endsWith('\n')).toBe(true);
          expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        }),
      );
    },
  );

  test('what is escaped for the eye is the same to who parses it', () => {
    const { log, lines } = logging();
    log.info({ text: 'é\u202e\u009b😀\u{e0041}\n' }, 'said');
    expect(lines[0]).toContain('é\\u202e\\u009b😀\\udb40\\udc41\\n');
    expect(JSON.parse(lines[0] ?? '').text).toBe('é\u202e\u009b😀\u{e0041}\n');
  });

  test('for a person', () => {
    const { log, lines } = logging({ format: 'terminal' });
    log.warn({ hold: 'h_1', why: 'two words', list: [1] }, 'a hold was withdrawn');
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}a hold was withdrawn {2}hold=h_1 {2}why="two words" {2}list=\[1\]\n$/,
    );
  });

  test('for a person, a stack stands below, where nothing in it looks like a line', () => {
    const { log, lines } = logging({ format: 'terminal' });
    log.error({ error: new Error('first\n10:22:33.123 INFO  forged') }, 'it failed');
    const shown = (lines[0] ?? '').trimEnd().split('\n');
    expect(shown[0]).toContain('ERROR it failed');
    expect(shown.slice(1).every((line) => line.startsWith('    '))).toBe(true);
    expect(shown.some((line) => line.includes('logger.test.ts'))).toBe(true);
  });

  test('for a person who sees colours', () => {
    const { log, lines } = logging({ format: 'terminal-in-colour' });
    log.info({}, 'said');
    expect(lines[0]).toContain('\u001b[32mINFO \u001b[0m said');
  });
});
