import { describe, expect, test } from '@jest/globals';
import { listenerName } from '../../../services/core/model/ids.ts';
import { circumstances, intent, principal, withParameters } from './actors.ts';
import { policiesOf } from './documents.ts';
import { shop } from './words.ts';

type Outcome = 'allow' | 'deny' | 'hold';

const approval = 'approval: {approvers: [{groups: [dba]}]}';

/** A view with these rules on `select`, each an outcome and its condition. */
function viewOf(...rules: readonly (readonly [Outcome, string])[]) {
  const lines = rules.map(
    ([outcome, condition], index) =>
      `      - {name: r${index}, effects: [select], ${condition === '' ? '' : `${condition}, `}` +
      `outcome: ${outcome}${outcome === 'hold' ? `, ${approval}` : ''}}`,
  );
  return policiesOf(`policies:\n  - name: p\n    targets: [shop]\n    rules:\n${lines.join('\n')}\n`).view(
    principal(),
    shop,
  );
}

const select = intent(['select app.users']);

const utc = (text: string): number => Date.parse(text);

describe('times', () => {
  const berlin = `times: {zone: Europe/Berlin, weekdays: [mon, tue, wed, thu, fri], from: '09:00', to: '17:30'}`;
  const night = `times: {zone: Europe/Berlin, weekdays: [fri], from: '22:00', to: '06:00'}`;
  const early = `times: {zone: Europe/Berlin, from: '02:00', to: '03:00'}`;
  const evening = `times: {zone: America/New_York, from: '18:00', to: '24:00'}`;
  const weekend = `times: {zone: UTC, weekdays: [sat, sun]}`;
  test.each([
    ['summer time, first minute', berlin, '2026-07-15T07:00:00Z', true],
    ['summer time, the minute before', berlin, '2026-07-15T06:59:59Z', false],
    ['winter time, first minute', berlin, '2026-01-14T08:00:00Z', true],
    ['winter time, an hour early', berlin, '2026-01-14T07:00:00Z', false],
    ['the end is not within', berlin, '2026-07-15T15:30:00Z', false],
    ['a Saturday', berlin, '2026-07-18T10:00:00Z', false],
    ['a Friday night', night, '2026-07-17T21:00:00Z', true],
    ['the morning after it', night, '2026-07-18T03:59:00Z', true],
    ['and its end', night, '2026-07-18T04:00:00Z', false],
    ['the night before it', night, '2026-07-16T22:00:00Z', false],
    ['an hour that does not come (29 March 2026)', early, '2026-03-29T01:30:00Z', false],
    ['an hour that comes twice, first', early, '2026-10-25T00:30:00Z', true],
    ['an hour that comes twice, again', early, '2026-10-25T01:30:00Z', true],
    ['up to midnight', evening, '2026-07-16T03:59:00Z', true],
    ['midnight', evening, '2026-07-16T04:00:00Z', false],
    ['whole days', weekend, '2026-07-18T00:00:00Z', true],
    ['other days', weekend, '2026-07-17T23:59:59Z', false],
  ])('%s', (_, times, at, allowed) => {
    const decision = viewOf(['allow', times]).decide(
      withParameters(select, []),
      circumstances({ nowMs: utc(at) }),
    );
    expect(decision.kind).toBe(allowed ? 'allow' : 'deny');
  });

  test('the same view answers anew when time goes on', () => {
    const view = viewOf(['allow', berlin]);
    const at = (text: string): string =>
      view.decide(withParameters(select, []), circumstances({ nowMs: utc(text) })).kind;
    expect([at('2026-07-15T15:29:59Z'), at('2026-07-15T15:30:00Z'), at('2026-07-16T07:00:00Z')]).toEqual([
      'allow',
      'deny',
      'allow',
    ]);
  });

  test('the refusal says when it would be allowed', () => {
    const decision = viewOf(['allow', berlin]).decide(
      withParameters(select, []),
      circumstances({ nowMs: utc('2026-07-18T10:00:00Z') }),
    );
    expect(decision).toMatchObject({
      kind: 'deny',
      message: expect.stringContaining(
        'Rule p/r0 would, but only for times mon, tue, wed, thu, fri 09:00-17:30 Europe/Berlin.',
      ),
    });
  });
});

describe('sources and listeners', () => {
  test.each([
    ['10.1.2.3', 'sources: [10.0.0.0/8]', true],
    ['192.0.2.1', 'sources: [10.0.0.0/8]', false],
    ['192.0.2.1', 'sources: [10.0.0.0/8, 192.0.2.1]', true],
    ['2001:db8::1', "sources: ['2001:db8::/32']", true],
    ['2001:db9::1', "sources: ['2001:db8::/32']", false],
    ['10.1.2.3', 'listeners: [inside]', true],
    ['10.1.2.3', "listeners: ['in*']", true],
    ['10.1.2.3', 'listeners: [outside]', false],
  ])('%s, %s: %s', (ip, condition, allowed) => {
    const decision = viewOf(['allow', condition]).decide(
      withParameters(select, []),
      circumstances({ source: { ip, port: 1 }, listener: listenerName('inside') }),
    );
    expect(decision.kind).toBe(allowed ? 'allow' : 'deny');
  });
});

describe('parameters', () => {
  const cases: readonly (readonly [string, readonly (string | null)[], 'yes' | 'no' | 'unknown'])[] = [
    ['1: {oneOf: [a, b]}', ['a'], 'yes'],
    ['1: {oneOf: [a, b]}', ['c'], 'no'],
    ['2: {oneOf: [a]}', ['x', 'a'], 'yes'],
    ['2: {oneOf: [a]}', ['a'], 'unknown'],
    ['1: {oneOf: [a]}, 2: {oneOf: [b]}', ['a', 'b'], 'yes'],
    ['1: {oneOf: [a]}, 2: {oneOf: [b]}', ['a', 'x'], 'no'],
    ['1: {oneOf: [a]}, 2: {oneOf: [b]}', ['x'], 'no'],
    ['1: {oneOf: [a]}', [null], 'no'],
    ['1: {oneOf: [a, null]}', [null], 'yes'],
    ['1: {oneOf: [5]}', ['5'], 'yes'],
    ['1: {oneOf: [5]}', [' +5.0'], 'yes'],
    ['1: {oneOf: [5]}', ['6'], 'no'],
    ['1: {oneOf: [5]}', ['0x5'], 'unknown'],
    ['1: {oneOf: [5, x]}', ['x'], 'yes'],
    ['1: {atMost: 100}', ['100'], 'yes'],
    ['1: {atMost: 100}', ['1e2'], 'yes'],
    ['1: {atMost: 100}', ['100.5'], 'no'],
    ['1: {atMost: 100}', ['-5'], 'yes'],
    ['1: {atMost: 100}', ['NaN'], 'unknown'],
    ['1: {atMost: 100}', ['Infinity'], 'unknown'],
    ['1: {atMost: 100}', ['1_0'], 'unknown'],
    ['1: {atMost: 100}', [''], 'unknown'],
    ['1: {atMost: 100}', [null], 'no'],
    ['1: {atMost: 100}', ['100.00000000000000000001'], 'unknown'],
    ['1: {atMost: 9007199254740991}', ['9007199254740992'], 'no'],
    ['1: {atLeast: 10, atMost: 20}', ['15'], 'yes'],
    ['1: {atLeast: 10, atMost: 20}', ['9.99'], 'no'],
    ["1: {matches: 'prod-.*'}", ['prod-eu'], 'yes'],
    ["1: {matches: 'prod-.*'}", ['not prod-eu'], 'no'],
    ["1: {matches: '.*'}", ['x'.repeat(5000)], 'unknown'],
    ["1: {matches: '.*'}", [null], 'no'],
  ];
  test.each(cases)('{%s} with %j: %s', (condition, values, truth) => {
    const decide = (...rules: readonly (readonly [Outcome, string])[]): string =>
      viewOf(...rules).decide(withParameters(select, values), circumstances()).kind;
    const asked = `parameters: {${condition}}`;
    expect([
      decide(['allow', asked]),
      decide(['hold', asked]),
      decide(['allow', ''], ['hold', asked]),
      decide(['allow', ''], ['deny', asked]),
    ]).toEqual(
      {
        yes: ['allow', 'hold', 'hold', 'deny'],
        no: ['deny', 'deny', 'allow', 'allow'],
        // Unknown counts against the action: it does not allow, it holds what would pass, it denies.
        unknown: ['deny', 'deny', 'hold', 'deny'],
      }[truth],
    );
  });

  test('one view remembers each combination, and never mixes them up', () => {
    const view = viewOf(
      ['allow', 'parameters: {1: {atMost: 10}}'],
      ['hold', 'parameters: {2: {oneOf: [x]}}'],
      ['deny', 'parameters: {3: {oneOf: [y]}}'],
    );
    const kinds = (...values: readonly string[]): string =>
      view.decide(withParameters(select, values), circumstances()).kind;
    for (let round = 0; round < 3; round += 1) {
      expect(kinds('1', 'a', 'a')).toBe('allow');
      expect(kinds('1', 'x', 'a')).toBe('hold');
      expect(kinds('11', 'x', 'a')).toBe('hold');
      expect(kinds('11', 'a', 'a')).toBe('deny');
      expect(kinds('1', 'x', 'y')).toBe('deny');
      expect(kinds('1', 'a')).toBe('deny');
    }
  });

  test('more conditional rules than are remembered are decided all the same', () => {
    const rules = Array.from(
      { length: 40 },
      (_, index) => ['allow', `parameters: {1: {oneOf: [v${index}]}}`] as const,
    );
    const view = viewOf(...rules);
    const kind = (value: string): string =>
      view.decide(withParameters(select, [value]), circumstances()).kind;
    expect([kind('v0'), kind('v39'), kind('v40')]).toEqual(['allow', 'allow', 'deny']);
  });
});
