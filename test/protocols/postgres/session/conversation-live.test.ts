/** Conversations with the gateway and with PostgreSQL itself: the answers must be the same. */
import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { say } from '../../../attacks/raw-client.ts';
import { BothSides, type Step } from './both-sides.ts';

let both: BothSides;

beforeAll(async () => {
  both = await BothSides.start();
}, 60_000);

afterAll(() => both.stop());

/** `pause` stands where what was sent before is answered first. */
const steps = (...parts: readonly (Buffer | 'pause')[]): readonly Step[] =>
  parts.flatMap((bytes, at) => (bytes === 'pause' ? [] : [{ bytes, pause: parts[at - 1] === 'pause' }]));

describe('after an error', () => {
  test('what comes behind it is skipped up to Sync, however late it comes', () =>
    both.expectSame(
      steps(
        say.parse('SELECT nope'),
        say.flush(),
        'pause',
        say.parse('SELECT 1', 's1'),
        say.bind('', 's1'),
        say.execute(),
        say.query('SELECT 2'),
        say.sync(),
        say.bind('', 's1'),
        say.sync(),
      ),
    ));
});
