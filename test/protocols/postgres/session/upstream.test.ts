import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../../../services/core/model/clock.ts';
import { Secret } from '../../../../services/core/model/secret.ts';
import { UpstreamError } from '../../../../services/protocols/postgres/session/errors.ts';
import { connectUpstream } from '../../../../services/protocols/postgres/session/upstream.ts';
import type { PostgresTarget } from '../../../../services/protocols/postgres/target.ts';
import { type CertificateAuthority, type KeyPair, makeAuthority } from '../../../servers/certificates.ts';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import { testTarget } from './target.ts';

let authority: CertificateAuthority;
let otherAuthority: CertificateAuthority;
let clientPair: KeyPair;
let server: PostgresServer;
let plainServer: PostgresServer;

beforeAll(async () => {
  authority = await makeAuthority();
  otherAuthority = await makeAuthority('another CA');
  const serverPair = await authority.issue('db', ['DNS:localhost']);
  clientPair = await authority.issue('cert_user', []);
  server = await startPostgres({
    config: ['ssl = on', "ssl_ca_file = 'root.crt'"],
    files: {
      'server.crt': serverPair.certificate,
      'server.key': serverPair.key,
      'root.crt': authority.certificate,
    },
    hba: [
      'host all postgres 127.0.0.1/32 trust',
      'host all scram_user 127.0.0.1/32 scram-sha-256',
      'host all md5_user 127.0.0.1/32 md5',
      'host all clear_user 127.0.0.1/32 password',
      'hostssl all cert_user 127.0.0.1/32 cert',
    ],
  });
  plainServer = await startPostgres();
  const admin = await server.connect();
  await admin.query(`
    CREATE ROLE scram_user LOGIN PASSWORD 'pässword'; CREATE ROLE clear_user LOGIN PASSWORD 'clear'; CREATE ROLE cert_user LOGIN;
    SET password_encryption = 'md5'; CREATE ROLE md5_user LOGIN PASSWORD 'old'`);
  await admin.end();
}, 60_000);

afterAll(async () => {
  await server.stop();
  await plainServer.stop();
  await authority.close();
  await otherAuthority.close();
});

const target = (change: Partial<PostgresTarget>): PostgresTarget =>
  testTarget({
    host: 'localhost',
    port: server.port,
    user: 'scram_user',
    password: new Secret('pässword'),
    tls: tls({}),
    searchPath: ['public'],
    ...change,
  });

const tls = (change: Partial<PostgresTarget['tls']>): PostgresTarget['tls'] => ({
  mode: 'verify-full',
  channelBinding: 'prefer',
  ca: authority.certificate,
  certificate: null,
  key: null,
  ...change,
});

const attempt = async (change: Partial<PostgresTarget>): Promise<string> => {
  try {
    const upstream = await connectUpstream(target(change), new Map([['application_name', 'x']]), systemClock);
    upstream.socket.destroy();
    expect(upstream.cancelKey).not.toBeNull();
    expect(upstream.parameters.get('server_encoding')).toBe('UTF8');
    return 'connected';
  } catch (error) {
    expect(error).toBeInstanceOf(UpstreamError);
    return error instanceof UpstreamError ? error.code : 'another error';
  }
};

const old = { user: 'md5_user', password: new Secret('old') };
const clear = { user: 'clear_user', password: new Secret('clear') };

describe('the login at the target', () => {
  test.each<[string, Partial<PostgresTarget>, string]>([
    ['SCRAM', {}, 'connected'],
    ['SCRAM with a wrong password', { password: new Secret('wrong') }, 'login-refused'],
    ['SCRAM without a password', { password: null }, 'authentication-not-allowed'],
    ['md5, allowed', { ...old, authentication: ['md5'] }, 'connected'],
    ['md5, not allowed', old, 'authentication-not-allowed'],
    ['a clear password over verified TLS, allowed', { ...clear, authentication: ['password'] }, 'connected'],
    ['a clear password, not allowed', clear, 'authentication-not-allowed'],
    [
      'a clear password over unverified TLS',
      {
        ...clear,
        authentication: ['password'],
        tls: { mode: 'require', channelBinding: 'prefer', ca: null, certificate: null, key: null },
      },
      'authentication-not-allowed',
    ],
    ['a database that is not there', { database: 'nosuch' }, 'login-refused'],
    ['a host that is not there', { port: 1 }, 'unreachable'],
  ])('%s', async (_, change, expected) => {
    expect(await attempt(change)).toBe(expected);
  });

  test('a client certificate', async () => {
    const own = { certificate: clientPair.certificate, key: new Secret(clientPair.key) };
    expect(await attempt({ user: 'cert_user', password: null, tls: tls(own) })).toBe('connected');
    expect(await attempt({ user: 'cert_user', password: null })).toBe('login-refused');
  });
});

describe('TLS to the target', () => {
  test.each<[string, () => Partial<PostgresTarget>, string]>([
    ['disable', () => ({ tls: tls({ mode: 'disable' }) }), 'connected'],
    ['prefer', () => ({ tls: tls({ mode: 'prefer', ca: null }) }), 'connected'],
    [
      'require without a CA',
      () => ({ tls: { mode: 'require', channelBinding: 'prefer', ca: null, certificate: null, key: null } }),
      'connected',
    ],
    [
      'verify-ca under another name',
      () => ({ host: '127.0.0.1', tls: tls({ mode: 'verify-ca' }) }),
      'connected',
    ],
    ['verify-full under another name', () => ({ host: '127.0.0.1' }), 'tls-unverified'],
    [
      'verify-ca with another CA',
      () => ({ tls: tls({ mode: 'verify-ca', ca: otherAuthority.certificate }) }),
      'tls-unverified',
    ],
    ['verify-full without a CA', () => ({ tls: tls({ ca: null }) }), 'tls-unverified'],
  ])('%s', async (_, change, expected) => {
    expect(await attempt(change())).toBe(expected);
  });

  test('a server without TLS is enough for prefer, and for nothing stricter', async () => {
    const plain = { port: plainServer.port, user: 'postgres' };
    expect(await attempt({ ...plain, tls: tls({ mode: 'prefer' }) })).toBe('connected');
    expect(await attempt({ ...plain, tls: tls({ mode: 'require' }) })).toBe('tls-refused');
    expect(await attempt(plain)).toBe('tls-refused');
  });
});
