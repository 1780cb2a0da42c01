import { generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { GatewayIdentity } from '../../../services/core/identity/identity.ts';
import { checkIssuer, type IssuerReport } from '../../../services/core/identity/issuer-check.ts';
import { systemClock } from '../../../services/core/model/clock.ts';
import type { IssuerSettings } from '../../../services/core/model/settings.ts';
import { type CertificateAuthority, makeAuthority } from '../../servers/certificates.ts';
import { startIssuer, type TestIssuer } from '../../servers/issuer.ts';
import { identitySettings, TestClock, TestLog } from './gateway.ts';

let authority: CertificateAuthority;
let issuer: TestIssuer;

beforeAll(async () => {
  authority = await makeAuthority();
});

afterAll(() => authority.close());

beforeEach(async () => {
  issuer = await startIssuer();
});

afterEach(() => issuer.stop());

const check = (change: Partial<IssuerSettings> = {}): Promise<IssuerReport> =>
  checkIssuer({ ...issuer.settings, ...change }, systemClock);

const messages = ({ problems }: IssuerReport): readonly string[] =>
  problems.map(({ severity, message }) => `${severity}: ${message}`);

test('an issuer that is as it should be', async () => {
  const report = await check();
  expect(report).toEqual({
    issuer: 'test',
    url: issuer.url,
    jwksUrl: issuer.jwksUrl,
    keys: [{ keyId: expect.any(String), algorithms: ['ES256'] }],
    problems: [],
  });
});

test('every issuer is reached', async () => {
  const away = await startIssuer();
  await away.stop();
  const settings = identitySettings([issuer.settings, away.settings]);
  const reports = await new GatewayIdentity(settings, systemClock, new TestLog()).check();
  expect(reports.map(({ url, problems }) => [url, problems.length])).toEqual([
    [issuer.url, 0],
    [away.url, 1],
  ]);
  expect(reports[1]?.problems[0]).toEqual({
    severity: 'error',
    message: expect.stringContaining('ECONNREFUSED'),
  });
});

test('no key for the configured algorithms', async () => {
  const report = await check({ algorithms: ['RS256', 'EdDSA'] });
  expect(report.keys).toEqual([]);
  expect(messages(report)).toEqual([expect.stringMatching(/^error: .* has no key for RS256, EdDSA/)]);
});

test('metadata of another issuer', async () => {
  issuer.metadata = { issuer: `${issuer.url}/`, jwks_uri: issuer.jwksUrl };
  expect(messages(await check())).toEqual([expect.stringContaining('must be exactly the same')]);
});

test('keys that should not be there, that are too short, and that nothing tells apart', async () => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  issuer.extraKeys.push(
    { kty: 'oct', k: 'AAAA' },
    { ...short, kid: 'short' },
    publicKey.export({ format: 'jwk' }),
  );
  const report = await check({ algorithms: ['ES256', 'RS256'] });
  expect(report.keys.map(({ algorithms }) => algorithms)).toEqual([['ES256'], ['ES256']]);
  expect(messages(report)).toEqual([
    expect.stringContaining('gives away 1 private or symmetric keys'),
    expect.stringContaining('some have no id'),
  ]);
});

test('clocks that disagree', async () => {
  const fast = new TestClock(Date.now() + 5 * 60_000);
  expect(messages(await checkIssuer(issuer.settings, fast))).toEqual([
    expect.stringMatching(/^warning: the clocks disagree: the gateway's is \d+ s ahead$/),
  ]);
});

test('a login client of an issuer without device grant', async () => {
  const login = { loginClientId: 'cli' };
  expect(messages(await check(login))).toEqual([expect.stringContaining('no device authorization endpoint')]);
  const { url, jwksUrl } = issuer;
  issuer.metadata = { issuer: url, jwks_uri: jwksUrl, device_authorization_endpoint: `${url}/device` };
  expect(messages(await check(login))).toEqual([]);
  issuer.metadata = {};
  expect(messages(await check({ ...login, jwksUrl }))).toEqual([
    expect.stringContaining('warning: sallyport login cannot work'),
  ]);
});

/** Over https, with a certificate for this name that only its own CA vouches for. */
async function startSecureIssuer(name: string): Promise<TestIssuer> {
  const { certificate: cert, key } = await authority.issue('issuer', [name]);
  return startIssuer({ tls: { cert, key, ca: authority.certificate } });
}

test('an issuer’s own CA is trusted, for this issuer alone', async () => {
  const secure = await startSecureIssuer('IP:127.0.0.1');
  expect(messages(await checkIssuer(secure.settings, systemClock))).toEqual([]);
  expect(messages(await checkIssuer({ ...secure.settings, ca: null }, systemClock))).toEqual([
    expect.stringMatching(/^error: .*cannot be reached: .*certificate/),
  ]);
  await secure.stop();
});

test('a host whose certificate is for another name', async () => {
  const secure = await startSecureIssuer('DNS:other.example');
  expect(messages(await checkIssuer(secure.settings, systemClock))).toEqual([
    expect.stringMatching(/^error: .*does not match certificate's altnames/),
  ]);
  await secure.stop();
});

test('an https issuer cannot send us to plain http, not even on loopback', async () => {
  const secure = await startSecureIssuer('IP:127.0.0.1');
  secure.metadata = { issuer: secure.url, jwks_uri: issuer.jwksUrl };
  expect(messages(await checkIssuer(secure.settings, systemClock))).toEqual([
    expect.stringContaining('is not https'),
  ]);
  await secure.stop();
});

test('a key set on loopback that the config names, of an https issuer', async () => {
  const secure = await startSecureIssuer('IP:127.0.0.1');
  const settings = { ...secure.settings, jwksUrl: issuer.jwksUrl };
  expect(messages(await checkIssuer(settings, systemClock))).toEqual([]);
  await secure.stop();
});

test('a redirect is said to be one', async () => {
  issuer.behaviour = 'redirecting';
  expect(messages(await check())).toEqual([expect.stringContaining('answered with a redirect (302)')]);
});
