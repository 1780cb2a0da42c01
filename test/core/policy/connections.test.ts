import { describe, expect, test } from '@jest/globals';
import type { Connection } from '../../../services/core/checkpoint/contract.ts';
import { ruleText } from '../../../services/core/model/decision.ts';
import { listenerName, targetName } from '../../../services/core/model/ids.ts';
import { PolicySet } from '../../../services/core/policy/policy-set.ts';
import { noonMs, principal } from './actors.ts';
import { policiesOf } from './documents.ts';
import { billing, cluster, shop } from './words.ts';

const set = policiesOf(`
policies:
  - name: inside
    principals: [{groups: [agents]}]
    targets: [shop]
    rules:
      - {name: read, effects: [select], sources: [10.0.0.0/8], outcome: allow}
      - name: change
        effects: [update]
        times: {zone: UTC, from: '09:00', to: '12:00'}
        outcome: hold
        approval: {approvers: [{groups: [dba]}]}
      - {name: not-from-there, effects: [connect], sources: [10.66.0.0/16], outcome: deny, message: Lab network}
      - {name: no-select, effects: [select], sources: [10.77.0.0/16], outcome: deny}
  - name: everywhere
    targets: ['*']
    rules:
      - {name: bad-network, effects: [connect], sources: [203.0.113.0/24], outcome: deny, hint: Use the VPN}
  - name: pods
    principals: [{groups: [sre]}]
    targets: [cluster]
    rules:
      - {name: all, effects: ['*'], outcome: allow}
`);

const door = (ip: string, changes: Partial<Connection> = {}): Connection => ({
  source: { ip, port: 1 },
  listener: listenerName('inside'),
  principal: null,
  target: null,
  ...changes,
});

const agent = principal();
const evening = Date.UTC(2026, 6, 15, 20, 0);

const refused = (connection: Connection, nowMs = noonMs): string | null => {
  const refusal = set.refuseConnection(connection, nowMs);
  if (refusal === null) return null;
  return refusal.rule === null ? refusal.reason : `${refusal.reason} ${ruleText(refusal.rule)}`;
};

describe('at the door, with source, listener and time', () => {
  test.each([
    ['a source that a rule allows', door('10.1.2.3'), noonMs, null],
    ['any source, while a hold rule is in its hours', door('192.0.2.1'), noonMs - 3_600_000, null],
    ['a source that no rule allows at this hour', door('192.0.2.1'), evening, 'no-rule'],
    [
      'a source that everybody’s rule denies',
      door('203.0.113.9'),
      noonMs,
      'denied-by-rule everywhere/bad-network',
    ],
    // It may be for another target or from another principal: not known yet, so not refused yet.
    ['a source that some principals’ rule denies', door('10.66.0.1'), noonMs, null],
    ['another protocol’s listener', door('192.0.2.1', { listener: listenerName('pods') }), evening, null],
  ])('%s', (_, connection, nowMs, expected) => {
    expect(refused(connection, nowMs)).toBe(expected);
  });
});

describe('in the engine, with principal and target', () => {
  const known = (ip: string, changes: Partial<Connection> = {}): Connection =>
    door(ip, { principal: agent, target: shop, ...changes });
  test.each([
    ['who has a rule', known('10.1.2.3'), null],
    ['who has no rule on the target', known('10.1.2.3', { target: billing }), 'no-rule'],
    ['who has no rule at all', known('10.1.2.3', { principal: principal({ groups: [] }) }), 'no-rule'],
    ['a target that is not there', known('10.1.2.3', { target: targetName('nowhere') }), 'no-rule'],
    ['from a denied network', known('10.66.0.1'), 'denied-by-rule inside/not-from-there'],
    ['a deny rule on another effect', known('10.77.0.1'), null],
    ['a target behind another protocol’s listener', known('10.1.2.3', { target: cluster }), 'no-rule'],
  ])('%s: %s', (_, connection, expected) => {
    expect(refused(connection)).toBe(expected);
  });

  test('the refusal says what would be allowed, and of nobody else', () => {
    expect(set.refuseConnection(known('192.0.2.1'), evening)).toEqual({
      kind: 'deny',
      rule: null,
      reason: 'no-rule',
      message:
        'Refused: no rule lets a connection from 192.0.2.1 by listener inside to shop do anything now.',
      hint:
        'Here you may: select (sources 10.0.0.0/8); update (times every day 09:00-12:00 UTC) after approval. ' +
        'Never: select (sources 10.77.0.0/16). ' +
        'To get access, ask the people who run this gateway, and quote this message.',
    });
  });

  test('a rule’s own words', () => {
    expect(set.refuseConnection(known('10.66.0.1'), noonMs)).toMatchObject({
      message: expect.stringContaining('Rule inside/not-from-there denies it: Lab network.'),
    });
    expect(set.refuseConnection(known('203.0.113.9'), noonMs)).toMatchObject({ hint: 'Use the VPN.' });
  });
});

test('before the first load everything is refused', () => {
  expect(PolicySet.none.refuseConnection(door('10.1.2.3'), noonMs)).toMatchObject({ reason: 'no-rule' });
});
