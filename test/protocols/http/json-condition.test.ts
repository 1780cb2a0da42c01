import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RuleOutcome } from '../../../services/core/model/decision.ts';
import { targetName } from '../../../services/core/model/ids.ts';
import { parseFieldPath } from '../../../services/protocols/http/field-path.ts';
import { Intents } from '../../../services/protocols/http/intent.ts';
import { httpPolicy } from '../../../services/protocols/http/policy.ts';
import { readBody } from '../../../services/protocols/http/request-body.ts';

const intents = new Intents();
const json = 'application/json';

function intentOf(body: string | Uint8Array, type: string | null = json, encoding: string | null = null) {
  const headers = [
    ...(type === null ? [] : [{ name: 'content-type', value: type }]),
    ...(encoding === null ? [] : [{ name: 'content-encoding', value: encoding }]),
  ];
  return intents.of({
    target: targetName('billing'),
    authority: 'billing.internal',
    method: 'POST',
    host: 'gw.example',
    path: '/refunds',
    headers,
    overwritten: new Set(),
    body: readBody(headers, Buffer.from(body)),
    kind: 'whole',
  });
}

function matches(
  written: unknown,
  outcome: RuleOutcome,
  body: string | Uint8Array,
  type: string | null = json,
  encoding: string | null = null,
): boolean {
  const condition = httpPolicy.conditions['json'];
  const [effect] = intentOf(body, type, encoding).effects;
  if (condition === undefined || effect === undefined) throw new Error('nothing to match');
  return condition.compile(condition.schema.parse(written), outcome)(effect);
}

const small = { amount: { atMost: 100 } };
const large = { amount: { atLeast: 1000 } };

describe('an amount', () => {
  test.each<[body: string, isSmall: boolean, mayBeLarge: boolean]>([
    ['{"amount":100}', true, false],
    ['{"amount":1e2}', true, false],
    ['{"amount":100.0}', true, false],
    ['{"amount":-0}', true, false],
    ['{"amount":100.00000000000000001}', false, false],
    ['{"amount":1000}', false, true],
    ['{"amount":1e3}', false, true],
    ['{"amount":999.99999999999999999999}', false, true],
    ['{"amount":1e400}', false, true],
    ['{"amount":9007199254740993}', false, true],
    ['{"amount":"100"}', false, false],
    ['{"amount":"5000"}', false, true],
    ['{"amount":" 5000\\n"}', false, true],
    ['{"amount":"0x1388"}', false, true],
    ['{"amount":"5,000"}', false, true],
    ['{"amount":true}', false, true],
    ['{"amount":null}', false, true],
    ['{"amount":{"$gt":0}}', false, true],
    ['{"amount":[5]}', true, false],
    ['{"amount":[5,5000]}', false, true],
    ['{"amount":[]}', false, true],
    ['{}', false, false],
    ['{"total":5000}', false, false],
    ['{"a":{"amount":5000}}', false, false],
    ['{"Amount":5000}', false, true],
    ['{"amount":5,"AMOUNT":5000}', false, true],
    ['{"amount":5,"_amount":5}', false, false],
    ['{"\\u0061mount":5000}', false, true],
    ['{"\\u0061mount":5}', true, false],
    ['{"\\uff41mount":5000}', false, true],
    ['[{"amount":5}]', true, false],
    ['[{"amount":5},{"amount":5000}]', false, true],
    ['[{"amount":5},{}]', false, false],
    ['5', false, false],
    [' {"amount" : 5}\n', true, false],
  ])('%s', (body, isSmall, mayBeLarge) => {
    expect(matches(small, 'allow', body)).toBe(isSmall);
    expect(matches(large, 'deny', body)).toBe(mayBeLarge);
    expect(matches(large, 'hold', body)).toBe(mayBeLarge);
  });

  test.each<[body: string, type: string | null, encoding: string | null]>([
    ['{"amount":5}', 'text/plain', null],
    ['{"amount":5}', 'application/x-www-form-urlencoded', null],
    ['{"amount":5}', null, null],
    ['{"amount":5}', 'application/json, text/plain', null],
    ['{"amount":5}', 'application/jsonp', null],
    ['{"amount":5}', 'application/json; charset=iso-8859-1', null],
  ])('%s as %p is not allowed, and is looked into', (body, type, encoding) => {
    expect(matches(small, 'allow', body, type, encoding)).toBe(false);
    expect(matches({ amount: 5 }, 'deny', body, type, encoding)).toBe(true);
    expect(matches(large, 'deny', body, type, encoding)).toBe(false);
  });

  test.each([
    'application/merge-patch+json',
    'text/json',
    'Application/JSON; charset="UTF-8"',
    'application/vnd.api+json',
  ])('%s is JSON', (type) => {
    expect(matches(small, 'allow', '{"amount":5}', type)).toBe(true);
    expect(intentOf('{"amount":5}', type).opaque).toEqual([]);
  });

  test.each<[body: string | Uint8Array, type: string, encoding: string | null, opaque: readonly string[]]>([
    ['{"amount":5,"amount":5000}', json, null, ['json-body']],
    ['{"amount":5}{"amount":5000}', json, null, ['json-body']],
    ['{"amount":5}\n{"amount":5000}', 'application/x-ndjson', null, []],
    ['{amount:5}', json, null, ['json-body']],
    ['\ufeff{"amount":5}', json, null, ['json-body']],
    ['{"__proto__":{"amount":5000}}', json, null, ['json-body']],
    ['amount=5000', json, null, ['json-body']],
    ['{"amount":5}', json, 'gzip', ['json-body']],
    ['amount=5000', 'application/x-www-form-urlencoded', null, []],
    ['{"amount":5,}', 'text/plain', null, []],
    [new Uint8Array([0xff, 0xfe, 0x7b]), 'application/octet-stream', null, []],
  ])(
    '%.40j as %s %s is not known: no rule allows it by its fields, any could deny it',
    (body, type, encoding, opaque) => {
      expect(intentOf(body, type, encoding).opaque).toEqual(opaque);
      expect(matches(small, 'allow', body, type, encoding)).toBe(false);
      expect(matches(large, 'deny', body, type, encoding)).toBe(true);
    },
  );

  test('no body has no fields', () => {
    expect(matches(small, 'allow', '')).toBe(false);
    expect(matches(large, 'deny', '')).toBe(false);
    expect(intentOf('').opaque).toEqual([]);
  });
});

test.each<[condition: object, body: string, allow: boolean, deny: boolean]>([
  [{ status: 'open' }, '{"status":"open"}', true, true],
  [{ status: 'open' }, '{"status":"\\u006fpen"}', true, true],
  [{ status: ['open', 'on-*'] }, '{"status":"on-hold"}', true, true],
  [{ status: 'open' }, '{"status":["open","closed"]}', false, true],
  [{ status: 'open' }, '{"status":["open"]}', true, true],
  [{ status: 'open' }, '{"status":{"$eq":"x"}}', false, true],
  [{ role: '*' }, '{"role":null}', true, true],
  [{ role: '*' }, '{"role":[]}', false, true],
  [{ role: '*' }, '{"name":"a"}', false, false],
  [{ id: '1000' }, '{"id":1000}', true, true],
  [{ id: '1000' }, '{"id":1e3}', false, true],
  [{ draft: true }, '{"draft":true}', true, true],
  [{ draft: true }, '{"draft":false}', false, false],
  [{ draft: true }, '{"draft":"yes"}', false, true],
  [{ draft: true }, '{"draft":1}', false, true],
  [{ draft: true }, '{"draft":null}', false, false],
  [{ draft: false }, '{"draft":null}', false, true],
  [{ parent: null }, '{"parent":null}', true, true],
  [{ parent: null }, '{"parent":"null"}', false, false],
  [{ 'customer.plan': 'free' }, '{"customer":{"plan":"free"}}', true, true],
  [{ 'customer.plan': 'free' }, '{"customer":{"Plan":"free"}}', false, true],
  [{ 'customer.plan': 'free' }, '{"customer":"free"}', false, false],
  [{ customerPlan: 'free' }, '{"customer_plan":"free"}', false, true],
  [{ customerPlan: 'gold' }, '{"customerPlan":"gold","customer_plan":"free"}', false, true],
  [{ 'items[*].sku': ['A', 'B'] }, '{"items":[{"sku":"A"},{"sku":"B"}]}', true, true],
  [{ 'items[*].sku': ['A', 'B'] }, '{"items":[{"sku":"A"},{"sku":"C"}]}', false, true],
  [{ 'items[*].sku': ['A', 'B'] }, '{"items":[{"sku":"C"}]}', false, false],
  [{ 'items[*].sku': ['A', 'B'] }, '{"items":[{"sku":"A"},{}]}', false, true],
  [{ 'items[*].sku': ['A', 'B'] }, '{"items":[]}', false, false],
  [{ '[*].op': 'test' }, '[{"op":"test"},{"op":"replace"}]', false, true],
  [{ '[*].op': 'test' }, '[{"op":"test"}]', true, true],
  [{ '**.ssn': '*' }, '{"a":[{"b":{"ssn":"1"}}]}', true, true],
  [{ '**.ssn': '1' }, '{"ssn":"1","b":{"ssn":"2"}}', false, true],
  [{ '**.ssn': '1' }, '{"ssn":"1","b":{"SSN":"1"}}', false, true],
  [{ '**.ssn': '1' }, '{"b":[]}', false, false],
  [{ 'data.**': 'x' }, '{"data":{"a":"x","b":["x",{"c":"x"}]}}', true, true],
  [{ 'data.**': 'x' }, '{"data":{"a":"x","b":["x",{"c":"y"}]}}', false, true],
  [{ 'data.**': 'y' }, '{"data":{"a":"x"}}', false, false],
  [{ '*_id': '7' }, '{"user_id":"7","org_id":"7"}', true, true],
  [{ '*_id': '7' }, '{"user_id":"7","org_id":"8"}', false, true],
  [{ 'labels."a.b/c"': 'x' }, '{"labels":{"a.b/c":"x"}}', true, true],
  [{ a: '1', b: '2' }, '{"a":"1"}', false, false],
])('%j on %s: %p to allow, %p to deny', (condition, body, allow, deny) => {
  expect(matches(condition, 'allow', body)).toBe(allow);
  expect(matches(condition, 'deny', body)).toBe(deny);
});

test('a field at any depth is found, in any spelling that some server takes for it', () => {
  const spelling = fc.constantFrom('ssn', 'SSN', 's_s_n', 's-sn', '\u017fsn', '\uff33sn', 'Ssn');
  const hide = fc.array(fc.constantFrom('object', 'array', 'beside'), { maxLength: 8 });
  fc.assert(
    fc.property(spelling, hide, fc.jsonValue(), (name, layers, other) => {
      fc.pre(!/__proto__|\\u0000|\\ud[89a-f]|_method/i.test(JSON.stringify(other)));
      let document: unknown = { first: other, [name]: '078-05-1120' };
      for (const layer of layers) {
        document =
          layer === 'array'
            ? [other, document]
            : layer === 'object'
              ? { deep: document }
              : { other, x: document };
      }
      expect(matches({ '**.ssn': '078-*' }, 'deny', JSON.stringify(document))).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('what an allow rule matches, a deny rule of the same words matches too', () => {
  const value = fc.oneof(
    fc.constantFrom<unknown>('a', 'b', 1, 2.5, true, null),
    fc.constant([]),
    fc.constant({}),
  );
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      value,
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'A', 'a_b'), tie('node'), { maxKeys: 3 }),
    ),
  })).node;
  const path = fc.constantFrom('a', 'a.b', '**.a', 'a.**', '*', 'a*', '[*].a', 'b.*.a');
  const wanted = fc.constantFrom<unknown>('a', '*', 1, true, null, { atMost: 2 }, { atLeast: 2 }, ['a', 1]);
  fc.assert(
    fc.property(tree, path, wanted, (document, name, values) => {
      const body = JSON.stringify(document);
      if (matches({ [name]: values }, 'allow', body))
        expect(matches({ [name]: values }, 'deny', body)).toBe(true);
    }),
    { numRuns: 3_000 },
  );
});

test.each(['', '.', 'a.', '.a', 'a..b', 'items[0].sku', 'a[', '"a', '[*]', '**.a.**', 'a.'.repeat(40)])(
  '%j is no path',
  (text) => {
    expect(parseFieldPath(text)).toEqual({ fault: expect.any(String) });
  },
);

test('a method in JSON is one too, to Laravel', () => {
  expect(intentOf('{"_method":"DELETE"}').unacceptable).toMatchObject({ reason: 'unsupported' });
  expect(intentOf('{"_method":"DELETE"}', 'text/plain').unacceptable).toMatchObject({
    reason: 'unsupported',
  });
});
