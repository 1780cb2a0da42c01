import { expect, test } from '@jest/globals';
import { maxLockoutSources } from '../../../services/core/checkpoint/limits.ts';
import { Lockout } from '../../../services/core/checkpoint/lockout.ts';
import { ManualClock } from '../approvals/manual-clock.ts';

const terms = { failures: 3, windowMs: 60_000, lockMs: 300_000 };
const ip = '192.0.2.1';

const start = () => {
  const clock = new ManualClock();
  const lockout = new Lockout(terms, clock);
  const fail = (times: number, address = ip): void => {
    for (let time = 0; time < times; time += 1) lockout.failed(address);
  };
  return { clock, lockout, fail };
};

test('so many failures within the window lock the address out for its time, and no other', () => {
  const { clock, lockout, fail } = start();
  fail(2);
  expect(lockout.lockedForMs(ip)).toBe(0);
  clock.advance(terms.windowMs - 1);
  fail(1);
  expect(lockout.lockedForMs(ip)).toBe(terms.lockMs);
  expect(lockout.lockedForMs('192.0.2.2')).toBe(0);
  clock.advance(terms.lockMs - 1);
  expect(lockout.lockedForMs(ip)).toBe(1);
  clock.advance(1);
  expect(lockout.lockedForMs(ip)).toBe(0);
});

test('failures from before the window are forgotten', () => {
  const { clock, lockout, fail } = start();
  fail(2);
  clock.advance(terms.windowMs);
  fail(2);
  expect(lockout.lockedForMs(ip)).toBe(0);
  fail(1);
  expect(lockout.lockedForMs(ip)).toBe(terms.lockMs);
});

test('a new window does not shorten a lock', () => {
  const { clock, lockout, fail } = start();
  fail(3);
  clock.advance(terms.windowMs);
  fail(1);
  expect(lockout.lockedForMs(ip)).toBe(terms.lockMs - terms.windowMs);
});

test('a login that succeeds clears the count', () => {
  const { lockout, fail } = start();
  fail(2);
  lockout.succeeded(ip);
  fail(2);
  expect(lockout.lockedForMs(ip)).toBe(0);
});

test('memory of addresses is bounded, and the oldest goes first', () => {
  const { clock, lockout, fail } = start();
  fail(3, 'locked');
  fail(2, 'second');
  for (let source = 2; source < maxLockoutSources; source += 1) fail(1, `source ${source}`);
  // An address that is known already takes nobody's place, also when its window begins anew.
  clock.advance(terms.windowMs);
  fail(1, 'second');
  expect(lockout.lockedForMs('locked')).toBeGreaterThan(0);
  fail(1, 'new');
  expect(lockout.lockedForMs('locked')).toBe(0);
  // It was seen again, so it is not the oldest any more.
  fail(2, 'second');
  expect(lockout.lockedForMs('second')).toBe(terms.lockMs);
});
