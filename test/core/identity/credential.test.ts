import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startIssuer, type TestIssuer, testAudience } from '../../servers/issuer.ts';
import { identitySettings, startMs, TestClock, TestGateway } from './gateway.ts';

const startSeconds = startMs / 1000;
const clock = new TestClock(startMs);
let issuer: TestIssuer;
let gateway: TestGateway;

beforeAll(async () => {
  issuer = await startIssuer({ nowMs: () => startMs });
});

beforeEach(() => {
  gateway = new TestGateway([issuer.settings], clock);
});

afterAll(() => issuer.stop());

describe('a token that is bound to a client certificate', () => {
  const sha256 = 'ab'.repeat(32);
  const certificate = {
    commonName: 'a',
    alternativeNames: [],
    issuer: 'CN=ca',
    sha256,
    notAfterMs: startMs + 1,
  };
  const thumbprint = Buffer.from(sha256, 'hex').toString('base64url');

  test('is accepted with it alone, also from the cache', async () => {
    const token = issuer.mint({ cnf: { 'x5t#S256': thumbprint } });
    for (let i = 0; i < 2; i++) {
      expect((await gateway.verify(token, 'access', certificate)).subject).toBe('agent-7');
      expect((await gateway.refusal(token)).code).toBe('rejected');
      expect((await gateway.refusal(token, 'access', { ...certificate, sha256: '00'.repeat(32) })).code).toBe(
        'rejected',
      );
    }
  });

  test.each<[string, unknown]>([
    ['a string', thumbprint],
    ['nothing', null],
    ['an empty object', {}],
    ['several keys', { 'x5t#S256': thumbprint, jkt: 'x' }],
    ['a list of thumbprints', { 'x5t#S256': [thumbprint] }],
  ])('and says so by %s is refused', async (_, cnf) => {
    const refusal = await gateway.refusal(issuer.mint({ cnf }), 'access', certificate);
    expect(refusal.code).toBe('rejected');
  });
});

describe('credentialId', () => {
  test('of a token without jti is that of its claims, whatever the signature', async () => {
    const payload = JSON.stringify({
      iss: issuer.url,
      aud: testAudience,
      sub: 'a',
      iat: startSeconds,
      exp: startSeconds + 60,
    });
    const sign = (): string => issuer.sign('{"alg":"ES256","typ":"at+jwt"}', payload);
    const [one, two] = [sign(), sign()];
    expect(one).not.toBe(two);
    const id = (await gateway.verify(one)).credentialId;
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect((await gateway.verify(two)).credentialId).toBe(id);
  });

  test('names the issuer that signed, also when an actor of another one speaks', async () => {
    const act = { sub: 'a', iss: 'https://agents.example' };
    expect((await gateway.verify(issuer.mint({ jti: 'j', act }))).credentialId).toBe(`${issuer.url}#j`);
  });
});

describe('tokens that were verified before', () => {
  test('give the same principal until they expire', async () => {
    const time = new TestClock(startMs);
    const own = new TestGateway([issuer.settings], time);
    const token = issuer.mint({ exp: startSeconds + 30 });
    const principal = await own.verify(token);
    expect(await own.verify(token)).toBe(principal);
    time.advance(29_999);
    expect(await own.verify(token)).toBe(principal);
    time.advance(1);
    expect(await own.outcome(token)).toBe('expired');
  });

  test('are forgotten with the config', async () => {
    const token = issuer.mint();
    const principal = await gateway.verify(token);
    gateway.identity.reload(identitySettings([issuer.settings]));
    expect(await gateway.verify(token)).not.toBe(principal);
  });

  test('are not found by another use', async () => {
    const token = issuer.mintConsole('alice');
    await gateway.verify(token, 'console');
    expect(await gateway.outcome(token, 'access')).toBe('rejected');
  });
});
