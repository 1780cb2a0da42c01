import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RuleOutcome } from '../../../services/core/model/decision.ts';
import { targetName } from '../../../services/core/model/ids.ts';
import { Intents } from '../../../services/protocols/http/intent.ts';
import { compileTemplate, matcherOf, templateFault } from '../../../services/protocols/http/path-template.ts';
import { httpPolicy } from '../../../services/protocols/http/policy.ts';
import { noBody } from '../../../services/protocols/http/request-body.ts';
import type { Header } from '../../../services/protocols/request.ts';
import { globMatcher } from '../../../services/protocols/requests/glob.ts';

const intents = new Intents();

function matches(
  condition: string,
  value: unknown,
  outcome: RuleOutcome,
  path: string,
  headers: readonly Header[] = [],
  host = 'billing.gw.example:8443',
  method = 'GET',
): boolean {
  const found = httpPolicy.conditions[condition];
  if (found === undefined) throw new Error(`no condition ${condition}`);
  const { effects, unacceptable } = intents.of({
    target: targetName('billing'),
    authority: 'billing.internal',
    method,
    host,
    path,
    headers,
    overwritten: new Set(),
    body: noBody,
    kind: 'whole',
  });
  const [effect] = effects;
  if (effect === undefined) throw new Error(unacceptable?.message);
  return found.compile(found.schema.parse(value), outcome)(effect);
}

describe('paths', () => {
  test.each<[template: string, path: string, allow: boolean, deny: boolean]>([
    ['/users/{id}', '/users/7', true, true],
    ['/users/{id}', '/users/caf%C3%A9', true, true],
    ['/users/{id}', '/users', false, false],
    ['/users/{id}', '/users/', false, false],
    ['/users/{id}', '/users/7/orders', false, false],
    ['/users/{id}', '/USERS/7', false, true],
    ['/users/{id}', '/users/7/', false, true],
    ['/users/{id}/orders', '/users/7/orders', true, true],
    ['/v1/**', '/v1', true, true],
    ['/v1/**', '/v1/', true, true],
    ['/v1/**', '/v1/a/b', true, true],
    ['/v1/**', '/v10/a', false, false],
    ['/**', '/', true, true],
    ['/**', '/a/b', true, true],
    ['/', '/', true, true],
    ['/', '/a', false, false],
    ['/admin', '/admin;x=1', false, true],
    ['/admin', '/admin.', false, true],
    ['/admin', '/administrators', false, false],
    ['/café', '/caf%c3%a9', true, true],
    ['/a b', '/a%20b', true, true],
    ['/users/', '/users/', true, true],
    ['/users/', '/users', false, true],
  ])('%s on %s: %p to allow, %p to deny', (template, path, allow, deny) => {
    expect(matches('paths', [template], 'allow', path)).toBe(allow);
    expect(matches('paths', [template], 'deny', path)).toBe(deny);
    expect(matches('paths', [template], 'hold', path)).toBe(deny);
  });

  test.each([
    ['users', 'begin with a slash'],
    ['/a//b', 'empty segment'],
    ['/**/a', '** before its end'],
    ['/a*', 'a star within'],
    ['/x-{id}', 'a brace within'],
    ['/{}', 'a brace within'],
    ['/a?b', 'has a "?"'],
    ['/a%20b', 'percent-encoded'],
    ['/../a', 'dot segment'],
    ['/a;b', 'has a "?", "#", ";"'],
  ])('%s is no template: %s', (template, why) => {
    expect(templateFault(template)).toContain(why);
  });

  test('what an allow rule matches, a deny rule of the same template matches too', () => {
    const part = fc.constantFrom('a', 'B', '{x}', 'c.d');
    const template = fc
      .tuple(fc.array(part, { maxLength: 4 }), fc.constantFrom('', '/**', '/'))
      .map(([parts, end]) => `/${parts.join('/')}${end}`)
      .filter((text) => templateFault(text) === null);
    const segments = fc.array(fc.constantFrom('a', 'B', 'b', 'c.d', 'x', ''), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(template, segments, (text, path) => {
        const compiled = [compileTemplate(text)];
        if (matcherOf(compiled, 'allow')(path)) expect(matcherOf(compiled, 'deny')(path)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('query', () => {
  test.each<[condition: object, path: string, allow: boolean, deny: boolean]>([
    [{ status: 'open' }, '/x?status=open', true, true],
    [{ status: 'open' }, '/x?status=%6Fpen', true, true],
    [{ status: 'open' }, '/x?status=closed', false, false],
    [{ status: 'open' }, '/x', false, false],
    [{ status: 'open' }, '/x?status=open&status=closed', false, true],
    [{ status: 'open' }, '/x?status=closed&status=open', false, true],
    [{ status: 'open' }, '/x?status[]=open', false, true],
    [{ status: 'open' }, '/x?Status=open', false, true],
    [{ status: 'open' }, '/x?a=1;status=open', false, true],
    [{ status: 'open' }, '/x?status=open&q=a;b', false, true],
    [{ status: ['open', 'held'] }, '/x?status=held&page=2', true, true],
    [{ status: 'o*n' }, '/x?status=open', true, true],
    [{ force: '*' }, '/x?force', true, true],
    [{ q: 'a b' }, '/x?q=a+b', true, true],
    [{ a: '1', b: '2' }, '/x?a=1', false, false],
  ])('%j on %s: %p to allow, %p to deny', (condition, path, allow, deny) => {
    expect(matches('query', condition, 'allow', path)).toBe(allow);
    expect(matches('query', condition, 'deny', path)).toBe(deny);
  });
});

test('headers: once to allow, any to deny', () => {
  const tenant = (value: string): Header => ({ name: 'x-tenant', value });
  const condition = { 'x-tenant': ['acme', 'beta-*'] };
  expect(matches('headers', condition, 'allow', '/x', [tenant('acme')])).toBe(true);
  expect(matches('headers', condition, 'allow', '/x', [tenant('beta-2')])).toBe(true);
  expect(matches('headers', condition, 'allow', '/x', [tenant('other')])).toBe(false);
  expect(matches('headers', condition, 'allow', '/x', [tenant('acme'), tenant('other')])).toBe(false);
  expect(matches('headers', condition, 'deny', '/x', [tenant('other'), tenant('acme')])).toBe(true);
  expect(matches('headers', condition, 'allow', '/x')).toBe(false);
});

test('hosts are compared without case and port', () => {
  expect(matches('hosts', ['billing.gw.example'], 'allow', '/x', [], 'Billing.GW.example:443')).toBe(true);
  expect(matches('hosts', ['*.gw.example'], 'deny', '/x', [], 'billing.gw.example')).toBe(true);
  expect(matches('hosts', ['gw.example'], 'allow', '/x', [], 'billing.gw.example')).toBe(false);
});

test('a pattern with many stars takes linear time on whatever a client sends', () => {
  const pattern = `${'*a'.repeat(50)}*b`;
  const text = 'a'.repeat(8_000);
  // With backtracking this would not come to an end.
  expect(globMatcher(pattern)(text)).toBe(false);
  expect(globMatcher('*a*a')('a')).toBe(false);
  expect(globMatcher('a*a')('a')).toBe(false);
  expect(globMatcher('a*a')('aa')).toBe(true);
});

describe('grpc', () => {
  const type = (value: string): readonly Header[] => [{ name: 'content-type', value }];
  test.each<[pattern: string, path: string, type: string, method: string, allow: boolean, deny: boolean]>([
    ['a.B/Get', '/a.B/Get', 'application/grpc', 'POST', true, true],
    ['a.B/Get', '/a.B/Get', 'application/grpc+proto', 'POST', true, true],
    ['a.B/Get', '/a.B/Get', 'application/grpc;x=y', 'POST', true, true],
    ['a.B/Get', '/a.B/Get', 'application/grpc-web+proto', 'POST', false, true],
    ['a.B/Get', '/a.B/Get', 'application/json', 'POST', false, true],
    ['a.B/Get', '/a.B/Get', 'application/grpc', 'GET', false, true],
    ['a.B/Get', '/a.B/get', 'application/grpc', 'POST', false, true],
    ['a.B/Get', '/a.B/Get/', 'application/grpc', 'POST', false, true],
    ['a.B/Get', '/x/a.B/Get', 'application/grpc', 'POST', false, true],
    ['a.B/Get', '/a.B/Put', 'application/grpc', 'POST', false, false],
    ['a.B/*', '/a.B/Put', 'application/grpc', 'POST', true, true],
    ['a.*/Get', '/a.C/Get', 'application/grpc', 'POST', true, true],
    ['a.B/*', '/a.Bc/Put', 'application/grpc', 'POST', false, false],
  ])('%s on %s as %s by %s: %p to allow, %p to deny', (pattern, path, written, method, allow, deny) => {
    expect(matches('grpc', [pattern], 'allow', path, type(written), undefined, method)).toBe(allow);
    expect(matches('grpc', [pattern], 'deny', path, type(written), undefined, method)).toBe(deny);
  });

  test.each(['a.B', '/a.B/Get', 'a.B/Get/', 'a.B/', 'a B/Get'])('%j is no method', (pattern) => {
    expect(httpPolicy.conditions['grpc']?.schema.safeParse([pattern]).success).toBe(false);
  });
});

test.each(['user-agent', 'authorization', 'x-forwarded-for', 'x-request-id', 'sec-fetch-mode'])(
  'no rule goes by %s: requests that differ in it alone are decided once',
  (name) => {
    expect(httpPolicy.conditions['headers']?.schema.safeParse({ [name]: 'x' }).success).toBe(false);
  },
);
