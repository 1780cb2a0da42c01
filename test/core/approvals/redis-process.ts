/** A gateway process that holds for as many clients as it is told and defers one; says the ids, and stays. */
import { RedisApprovals } from '../../../services/core/approvals/store/redis.ts';
import { systemClock } from '../../../services/core/model/clock.ts';
import { Secret } from '../../../services/core/model/secret.ts';
import { recordingLog, request } from './people.ts';

const [url = '', prefix = '', leaseMs = '', clients = ''] = process.argv.slice(2);
const { log, lines } = recordingLog();
const approvals = await RedisApprovals.start({
  url: new Secret(url),
  maxOpenPerPrincipal: 100,
  clock: systemClock,
  log,
  prefix,
  leaseMs: Number(leaseMs),
});
try {
  const holds = Array.from({ length: Number(clients) }, () => request());
  for (const hold of holds) await approvals.open(hold);
  const deferred = request({ owner: null });
  await approvals.open(deferred);
  process.stdout.write(`${[...holds, deferred].map((hold) => hold.id).join(' ')}\n`);
  for (const hold of holds) void approvals.outcome(hold.id);
} catch (error) {
  process.stdout.write(`${String(error)} ${lines.join(' ')}\n`);
}
