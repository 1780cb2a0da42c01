import { expect, test } from '@jest/globals';
import { CancelKeys, cancelKeyDigest } from '../../../../services/protocols/postgres/session/cancel-keys.ts';

test('a key finds its own session until it is revoked, and no other key does', () => {
  const keys = new CancelKeys<string>();
  const [one, other] = [keys.issue('one', 0), keys.issue('other', 0)];
  expect([keys.find(cancelKeyDigest(one)), keys.find(cancelKeyDigest(other))]).toEqual(['one', 'other']);
  // As it comes in with a CancelRequest: other objects, the same bytes.
  expect(keys.find(cancelKeyDigest({ processId: one.processId, secret: Buffer.from(one.secret) }))).toBe(
    'one',
  );
  const wrong = Buffer.from(one.secret);
  wrong[3] = (wrong[3] ?? 0) ^ 1;
  expect(keys.find(cancelKeyDigest({ ...one, secret: wrong }))).toBeUndefined();
  expect(keys.find(cancelKeyDigest({ ...one, processId: one.processId ^ 1 }))).toBeUndefined();
  expect(keys.find(cancelKeyDigest({ ...one, secret: one.secret.subarray(0, 3) }))).toBeUndefined();
  expect(keys.find(cancelKeyDigest({ ...one, secret: Buffer.alloc(0) }))).toBeUndefined();
  keys.revoke(one);
  expect([keys.find(cancelKeyDigest(one)), keys.find(cancelKeyDigest(other))]).toEqual([undefined, 'other']);
});

test('secrets are as long as the protocol has room for, and process ids positive', () => {
  const keys = new CancelKeys<number>();
  for (let count = 0; count < 200; count += 1) {
    const old = keys.issue(count, 0);
    const modern = keys.issue(count, 2);
    expect([old.secret.length, modern.secret.length]).toEqual([4, 32]);
    expect(Math.min(old.processId, modern.processId)).toBeGreaterThanOrEqual(0);
    expect(Math.max(old.processId, modern.processId)).toBeLessThan(2 ** 31);
    expect(keys.find(cancelKeyDigest(modern))).toBe(count);
  }
});
