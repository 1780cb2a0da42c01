import { Redis } from 'ioredis';
import { RedisApprovals } from '../../../services/core/approvals/store/redis.ts';
import { Secret } from '../../../services/core/model/secret.ts';
import type { RedisServer } from '../../servers/redis.ts';
import { maxOpenPerPrincipal, type StoreUnderTest } from './contract.ts';
import { ManualClock } from './manual-clock.ts';
import { recordingLog } from './people.ts';

/**
 * Redis's clock cannot be set, so everything that it has stored is moved into the past instead: for what is compared
 * with `TIME` that is the same. Leases stay as they are; they have tests of their own.
 */
const intoThePast = `
local ms = tonumber(ARGV[1])
local function younger(key)
  local ttl = redis.call('PTTL', key)
  if ttl > ms then redis.call('PEXPIRE', key, ttl - ms) elseif ttl >= 0 then redis.call('DEL', key) end
end
for _, key in ipairs(redis.call('KEYS', KEYS[1] .. ':*')) do
  local name = string.sub(key, #KEYS[1] + 2)
  if string.find(name, '^hold:') then
    redis.call('HINCRBY', key, 'openedAtMs', -ms)
    redis.call('HINCRBY', key, 'expiresAtMs', -ms)
    younger(key)
  elseif string.find(name, '^grant:') then
    redis.call('HINCRBY', key, 'expiresAtMs', -ms)
    younger(key)
  elseif name == 'open' or string.find(name, '^grants:') then
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZINCRBY', key, -ms, member) end
  end
end`;

/** Leases last longer than a test: the manual clock sends no heartbeats by itself. */
const leaseMs = 3_600_000;

let stores = 0;

export interface RedisUnderTest extends StoreUnderTest {
  readonly approvals: RedisApprovals;
  readonly clock: ManualClock;
  readonly prefix: string;
}

export async function startRedisStore(server: RedisServer): Promise<RedisUnderTest> {
  stores += 1;
  const prefix = `test-${stores}`;
  const clock = new ManualClock();
  const { log } = recordingLog();
  const url = new Secret(server.url);
  const approvals = await RedisApprovals.start({ url, maxOpenPerPrincipal, clock, log, prefix, leaseMs });
  const client = new Redis(server.url);
  return {
    approvals,
    clock,
    prefix,
    async advance(ms) {
      await client.eval(intoThePast, 1, `{${prefix}}`, ms);
      clock.advance(ms);
    },
    async stop() {
      await approvals.close();
      client.disconnect();
    },
  };
}
