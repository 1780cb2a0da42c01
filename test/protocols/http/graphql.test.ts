import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Intent } from '../../../services/core/model/action.ts';
import type { Mask, RuleOutcome } from '../../../services/core/model/decision.ts';
import { policyName, targetName } from '../../../services/core/model/ids.ts';
import { Intents } from '../../../services/protocols/http/intent.ts';
import { httpPolicy } from '../../../services/protocols/http/policy.ts';
import { readBody } from '../../../services/protocols/http/request-body.ts';

const intents = new Intents();

function intentOf(body: string, type = 'application/json', path = '/graphql', method = 'POST'): Intent {
  const headers = type === '' ? [] : [{ name: 'content-type', value: type }];
  return intents.of({
    target: targetName('shop'),
    authority: 'shop.internal',
    method,
    host: 'gw.example',
    path,
    headers,
    overwritten: new Set(),
    body: readBody(headers, Buffer.from(body)),
    kind: 'whole',
  });
}

const asking = (query: string, more: object = {}): Intent => intentOf(JSON.stringify({ query, ...more }));

/** An allow rule must match each effect; for deny one is enough. */
function matches(condition: object, outcome: RuleOutcome, { effects }: Intent): boolean {
  const graphql = httpPolicy.conditions['graphql'];
  if (graphql === undefined || effects.length === 0) throw new Error('nothing to match');
  const test = graphql.compile(graphql.schema.parse(condition), outcome);
  return outcome === 'allow' ? effects.every(test) : effects.some(test);
}

const resources = ({ effects }: Intent): readonly string[] => effects.map(({ resource }) => resource);

test('each field at the top of each operation is an effect of its own', () => {
  const intent = asking('query A { me { id } b: users { id } } mutation B { deleteOrder(id: 1) { id } }', {
    operationName: 'A',
  });
  expect(resources(intent)).toEqual([
    '/graphql query me',
    '/graphql query users',
    '/graphql mutation deleteOrder',
  ]);
  expect(intent.commands).toBe(1);
  expect(asking('mutation { a: pay b: pay c: pay }').commands).toBe(3);
  expect(intentOf('[{"query":"{a}"},{"query":"{b}"}]').commands).toBe(2);
});

describe('operations', () => {
  const queries = { operations: ['query'] };
  const mutations = { operations: ['mutation'] };
  test.each<[query: string, isQuery: boolean, mayMutate: boolean]>([
    ['{ me { id } }', true, false],
    ['query { me { id } }', true, false],
    ['mutation { pay }', false, true],
    ['query A { me } mutation B { pay }', false, true],
    ['subscription { paid }', false, false],
    ['{ __schema { types { name } } }', false, false],
    ['{ me __type(name: "User") { name } }', false, false],
    ['{ __typename }', true, false],
    ['{ me { __typename id } __typename }', true, false],
    ['{ mutation }', true, false],
    ['#mutation {pay}\n{ me }', true, false],
    ['#\u2028mutation {pay}\n{ me }', false, true],
    ['query A { me } query A { you }', true, false],
    ['{ me', false, true],
    ['', false, true],
    ['type A { a: Int }', false, true],
    ['{ ...F }', false, true],
    ['{ ...F } fragment F on Query { ...F }', false, true],
    ['{ ...F } fragment F on Mutation { pay }', true, false],
    [`{ ${'a { '.repeat(60)}b${' }'.repeat(60)} }`, false, true],
    ['{ '.repeat(4_000), false, true],
    [`{ ${'a '.repeat(101)}}`, false, true],
    [`{ ${'a '.repeat(6_000)}}`, false, true],
  ])('%.60s', (query, isQuery, mayMutate) => {
    const intent = asking(query);
    expect(matches(queries, 'allow', intent)).toBe(isQuery);
    expect(matches(mutations, 'deny', intent)).toBe(mayMutate);
    expect(matches(mutations, 'hold', intent)).toBe(mayMutate);
  });

  test('a look at the schema has a word of its own, and is a query to whoever denies queries', () => {
    const intent = asking('{ __schema { types { name } } }');
    expect(matches({ operations: ['introspection'] }, 'allow', intent)).toBe(true);
    expect(matches(queries, 'deny', intent)).toBe(true);
    expect(matches({ operations: ['introspection'] }, 'deny', asking('{ me }'))).toBe(false);
  });

  test('fragments that double with each line end', () => {
    const lines = Array.from(
      { length: 30 },
      (_, at) => `fragment F${at} on A { a${at} { ...F${at + 1} } b${at} { ...F${at + 1} } }`,
    );
    const intent = asking(`{ x { ...F0 } } ${lines.join('\n')} fragment F30 on A { z }`);
    expect(matches(mutations, 'deny', intent)).toBe(true);
    expect(matches(queries, 'allow', intent)).toBe(false);
  });
});

describe('fields', () => {
  test.each<[fields: readonly string[], query: string, allow: boolean, deny: boolean]>([
    [['users'], '{ users { id email } }', true, true],
    [['users'], '{ u: users { id } }', true, true],
    [['users'], '{ users: admins { id } }', false, false],
    [['users.email'], '{ users { email } }', true, true],
    [['users.email'], '{ users { id email } }', false, true],
    [['users.id', 'users.name'], '{ users { id name __typename } }', true, true],
    [['users.email'], '{ users { x: email } }', true, true],
    [['users.email'], '{ users { email: id } }', false, false],
    [['users.email'], '{ users { ...F } } fragment F on User { email }', true, true],
    [
      ['users.email'],
      '{ ...Q } fragment Q on Query { users { ... on User { ...F } } } fragment F on User { email }',
      true,
      true,
    ],
    [['users.email'], '{ users { ... @include(if: false) { email } id @skip(if: true) } }', false, true],
    [['users.email'], 'query($no: Boolean = false) { users { email @include(if: $no) } }', true, true],
    [['users.email'], '{ orders { user { email } } }', false, false],
    [['**.email'], '{ orders { user { email } } }', true, true],
    [['**.email'], '{ orders { user { id } } }', false, false],
    [['*Refund'], 'mutation { createRefund(id: 1) { id } }', true, true],
    [['users.*.id'], '{ users { orders { id } } }', true, true],
    [['users'], '{ Users { id } }', false, false],
    [['users', 'me'], '{ users { id } me { id } }', true, true],
    [['users'], '{ users { id } me { id } }', false, true],
  ])('%j on %s: %p to allow, %p to deny', (fields, query, allow, deny) => {
    expect(matches({ fields }, 'allow', asking(query))).toBe(allow);
    expect(matches({ fields }, 'deny', asking(query))).toBe(deny);
  });

  test('a field that is hidden in any way is found', () => {
    const layer = fc.constantFrom('field', 'alias', 'inline', 'fragment', 'skip', 'beside');
    fc.assert(
      fc.property(fc.array(layer, { maxLength: 8 }), (layers) => {
        let selection = 's: ssn';
        const fragments: string[] = [];
        for (const [at, each] of layers.entries()) {
          if (each === 'field') selection = `f${at} { ${selection} }`;
          if (each === 'alias') selection = `a${at}: b { ${selection} }`;
          if (each === 'inline') selection = `... on T${at} { ${selection} }`;
          if (each === 'skip') selection = `... @skip(if: true) { ${selection} }`;
          if (each === 'beside') selection = `id ${selection} name(x: "}")`;
          if (each === 'fragment') {
            fragments.push(`fragment F${at} on T { ${selection} }`);
            selection = `...F${at}`;
          }
        }
        const intent = asking(`${fragments.join(' ')} query { top { ${selection} } }`);
        expect(matches({ fields: ['**.ssn'] }, 'deny', intent)).toBe(true);
        expect(matches({ operations: ['query'] }, 'allow', intent)).toBe(true);
      }),
    );
  });
});

describe('arguments', () => {
  const small = { fields: ['refund'], arguments: { 'input.amount': { atMost: 50 } } };
  const large = { fields: ['refund'], arguments: { 'input.amount': { atLeast: 51 } } };
  const v = (variables: unknown) => ({ variables });
  test.each<[query: string, more: object, isSmall: boolean, mayBeLarge: boolean]>([
    ['mutation { refund(input: {amount: 5}) }', {}, true, false],
    ['mutation { refund(input: {amount: 5000}) }', {}, false, true],
    ['mutation { refund(input: {amount: "5000"}) }', {}, false, true],
    ['mutation($a: Int) { refund(input: {amount: $a}) }', v({ a: 5 }), true, false],
    ['mutation($a: Int) { refund(input: {amount: $a}) }', v({ a: 5000 }), false, true],
    ['mutation($a: Int = 5000) { refund(input: {amount: $a}) }', {}, false, true],
    ['mutation($a: Int = 5000) { refund(input: {amount: $a}) }', v({ a: 5 }), true, false],
    ['mutation($a: Int = 5000) { refund(input: {amount: $a}) }', v({ A: 5 }), false, true],
    ['mutation($i: In) { refund(input: $i) }', v({ i: { amount: 5000 } }), false, true],
    ['mutation($i: In) { refund(input: $i) }', v({ i: { amount: 5 } }), true, false],
    ['mutation($a: Int) { refund(input: {amount: $a}) }', v(null), false, false],
    ['mutation($a: Int) { refund(input: {amount: $a}) }', v('{"a":5}'), false, true],
    ['mutation($a: Int) { refund(input: {amount: $a}) }', v([]), false, true],
    ['mutation { a: refund(input: {amount: 5}) b: refund(input: {amount: 5000}) }', {}, false, true],
    ['mutation { refund(input: {amount: 5, amount: 5000}) }', {}, false, true],
    ['mutation { refund }', {}, false, false],
  ])('%s with %j', (query, more, isSmall, mayBeLarge) => {
    expect(matches(small, 'allow', asking(query, more))).toBe(isSmall);
    expect(matches(large, 'deny', asking(query, more))).toBe(mayBeLarge);
  });
});

test('names are the client’s own word', () => {
  expect(matches({ names: ['Get*'] }, 'allow', asking('query GetMe { me }'))).toBe(true);
  expect(matches({ names: ['Get*'] }, 'allow', asking('{ me }'))).toBe(false);
  expect(matches({ names: ['Get*'] }, 'deny', asking('{ me }'))).toBe(true);
  expect(matches({ names: ['Get*'] }, 'deny', asking('query Put { me }'))).toBe(false);
});

describe('where it stands in a request', () => {
  const hash = createHash('sha256').update('{ me }').digest('hex');
  const persisted = (sha256Hash: string, more: object = {}) =>
    JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash } }, ...more });

  test.each<[body: string, type: string, path: string, isQuery: boolean, mayMutate: boolean]>([
    ['{"query":"{ me }"}', 'application/json', '/graphql', true, false],
    ['{"query":"{ me }"}', 'application/graphql+json', '/graphql', true, false],
    ['{"query":"{ me }"}', 'text/plain', '/graphql', false, false],
    ['{"query":"mutation { pay }"}', 'text/plain', '/graphql', false, true],
    ['{"qu\\u0065ry":"mutation { pay }"}', 'application/json', '/graphql', false, true],
    ['{"query":"{ me }","Query":"mutation { pay }"}', 'application/json', '/graphql', false, true],
    ['{"Query":"mutation { pay }"}', 'application/json', '/graphql', false, true],
    ['{"query":null}', 'application/json', '/graphql', false, true],
    ['[{"query":"{ me }"},{"query":"mutation { pay }"}]', 'application/json', '/graphql', false, true],
    ['[{"query":"{ me }"},{"query":"{ you }"}]', 'application/json', '/graphql', true, false],
    ['[{"query":"{ me }"},{}]', 'application/json', '/graphql', false, true],
    ['[]', 'application/json', '/graphql', false, true],
    [persisted('abc'), 'application/json', '/graphql', false, true],
    [persisted('abc', { query: '{ me }' }), 'application/json', '/graphql', false, true],
    [persisted(hash, { query: '{ me }' }), 'application/json', '/graphql', true, false],
    ['{"query":"{ me }","documentId":"7"}', 'application/json', '/graphql', false, true],
    ['{"id":"7"}', 'application/json', '/graphql', false, true],
    ['{"query":"{ me }"}', 'application/json', '/graphql?query=mutation%20%7Bpay%7D', false, true],
    ['{"query":"{ me }"}', 'application/json', '/graphql?op=Me', true, false],
    ['query=mutation+{pay}', 'application/x-www-form-urlencoded', '/graphql', false, true],
    ['mutation { pay }', 'application/graphql', '/graphql', false, true],
    ['', '', '/graphql?query=%7Bme%7D', true, false],
    ['', '', '/graphql?query=mutation%20%7Bpay%7D', false, true],
    ['', '', '/graphql?Query=mutation%20%7Bpay%7D', false, true],
    ['', '', '/graphql?query=%7Bme%7D&query=mutation%20%7Bpay%7D', false, true],
    ['', '', '/graphql?query=%7Bme%7D&variables=%7B%22a%22%3A1%7D', true, false],
    ['', '', '/graphql?query=%7Bme%7D&variables=%7B', false, true],
    ['', '', '/graphql?extensions=%7B%22persistedQuery%22%3A%7B%7D%7D', false, true],
    ['', '', '/graphql?page=2', false, true],
    ['', '', '/graphql', false, false],
  ])('%s as %s to %s', (body, type, path, isQuery, mayMutate) => {
    const intent = intentOf(body, type, path, body === '' ? 'GET' : 'POST');
    expect(matches({ operations: ['query'] }, 'allow', intent)).toBe(isQuery);
    expect(matches({ operations: ['mutation'] }, 'deny', intent)).toBe(mayMutate);
  });
});

describe('where fields are masked', () => {
  const mask = (...fields: readonly string[]): Mask => ({
    policy: policyName('agents'),
    fields,
    detect: [],
    transform: 'full',
    inConditions: 'deny',
    derived: 'mask',
  });
  const masked = mask('**.ssn', 'data.users.profile.email', '**.*Token', '**.taxId');
  const shows = ({ effects }: Intent): boolean =>
    effects.some((effect) => httpPolicy.returnsDerived(masked, effect));
  const tells = ({ effects }: Intent): boolean =>
    effects.some((effect) => httpPolicy.guesses([masked], effect) > 0);

  test.each<[query: string, shown: boolean]>([
    ['{ users { ssn profile { email } accessToken } }', false],
    ['{ a: me { id } b: me { id: name } }', false],
    ['{ users { ssn: id x: name } }', false],
    ['{ users { x: ssn } }', true],
    ['{ users { deep { down { x: ssn } } } }', true],
    ['{ u: users { profile { email } } }', true],
    ['{ users { p: profile { email } } }', true],
    ['{ users { t: accessToken } }', true],
    ['{ users { myToken: accessToken } }', false],
    ['{ users { ...F } } fragment F on User { x: ssn }', true],
    ['{ users { ... on User { x: ssn } } }', true],
    ['{ users { x: ssn @skip(if: true) } }', true],
    ['{ x: ssn }', true],
    ['mutation { change { x: ssn } }', true],
    ['subscription { changed { x: ssn } }', true],
    ['query A { me { id } } query B { me { x: ssn } }', true],
  ])('a field that is called otherwise is not shown: %s', (query, shown) => {
    expect(shows(asking(query))).toBe(shown);
    expect(shows(intentOf('', '', `/graphql?query=${encodeURIComponent(query)}`, 'GET'))).toBe(shown);
    expect(shows(intentOf(`[{"query":"{a}"},${JSON.stringify({ query })}]`))).toBe(shown);
  });

  test.each<[query: string, variables: object, told: boolean]>([
    ['{ users { ssn } }', {}, false],
    ['{ users(where: {name: "Ada"}) { ssn } }', {}, false],
    ['{ users(where: {ssn: {startsWith: "1"}}) { id } }', {}, true],
    ['{ users(where: {AND: [{ssn_gt: 1}]}) { id } }', {}, true],
    ['{ users(ssnStartsWith: "1") { id } }', {}, true],
    ['{ users(orderBy: SSN_ASC) { id } }', {}, true],
    ['{ users(orderBy: [TAX_ID_DESC]) { id } }', {}, true],
    ['{ users(orderBy: "-ssn") { id } }', {}, true],
    ['{ team { users(taxIds: ["1"], tax_id: 1) { id } } }', {}, true],
    ['query($w: W) { users(where: $w) { id } }', { w: { ssn: 1 } }, true],
    ['query($w: W = {ssn: 1}) { users(where: $w) { id } }', {}, true],
    ['query($w: W) { team { users(where: $w) { id } } }', { w: { deep: [{ ssn: 1 }] } }, true],
    ['query($w: W) { users(where: $w) { id } }', { w: { name: 1 }, other: { ssn: 1 } }, false],
    ['subscription { users(where: {ssn: 1}) { id } }', {}, true],
    ['mutation { addUser(input: {ssn: "1"}) { id } }', {}, false],
    ['{ lessons(lesson: "assn") { id } }', {}, false],
  ])('a field by which is chosen tells: %s with %j', (query, variables, told) => {
    expect(tells(asking(query, { variables }))).toBe(told);
    const path = `/graphql?query=${encodeURIComponent(query)}&variables=${encodeURIComponent(JSON.stringify(variables))}`;
    expect(tells(intentOf('', '', path, 'GET'))).toBe(told);
  });
});

test('what is large is not looked at again for each field that uses it', () => {
  const uses = Array.from({ length: 100 }, (_, at) => `a${at}: f(in: $v)`).join(' ');
  const asked = (values: number) =>
    asking(`query($v: X) { ${uses} }`, { variables: { v: Array(values).fill(1) } });
  expect(matches({ operations: ['query'] }, 'allow', asked(100))).toBe(true);
  expect(matches({ operations: ['query'] }, 'allow', asked(10_000))).toBe(false);
  expect(matches({ operations: ['mutation'] }, 'deny', asked(10_000))).toBe(true);
});
