import { expect, test } from '@jest/globals';
import { targetName } from '../../../services/core/model/ids.ts';
import { action, circumstances, noonMs, principal, sqlEffect } from './actors.ts';
import { policiesOf } from './documents.ts';
import { billing, shop } from './words.ts';

const set = policiesOf(`
policies:
  - name: shop
    principals: [{groups: [agents], kinds: [agent]}]
    targets: [shop]
    rules:
      - {name: read, effects: [select], tables: [app.*], outcome: allow}
      - {name: night, effects: [select], times: {zone: Europe/Berlin, from: '22:00', to: '06:00'}, outcome: allow}
      - {name: inside, effects: [select], tables: [billing.*], sources: [192.0.2.0/24], listeners: [outside], outcome: allow}
      - {name: some, effects: [select], tables: [billing.*], parameters: {1: {oneOf: [a]}}, outcome: allow}
      - {name: admin, effects: [select], principals: [{groups: [dba]}], outcome: allow}
      - {name: careful, effects: [select], tables: [app.cards], outcome: hold, approval: {approvers: [{groups: [dba]}]}}
      - {name: code, opaque: [procedural-code], outcome: deny}
    masks: [{fields: [app.users.email], with: email}]
    limits: {rows: 5}
  - name: people
    principals: [{kinds: [person]}]
    targets: ['*']
    rules: [{name: all, effects: ['*'], outcome: allow}]
  - name: elsewhere
    targets: [billing]
    rules: [{name: all, effects: ['*'], outcome: allow}]
`);

const agent = principal();
const explain = (effects: readonly string[], opaque: readonly string[] = []) =>
  set.explain(agent, shop, action(effects, opaque), circumstances());

test('says of each effect which rule decided and why each other did not', () => {
  const { decision, rule, reason, effects } = explain(['select billing.cards']);
  expect({ decision, rule, reason }).toEqual({ decision: 'deny', rule: null, reason: 'no-rule' });
  const [effect] = effects;
  expect(effect).toMatchObject({
    effect: 'select billing.cards',
    outcome: 'deny',
    rule: null,
    reason: 'no-rule',
  });
  expect(effect?.rules.map(({ rule: name, applies, why }) => [name, applies, why])).toEqual([
    ['shop/read', 'no', ['tables: app.* does not match billing.cards']],
    ['shop/night', 'no', ['times: every day 22:00-06:00 Europe/Berlin; it is wed 12:00 Europe/Berlin']],
    [
      'shop/inside',
      'no',
      ['sources: 192.0.2.0/24; the source is 10.1.2.3', 'listeners: outside; the listener is inside'],
    ],
    ['shop/some', 'unknown', ['parameters: parameter 1 one of a; parameter 1 is not sent']],
    ['shop/admin', 'no', ['principals: groups dba does not match agent agent-1 (groups agents)']],
    ['shop/careful', 'no', ['tables: app.cards does not match billing.cards']],
    ['shop/code', 'no', ['effects: none (the rule is on opaque reasons) does not have select']],
  ]);
});

test('says what beat a rule that applies', () => {
  const { decision, rule, approval, effects } = explain(['select app.cards']);
  expect({ decision, rule }).toEqual({ decision: 'hold', rule: 'shop/careful' });
  expect(approval).toMatchObject({ quorum: 1 });
  const told = effects[0]?.rules.filter(({ applies }) => applies === 'yes');
  expect(told?.map(({ rule: name, decided, why }) => [name, decided, why])).toEqual([
    ['shop/read', false, ['rule shop/careful holds, and hold beats allow']],
    ['shop/careful', true, []],
  ]);
});

test('explains opaque reasons as it does effects', () => {
  const { decision, reason, opaque } = explain(['select app.users'], ['procedural-code', 'unknown-function']);
  expect({ decision, reason }).toEqual({ decision: 'deny', reason: 'denied-by-rule' });
  expect(opaque.map(({ effect, rule, reason: why }) => [effect, rule, why])).toEqual([
    ['procedural-code', 'shop/code', 'denied-by-rule'],
    ['unknown-function', null, 'opaque'],
  ]);
  expect(opaque[1]?.rules[0]?.why).toEqual(['opaque: the rule does not name unknown-function']);
});

test('says why policies do not apply', () => {
  expect(explain([]).policies).toEqual([
    { policy: 'shop', applies: true, why: [] },
    {
      policy: 'people',
      applies: false,
      why: ['principals: kinds person does not match agent agent-1 (groups agents)'],
    },
    { policy: 'elsewhere', applies: false, why: ['targets: billing does not match shop'] },
  ]);
});

test('says that a masked field decides, and what masks and limits are in force', () => {
  const effect = sqlEffect('select', 'app.users', { conditionColumns: ['app.users.email'] });
  const explanation = set.explain(agent, shop, action([effect]), circumstances());
  expect(explanation).toMatchObject({
    decision: 'deny',
    reason: 'masked-field-in-condition',
    limits: { maxRows: 5 },
    masks: [{ policy: 'shop', transform: 'email' }],
  });
  expect(explanation.effects[0]?.rules[0]?.why).toEqual([
    'the effect chooses by the masked field app.users.email, and that is always denied',
  ]);
});

test('says that the connection itself would be refused', () => {
  const nobody = principal({ groups: [] });
  expect(set.explain(nobody, shop, action([]), circumstances({ nowMs: noonMs })).connection).toMatchObject({
    reason: 'no-rule',
  });
  expect(explain([]).connection).toBeNull();
});

test('says that a target is not there', () => {
  const nowhere = targetName('nowhere');
  const { decision, policies } = set.explain(agent, nowhere, action([], [], nowhere), circumstances());
  expect(decision).toBe('deny');
  expect(policies.map(({ why }) => why[0])).toEqual(
    policies.map(() => 'targets: nowhere is not a target of the config'),
  );
});

test('is plain data', () => {
  const explanation = set.explain(agent, billing, action(['drop app.users'], [], billing), circumstances());
  expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation);
});
