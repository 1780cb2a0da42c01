import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ActionEnded, ChainEntry, SingleEntry } from '../../../services/core/audit/record.ts';
import { RecordJson } from '../../../services/core/audit/record-json.ts';
import { actionId, sessionId } from '../../../services/core/model/ids.ts';
import { action } from './fixtures.ts';

/** Lists that come back, as those of one text do: with other facts beside them, what is remembered must not be used. */
const effects = [['select app.users'], ['select app.users', 'call "f"']] as const;
const text = fc.constantFrom('SELECT 1', 'SELECT "\u2028\u0000é"');

const actions: fc.Arbitrary<SingleEntry> = fc
  .record({
    number: fc.nat(9),
    decision: fc.constantFrom('allow', 'deny', 'hold'),
    rule: fc.constantFrom(null, 'agents/read', 'agents/"write"'),
    reason: fc.constantFrom(null, 'denied-by-rule', 'limit-exceeded'),
    policyVersion: fc.constantFrom('p1', 'p2'),
    effects: fc.constantFrom(...effects),
    opaque: fc.constantFrom([], ['unknown-name']),
    text,
    textBytes: fc.constantFrom(8, 9),
    parameters: fc.array(fc.option(text), { maxLength: 2 }),
  })
  .map(({ number, ...changes }) => ({ ...action(number), ...changes }));

const end: fc.Arbitrary<ActionEnded> = fc.record(
  {
    kind: fc.constant('action-ended'),
    action: fc.constant(actionId('a_one.1')),
    session: fc.constant(sessionId('s_one')),
    result: fc.constantFrom('completed', 'failed', 'rolled-back', 'cut-off', 'unknown'),
    rows: fc.nat(),
    bytes: fc.nat(),
    bytesReceived: fc.nat(),
    maskedValues: fc.nat(),
    errorCode: fc.constantFrom(null, '42P01', '"'),
    durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
  },
  {
    requiredKeys: [
      'kind',
      'action',
      'session',
      'result',
      'rows',
      'bytes',
      'maskedValues',
      'errorCode',
      'durationMs',
    ],
  },
);

const ends: fc.Arbitrary<ChainEntry> = fc.record({
  kind: fc.constant('actions-ended'),
  ended: fc.array(end, { maxLength: 3 }),
});

test('the text is that of JSON.stringify, whatever came before', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(actions, ends), { minLength: 1 }), (entries) => {
      const json = new RecordJson();
      for (const entry of entries) {
        const parsed: object = JSON.parse(`{${json.of(entry)}}`);
        expect(parsed).toEqual(JSON.parse(JSON.stringify(entry)));
        expect(Object.keys(parsed)).toEqual(Object.keys(entry));
      }
    }),
  );
});
