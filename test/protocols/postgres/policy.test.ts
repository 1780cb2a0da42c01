import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Mask, RuleOutcome } from '../../../services/core/model/decision.ts';
import { policyName } from '../../../services/core/model/ids.ts';
import { postgresPolicy } from '../../../services/protocols/postgres/policy.ts';
import type { PostgresEffect } from '../../../services/protocols/postgres/sql/analysis.ts';

const effect = (more: Partial<PostgresEffect>): PostgresEffect => ({
  verb: 'select',
  resource: '',
  relation: null,
  columns: [],
  conditionColumns: [],
  untraced: [],
  asOwner: false,
  guesses: [],
  derivedColumns: [],
  descendants: new Map(),
  function: null,
  setting: null,
  objectKind: null,
  coveredBy: null,
  rowsChosenBy: null,
  ...more,
});

function matches(
  condition: string,
  value: readonly string[],
  outcome: RuleOutcome,
  of: PostgresEffect,
): boolean {
  const found = postgresPolicy.conditions[condition];
  if (found === undefined) throw new Error(`no condition ${condition}`);
  return found.compile(found.schema.parse(value), outcome)(of);
}

test.each<[readonly string[], PostgresEffect['rowsChosenBy'], boolean]>([
  [['none', 'range'], 'none', true],
  [['none', 'range'], 'value', false],
  [['key'], 'key', true],
  [['none'], null, false],
])('rows chosen by %j, and it is %s: %p', (wanted, rowsChosenBy, matching) => {
  for (const outcome of ['allow', 'deny', 'hold'] as const) {
    expect(matches('rowsChosenBy', wanted, outcome, effect({ verb: 'delete', rowsChosenBy }))).toBe(matching);
  }
});

describe('tables and functions', () => {
  test.each<[readonly string[], string, boolean]>([
    [['app.users'], 'app.users', true],
    [['app.users'], 'app.USERS', false],
    [['app.*'], 'app.users', true],
    [['app.*'], 'apps.users', false],
    [['*.secrets'], 'app.secrets', true],
    [['app.card*'], 'app.cards', true],
    [['app.card*'], 'app."card.s"', true],
    [['app.card*'], 'app.discard', false],
    [['app."*"'], 'app."*"', true],
    [['app."*"'], 'app.users', false],
    [['"a.b".c'], '"a.b".c', true],
    [['a.*'], '"a.b".c', false],
    [['*'], 'app.users', true],
    [['audit.*', 'app.*'], 'app.users', true],
    [[], 'app.users', false],
    [['app.u+'], 'app.uu', false],
  ])('%j matches %s: %p', (patterns, name, matching) => {
    for (const outcome of ['allow', 'deny', 'hold'] as const) {
      expect(matches('tables', patterns, outcome, effect({ relation: name }))).toBe(matching);
      expect(matches('functions', patterns, outcome, effect({ verb: 'call', function: name }))).toBe(
        matching,
      );
    }
  });

  test.each<[string, RuleOutcome, boolean]>([
    ['*.*', 'allow', false],
    ['*', 'allow', false],
    ['*_catalog.*', 'allow', false],
    ['pg_catalog.*', 'allow', true],
    ['pg_*.pg_authid', 'allow', true],
    ['*.*', 'deny', true],
    ['*', 'deny', true],
    ['*.pg_authid', 'hold', true],
  ])('%s in a rule that says %s stands for pg_catalog: %p', (pattern, outcome, matching) => {
    expect(matches('tables', [pattern], outcome, effect({ relation: 'pg_catalog.pg_authid' }))).toBe(
      matching,
    );
  });

  test('an effect on no table, or on no function, is none that such a condition means', () => {
    expect(matches('tables', ['*'], 'allow', effect({ verb: 'set', setting: 'role' }))).toBe(false);
    expect(matches('functions', ['*'], 'allow', effect({ relation: 'app.users' }))).toBe(false);
  });
});

describe('columns', () => {
  const read = (...columns: readonly string[]) => effect({ relation: 'app.users', columns });

  test('an allow rule must name every column, a deny or hold rule one of them', () => {
    const both = read('app.users.name', 'app.users.ssn');
    expect(matches('columns', ['app.users.name'], 'allow', both)).toBe(false);
    expect(matches('columns', ['app.users.name', 'app.*.ssn'], 'allow', both)).toBe(true);
    expect(matches('columns', ['app.users.ssn'], 'deny', both)).toBe(true);
    expect(matches('columns', ['app.users.ssn'], 'hold', both)).toBe(true);
    expect(matches('columns', ['app.users.email'], 'deny', both)).toBe(false);
  });

  test('counting rows needs a column of the table, and no other verb goes without columns', () => {
    expect(matches('columns', ['app.users.name'], 'allow', read())).toBe(true);
    expect(matches('columns', ['app.cards.pan'], 'allow', read())).toBe(false);
    expect(matches('columns', ['app.users.name'], 'allow', { ...read(), verb: 'drop' })).toBe(false);
    expect(matches('columns', ['app.users.name'], 'deny', read())).toBe(false);
  });

  test('whoever is allowed some columns is never allowed others', () => {
    const names = fc.uniqueArray(fc.constantFrom('id', 'name', 'email', 'ssn'), { minLength: 1 });
    fc.assert(
      fc.property(names, names, (allowed, wanted) => {
        const of = read(...wanted.map((name) => `app.users.${name}`));
        const patterns = allowed.map((name) => `app.users.${name}`);
        expect(matches('columns', patterns, 'allow', of)).toBe(
          wanted.every((name) => allowed.includes(name)),
        );
        expect(matches('columns', patterns, 'deny', of)).toBe(wanted.some((name) => allowed.includes(name)));
      }),
    );
  });
});

test('settings are compared without case, and a star reaches over dots', () => {
  const set = effect({ verb: 'set', setting: 'app.tenant.id' });
  expect(matches('settings', ['APP.*'], 'allow', set)).toBe(true);
  expect(matches('settings', ['app.tenant.id'], 'allow', set)).toBe(true);
  expect(matches('settings', ['app_tenant'], 'allow', set)).toBe(false);
});

test('objects are kinds of what is made, changed or dropped', () => {
  const create = effect({ verb: 'create', objectKind: 'materialized view' });
  expect(matches('objects', ['view', 'Materialized View'], 'hold', create)).toBe(true);
  expect(matches('objects', ['view'], 'hold', create)).toBe(false);
  expect(matches('objects', ['view'], 'hold', effect({}))).toBe(false);
});

test.each([
  ['tables', ['users']],
  ['tables', ['app.users.email']],
  ['tables', ['app.']],
  ['tables', ['"app.users']],
  ['tables', ['app."users"']],
  ['tables', 'app.users'],
  ['columns', ['app.users']],
  ['functions', ['lower']],
])('%s: %j is a mistake', (condition, value) => {
  expect(postgresPolicy.conditions[condition]?.schema.safeParse(value).success).toBe(false);
});

describe('masks', () => {
  const mask: Mask = {
    policy: policyName('p'),
    fields: ['app.users.ssn', 'app.*.email'],
    detect: [],
    transform: 'full',
    inConditions: 'deny',
    derived: 'mask',
  };

  test.each<[readonly string[], boolean]>([
    [['app.users.ssn'], true],
    [['app.users.id', 'app.cards.email'], true],
    [['app.users.id'], false],
    [['audit.users.ssn'], false],
    [[], false],
  ])('%j in a condition uses a masked field: %p', (conditionColumns, uses) => {
    const of = effect({ relation: 'app.users', columns: ['app.users.ssn'], conditionColumns });
    expect(postgresPolicy.guesses([mask], of)).toBe(uses ? Infinity : 0);
  });

  const emails = { columns: ['app.people.email', 'app.users.email'], values: 2, array: null };
  test.each<[Partial<PostgresEffect>, number]>([
    [{ guesses: [emails] }, 2],
    [{ guesses: [emails, { columns: ['app.users.ssn'], values: 1, array: null }] }, 3],
    [{ guesses: [{ columns: ['app.users.id'], values: 1, array: null }] }, 0],
    [{ guesses: [emails], conditionColumns: ['app.users.id'] }, 2],
    [{ guesses: [emails], conditionColumns: ['app.users.ssn'] }, Infinity],
  ])('%j counts once for each value, whatever the number of masks: %p', (parts, expected) => {
    const of = effect({ relation: 'app.users', ...parts });
    expect(postgresPolicy.guesses([mask, mask], of)).toBe(expected);
  });

  test.each<[Partial<PostgresEffect>, boolean]>([
    [{ verb: 'select' }, true],
    [{ verb: 'call' }, true],
    [{ verb: 'call', asOwner: true }, false],
    [{ verb: 'update' }, false],
  ])('%j sees in the ring what the ring shows: %p', (parts, expected) => {
    expect(postgresPolicy.onlyReads?.([effect({ relation: null, ...parts })])).toBe(expected);
  });

  test.each<[PostgresEffect['untraced'], boolean]>([
    [[], false],
    [['app.users.id'], false],
    [['app.users.id', 'app.users.email'], true],
    ['anything', true],
  ])('what may be in %j may be masked: %p', (untraced, expected) => {
    const of = effect({ relation: null, untraced });
    expect(postgresPolicy.untraced?.mayReturn(mask, of)).toBe(expected);
    expect(postgresPolicy.untraced?.mayReturn({ ...mask, fields: [], detect: ['card'] }, of)).toBe(false);
  });

  test.each<[string, boolean]>([
    ['app.users.email', true],
    ['app.*.email', true],
    ['*', true],
    ['users.email', false],
    ['email', false],
    ['a.b.c.d', false],
    ['app..email', false],
  ])('%s is a field pattern: %p', (pattern, fine) => {
    const problem = postgresPolicy.fieldProblem(pattern);
    expect(problem === null).toBe(fine);
  });
});
