/** Run by faults.test.ts: appends without end, and prints the number of each record once it is committed. */

import { actionId } from '../../../services/core/model/ids.ts';
import { action, openTestTrail } from './fixtures.ts';

const [stateDir = '', run = ''] = process.argv.slice(2);
const trail = await openTestTrail({ path: stateDir }, { settings: { segmentBytes: 1e9 } });
let next = 0;

function appendSome(): void {
  for (let count = 0; count < 7; count += 1) {
    const number = next;
    next += 1;
    trail.append(
      action(number, { action: actionId(`a_run${run}.${number}`), text: 'x'.repeat(number % 3000) }),
    );
    trail.afterCommit({
      committed: () => console.log(number),
      notCommitted: () => process.exit(1),
    });
  }
  setImmediate(appendSome);
}
appendSome();
