import { afterAll, beforeAll } from '@jest/globals';
import { type RedisServer, startRedis } from '../../servers/redis.ts';
import { approvalsContract } from './contract.ts';
import { startRedisStore } from './redis-store.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

approvalsContract(() => startRedisStore(server));
