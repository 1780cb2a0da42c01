/** Rules on what a request's body says, with curl and fetch through a real Envoy. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { envoyBinary } from '../servers/envoy.ts';
import { HttpGateway } from './http-gateway.ts';

const policy = `\
policies:
  - name: agents
    targets: [billing]
    principals: [{kinds: [agent]}]
    rules:
      - name: small
        effects: [post]
        paths: [/refunds]
        json: {amount: {atLeast: 0, atMost: 50}, currency: [EUR, USD]}
        outcome: allow
      - name: large
        effects: [post]
        paths: [/refunds]
        json: {amount: {atLeast: 50.01}}
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], mode: defer}
      - {name: import, effects: [put], paths: [/import], outcome: allow}
      - {name: no-roles, effects: [put], paths: ['/import/**'], json: {'**.role': '*'}, outcome: deny}
`;

let gateway: HttpGateway;
beforeAll(async () => {
  await envoyBinary();
  gateway = await HttpGateway.start({ policy });
}, 600_000);
afterAll(() => gateway[Symbol.asyncDispose]());

/** The status, the refusal's code, and whether the target got it. */
async function send(method: string, path: string, body: string, type = 'application/json') {
  const before = gateway.target.received.length;
  const answer = await gateway.fetch(path, { method, body, headers: { 'content-type': type } });
  const { code = null } = JSON.parse(await answer.text());
  const got = gateway.target.received.slice(before);
  expect(got.map((each) => each.body)).toEqual(answer.status === 200 ? [body] : []);
  return [answer.status, code];
}

describe('fields of a JSON body', () => {
  test.each<[body: string, status: number, code: string | null]>([
    ['{"amount":12.5,"currency":"EUR"}', 200, null],
    ['{"amount":50,"currency":"EUR"}', 200, null],
    ['{"amount":5000,"currency":"EUR"}', 403, 'hold-open'],
    ['{"amount":5,"currency":"GBP"}', 403, 'no-rule'],
    ['{"amount":5,"currency":"EUR","Amount":5000}', 403, 'hold-open'],
    ['{"amount":"5000","currency":"EUR"}', 403, 'hold-open'],
    ['{"amount":5,"amount":5000,"currency":"EUR"}', 403, 'opaque'],
    ['[]', 403, 'no-rule'],
  ])('%s: %d %s', async (body, status, code) => {
    expect(await send('POST', '/refunds', body)).toEqual([status, code]);
  });

  test('what is not said to be JSON is not allowed for what it says, and held for what it could say', async () => {
    const body = '{"amount":5,"currency":"EUR"}';
    expect(await send('POST', '/refunds', body, 'text/plain')).toEqual([403, 'no-rule']);
    const form = 'application/x-www-form-urlencoded';
    expect(await send('POST', '/refunds', 'amount=5000', form)).toEqual([403, 'hold-open']);
  });

  test('other rules take what they allow whatever it says, but no JSON that parsers read differently', async () => {
    expect(await send('PUT', '/import', '{"a":[1,2]}')).toEqual([200, null]);
    expect(await send('PUT', '/import', 'anything', 'application/octet-stream')).toEqual([
      403,
      'denied-by-rule',
    ]);
    expect(await send('PUT', '/import', '{"a":1,"a":2}')).toEqual([403, 'denied-by-rule']);
    expect(await send('PUT', '/import', '{"x":{"Role":"admin"}}')).toEqual([403, 'denied-by-rule']);
  });

  test('policy explain takes a body behind an empty line', async () => {
    const asked = ['--as', 'agent-7', '--target', 'billing', '--json', '--text'];
    const head = 'POST /refunds\ncontent-type: application/json\n\n';
    const of = (body: string) => HttpGateway.explain({ policy }, ...asked, head + body);
    expect(await of('{"amount":5,"currency":"EUR"}')).toMatchObject({ decision: 'allow' });
    expect(await of('{"amount":500}')).toMatchObject({ decision: 'hold' });
  });
});

describe('GraphQL', () => {
  const graphqlPolicy = `\
policies:
  - name: agents
    targets: [billing]
    rules:
      - {name: read, effects: [get, post], paths: [/graphql], graphql: {operations: [query], fields: [me, users.name]}, outcome: allow}
      - {name: refund, effects: [post], paths: [/graphql], graphql: {fields: [refund], arguments: {amount: {atMost: 50}}}, outcome: allow}
      - name: change
        effects: [get, post]
        paths: [/graphql]
        graphql: {operations: [mutation], arguments: {amount: {atLeast: 50.01}}}
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], mode: defer}
      - {name: no-secrets, effects: ['*'], paths: [/graphql], graphql: {fields: ['**.ssn']}, outcome: deny}
`;
  let shop: HttpGateway;
  beforeAll(async () => {
    shop = await HttpGateway.start({ policy: graphqlPolicy });
  }, 60_000);
  afterAll(() => shop[Symbol.asyncDispose]());

  const ask = async (query: string, variables: object = {}) => {
    const before = shop.target.received.length;
    const body = JSON.stringify({ query, variables });
    const answer = await shop.fetch('/graphql', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    expect(shop.target.received.length - before).toBe(answer.status === 200 ? 1 : 0);
    const { code = null, rule = null } = JSON.parse(await answer.text());
    return [answer.status, code, rule];
  };

  test.each<[query: string, variables: object, status: number, code: string | null, rule: string | null]>([
    ['{ me { id email } users { n: name __typename } }', {}, 200, null, null],
    ['{ users { name email } }', {}, 403, 'no-rule', null],
    ['{ me { ...F } } fragment F on User { x: ssn }', {}, 403, 'denied-by-rule', 'agents/no-secrets'],
    ['{ __schema { types { name } } }', {}, 403, 'no-rule', null],
    ['mutation { refund(amount: 5) { id } }', {}, 200, null, null],
    [
      'mutation { a: refund(amount: 5) { id } b: refund(amount: 500) { id } }',
      {},
      403,
      'hold-open',
      'agents/change',
    ],
    ['mutation($a: Float) { refund(amount: $a) { id } }', { a: 50 }, 200, null, null],
    ['mutation($a: Float) { refund(amount: $a) { id } }', { a: 5000 }, 403, 'hold-open', 'agents/change'],
    ['query A { me { id } } mutation B { drop }', {}, 403, 'no-rule', null],
  ])('%s with %j: %d %s', async (query, variables, status, code, rule) => {
    expect(await ask(query, variables)).toEqual([status, code, rule]);
  });

  test('in the query of a GET, and a hash without its document', async () => {
    const get = (query: string) => shop.fetch(`/graphql?query=${encodeURIComponent(query)}`);
    expect((await get('{ me { id } }')).status).toBe(200);
    expect((await get('{ me { ssn } }')).status).toBe(403);
    const hash = await shop.fetch('/graphql?extensions={"persistedQuery":{"sha256Hash":"abc"}}');
    expect(await hash.json()).toMatchObject({ code: 'denied-by-rule' });
  });

  test('the trail says what was asked for', async () => {
    await ask('mutation { refund(amount: 7) { id } }');
    expect((await shop.trail('action')).at(-1)).toMatchObject({ effects: ['post /graphql mutation refund'] });
  });
});
