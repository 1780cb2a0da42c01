import { expect, test } from '@jest/globals';
import { listenerName, targetName } from '../../../services/core/model/ids.ts';
import type { News, Peers } from '../../../services/core/model/peers.ts';
import { TestGateway } from './gateway.ts';

const ip = '192.0.2.1';
const source = { ip, port: 50_000 };
const inside = listenerName('inside');

/** The other processes, as far as this one can tell: it reaches them or not. */
const others = (count: number, reachable: boolean): Peers & { readonly told: News[] } => {
  const told: News[] = [];
  return {
    count,
    told,
    async tell(news) {
      told.push(news);
      return reachable;
    },
    ask: () => Promise.resolve({ answers: [], silent: [] }),
  };
};

const started = async (peers: Peers) => {
  const gateway = await TestGateway.start(undefined, { peers, workers: 3, gateway: 'here' });
  return {
    gateway,
    fail: () =>
      gateway.checkpoint.loginRefused(
        { source, listener: inside, principal: null, target: null },
        'unauthenticated',
        'no',
      ),
    locked: () => gateway.checkpoint.admit(source, inside)?.reason === 'locked-out',
  };
};

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('failed logins of all processes count, and one that succeeds anywhere is forgiven everywhere', async () => {
  const peers = others(2, true);
  const { gateway, fail, locked } = await started(peers);
  await using _ = gateway;
  fail();
  gateway.checkpoint.told({ kind: 'login-failed', ip });
  await settled();
  expect([locked(), peers.told]).toEqual([false, [{ kind: 'login-failed', ip }]]);
  gateway.checkpoint.told({ kind: 'login-succeeded', ip });
  for (let count = 0; count < 2; count += 1) gateway.checkpoint.told({ kind: 'login-failed', ip });
  expect(locked()).toBe(false);
  gateway.checkpoint.told({ kind: 'login-failed', ip });
  expect(locked()).toBe(true);
});

test('a failed login that the others cannot be told of counts for each of them', async () => {
  const { gateway, fail, locked } = await started(others(2, false));
  await using _ = gateway;
  expect(locked()).toBe(false);
  fail();
  await settled();
  expect(locked()).toBe(true);
});

test('commands are lent to workers of the same gateway only', async () => {
  const peers = others(2, true);
  const { gateway } = await started(peers);
  await using _ = gateway;
  const rateKey = `https://idp\nada\n${targetName('shop')}`;
  const wanted = { kind: 'commands-wanted', by: 'gateway-2', rateKey, perMinute: 30 } as const;
  gateway.checkpoint.told({ ...wanted, gateway: 'elsewhere' });
  expect(peers.told).toEqual([]);
  gateway.checkpoint.told({ ...wanted, gateway: 'here' });
  expect(peers.told).toEqual([
    expect.objectContaining({
      kind: 'commands-lent',
      to: 'gateway-2',
      loan: expect.objectContaining({ capacity: 10, commands: 10 }),
    }),
  ]);
  // It has no more of its share.
  gateway.checkpoint.told({ ...wanted, gateway: 'here' });
  expect(peers.told.length).toBe(1);
});
