import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  fetchTimeoutMs,
  keysEndMs,
  keysFreshMs,
  refetchCooldownMs,
  unknownKeyMs,
} from '../../../services/core/identity/limits.ts';
import { type IssuerBehaviour, startIssuer, type TestIssuer } from '../../servers/issuer.ts';
import { identitySettings, startMs, TestClock, TestGateway } from './gateway.ts';

let clock: TestClock;
let issuer: TestIssuer;
let gateway: TestGateway;

beforeEach(async () => {
  clock = new TestClock(startMs);
  issuer = await startIssuer({ nowMs: () => clock.nowMs() });
  gateway = new TestGateway([issuer.settings], clock);
});

afterEach(async () => {
  await issuer.stop();
  expect(clock.timers).toBe(0);
});

const fetched = 'fetched the keys of an issuer';
const notFetched = 'cannot fetch the keys of an issuer';

/** A token that is good but for its key id. */
const strange = (keyId: string): string => issuer.mint({}, { kid: keyId });

describe('fetching', () => {
  test('nothing is fetched before the first token, and once for many that come together', async () => {
    expect(issuer.requests).toEqual({ metadata: 0, keys: 0 });
    await Promise.all(Array.from({ length: 50 }, () => gateway.verify(issuer.mint())));
    expect(issuer.requests).toEqual({ metadata: 1, keys: 1 });
  });

  test('a token of another issuer causes no request', async () => {
    expect(await gateway.outcome(issuer.mint({ iss: 'https://elsewhere.example' }))).toBe('unknown-issuer');
    expect(issuer.requests).toEqual({ metadata: 0, keys: 0 });
  });

  test('a configured key set is fetched without discovery', async () => {
    gateway = new TestGateway([{ ...issuer.settings, jwksUrl: issuer.jwksUrl }], clock);
    await gateway.verify(issuer.mint());
    expect(issuer.requests).toEqual({ metadata: 0, keys: 1 });
  });

  test.each<IssuerBehaviour>(['down', 'failing', 'redirecting', 'endless', 'babbling'])(
    'an issuer that is %s makes tokens unverifiable, and is asked again only after the cooldown',
    async (behaviour) => {
      issuer.behaviour = behaviour;
      expect(await gateway.outcome(issuer.mint())).toBe('issuer-unavailable');
      const asked = { ...issuer.requests };
      for (let i = 0; i < 20; i++) {
        expect(await gateway.outcome(issuer.mint())).toBe('issuer-unavailable');
      }
      expect(issuer.requests).toEqual(asked);
      issuer.behaviour = 'normal';
      clock.advance(refetchCooldownMs);
      expect(await gateway.outcome(issuer.mint())).toBe('accepted');
    },
  );

  test('an issuer that says nothing is given up after the time-out', async () => {
    issuer.behaviour = 'silent';
    const asked = issuer.nextRequest();
    const outcomes = Promise.all([gateway.outcome(issuer.mint()), gateway.outcome(issuer.mint())]);
    await asked;
    clock.advance(fetchTimeoutMs - 1);
    expect(clock.timers).toBe(1);
    clock.advance(1);
    expect(await outcomes).toEqual(['issuer-unavailable', 'issuer-unavailable']);
  });

  test('what went wrong is the cause, not the message', async () => {
    issuer.behaviour = 'failing';
    const refusal = await gateway.refusal(issuer.mint());
    expect(refusal.message).not.toContain(issuer.url);
    expect(String(refusal.cause)).toContain('status 500');
  });
});

describe('discovery', () => {
  test('metadata at RFC 8414’s place, of an issuer with a path', async () => {
    const tenant = await startIssuer({
      nowMs: () => clock.nowMs(),
      path: '/tenant/1',
      oauthMetadataOnly: true,
    });
    const tenants = new TestGateway([tenant.settings], clock);
    expect((await tenants.verify(tenant.mint())).issuer).toBe(tenant.url);
    await tenant.stop();
  });

  test('metadata at OpenID Connect’s place, of an issuer with a path', async () => {
    const tenant = await startIssuer({ nowMs: () => clock.nowMs(), path: '/tenant/1' });
    expect(await new TestGateway([tenant.settings], clock).outcome(tenant.mint())).toBe('accepted');
    expect(tenant.requests.metadata).toBe(1);
    await tenant.stop();
  });

  test.each([
    ['another issuer', (url: string) => ({ issuer: 'https://evil.example', jwks_uri: `${url}/keys` })],
    [
      'the same issuer in another spelling',
      (url: string) => ({ issuer: `${url}/`, jwks_uri: `${url}/keys` }),
    ],
    ['no key set', (url: string) => ({ issuer: url })],
    [
      'a key set over plain http elsewhere',
      (url: string) => ({ issuer: url, jwks_uri: 'http://192.0.2.1/keys' }),
    ],
    ['a key set in a file', (url: string) => ({ issuer: url, jwks_uri: 'file:///etc/keys' })],
    ['a key set that is no URL', (url: string) => ({ issuer: url, jwks_uri: 'keys' })],
  ])('metadata that name %s are refused', async (_, metadata) => {
    issuer.metadata = metadata(issuer.url);
    expect(await gateway.outcome(issuer.mint())).toBe('issuer-unavailable');
    expect(issuer.requests.keys).toBe(0);
  });

  test('plain http is for loopback alone', async () => {
    for (const url of [
      'http://192.0.2.1',
      'http://localhost.evil.example',
      'http://[2001:db8::1]:80',
      'ftp://x',
    ]) {
      const other = new TestGateway([{ ...issuer.settings, url }], clock);
      const refusal = await other.refusal(issuer.mint({ iss: url }));
      expect(refusal.code).toBe('issuer-unavailable');
      expect(refusal.cause).toMatchObject({ code: 'insecure-url' });
    }
  });
});

describe('rotation', () => {
  test('a token with a new key is accepted once the cooldown is over, and the old key’s no longer', async () => {
    const old = issuer.mint();
    await gateway.verify(old);
    issuer.rotateKeys();
    expect(await gateway.outcome(issuer.mint())).toBe('rejected');
    clock.advance(refetchCooldownMs);
    expect(await gateway.outcome(issuer.mint())).toBe('accepted');
    expect(await gateway.outcome(old)).toBe('rejected');
    expect(issuer.requests.keys).toBe(2);
  });

  test('a withdrawn key is forgotten in the background, while the known keys answer', async () => {
    const old = issuer.mint({ exp: startMs / 1000 + 3_000 });
    await gateway.verify(old);
    issuer.rotateKeys();
    clock.advance(keysFreshMs);
    const refreshed = gateway.log.next(fetched);
    expect(await gateway.outcome(old)).toBe('accepted');
    await refreshed;
    expect(await gateway.outcome(old)).toBe('rejected');
    expect(issuer.requests.keys).toBe(2);
  });

  test('a set that is fetched again and is the same counts as fresh', async () => {
    await gateway.verify(issuer.mint());
    clock.advance(keysFreshMs);
    const asked = issuer.nextRequest();
    await gateway.verify(issuer.mint());
    await asked;
    // An unknown key joins the fetch that is under way, so its refusal tells that it is over.
    await gateway.outcome(strange('other'));
    expect(issuer.requests.keys).toBe(2);
    clock.advance(keysFreshMs - 1);
    await gateway.verify(issuer.mint());
    expect(issuer.requests.keys).toBe(2);
  });
});

describe('unknown keys', () => {
  test('random key ids cause one fetch a cooldown', async () => {
    await gateway.verify(issuer.mint());
    const rounds = 5;
    for (let round = 1; round <= rounds; round++) {
      clock.advance(refetchCooldownMs);
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, (_, i) => gateway.outcome(strange(`random-${round}-${i}`))),
      );
      expect(new Set(outcomes)).toEqual(new Set(['rejected']));
      expect(issuer.requests.keys).toBe(1 + round);
    }
    expect(await gateway.outcome(issuer.mint())).toBe('accepted');
  });

  test('one and the same unknown key id causes one fetch in a longer time', async () => {
    await gateway.verify(issuer.mint());
    clock.advance(refetchCooldownMs);
    await gateway.outcome(strange('stale'));
    expect(issuer.requests.keys).toBe(2);
    for (let waitedMs = 0; waitedMs < unknownKeyMs - refetchCooldownMs; waitedMs += refetchCooldownMs) {
      clock.advance(refetchCooldownMs);
      expect(await gateway.outcome(strange('stale'))).toBe('rejected');
    }
    expect(issuer.requests.keys).toBe(2);
    clock.advance(refetchCooldownMs);
    await gateway.outcome(strange('stale'));
    expect(issuer.requests.keys).toBe(3);
  });

  test('a key that appears is known at once, also if its id was refused before', async () => {
    await gateway.verify(issuer.mint());
    issuer.extraKeys.push({ ...issuer.publicKey.export({ format: 'jwk' }), kid: 'late' });
    const late = strange('late');
    expect(await gateway.outcome(late)).toBe('rejected');
    clock.advance(refetchCooldownMs);
    await gateway.outcome(strange('other'));
    expect(await gateway.outcome(late)).toBe('accepted');
  });

  test('a key id that came within the cooldown is asked for after it', async () => {
    await gateway.verify(issuer.mint());
    issuer.rotateKeys();
    const token = issuer.mint();
    expect(await gateway.outcome(token)).toBe('rejected');
    clock.advance(refetchCooldownMs);
    expect(await gateway.outcome(token)).toBe('accepted');
  });
});

describe('the issuer is away', () => {
  test('known keys go on until their cache ends, unknown ones are refused', async () => {
    const long = issuer.mint({ exp: startMs / 1000 + 2 * 60 * 60, iat: startMs / 1000 + 60 * 60 + 1 });
    await gateway.verify(issuer.mint());
    issuer.behaviour = 'down';
    for (let agoMs = keysFreshMs; agoMs < keysEndMs; agoMs += keysFreshMs) {
      clock.advance(keysFreshMs);
      expect(await gateway.outcome(issuer.mint())).toBe('accepted');
      expect(await gateway.outcome(strange('unknown'))).toBe('rejected');
    }
    clock.advance(keysFreshMs);
    expect(await gateway.outcome(issuer.mint())).toBe('issuer-unavailable');
    clock.advance(10_000);
    expect(await gateway.outcome(long)).toBe('issuer-unavailable');
    issuer.behaviour = 'normal';
    clock.advance(refetchCooldownMs);
    expect(await gateway.outcome(long)).toBe('accepted');
  });

  test('a token that was verified a moment ago ends with the keys too', async () => {
    const hour = { iat: startMs / 1000, exp: startMs / 1000 + 3_600 };
    await gateway.verify(issuer.mint(hour));
    issuer.behaviour = 'down';
    clock.advance(keysEndMs - 1_000);
    const token = issuer.mint({ iat: clock.nowMs() / 1000 - 1, exp: clock.nowMs() / 1000 + 600 });
    const failed = gateway.log.next(notFetched);
    expect(await gateway.outcome(token)).toBe('accepted');
    await failed;
    expect(await gateway.outcome(token)).toBe('accepted');
    clock.advance(1_000);
    expect(await gateway.outcome(token)).toBe('issuer-unavailable');
  });
});

describe('key sets', () => {
  test.each([
    ['private keys', () => [{ kty: 'OKP', crv: 'Ed25519', x: 'AAAA', d: 'AAAA', kid: 'k' }]],
    ['symmetric keys', () => [{ kty: 'oct', k: 'c2VjcmV0', kid: 'k', alg: 'HS256' }]],
    ['keys of unknown types', () => [{ kty: 'LATTICE', kid: 'k' }]],
    ['broken keys', () => [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'k' }]],
    ['encryption keys', () => [{ ...issuer.publicKey.export({ format: 'jwk' }), use: 'enc', kid: 'k' }]],
    [
      'keys of another algorithm',
      () => [{ ...issuer.publicKey.export({ format: 'jwk' }), alg: 'ES384', kid: 'k' }],
    ],
  ])('%s verify nothing, and do not disturb the others', async (_, keys) => {
    issuer.extraKeys.push(...keys());
    expect(await gateway.outcome(strange('k'))).toBe('rejected');
    expect(await gateway.outcome(issuer.mint())).toBe('accepted');
  });

  test('two keys with one id, or a token without id when there are several, are refused', async () => {
    issuer.extraKeys.push({ ...issuer.publicKey.export({ format: 'jwk' }), kid: 'twin' });
    issuer.extraKeys.push({ ...issuer.publicKey.export({ format: 'jwk' }), kid: 'twin' });
    expect(await gateway.outcome(strange('twin'))).toBe('rejected');
    expect(await gateway.outcome(issuer.mint({}, { kid: undefined }))).toBe('rejected');
  });

  test('a token without id is accepted when there is but one key', async () => {
    expect(await gateway.outcome(issuer.mint({}, { kid: undefined }))).toBe('accepted');
  });

  test.each([
    ['no list', { keys: 'none' }],
    ['entries that are no keys', { keys: [null] }],
    ['more keys than anybody has', { keys: Array.from({ length: 101 }, () => ({ kty: 'EC' })) }],
  ])('a key set with %s is refused', async (_, set) => {
    issuer.keySet = set;
    expect(await gateway.outcome(issuer.mint())).toBe('issuer-unavailable');
  });
});

describe('reload', () => {
  test('issuers that stayed keep their keys, changed settings count at once', async () => {
    const token = issuer.mint();
    await gateway.verify(token);
    const other = await startIssuer({ nowMs: () => clock.nowMs() });
    gateway.identity.reload(identitySettings([{ ...issuer.settings, audience: 'other' }, other.settings]));
    expect(await gateway.outcome(token)).toBe('rejected');
    expect(await gateway.outcome(issuer.mint({ aud: 'other' }))).toBe('accepted');
    expect(await gateway.outcome(other.mint())).toBe('accepted');
    expect(issuer.requests.keys).toBe(1);
    gateway.identity.reload(identitySettings([other.settings]));
    expect(await gateway.outcome(token)).toBe('unknown-issuer');
    await other.stop();
  });

  test('an issuer whose keys are now elsewhere has them fetched anew', async () => {
    await gateway.verify(issuer.mint());
    gateway.identity.reload(identitySettings([{ ...issuer.settings, jwksUrl: issuer.jwksUrl }]));
    await gateway.verify(issuer.mint());
    expect(issuer.requests).toEqual({ metadata: 1, keys: 2 });
  });

  test('a verification that began under the old config does not fill the new one’s cache', async () => {
    const token = issuer.mint();
    const began = gateway.outcome(token);
    gateway.identity.reload(identitySettings([{ ...issuer.settings, audience: 'other' }]));
    expect(await began).toBe('accepted');
    expect(await gateway.outcome(token)).toBe('rejected');
  });
});
