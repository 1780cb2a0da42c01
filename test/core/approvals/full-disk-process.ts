/** Fills its journal up to the limit on the size of files, then raises the limit; says what happened as JSON. */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { EmbeddedApprovals } from '../../../services/core/approvals/store/embedded.ts';
import { systemClock } from '../../../services/core/model/clock.ts';
import { ApprovalsError } from '../../../services/core/model/hold.ts';
import { bob, recordingLog, request } from './people.ts';

const limitBytes = 64 * 1024;
const [journal = ''] = process.argv.slice(2);
const { log } = recordingLog();
const approvals = new EmbeddedApprovals({ journal, maxOpenPerPrincipal: 5, clock: systemClock, log });
const hold = request();
await approvals.open(hold);
const outcome = approvals.outcome(hold.id);
let waiterSettled = false;
void outcome.then(() => {
  waiterSettled = true;
});
// Leaves room for less than a vote.
const bare = JSON.stringify({
  kind: 'opened',
  request: { ...request({ text: '' }), openedAtMs: Date.now(), expiresAtMs: Date.now() },
});
const room = limitBytes - statSync(journal).size - bare.length - 1;
await approvals.open(request({ text: 'x'.repeat(room - 20) }));

const refusedVote = await approvals.vote(hold.id, bob, 'approve', '').then(
  () => 'counted',
  (error: unknown) => (error instanceof ApprovalsError ? error.code : 'untyped'),
);
const stateAfterRefusedVote = (await approvals.show(hold.id))?.state;
const settledBefore = waiterSettled;
spawnSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited:unlimited']);
const vote = await approvals.vote(hold.id, bob, 'approve', '');
console.log(
  JSON.stringify({
    refusedVote,
    stateAfterRefusedVote,
    waiterSettled: settledBefore,
    voteWithRoom: vote.kind,
    outcome: (await outcome).kind,
  }),
);
