import { expect, test } from '@jest/globals';
import { measured } from '../../../services/core/telemetry/added-latency.ts';
import { untracedSession } from '../../../services/core/telemetry/off.ts';
import { ManualClock } from '../audit/manual-clock.ts';
import { intent } from '../policy/actors.ts';

function start() {
  const clock = new ManualClock();
  const added: (readonly [string, string, number])[] = [];
  const session = measured(untracedSession, { clock, latencyAdded: (...said) => added.push(said) });
  return { clock, added, session };
}

test('the time of an action is that from its message to its bytes on the way to the target', () => {
  const { clock, added, session } = start();
  const action = session.action('query');
  action.phase('analysis');
  clock.advance(2);
  action.analysed(intent(['select app.users']));
  action.phase('decision');
  clock.advance(1);
  action.phase('upstream');
  clock.advance(4);
  action.sent();
  clock.advance(100);
  action.end(null);
  expect(added).toEqual([['sql', 'shop', 7]]);
});

test('what a hold takes is not counted', () => {
  const { clock, added, session } = start();
  const action = session.action('query');
  clock.advance(1);
  action.analysed(intent(['update app.users']));
  action.phase('hold');
  clock.advance(60_000);
  action.phase('upstream');
  clock.advance(2);
  action.sent();
  expect(added).toEqual([['sql', 'shop', 3]]);
});

test('an action that is never sent adds nothing', () => {
  const { added, session } = start();
  const action = session.action('query');
  action.analysed(intent(['drop app.users']));
  action.end(null);
  expect(added).toEqual([]);
});
