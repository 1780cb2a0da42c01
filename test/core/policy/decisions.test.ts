import { describe, expect, test } from '@jest/globals';
import { type Decision, ruleText } from '../../../services/core/model/decision.ts';
import { InvariantError } from '../../../services/core/model/errors.ts';
import type { Principal } from '../../../services/core/model/principal.ts';
import { action, circumstances, intent, principal, sqlEffect, withParameters } from './actors.ts';
import { policiesOf } from './documents.ts';
import { billing, cluster, shop } from './words.ts';

const agent = principal();

/** `allow shop/read`, `deny no-rule`, `deny shop/never denied-by-rule`: what these tables compare. */
const said = (decision: Decision): string =>
  [
    decision.kind,
    decision.rule === null ? null : ruleText(decision.rule),
    decision.kind === 'deny' ? decision.reason : null,
  ]
    .filter((part) => part !== null)
    .join(' ');

const decide = (
  policies: string,
  effects: readonly string[],
  opaque: readonly string[] = [],
  who = agent,
): string => said(policiesOf(policies).view(who, shop).decide(action(effects, opaque), circumstances()));

const agents = `
policies:
  - name: shop
    principals: [{groups: [agents]}]
    targets: [shop]
    rules:
      - {name: read, effects: [select], tables: [app.*], outcome: allow}
      - {name: add, effects: [insert], tables: [app.*], outcome: allow}
      - {name: keep-audit, effects: [select, insert], tables: [app.audit], outcome: deny, message: Nobody reads audit}
      - name: change
        effects: [update, delete]
        tables: [app.*]
        outcome: hold
        approval: {approvers: [{groups: [dba]}]}
      - {name: never, effects: [drop], outcome: deny}
`;

describe('the unit of matching is one effect', () => {
  test.each([
    [['select app.users'], 'allow shop/read'],
    [['insert app.users', 'select app.orders'], 'allow shop/read'],
    [['select other.users'], 'deny no-rule'],
    [['select app.users', 'select other.users'], 'deny no-rule'],
    [['update app.users'], 'hold shop/change'],
    [['select app.users', 'update app.users'], 'hold shop/change'],
    [['update app.users', 'call app.cleanup'], 'deny no-rule'],
    [['select app.users', 'update app.users', 'drop app.users'], 'deny shop/never denied-by-rule'],
    [['select app.audit'], 'deny shop/keep-audit denied-by-rule'],
    // A rule's own words say more than that there is no rule.
    [['select other.users', 'drop app.users'], 'deny shop/never denied-by-rule'],
    [[], 'allow builtin/no-effect'],
    [['unheard-of app.users'], 'deny no-rule'],
  ])('%j: %s', (effects, expected) => {
    expect(decide(agents, effects)).toBe(expected);
  });

  test('the order of effects does not matter', () => {
    expect(decide(agents, ['update app.users', 'select app.users'])).toBe('hold shop/change');
  });
});

describe('deny beats hold beats allow, over all rules of all policies', () => {
  const rule = (name: string, outcome: string): string =>
    `      - {name: ${name}, effects: [select], outcome: ${outcome}${
      outcome === 'hold' ? ', approval: {approvers: [{groups: [dba]}]}' : ''
    }}`;
  const policy = (name: string, outcomes: readonly string[]): string =>
    [`  - name: ${name}`, '    targets: [shop]', '    rules:', ...outcomes.map((o) => rule(o, o))].join('\n');
  const file = (...policies: readonly (readonly string[])[]): string =>
    `policies:\n${policies.map((outcomes, index) => policy(`p${index}`, outcomes)).join('\n')}\n`;

  test.each([
    [[['allow', 'hold']], 'hold p0/hold'],
    [[['hold', 'allow']], 'hold p0/hold'],
    [[['allow', 'hold', 'deny']], 'deny p0/deny denied-by-rule'],
    [[['deny'], ['allow']], 'deny p0/deny denied-by-rule'],
    [[['allow'], ['deny']], 'deny p1/deny denied-by-rule'],
    [[['allow'], ['hold']], 'hold p1/hold'],
    [[['allow'], ['allow']], 'allow p0/allow'],
    [[['hold'], ['hold']], 'hold p0/hold'],
  ])('%j: %s', (policies, expected) => {
    expect(decide(file(...policies), ['select app.users'])).toBe(expected);
  });
});

describe('whom and what a policy applies to', () => {
  const narrow = `
policies:
  - name: people
    principals: [{kinds: [person]}, {subjects: [trusted-*]}]
    targets: ['shop', 'bill*']
    rules:
      - {name: read, effects: [select], outcome: allow}
      - {name: drop, effects: [drop], principals: [{groups: [dba]}], outcome: allow}
  - name: for-a-person
    principals: [{actingFor: [alice], claims: {level: [3]}}]
    targets: [shop]
    rules:
      - {name: call, effects: [call], outcome: allow}
`;
  const acting = principal({ actsFor: [{ issuer: 'x', subject: 'alice' }], claims: { level: [1, 3] } });
  const cases: readonly (readonly [string, Principal, string, string])[] = [
    ['an agent', agent, 'select app.users', 'deny no-rule'],
    ['an agent', agent, '', 'deny no-rule'],
    ['a person', principal({ kind: 'person' }), 'select app.users', 'allow people/read'],
    ['a trusted agent', principal({ subject: 'trusted-7' }), 'select app.users', 'allow people/read'],
    ['a person', principal({ kind: 'person' }), 'drop app.users', 'deny no-rule'],
    ['a DBA', principal({ kind: 'person', groups: ['dba'] }), 'drop app.users', 'allow people/drop'],
    ['an agent of the DBAs', principal({ groups: ['dba'] }), 'drop app.users', 'deny no-rule'],
    ['an agent for alice', acting, 'call app.f', 'allow for-a-person/call'],
    [
      'an agent for alice without the claim',
      { ...acting, claims: { level: 2 } },
      'call app.f',
      'deny no-rule',
    ],
  ];
  test.each(cases)('%s', (_, who, effect, expected) => {
    expect(decide(narrow, effect === '' ? [] : [effect], [], who)).toBe(expected);
  });

  test('the target decides', () => {
    const set = policiesOf(narrow);
    const person = principal({ kind: 'person' });
    const on = (target: typeof shop): string =>
      said(set.view(person, target).decide(action(['select app.users'], [], target), circumstances()));
    expect([on(shop), on(billing), on(cluster)]).toEqual([
      'allow people/read',
      'allow people/read',
      'deny no-rule',
    ]);
  });

  test('a policy on targets of two protocols is read in the words of each', () => {
    const set = policiesOf(`
policies:
  - name: both
    targets: ['*']
    rules:
      - {name: rows, effects: [select, delete], tables: [app.*], outcome: allow}
      - {name: pods, effects: [get, delete], resources: [pods/*], outcome: allow}
`);
    const on = (target: typeof shop, effect: string): string =>
      said(set.view(agent, target).decide(action([effect], [], target), circumstances()));
    expect(on(shop, 'delete app.users')).toBe('allow both/rows');
    expect(on(cluster, 'delete pods/web')).toBe('allow both/pods');
    // The rule on tables has a condition that pods do not know, so it is not about them.
    expect(on(cluster, 'delete app.users')).toBe('deny no-rule');
  });

  test('an intent for another target is a bug, not a denial', () => {
    const view = policiesOf(narrow).view(agent, shop);
    expect(() => view.decide(action([], [], billing), circumstances())).toThrow(InvariantError);
  });
});

describe('what cannot be understood', () => {
  const named = `
policies:
  - name: shop
    targets: [shop]
    rules:
      - {name: any, effects: ['*'], outcome: allow}
      - {name: functions, effects: [call], functions: [app.*], opaque: [unknown-function], outcome: allow}
      - {name: code, opaque: [procedural-code], outcome: hold, approval: {approvers: [{groups: [dba]}]}}
`;
  const denied = `${named}
  - name: closed
    targets: [shop]
    rules:
      - {name: nothing, effects: ['*'], outcome: deny, times: {zone: UTC, from: '10:00', to: '11:00'}}
`;
  test.each([
    [['select app.users'], ['unknown-function'], 'allow shop/any'],
    [[], ['unknown-function'], 'allow shop/functions'],
    [['select app.users'], ['procedural-code'], 'hold shop/code'],
    [['select app.users'], ['unknown-function', 'procedural-code'], 'hold shop/code'],
    [['select app.users'], ['never-heard-of'], 'deny opaque'],
  ])('%j opaque for %j: %s', (effects, opaque, expected) => {
    expect(decide(named, effects, opaque)).toBe(expected);
  });

  test('a rule that does not name the reason never lets it through', () => {
    expect(decide(agents, ['select app.users'], ['unknown-function'])).toBe('deny opaque');
  });

  test('a rule on opaque reasons alone is about no effect', () => {
    const only = named.replace("effects: ['*']", 'effects: [select]');
    expect(decide(only, ['drop app.users'], ['procedural-code'])).toBe('deny no-rule');
  });

  test('a denial of everything is one of opaque reasons too', () => {
    expect(decide(denied, [], ['unknown-function'])).toBe('deny closed/nothing denied-by-rule');
  });

  test('what is unacceptable is refused in its own words, whatever the rules', () => {
    const unacceptable = { reason: 'unparsable', message: 'no SQL', hint: 'write SQL' } as const;
    const view = policiesOf(named).view(agent, shop);
    const decision = view.decide(withParameters(intent([], { unacceptable }), []), circumstances());
    expect(decision).toEqual({ kind: 'deny', rule: null, ...unacceptable });
  });
});

describe('several rules that hold', () => {
  const hold = (name: string, approval: string, effects = 'delete'): string =>
    `      - {name: ${name}, effects: [${effects}], outcome: hold, approval: {${approval}}}`;
  const terms = (...rules: readonly string[]) => {
    const set = policiesOf(`policies:\n  - name: p\n    targets: [shop]\n    rules:\n${rules.join('\n')}\n`);
    const decision = set.view(agent, shop).decide(action(['delete app.a', 'update app.b']), circumstances());
    if (decision.kind !== 'hold') throw new Error(`expected a hold, got ${said(decision)}`);
    return decision;
  };
  const updates = hold('updates', 'approvers: [{groups: [dba]}], grant: {for: 1h, covers: rule}', 'update');

  test('every rule is a clause, and the strictest of each term is in force', () => {
    const { rule, approval } = terms(
      hold('first', 'approvers: [{groups: [dba]}, {subjects: [eve]}], quorum: 2, within: 1h, wait: 1m'),
      hold('second', 'approvers: [{kinds: [workload], groups: [ci]}], quorum: 1, within: 10m, mode: defer'),
      updates,
    );
    expect(ruleText(rule)).toBe('p/first');
    expect(approval).toEqual({
      approvers: [
        [
          { groups: ['dba'], kinds: ['person'] },
          { subjects: ['eve'], kinds: ['person'] },
        ],
        [{ kinds: ['workload'], groups: ['ci'] }],
        [{ groups: ['dba'], kinds: ['person'] }],
      ],
      quorum: 2,
      withinMs: 600_000,
      mode: 'defer',
      waitMs: 60_000,
      grant: { kind: 'exact' },
    });
  });

  test.each([
    [['grant: exact', 'grant: {for: 1h, covers: rule}'], { kind: 'exact' }],
    [
      ['grant: {for: 2h, covers: rule}', 'grant: {for: 1h, covers: rule}'],
      { kind: 'window', forMs: 3_600_000, covers: 'action' },
    ],
  ])('grants %j', (grants, expected) => {
    const rules = grants.map((grant, index) => hold(`r${index}`, `approvers: [{groups: [dba]}], ${grant}`));
    expect(terms(...rules, updates).approval.grant).toEqual(expected);
  });

  test('a grant covers its rule only when that rule alone holds', () => {
    const only = hold(
      'only',
      'approvers: [{groups: [dba]}], grant: {for: 1h, covers: rule}',
      'delete, update',
    );
    expect(terms(only).approval.grant).toEqual({ kind: 'window', forMs: 3_600_000, covers: 'rule' });
  });

  test('what a rule leaves out has a default', () => {
    const { approval } = terms(hold('only', 'approvers: [{groups: [dba]}]', 'delete, update'));
    expect(approval).toEqual({
      approvers: [[{ groups: ['dba'], kinds: ['person'] }]],
      quorum: 1,
      withinMs: 900_000,
      mode: 'wait',
      waitMs: 120_000,
      grant: { kind: 'exact' },
    });
  });
});

describe('masks, limits and records', () => {
  const file = `
policies:
  - name: one
    targets: [shop]
    rules: [{name: all, effects: ['*'], outcome: allow}]
    masks:
      - {fields: [app.users.email], with: email}
      - {fields: [app.users.city], with: full, inConditions: allow}
    limits: {rows: 100, bytes: 1MiB, session: 8h}
  - name: two
    targets: ['*']
    masks: [{detect: [card], with: last4}]
    limits: {rows: 500, bytes: 512KiB, commandsPerMinute: 60, idle: 15m}
    record: {results: false}
  - name: others
    principals: [{groups: [others]}]
    targets: [shop]
    masks: [{fields: [app.users.*], with: 'null'}]
    limits: {rows: 1}
    record: {results: true}
`;
  const view = policiesOf(file).view(agent, shop);

  test('every mask that applies is in force', () => {
    expect(view.obligations.masks).toEqual([
      {
        policy: 'one',
        fields: ['app.users.email'],
        detect: [],
        transform: 'email',
        inConditions: 'equality',
        derived: 'mask',
      },
      {
        policy: 'one',
        fields: ['app.users.city'],
        detect: [],
        transform: 'full',
        inConditions: 'allow',
        derived: 'mask',
      },
      {
        policy: 'two',
        fields: [],
        detect: ['card'],
        transform: 'last4',
        inConditions: 'equality',
        derived: 'mask',
      },
    ]);
  });

  test('the smallest of each limit is in force', () => {
    expect(view.obligations.limits).toEqual({
      maxRows: 100,
      maxBytes: 512 * 1024,
      commandsPerMinute: 60,
      guessesPerMinute: 10,
      sessionMs: 8 * 3_600_000,
      idleMs: 900_000,
    });
    expect(view.obligations.recordResults).toBe(false);
  });

  test('where policies differ, results are recorded', () => {
    const both = policiesOf(file).view(principal({ groups: ['others'] }), shop);
    expect(both.obligations.recordResults).toBe(true);
    expect(policiesOf(agents).view(agent, shop).obligations.recordResults).toBe(true);
  });

  test.each([
    [['app.users.email'], 'deny masked-field-in-condition'],
    [['app.users.city'], 'allow one/all'],
    [[], 'allow one/all'],
  ])('a masked field in a condition: %j', (conditionColumns, expected) => {
    const effect = sqlEffect('select', 'app.users', { conditionColumns });
    const decision = view.decide(action([effect]), circumstances());
    expect(said(decision)).toBe(expected);
  });

  test.each([
    [['app.users.email'], 'allow one/all', 1],
    [['app.users.email', 'app.users.email'], 'allow one/all', 2],
    [['app.users.city'], 'allow one/all', 0],
    [['app.users.ssn'], 'deny masked-field-in-condition', 0],
    [['app.users.id'], 'allow one/all', 0],
  ])('a masked field that is compared with values: %j', (guessedColumns, expected, guesses) => {
    const strict = file.replace(
      'masks:',
      'masks:\n      - {fields: [app.users.ssn], with: full, inConditions: deny}',
    );
    const both = policiesOf(strict).view(agent, shop);
    const guessing = action([sqlEffect('select', 'app.users', { guessedColumns })]);
    expect(said(both.decide(guessing, circumstances()))).toBe(expected);
    expect(both.guesses(guessing)).toBe(guesses);
  });

  test('a list of values counts as long as it is, and as endless where nobody knows', () => {
    const listed = sqlEffect('select', 'app.users', { guessedColumns: ['app.users.email'], guessedList: 1 });
    const guesses = (...items: readonly (number | undefined)[]): number =>
      view.guesses({
        ...action([listed]),
        parameters: items.map((count) => ({
          text: null,
          bound: Buffer.alloc(0),
          ...(count === undefined ? {} : { items: count }),
        })),
      });
    expect(guesses(9, 3)).toBe(3);
    expect(guesses(9, 0)).toBe(1);
    expect(guesses(9)).toBe(Infinity);
    expect(guesses(9, undefined)).toBe(Infinity);
    expect(view.onMaskedTarget.guesses(action([listed]))).toBe(0);
  });

  test('what is refused anyway may be guessed at by nobody, whatever else the statement says', () => {
    const columns = { guessedColumns: ['app.users.email'], conditionColumns: ['app.users.email'] };
    const decision = view.decide(action([sqlEffect('select', 'app.users', columns)]), circumstances());
    expect(said(decision)).toBe('deny masked-field-in-condition');
  });

  test.each([
    ['mask', 'allow one/all'],
    ['refuse', 'deny masked-field-derived'],
  ])('what is computed from a masked field, with derived: %s', (derived, expected) => {
    const changed = file.replace('with: email}', `with: email, derived: ${derived}}`);
    const effect = sqlEffect('select', 'app.users', { derivedColumns: ['app.users.email'] });
    const decided = policiesOf(changed)
      .view(agent, shop)
      .decide(action([effect]), circumstances());
    expect(said(decided)).toBe(expected);
    if (derived === 'refuse') {
      expect(decided).toMatchObject({
        message: expect.stringContaining('computed from app.users.email, which'),
      });
    }
  });

  test.each([
    [['select app.users'], 'allow one/all', 0],
    [['select app.users', 'update app.users'], 'deny masked-field-in-condition', 1],
  ])(
    'on a target that masks fields itself they may choose rows, unless something is changed: %j',
    (effects, expected, guesses) => {
      const columns = { conditionColumns: ['app.users.email'], guessedColumns: ['app.users.email'] };
      const made = effects.map((effect) => {
        const [verb = '', relation = ''] = effect.split(' ');
        return sqlEffect(verb, relation, columns);
      });
      expect(said(view.onMaskedTarget.decide(action(made), circumstances()))).toBe(expected);
      expect(view.onMaskedTarget.guesses(action(made)) > 0).toBe(guesses > 0);
      expect(said(view.decide(action(made), circumstances()))).toBe('deny masked-field-in-condition');
      expect(view.onMaskedTarget.obligations).toBe(view.obligations);
    },
  );

  test('on a target that masks fields itself, what is computed from them is refused as elsewhere', () => {
    const changed = file.replace('with: email}', 'with: email, derived: refuse}');
    const effect = sqlEffect('select', 'app.users', { derivedColumns: ['app.users.email'] });
    const strict = policiesOf(changed).view(agent, shop).onMaskedTarget;
    expect(said(strict.decide(action([effect]), circumstances()))).toBe('deny masked-field-derived');
  });

  test('the refusal names the field', () => {
    const effect = sqlEffect('select', 'app.users', { conditionColumns: ['app.users.email'] });
    expect(view.decide(action([effect]), circumstances())).toMatchObject({
      message: expect.stringContaining('by app.users.email, which policy one masks'),
      hint: expect.stringContaining('or ask whether it equals one value'),
    });
  });

  test('one object of obligations for all who share rules, and for each decision', () => {
    const set = policiesOf(file);
    const first = set.view(agent, shop);
    const second = set.view(principal({ subject: 'agent-2', groups: ['agents', 'more'] }), shop);
    expect(second.obligations).toBe(first.obligations);
    expect(set.view(principal({ groups: ['others'] }), shop).obligations).not.toBe(first.obligations);
    const decision = first.decide(action(['select app.users']), circumstances());
    expect(decision).toMatchObject({ kind: 'allow' });
    if (decision.kind === 'allow') expect(decision.obligations).toBe(first.obligations);
  });
});

describe('the sets of masks that principals may be under', () => {
  const policy = (name: string, principals: string, mask: string): string => `
  - name: ${name}
    targets: [shop]
    ${principals}
    rules: [{name: read, effects: [select], outcome: allow}]
    masks: [${mask}]`;
  const masksOf = (text: string) =>
    policiesOf(`policies:${text}`)
      .possibleObligations(shop)
      ?.map(({ masks }) => masks.flatMap(({ fields }) => fields));
  const everybody = policy('all', '', '{fields: [app.users.ssn], with: full}');
  const some = (name: string): string =>
    policy(name, `principals: [{groups: [${name}]}]`, `{fields: [app.users.${name}], with: full}`);

  test('those of everybody’s policies, with each combination of the others', () => {
    expect(masksOf(everybody)).toEqual([['app.users.ssn']]);
    expect(masksOf(everybody + some('a') + some('b'))).toEqual([
      ['app.users.ssn'],
      ['app.users.ssn', 'app.users.b'],
      ['app.users.ssn', 'app.users.a'],
      ['app.users.ssn', 'app.users.a', 'app.users.b'],
    ]);
    expect(masksOf(policy('seekers', '', '{detect: [card], with: full}'))).toEqual([[]]);
  });

  test('too many are none that anybody could prepare for', () => {
    expect(masksOf(['a', 'b', 'c', 'd', 'e'].map(some).join(''))).toHaveLength(32);
    expect(masksOf(['a', 'b', 'c', 'd', 'e', 'f'].map(some).join(''))).toBeUndefined();
  });
});

describe('what a refused agent reads', () => {
  const refusal = (effects: readonly string[], opaque: readonly string[] = []) => {
    const decision = policiesOf(agents).view(agent, shop).decide(action(effects, opaque), circumstances());
    if (decision.kind !== 'deny') throw new Error('expected a denial');
    return decision;
  };

  test('what, by which rule, why, and what would be allowed', () => {
    expect(refusal(['select app.audit'])).toMatchObject({
      message: 'Refused: select app.audit on shop. Rule shop/keep-audit denies it: Nobody reads audit.',
      hint:
        'Here you may: select, insert on tables app.*; update, delete on tables app.* after ' +
        'approval. Never: select, insert on tables app.audit; drop.',
    });
  });

  test('that there is no rule, and whom to ask', () => {
    const { message, hint } = refusal(['call app.cleanup']);
    expect(message).toBe(
      'Refused: call app.cleanup on shop. No rule allows it for you, and what no rule allows is refused.',
    );
    expect(hint).toMatch(
      /^Here you may: select, .* ask the people who run this gateway, and quote this message\.$/,
    );
  });

  test('why it is opaque', () => {
    expect(refusal(['select app.users'], ['unknown-function']).message).toContain(
      'cannot be fully understood (unknown-function)',
    );
  });

  test('nothing of other people’s rules', () => {
    const secret = `${agents}
  - name: secret-policy
    principals: [{groups: [board]}]
    targets: [shop]
    rules:
      - {name: secret-read, effects: [select], tables: [merger.*], outcome: allow}
      - {name: secret-deny, effects: [select], tables: [board.*], outcome: deny, message: secret}
`;
    const view = policiesOf(secret).view(agent, shop);
    for (const effect of ['select merger.plan', 'select board.x', 'drop app.users']) {
      const decision = view.decide(action([effect]), circumstances());
      expect(JSON.stringify(decision)).not.toMatch(/secret|merger\.\*|board\.\*/);
    }
  });

  test('names cannot move the cursor or hide', () => {
    const { message } = refusal(['drop app.\u001b[2J\u202eusers']);
    expect(message).toContain('drop app.⟨U+001B⟩[2J⟨U+202E⟩users');
  });

  test('long names and long policies are cut', () => {
    const rules = Array.from(
      { length: 200 },
      (_, index) =>
        `      - {name: r${index}, effects: [select], tables: [app.table_${index}], outcome: allow}`,
    );
    const set = policiesOf(`policies:\n  - name: p\n    targets: [shop]\n    rules:\n${rules.join('\n')}\n`);
    const decision = set.view(agent, shop).decide(action([`drop ${'x'.repeat(5000)}`]), circumstances());
    if (decision.kind !== 'deny') throw new Error('expected a denial');
    expect(decision.message.length).toBeLessThan(500);
    expect(decision.hint.length).toBeLessThan(1000);
    expect(decision.hint).toMatch(/; and \d+ more\./);
  });
});

describe('refuseAlways, for what is prepared now and run later', () => {
  const file = `
policies:
  - name: p
    targets: [shop]
    rules:
      - {name: read, effects: [select], outcome: allow}
      - {name: few, effects: [delete], parameters: {1: {atMost: 10}}, outcome: allow}
      - {name: not-these, effects: [select], tables: [app.users], parameters: {1: {oneOf: [root]}}, outcome: deny}
      - {name: day, effects: [insert], times: {zone: UTC, from: '00:00', to: '01:00'}, outcome: allow}
      - {name: change, effects: [update], outcome: hold, approval: {approvers: [{groups: [dba]}]}}
`;
  test.each([
    ['select app.orders', null],
    ['select app.users', null],
    ['delete app.orders', null],
    ['update app.orders', null],
    ['insert app.orders', 'no-rule'],
    ['drop app.orders', 'no-rule'],
  ])('%s: %s', (effect, reason) => {
    const refusal = policiesOf(file)
      .view(agent, shop)
      .refuseAlways(intent([effect]), circumstances());
    expect(refusal?.reason ?? null).toBe(reason);
  });
});

test('a decision is made once for one intent', () => {
  const view = policiesOf(agents).view(agent, shop);
  const same = action(['select app.users']);
  expect(view.decide(same, circumstances())).toBe(view.decide(same, circumstances({ nowMs: 0 })));
});
