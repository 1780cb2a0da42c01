/** SASL OAUTHBEARER with a real libpq 18, beside clients that know nothing of it. */
import { createHash, X509Certificate } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RawClient, say } from '../attacks/raw-client.ts';
import { start } from '../console/cli.ts';
import { type CertificateAuthority, type KeyPair, makeAuthority } from '../servers/certificates.ts';
import { startIssuer, type TestIssuer, testAudience } from '../servers/issuer.ts';
import { pythonPackages } from './clients/python.ts';
import { startScript } from './clients/script.ts';
import { errorOf } from './clients.ts';
import { TestGateway } from './gateway.ts';

let gateway: TestGateway;
let servers: CertificateAuthority;
let clients: CertificateAuthority;
/** libpq goes to https issuers only. */
let company: TestIssuer;
let builder: KeyPair;

const oauth = 'oauth: {issuer: company, scope: openid sallyport, required: false}';

beforeAll(async () => {
  [servers, clients] = await Promise.all([
    makeAuthority('servers'),
    makeAuthority('clients'),
    pythonPackages(),
  ]);
  const names = ['DNS:localhost', 'IP:127.0.0.1'];
  const [own, issuer] = await Promise.all([servers.issue('gateway', names), servers.issue('issuer', names)]);
  builder = await clients.issue('build-7', ['DNS:client']);
  company = await startIssuer({
    path: '/tenant',
    tls: { key: issuer.key, cert: issuer.certificate, ca: servers.certificate },
  });
  gateway = await TestGateway.start({
    files: {
      'gateway.crt': own.certificate,
      'gateway.key': own.key,
      'servers.crt': servers.certificate,
      'clients.crt': clients.certificate,
      'builder.crt': builder.certificate,
    },
    listener: [
      'tls: {certificate: file:gateway.crt, key: file:gateway.key, clientCa: file:clients.crt, required: true}',
      oauth,
    ],
    identity: [
      // The second of the issuers.
      `  - {name: company, url: '${company.url}', audience: '${testAudience}', algorithms: [ES256], ca: file:servers.crt}`,
      'certificates:',
      '  - {name: builders, commonName: "build-*", subject: "{commonName}", kind: agent}',
      'lockout: {failures: 1000, window: 5m, lock: 15m}',
    ],
  });
  await writeFile(join(gateway.folder, 'builder.key'), builder.key, { mode: 0o600 });
}, 180_000);

afterAll(async () => {
  await Promise.all([gateway[Symbol.asyncDispose](), company.stop()]);
  await Promise.all([servers, clients].map((authority) => authority.close()));
});

const asksForOauth = "options='-c sallyport.login=oauth'";

interface Outcome {
  /** What libpq was told each time that it asked its program for a token: URL, issuer, scope. */
  readonly asked: readonly (readonly string[])[];
  readonly row?: readonly string[];
  readonly error?: string;
}

/** What a program with libpq 18 sees, which has this token to give. */
async function libpq18(
  conninfo: string,
  token: string | null = null,
  when: 'at-once' | 'later' = 'at-once',
): Promise<Outcome> {
  const env = {
    PGSSLMODE: 'verify-full',
    PGSSLROOTCERT: join(gateway.folder, 'servers.crt'),
    PYTHONPATH: await pythonPackages(),
    PYTHONDONTWRITEBYTECODE: '1',
  };
  const script = join(import.meta.dirname, 'clients/libpq_oauth.py');
  const all = `host=localhost port=${gateway.port} dbname=shop user=agent-7 ${conninfo}`;
  const steps = await startScript(
    'python3',
    [script, all, env.PGSSLROOTCERT, when, ...(token === null ? [] : [token])],
    env,
  ).finished();
  return steps as unknown as Outcome; // what libpq_oauth.py says
}

const asCompany = () => `oauth_issuer=${company.url} oauth_client_id=psql`;
const discovery = () => [`${company.url}/.well-known/openid-configuration`, company.url, 'openid sallyport'];
const ada = ['Ada', 'a***@***.example'];

const refusals = async (): Promise<readonly Record<string, unknown>[]> => {
  const { stdout } = await gateway.cli(['trail', 'show', '--json', '--kind', 'connect-refused']);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
};

describe('a libpq that speaks it', () => {
  test('is told where it gets a token, brings it, and is let in; that is no failed login', async () => {
    const before = await refusals();
    expect(await libpq18(`${asCompany()} ${asksForOauth}`, company.mint())).toEqual({
      asked: [discovery()],
      row: ada,
    });
    expect(await refusals()).toEqual(before);
    const { stdout } = await gateway.cli(['trail', 'show', '--json', '--kind', 'session-opened']);
    expect(stdout).toContain(`"issuer":"${company.url}"`);
  });

  test('may wait for its token meanwhile, as for a person who confirms a code', async () => {
    const before = await refusals();
    expect(await libpq18(`${asCompany()} ${asksForOauth}`, company.mint(), 'later')).toEqual({
      asked: [discovery()],
      row: ada,
    });
    const known = `oauth_issuer=${company.url}/.well-known/openid-configuration oauth_client_id=psql`;
    expect((await libpq18(`${known} ${asksForOauth}`, company.mint(), 'later')).row).toEqual(ada);
    expect(await refusals()).toEqual(before);
  });

  test('may know the place already, and then says what it wants itself', async () => {
    const issuer = `oauth_issuer=${company.url}/.well-known/openid-configuration oauth_client_id=psql oauth_scope=mine`;
    const { asked, row } = await libpq18(`${issuer} ${asksForOauth} require_auth=oauth`, company.mint());
    expect(asked.map(([, , scope]) => scope)).toEqual(['mine']);
    expect(row).toEqual(ada);
  });

  test('may bring a token of any issuer that the gateway trusts', async () => {
    expect((await libpq18(`${asCompany()} ${asksForOauth}`, gateway.issuer.mint())).row).toEqual(ada);
  });

  test.each([
    ['that has expired', () => company.mint({ exp: Math.floor(Date.now() / 1000) - 60 }), /expired/],
    [
      'of an unknown issuer',
      () => company.mint({ iss: 'https://evil.example' }),
      /issuer \(iss\) is not one that this gateway trusts/,
    ],
    ['for somebody else', () => company.mint({ aud: 'https://other.example' }), /audience|aud/],
    ['that is none', () => 'geheim', /token/i],
    ['in no form of one', () => 'ge heim', /is no bearer token/],
  ])('hears in the gateway’s own words why a token %s will not do', async (_, token, why) => {
    const before = (await refusals()).length;
    const { error = '' } = await libpq18(`${asCompany()} ${asksForOauth}`, token());
    expect(error).toMatch(/FATAL: {2}/);
    expect(error).toMatch(why);
    expect(error).toContain('HINT:  Bring an access token');
    expect(await refusals()).toHaveLength(before + 1);
  });

  test('hears the same of a target that is not there as with a password', async () => {
    const { error } = await libpq18(`${asCompany()} ${asksForOauth} dbname=nothing`, company.mint());
    expect(error).toContain('there is no target "nothing" here');
  });

  test('that has no way to get a token says so itself', async () => {
    const { asked, error } = await libpq18(`${asCompany()} ${asksForOauth}`);
    expect(asked).toEqual([]);
    expect(error).toContain('no OAuth flows are available');
  });

  test('that expects another issuer does not go to this one', async () => {
    const { asked, error } = await libpq18(
      `oauth_issuer=https://login.example.com oauth_client_id=psql ${asksForOauth}`,
      company.mint(),
    );
    expect(asked).toEqual([]);
    expect(error).toContain('is incompatible with oauth_issuer (https://login.example.com)');
  });

  test('and has not said so is asked for a password, which require_auth=oauth forbids', async () => {
    expect((await libpq18(`password=${company.mint()}`)).row).toEqual(ada);
    expect((await libpq18(`${asCompany()} require_auth=oauth`, company.mint())).error).toContain(
      'authentication method requirement "oauth" failed: server requested a cleartext password',
    );
  });

  test('a word for it that the gateway does not know is refused before anything is asked', async () => {
    const { asked, error } = await libpq18(
      `${asCompany()} options='-c sallyport.login=oauthbearer'`,
      company.mint(),
    );
    expect(asked).toEqual([]);
    expect(error).toContain('sallyport.login is "oauth", or is left out');
  });

  test('a token that is bound to a certificate comes with it only', async () => {
    const { certificate, key } = await clients.issue('somebody', ['DNS:client']);
    const [crt, pem] = [join(gateway.folder, 'somebody.crt'), join(gateway.folder, 'somebody.key')];
    await writeFile(crt, certificate);
    await writeFile(pem, key, { mode: 0o600 });
    const digest = createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url');
    const bound = company.mint({ cnf: { 'x5t#S256': digest } });
    const conninfo = `${asCompany()} ${asksForOauth}`;
    expect((await libpq18(`${conninfo} sslcert=${crt} sslkey=${pem}`, bound)).row).toEqual(ada);
    expect((await libpq18(conninfo, bound)).error).toMatch(/FATAL: {2}.*certificate/);
  });
});

test('without the TLS that the listener requires nobody is asked for a token', async () => {
  const client = await RawClient.connect(gateway.port);
  client.send(say.startup({ user: 'agent-7', database: 'shop', 'sallyport.login': 'oauth' }));
  await client.until(() => client.closed);
  expect(client.messages.map(({ type }) => type)).toEqual(['E']);
  expect(client.lastError()).toContain('this listener speaks TLS only');
});

/** psql of this machine, an older one, which knows nothing of OAuth. */
async function psql(conninfo: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout, stderr } = await start(
    'psql',
    ['-X', '-At', '-w', '-c', 'SELECT email FROM app.users WHERE id = 1', conninfo],
    { env: { ...gateway.libpq(), PGSSLMODE: 'require', ...env } },
  ).finished;
  return stdout + stderr;
}

const withCertificate = () => ({
  PGPASSWORD: '',
  PGSSLCERT: join(gateway.folder, 'builder.crt'),
  PGSSLKEY: join(gateway.folder, 'builder.key'),
});

describe('other clients', () => {
  test('notice nothing, with a password and with a certificate', async () => {
    expect(await psql('')).toBe('a***@***.example\n');
    expect(await psql('', withCertificate())).toBe('a***@***.example\n');
    const client = await gateway.connect({ ssl: { ca: servers.certificate } });
    await client.end();
  });

  test('that ask for it and do not speak it say so', async () => {
    expect(await psql(asksForOauth)).toMatch(
      /none of the server's SASL authentication mechanisms are supported/,
    );
  });
});

test('a listener may ask everybody by OAuth, once its config is reloaded', async () => {
  const replace = async (by: string): Promise<void> => {
    const config = await readFile(gateway.configFile, 'utf8');
    await writeFile(`${gateway.configFile}.new`, config.replace(/oauth: .*/, by));
    const loads = gateway.up.errorOutput.match(/policies are in force/g)?.length ?? 0;
    await rename(`${gateway.configFile}.new`, gateway.configFile);
    await gateway.up.untilError(new RegExp(`(?:policies are in force[^]*?){${loads + 1}}`));
  };
  await replace(oauth.replace('required: false', 'required: true'));
  try {
    expect(await libpq18(`${asCompany()} require_auth=oauth`, company.mint())).toEqual({
      asked: [discovery()],
      row: ada,
    });
    expect(await psql('')).toMatch(/none of the server's SASL authentication mechanisms are supported/);
    expect((await libpq18(`password=${company.mint()}`)).error).toContain(
      'server requires OAuth authentication',
    );
    const error = await errorOf(gateway.connect({ ssl: { ca: servers.certificate } }));
    expect(error.message).toMatch(/SASL/);
    // Who shows a certificate that a rule maps is asked for nothing.
    expect(await psql('', withCertificate())).toBe('a***@***.example\n');
  } finally {
    await replace(oauth);
  }
  expect(await psql('')).toBe('a***@***.example\n');
  // Two reloads and six clients.
}, 60_000);

test('no token is in the logs or in the trail', async () => {
  const token = company.mint();
  const bad = company.mint({ aud: 'https://other.example' });
  await libpq18(`${asCompany()} ${asksForOauth}`, token);
  await libpq18(`${asCompany()} ${asksForOauth}`, bad);
  const { stdout } = await gateway.cli(['trail', 'show', '--json']);
  for (const [, , signature = ''] of [token, bad].map((text) => text.split('.'))) {
    expect(gateway.up.output + gateway.up.errorOutput + stdout).not.toContain(signature);
  }
});
