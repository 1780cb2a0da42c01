import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LoginError, startDeviceLogin } from '../../../services/core/identity/device-login.ts';
import { maxLoginMs } from '../../../services/core/identity/limits.ts';
import { systemClock } from '../../../services/core/model/clock.ts';
import { startIssuer, startOidcProvider, type TestOidcProvider } from '../../servers/issuer.ts';
import { TestClock, TestGateway } from './gateway.ts';

let provider: TestOidcProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startOidcProvider({
    agents: { 'agent-7': { groups: ['agents'] } },
    people: { alice: { groups: ['dba'] } },
  });
  gateway = new TestGateway([provider.settings], new TestClock(Date.now()));
});

afterAll(() => provider.stop());

const login = () => startDeviceLogin(provider.settings, systemClock);

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return 'fine';
  } catch (thrown) {
    if (thrown instanceof LoginError) return thrown.code;
    throw thrown;
  }
};

describe('sallyport login', () => {
  test('gives a token with which a person may use the console, and not a target', async () => {
    const started = await login();
    expect(started.verificationUrl).toBe(`${provider.url}/device`);
    expect(started.verificationUrlComplete).toContain(encodeURIComponent(started.userCode));
    expect(started.expiresAtMs).toBeGreaterThan(Date.now());
    const token = started.token();
    await provider.confirmLogin(started.userCode, 'alice');
    const { accessToken, expiresAtMs } = await token;
    expect(String(accessToken)).toBe('[secret]');
    expect(expiresAtMs).toBeGreaterThan(Date.now());
    const principal = await gateway.verify(accessToken.reveal(), 'console');
    expect(principal).toMatchObject({ subject: 'alice', kind: 'person', groups: ['dba'] });
    expect(await gateway.outcome(accessToken.reveal(), 'access')).toBe('rejected');
  });

  test('is refused by the person', async () => {
    const started = await login();
    const token = started.token();
    await provider.refuseLogin(started.userCode);
    expect(await codeOf(token)).toBe('denied');
  });

  test('is called off, before it begins and while it waits', async () => {
    const started = await login();
    expect(await codeOf(started.token(AbortSignal.abort()))).toBe('aborted');
    const caller = new AbortController();
    const token = started.token(caller.signal);
    caller.abort();
    expect(await codeOf(token)).toBe('aborted');
  });

  test('ends when nobody confirms in time', async () => {
    const clock = new TestClock(Date.now());
    const started = await startDeviceLogin(provider.settings, clock);
    const token = started.token();
    clock.advance(maxLoginMs);
    expect(await codeOf(token)).toBe('expired');
    expect(clock.timers).toBe(0);
  });

  test('needs a client and an audience in the config, and an issuer with the grant', async () => {
    const { settings } = provider;
    expect(await codeOf(startDeviceLogin({ ...settings, loginClientId: null }, systemClock))).toBe(
      'not-configured',
    );
    expect(await codeOf(startDeviceLogin({ ...settings, consoleAudience: null }, systemClock))).toBe(
      'not-configured',
    );
    expect(await codeOf(startDeviceLogin({ ...settings, loginClientId: 'nobody' }, systemClock))).toBe(
      'issuer-unusable',
    );
    const plain = await startIssuer();
    const without = { ...plain.settings, loginClientId: 'cli' };
    expect(await codeOf(startDeviceLogin(without, systemClock))).toBe('issuer-unusable');
    await plain.stop();
    await expect(startDeviceLogin(without, systemClock)).rejects.toThrow('ECONNREFUSED');
  });
});

describe('an issuer that answers a login with', () => {
  const answer = {
    device_code: 'd',
    user_code: 'ABCD-EFGH',
    verification_uri: 'https://issuer.example/device',
    expires_in: 60,
  };

  test.each([
    ['what it should', answer, 'fine'],
    ['a script for a page', { ...answer, verification_uri: 'javascript:alert(1)' }, 'issuer-unusable'],
    [
      'a page that anybody could have changed',
      { ...answer, verification_uri: 'http://x.example/' },
      'issuer-unusable',
    ],
    ['a link to a file', { ...answer, verification_uri_complete: 'file:///etc/passwd' }, 'issuer-unusable'],
    ['a code for the terminal', { ...answer, user_code: '\u001b]0;x\u0007' }, 'issuer-unusable'],
    ['no code', { ...answer, user_code: undefined }, 'issuer-unusable'],
    ['an error', { error: 'invalid_client' }, 'issuer-unusable'],
  ])('%s: %s', async (_, body, outcome) => {
    const issuer = await startIssuer();
    const { url, jwksUrl } = issuer;
    // The place of the key set can answer anything.
    issuer.keySet = body;
    const endpoints = { device_authorization_endpoint: jwksUrl, token_endpoint: jwksUrl };
    issuer.metadata = { issuer: url, jwks_uri: jwksUrl, ...endpoints };
    expect(await codeOf(startDeviceLogin({ ...issuer.settings, loginClientId: 'cli' }, systemClock))).toBe(
      outcome,
    );
    await issuer.stop();
  });
});

describe('oidc-provider', () => {
  test('gives agents tokens for targets, and not for the console', async () => {
    const token = await provider.agentToken('agent-7');
    expect(await gateway.verify(token)).toMatchObject({
      subject: 'agent-7',
      kind: 'agent',
      groups: ['agents'],
    });
    expect(await gateway.outcome(token, 'console')).toBe('rejected');
  });

  test('gives people tokens for the console at once', async () => {
    const token = await provider.personToken('alice');
    expect((await gateway.verify(token, 'console')).subject).toBe('alice');
  });
});
