import { expect, test } from '@jest/globals';
import { voteRefusal } from '../../../services/core/approvals/eligibility.ts';
import type { VoteRefusal } from '../../../services/core/model/hold.ts';
import type { Principal } from '../../../services/core/model/principal.ts';
import type { PrincipalPattern } from '../../../services/core/model/principal-pattern.ts';
import { ada, agent, bob, party, person, request } from './people.ts';

const dba: PrincipalPattern = { groups: ['dba'] };

/** The requester is agent-1, which acts for ada. */
const cases: readonly [string, readonly (readonly PrincipalPattern[])[], Principal, VoteRefusal | null][] = [
  ['a person whom the clause names', [[dba]], bob, null],
  ['a person outside the group', [[dba]], person('bob', { groups: ['dev'] }), 'not-an-approver'],
  ['one of two patterns is enough', [[{ subjects: ['eve'] }, { subjects: ['bob'] }]], bob, null],
  ['every clause must be met', [[dba], [{ groups: ['security'] }]], bob, 'not-an-approver'],
  [
    'every clause is met',
    [[dba], [{ groups: ['security'] }]],
    person('bob', { groups: ['dba', 'security'] }),
    null,
  ],
  ['no clause is met by nobody', [], bob, 'not-an-approver'],
  ['a clause without patterns is met by nobody', [[]], bob, 'not-an-approver'],
  ['an empty pattern is any person', [[{}]], bob, null],

  ['TOK-039: the requester itself', [[dba]], person('agent-1'), 'requester-cannot-approve'],
  ['TOK-039: the person the requester acts for', [[dba]], ada, 'requester-cannot-approve'],
  ['the same subject of another issuer is somebody else', [[dba]], person('ada', { issuer: 'other' }), null],
  [
    'an agent of the person the requester acts for',
    [[{ kinds: ['agent'] }]],
    agent('agent-2', { actsFor: [party('ada')] }),
    'requester-cannot-approve',
  ],
  [
    'somebody who acts for the requester',
    [[{ actingFor: ['*'] }]],
    person('bob', { actsFor: [party('agent-1')] }),
    'requester-cannot-approve',
  ],

  ['TOK-041: an agent where no kind is named', [[dba]], agent('agent-2'), 'not-an-approver'],
  ['TOK-041: an agent where anybody may', [[{}]], agent('agent-2'), 'not-an-approver'],
  [
    'TOK-041: a workload where a subject is named',
    [[{ subjects: ['ci'] }]],
    person('ci', { kind: 'workload' }),
    'not-an-approver',
  ],
  ['an agent where agents are named', [[{ kinds: ['agent'] }]], agent('agent-2'), null],
  ['a person where agents are named', [[{ kinds: ['agent'] }]], bob, 'not-an-approver'],
  [
    'TOK-041: one clause naming agents does not lift the other',
    [[{ kinds: ['agent'] }], [dba]],
    agent('agent-2'),
    'not-an-approver',
  ],
  [
    'a delegated token of kind person is not the person',
    [[dba]],
    person('assistant', { actsFor: [party('bob')] }),
    'not-an-approver',
  ],
  [
    'a delegate where the pattern names whom it acts for',
    [[{ actingFor: ['bob'] }]],
    person('assistant', { actsFor: [party('bob')] }),
    null,
  ],
];

test.each(cases)('%s', (_name, approvers, approver, refusal) => {
  expect(voteRefusal(request({ approval: { approvers } }), approver)).toBe(refusal);
});
