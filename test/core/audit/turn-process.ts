/**
 * Run by trail.test.ts: fifty sessions append in one turn of the event loop, and one of them has a bug. In a process
 * of its own, since Jest's writes would be counted, and Jest would catch what is thrown out of a turn.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { action, committed, openTestTrail, session } from './fixtures.ts';

const [stateDir = ''] = process.argv.slice(2);
const writeCalls = (): number => Number(/^syscw: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
const linesWritten = (): number =>
  readFileSync(join(stateDir, 'trail/gateway-1-000001.jsonl'), 'utf8').split('\n').length - 1;

const thrown = Promise.withResolvers<string>();
process.once('uncaughtException', (error) => thrown.resolve(error.message));

const trail = await openTestTrail({ path: stateDir }, { settings: { checkpointEveryRecords: 1000 } });
await committed(trail);
const told: { readonly writes: number; readonly lines: number }[] = [];
const before = writeCalls();
for (let number = 1; number <= 50; number += 1) {
  trail.append(action(number, { session: session(`s${number}`) }));
  trail.afterCommit({
    committed: () => {
      told.push({ writes: writeCalls() - before, lines: linesWritten() });
      if (number === 1) throw new Error('a bug');
    },
    notCommitted: () => process.exit(1),
  });
}
const toldInTheTurn = told.length;
const bug = await thrown.promise;
console.log(JSON.stringify({ toldInTheTurn, told: told.length, first: told[0], bug }));
process.exit(0);
