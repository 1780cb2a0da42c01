/** Opens a hold whose client waits and a deferred one, says their ids, and stays until it is killed. */
import { EmbeddedApprovals } from '../../../services/core/approvals/store/embedded.ts';
import { systemClock } from '../../../services/core/model/clock.ts';
import { recordingLog, request } from './people.ts';

const [journal = ''] = process.argv.slice(2);
const { log } = recordingLog();
const approvals = new EmbeddedApprovals({ journal, maxOpenPerPrincipal: 5, clock: systemClock, log });
const waiting = request();
const deferred = request({ owner: null });
await approvals.open(waiting);
await approvals.open(deferred);
process.stdout.write(`${waiting.id} ${deferred.id}\n`);
setInterval(() => approvals.list(), 1000);
