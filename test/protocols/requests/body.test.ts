import { expect, test } from '@jest/globals';
import { targetName } from '../../../services/core/model/ids.ts';
import type { Header } from '../../../services/protocols/request.ts';
import { bodyFault, bodyParameters } from '../../../services/protocols/requests/body.ts';

const route = { target: targetName('billing'), prefix: '', basePath: '', kind: 'whole' } as const;

const headers = (written: Readonly<Record<string, string>>): readonly Header[] =>
  Object.entries(written).map(([name, value]) => ({ name, value }));

test.each<[Readonly<Record<string, string>>, string, string | null]>([
  [{ 'content-length': '3' }, 'abc', null],
  [{ 'content-length': '4' }, 'abc', 'unparsable'],
  [{}, 'x'.repeat(65), 'too-large'],
  [{}, 'x'.repeat(64), null],
  [{ 'x-envoy-auth-partial-body': 'true' }, 'abc', 'too-large'],
  [{ 'x-envoy-auth-partial-body': 'false' }, 'abc', null],
  [{ 'content-type': 'application/json; charset=utf-16' }, '{}', 'unsupported'],
  [{ 'content-type': 'application/json; Charset="UTF-8"' }, '{}', null],
])('%j with body %j: %p', (written, body, reason) => {
  expect(bodyFault({ headers: headers(written), body: Buffer.from(body), route }, 64)?.reason ?? null).toBe(
    reason,
  );
});

test.each<[Readonly<Record<string, string>>, string | null]>([
  [{}, null],
  [{ 'content-length': '0' }, null],
  [{ 'content-length': '99999999999' }, null],
  [{ 'content-length': '03' }, 'unparsable'],
  [{ 'content-length': '+3' }, 'unparsable'],
  [{ 'content-length': '3,3' }, 'unparsable'],
  [{ 'content-length': '' }, 'unparsable'],
])('what is forwarded as it comes says its length plainly or not at all: %j', (written, reason) => {
  const streamed = { ...route, kind: 'streamed' } as const;
  const sent = { headers: headers(written), body: Buffer.alloc(0), route: streamed };
  expect(bodyFault(sent, 64)?.reason ?? null).toBe(reason);
});

test('a body is shown when it is text, and bound by its bytes', () => {
  expect(bodyParameters(Buffer.from('{"a":1}'))).toEqual([
    { text: '{"a":1}', bound: Buffer.from('{"a":1}') },
  ]);
  expect(bodyParameters(Buffer.from([0xff, 0]))).toMatchObject([{ text: '2 bytes that are no text' }]);
  expect(bodyParameters(Buffer.alloc(0))).toEqual([]);
});
