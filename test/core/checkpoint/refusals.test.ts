import { expect, test } from '@jest/globals';
import { approversText, rateExceeded } from '../../../services/core/checkpoint/refusals.ts';
import type { PrincipalPattern } from '../../../services/core/model/principal-pattern.ts';
import { terms } from '../approvals/people.ts';

test.each<[string, number, PrincipalPattern[][]]>([
  ['one person of group dba', 1, [[{ groups: ['dba'], kinds: ['person'] }]]],
  ['2 people of group dba or sre', 2, [[{ groups: ['dba', 'sre'] }]]],
  ['one person of ann or bob, or group dba', 1, [[{ subjects: ['ann', 'bob'] }, { groups: ['dba'] }]]],
  // Held by two rules: an approver must please both.
  ['one person of group dba; and of group legal', 1, [[{ groups: ['dba'] }], [{ groups: ['legal'] }]]],
  [
    'one person of group dba, kind agent or workload',
    1,
    [[{ groups: ['dba'], kinds: ['agent', 'workload'] }]],
  ],
  ['one person of known to https://idp.example', 1, [[{ issuers: ['https://idp.example'] }]]],
  ['one person of level 3 or 4, acting for ann', 1, [[{ claims: { level: [3, 4] }, actingFor: ['ann'] }]]],
  ['one person of anybody', 1, [[{}]]],
])('a held client reads who may approve: %s', (text, quorum, approvers) => {
  expect(approversText(terms({ quorum, approvers }))).toBe(text);
});

test('over its rate, a client reads what the rate is', () => {
  expect(rateExceeded(60)).toMatchObject({
    reason: 'limit-exceeded',
    message: 'Refused: more than 60 commands a minute.',
  });
});
