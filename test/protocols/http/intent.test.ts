import { expect, test } from '@jest/globals';
import { targetName } from '../../../services/core/model/ids.ts';
import { strippedNames } from '../../../services/protocols/http/headers.ts';
import { Intents } from '../../../services/protocols/http/intent.ts';
import { overridesMethod } from '../../../services/protocols/http/method-override.ts';
import { noBody } from '../../../services/protocols/http/request-body.ts';
import type { Header } from '../../../services/protocols/request.ts';

const headers = (written: Readonly<Record<string, string>>): readonly Header[] =>
  Object.entries(written).map(([name, value]) => ({ name, value }));

const intents = new Intents();
const intentOf = (
  written: Readonly<Record<string, string>>,
  path = '/users/7',
  method = 'GET',
  authority = 'billing.internal',
) =>
  intents.of({
    target: targetName('billing'),
    authority,
    method,
    host: 'gw.example',
    path,
    headers: headers(written),
    overwritten: new Set(['x-api-key']),
    body: noBody,
    kind: 'whole',
  });

test('what says nothing of the request makes no difference, and gives the same object', () => {
  const one = intentOf({
    accept: 'a/b',
    'user-agent': 'curl',
    'x-request-id': '1',
    authorization: 'Bearer x',
    'x-api-key': 'mine',
  });
  const two = intentOf({
    traceparent: '00-1',
    accept: 'a/b',
    'x-forwarded-for': '10.0.0.1',
    'sec-fetch-mode': 'cors',
  });
  expect(two).toBe(one);
  expect(one.text).toBe('GET /users/7\nhost: gw.example\naccept: a/b');
});

test.each([
  [{ accept: 'c/d' }],
  [{ 'if-match': '"1"' }],
  [{ 'x-tenant': 'other' }],
  [{ 'idempotency-key': '1' }],
])('%j makes it another request', (more) => {
  expect(intentOf({ accept: 'a/b', ...more }).text).not.toBe(intentOf({ accept: 'a/b' }).text);
});

test('what looks like a secret stands in the text as a digest', () => {
  const { text } = intentOf({ 'x-session-token': 'hunter2', 'idempotency-key': 'k-1' });
  expect(text).not.toMatch(/hunter2|k-1/);
  expect(text).toMatch(/^x-session-token: sha256:[0-9a-f]{64}$/m);
  expect(intentOf({ 'x-session-token': 'hunter3', 'idempotency-key': 'k-1' }).text).not.toBe(text);
});

test('a refusal is not remembered for a request without its cause, whatever their texts have in common', () => {
  expect(intentOf({ cookie: 'a=b' }).unacceptable).toMatchObject({ reason: 'unsupported' });
  expect(intentOf({}).unacceptable).toBeNull();
  expect(intentOf({ 'x-http-method': 'PUT' }).unacceptable).toMatchObject({ reason: 'unsupported' });
});

test('nor is one for a control character in a header that says nothing of the request', () => {
  expect(intentOf({ 'x-same': '1', 'user-agent': 'a\x01b' }).unacceptable).toMatchObject({
    reason: 'unparsable',
  });
  expect(intentOf({ 'x-same': '1', 'user-agent': 'ab' }).unacceptable).toBeNull();
  expect(intentOf({ 'x-same': '1', 'user-agent': 'a\x01b' }).unacceptable).not.toBeNull();
});

test('a target that has moved is another version of what is touched', () => {
  const versions = (authority: string) => intentOf({}, '/x', 'GET', authority).versions;
  expect(versions('billing.internal')).toEqual(['billing@billing.internal']);
  expect(versions('elsewhere.example')).toEqual(['billing@elsewhere.example']);
});

test.each([
  ['PROPFIND', '/x', 'unsupported'],
  ['GET', '/x/../y', 'unparsable'],
  ['GET', '/x?a=%zz', 'unparsable'],
  ['GET', '/x?a=%ff', 'unparsable'],
  ['GET', '/x?a=%00', 'unparsable'],
  ['GET', '/x?_METHOD=put', 'unsupported'],
  ['GET', `/x?${'a&'.repeat(600)}`, 'unparsable'],
])('%s %s: %s', (method, path, reason) => {
  expect(intentOf({}, path, method).unacceptable).toMatchObject({ reason });
});

test('parameters in a path are an opaque reason', () => {
  expect(intentOf({}, '/a;b/c').opaque).toEqual(['path-parameters']);
});

test('more headers than anybody sends', () => {
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x-${index}`, '']));
  expect(intentOf(many).unacceptable).toMatchObject({ reason: 'too-large' });
});

test.each<[string, string, boolean]>([
  ['application/x-www-form-urlencoded', 'a&_Method=p', true],
  ['application/x-www-form-urlencoded', '%5fmethod', true],
  ['application/x-www-form-urlencoded', 'x_method=a', false],
  ['multipart/form-data; boundary=x', 'name=_method', true],
  ['application/json', '_method=p', false],
])('%s with %j overrides the method: %p', (type, body, overrides) => {
  expect(overridesMethod(headers({ 'content-type': type }), Buffer.from(body))).toBe(overrides);
});

test('what is taken off: the client’s credentials, and its word for who it is', () => {
  const sent = headers({
    authorization: '',
    cookie: '',
    'x-forwarded-host': '',
    'x-remote-user': '',
    'impersonate-extra-x': '',
    forwarded: '',
    accept: '',
    'x-tenant': '',
  });
  expect(strippedNames(sent)).toEqual([
    'authorization',
    'cookie',
    'x-forwarded-host',
    'x-remote-user',
    'impersonate-extra-x',
    'forwarded',
  ]);
});
