import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { actionDigest, ruleDigest } from '../../../services/core/checkpoint/digest.ts';
import type { Action, Intent } from '../../../services/core/model/action.ts';
import { policyName, ruleName, targetName } from '../../../services/core/model/ids.ts';
import type { Principal } from '../../../services/core/model/principal.ts';
import { intent, principal } from '../policy/actors.ts';

const idp = 'https://idp.example';
const ann = { issuer: idp, subject: 'ann' };
const who = principal({ actsFor: [ann] });

const given = (changes: Partial<Intent> = {}, more: Partial<Action> = {}): Action => ({
  intent: intent(['delete app.orders'], {
    text: 'DELETE FROM app.orders WHERE id = $1',
    versions: ['app.orders@1', 'app.f()@2'],
    ...changes,
  }),
  parameters: [{ text: '7', bound: Buffer.from([0, 7]) }],
  sessionState: 'role=app',
  ...more,
});
const parameter = (...bytes: number[]) => ({ text: '7', bound: Buffer.from(bytes) });

const digest = (action: Action, of: Principal = who, version = 'v1'): string =>
  actionDigest(of, action, version);

describe('an approval is bound to', () => {
  test.each<[string, string]>([
    ['the text, byte for byte', digest(given({ text: 'DELETE FROM app.orders WHERE id =  $1' }))],
    ['the target', digest(given({ target: targetName('billing') }))],
    ['the protocol', digest(given({ protocol: 'pods' }))],
    ['the versions of what it touches', digest(given({ versions: ['app.orders@1', 'app.f()@3'] }))],
    ['how many things it touches', digest(given({ versions: ['app.orders@1'] }))],
    ['the bytes of its parameters', digest(given({}, { parameters: [parameter(0, 8)] }))],
    ['how many parameters there are', digest(given({}, { parameters: [parameter(0, 7), parameter()] }))],
    ['the state of its session', digest(given({}, { sessionState: 'role=admin' }))],
    ['the policy version', digest(given(), who, 'v2')],
    ['who asks', digest(given(), { ...who, subject: 'agent-2' })],
    ['who says who asks', digest(given(), { ...who, issuer: 'https://other.example' })],
    ['whom the asker acts for', digest(given(), { ...who, actsFor: [{ ...ann, subject: 'bob' }] })],
    ['who says whom it acts for', digest(given(), { ...who, actsFor: [{ ...ann, issuer: 'x' }] })],
    ['the length of the chain', digest(given(), { ...who, actsFor: [] })],
  ])('%s', (_, other) => {
    expect(other).not.toBe(digest(given()));
  });

  test('nothing that does not change what happens', () => {
    expect(digest(given())).toMatch(/^[0-9a-f]{64}$/);
    const sameAgain = given(
      { effects: [], commands: 9 },
      { parameters: [{ text: 'VII', bound: Buffer.from([0, 7]) }] },
    );
    expect(digest(sameAgain, { ...who, groups: ['other'], credentialId: 'jti-2' })).toBe(digest(given()));
  });
});

test('a byte that moves from one field to its neighbour gives another digest', () => {
  const split = fc.tuple(fc.string({ minLength: 1, maxLength: 8 }), fc.nat(8), fc.nat(8));
  fc.assert(
    fc.property(split, ([text, first, second]) => {
      const at = (end: number): Action => given({ versions: [text.slice(0, end), text.slice(end)] });
      const [left, right] = [Math.min(first, text.length), Math.min(second, text.length)];
      expect(digest(at(left)) === digest(at(right))).toBe(left === right);
    }),
    { numRuns: 200 },
  );
  const parameters = (...bound: string[]): Action =>
    given({}, { parameters: bound.map((bytes) => ({ text: null, bound: Buffer.from(bytes) })) });
  const digests = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['', 'abc']].map((bound) =>
    digest(parameters(...bound)),
  );
  expect(new Set(digests).size).toBe(digests.length);
});

describe('a grant that covers a rule is bound to', () => {
  const target = targetName('shop');
  const rule = { policy: policyName('shop'), rule: ruleName('change') };
  const base = ruleDigest(who, target, rule, 'v1');
  test.each<[string, string]>([
    ['the rule', ruleDigest(who, target, { ...rule, rule: ruleName('add') }, 'v1')],
    ['the policy', ruleDigest(who, target, { ...rule, policy: policyName('other') }, 'v1')],
    ['the target', ruleDigest(who, targetName('billing'), rule, 'v1')],
    ['the policy version', ruleDigest(who, target, rule, 'v2')],
    ['the principal chain', ruleDigest({ ...who, actsFor: [] }, target, rule, 'v1')],
  ])('%s', (_, other) => {
    expect(other).not.toBe(base);
  });

  test('and can never be the digest of an action', () => {
    expect(ruleDigest(who, target, rule, 'v1')).toBe(base);
    expect(base).not.toBe(digest(given()));
  });
});
