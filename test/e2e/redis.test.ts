import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type RedisServer, startRedis } from '../servers/redis.ts';
import { errorOf, heldBy } from './clients.ts';
import { TestGateway } from './gateway.ts';

let redis: RedisServer;
let gateway: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  gateway = await TestGateway.start({
    config: ['approvals: {redis: env:REDIS_URL}'],
    env: { REDIS_URL: redis.url },
  });
}, 60_000);

afterAll(() => gateway[Symbol.asyncDispose]());

test('with Redis a hold is approved as without; when Redis is away holds are refused and all else goes on', async () => {
  const client = await gateway.connect();
  const held = heldBy(client);
  const update = client.query("UPDATE app.users SET name = 'Adele' WHERE id = 1");
  const id = await held;
  expect(await gateway.cli(['holds', 'approve', id, '--reason', 'fine', '--yes'])).toMatchObject({
    status: 0,
  });
  expect((await update).rowCount).toBe(1);
  await redis.stop();
  const error = await errorOf(client.query("UPDATE app.users SET name = 'x' WHERE id = 2"));
  expect(error).toMatchObject({ code: '58000', detail: expect.stringContaining('approvals-unavailable') });
  expect((await client.query('SELECT name FROM app.users WHERE id = 1')).rows).toEqual([{ name: 'Adele' }]);
  expect((await errorOf(client.query('DROP TABLE app.users'))).detail).toContain('denied-by-rule');
  await client.end();
});
