import { describe, expect, test } from '@jest/globals';
import { fromClient, fromTarget } from '../../../../services/protocols/kubernetes/streams/channels.ts';

const message = (channel: number, text = ''): Buffer =>
  Buffer.concat([Buffer.of(channel), Buffer.from(text, 'latin1')]);
const both = { stdin: true, tty: true };
const neither = { stdin: false, tty: false };
const v5 = 'v5.channel.k8s.io';
const v4 = 'v4.channel.k8s.io';

describe('what clients say', () => {
  test.each([
    ['stdin', message(0, 'x'), v5, both, 'stdin'],
    ['stdin that was not asked for', message(0, 'x'), v5, neither, null],
    ['a size', message(4, '{"Width":80,"Height":24}'), v4, both, 'control'],
    ['a size without a terminal', message(4, '{"Width":80,"Height":24}'), v4, neither, null],
    ['something else as a size', message(4, 'x'), v4, both, null],
    ['the end of stdin', message(255, '\0'), v5, both, 'control'],
    ['the end of stdin, in v4', message(255, '\0'), v4, both, null],
    ['the end of another channel', message(255, '\u0001'), v5, both, null],
    ['stdout', message(1, 'x'), v5, both, null],
    ['a status', message(3, '{}'), v5, both, null],
    ['nothing', Buffer.alloc(0), v5, both, null],
  ] as const)('%s', (_name, bytes, protocol, request, kind) => {
    expect(fromClient(bytes, protocol, request)?.kind ?? null).toBe(kind);
  });
});

describe('what clusters say', () => {
  const status = (text: string) => {
    const said = fromTarget(message(3, text));
    return said?.kind === 'status' ? said.status : null;
  };
  const exit = (code: unknown) =>
    JSON.stringify({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: code }] },
    });
  test.each([
    ['{"status":"Success"}', { result: 'completed', errorCode: null }],
    [exit('3'), { result: 'failed', errorCode: 'exit 3' }],
    [exit(3), { result: 'failed', errorCode: 'NonZeroExitCode' }],
    ['{"status":"Failure","reason":"InternalError"}', { result: 'failed', errorCode: 'InternalError' }],
    ['{"status":"Failure","details":{"causes":[null,1,"x"]}}', { result: 'failed', errorCode: 'unknown' }],
    ['null', { result: 'failed', errorCode: 'unknown' }],
    ['not JSON', { result: 'failed', errorCode: 'unknown' }],
  ])('the status %s', (text, expected) => expect(status(text)).toEqual(expected));

  test.each([
    [message(1, 'x'), 'output'],
    [message(2), 'output'],
    [message(0), 'control'],
    [message(0, 'x'), null],
    [message(3), 'control'],
    [message(4, 'x'), null],
    [message(5), null],
    [message(255, '\u0001'), 'control'],
    [Buffer.alloc(0), null],
  ] as const)('%j', (bytes, kind) => expect(fromTarget(bytes)?.kind ?? null).toBe(kind));
});
