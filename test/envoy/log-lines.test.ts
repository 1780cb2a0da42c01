import { beforeEach, expect, test } from '@jest/globals';
import { joinAccessLine, joinApplicationLine } from '../../envoy/log-lines.ts';
import { RecordingLog } from './recording-log.ts';

let log: RecordingLog;
beforeEach(() => {
  log = new RecordingLog();
});

const json = (level: string, message = 'a message'): string =>
  JSON.stringify({ time: '2026-01-01T00:00:00.000+00:00', level, component: 'main', message });

test.each([
  ['trace', 'debug'],
  ['debug', 'debug'],
  ['info', 'debug'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['critical', 'error'],
  ['unheard-of', 'warn'],
])('a line of level %s becomes one of level %s', (level, ours) => {
  const complaint = joinApplicationLine(json(level), log);
  expect(log.lines).toEqual([
    { level: ours, fields: { component: 'main', detail: 'a message' }, message: 'said by Envoy' },
  ]);
  expect(complaint).toBe(ours === 'debug' ? null : 'a message');
});

test('what Envoy answers to our SIGTERM is no warning', () => {
  expect(joinApplicationLine(json('warning', 'caught ENVOY_SIGTERM'), log)).toBeNull();
  expect(log.lines[0]?.level).toBe('debug');
});

test('plain text, which comes before Envoy has read its config, keeps its level', () => {
  const line = '[2026-01-01 00:00:00.000][7][critical][main] [source/server/server.cc:1] no such file';
  expect(joinApplicationLine(line, log)).toBe('no such file');
  expect(log.lines).toMatchObject([
    { level: 'error', fields: { component: 'main', detail: 'no such file' } },
  ]);
});

test('anything else, such as a crash, is a warning word for word', () => {
  expect(joinApplicationLine('PARSE ERROR: Argument: --nope', log)).toBe('PARSE ERROR: Argument: --nope');
  expect(log.lines[0]?.level).toBe('warn');
});

test('an access log entry becomes the fields of a line', () => {
  joinAccessLine('{"listener":"pg","durationMs":3}', log);
  expect(log.lines).toEqual([
    { level: 'info', fields: { listener: 'pg', durationMs: 3 }, message: 'connection ended' },
  ]);
});

test('that of an HTTP request has a method', () => {
  joinAccessLine('{"listener":"apis","method":"GET","status":200}', log);
  expect(log.lines).toMatchObject([{ level: 'info', message: 'request ended' }]);
});

test.each(['not JSON', '[1]', '"text"'])('%s on stdout is shown and is no access log entry', (line) => {
  joinAccessLine(line, log);
  expect(log.lines).toMatchObject([{ level: 'warn', fields: { line } }]);
});
