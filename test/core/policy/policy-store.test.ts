import { expect, test } from '@jest/globals';
import { loadPolicies } from '../../../services/core/policy/load.ts';
import { PolicySet } from '../../../services/core/policy/policy-set.ts';
import { PolicyStore } from '../../../services/core/policy/policy-store.ts';
import { action, circumstances, noonMs, principal } from './actors.ts';
import { yaml } from './documents.ts';
import { shop, vocabulary } from './words.ts';

const file = (outcome: string): string =>
  `policies: [{name: p, targets: [shop], rules: [{name: r, effects: [select], outcome: ${outcome}}]}]`;
const load = (text: string) => loadPolicies([yaml(text)], vocabulary);
const select = action(['select app.users']);

test('new policies are in force at the next use, and a broken set leaves the old ones', () => {
  const store = new PolicyStore(PolicySet.none, 1000);
  const decide = (): string => store.view(principal(), shop).decide(select, circumstances()).kind;
  expect(decide()).toBe('deny');
  expect(store.status()).toEqual({
    version: 'none',
    policies: [],
    loadedAtMs: 1000,
    problems: [],
    refused: false,
  });

  expect(store.replace(load(file('allow')), 2000)).toBe(true);
  const { version } = store;
  expect(decide()).toBe('allow');
  expect(store.view(principal(), shop).version).toBe(version);

  expect(store.replace(load(file('maybe')), 3000)).toBe(false);
  expect(decide()).toBe('allow');
  expect(store.status()).toEqual({
    version,
    policies: ['p'],
    loadedAtMs: 2000,
    problems: [
      expect.objectContaining({ severity: 'error', line: 1, message: expect.stringContaining('"maybe"') }),
    ],
    refused: true,
  });

  expect(store.replace(load(file('deny')), 4000)).toBe(true);
  expect(store.version).not.toBe(version);
  expect(decide()).toBe('deny');
  expect(store.status()).toMatchObject({ refused: false, problems: [], loadedAtMs: 4000 });
});

test('the same content in other words is the same version', () => {
  const store = new PolicyStore(PolicySet.none, 0);
  store.replace(load(file('allow')), 1);
  const { version } = store;
  store.replace(load(`# reviewed\n${file('allow').replace('{name: p,', '{ name: "p" ,')}`), 2);
  expect(store.version).toBe(version);
});

test('the store answers for connections and explanations too', () => {
  const store = new PolicyStore(PolicySet.none, 0);
  const connection = { ...circumstances(), principal: principal(), target: shop };
  expect(store.refuseConnection(connection, noonMs)).toMatchObject({ reason: 'no-rule' });
  store.replace(load(file('allow')), 1);
  expect(store.refuseConnection(connection, noonMs)).toBeNull();
  expect(store.explain(principal(), shop, select, circumstances())).toMatchObject({ rule: 'p/r' });
});
