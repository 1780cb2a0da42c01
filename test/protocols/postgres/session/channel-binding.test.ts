import { execFile } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../../../services/core/model/clock.ts';
import { Secret } from '../../../../services/core/model/secret.ts';
import { endPointOf } from '../../../../services/protocols/postgres/session/channel-binding.ts';
import { UpstreamError } from '../../../../services/protocols/postgres/session/errors.ts';
import { connectUpstream } from '../../../../services/protocols/postgres/session/upstream.ts';
import type {
  ChannelBinding,
  PostgresTarget,
  TlsMode,
} from '../../../../services/protocols/postgres/target.ts';
import { backend, frameOf, int32 } from '../../../../services/protocols/postgres/wire/backend.ts';
import type { KeyPair } from '../../../servers/certificates.ts';
import { type PostgresServer, startPostgres } from '../../../servers/postgres.ts';
import { standBetween } from './between.ts';
import { testTarget } from './target.ts';

const run = promisify(execFile);

let folder: string;
let pair: KeyPair;
let server: PostgresServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-certificates-'));
  pair = await selfSigned('usual', ecdsa);
  server = await startPostgres({
    config: ['ssl = on'],
    files: { 'server.crt': pair.certificate, 'server.key': pair.key },
    hba: [
      'host all postgres 127.0.0.1/32 trust',
      'host all trusted 127.0.0.1/32 trust',
      'host all md5_user 127.0.0.1/32 md5',
      'host all clear_user 127.0.0.1/32 password',
      'host all all 127.0.0.1/32 scram-sha-256',
    ],
  });
  const admin = await server.connect();
  await admin.query(`CREATE ROLE gateway LOGIN PASSWORD 'secret'; CREATE ROLE trusted LOGIN; CREATE ROLE clear_user LOGIN PASSWORD 'secret';
    SET password_encryption = 'md5'; CREATE ROLE md5_user LOGIN PASSWORD 'secret'`);
  await admin.end();
}, 60_000);

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const ecdsa = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

async function selfSigned(name: string, options: readonly string[]): Promise<KeyPair> {
  const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const files = ['-keyout', key, '-out', certificate];
  await run('openssl', ['req', '-x509', '-nodes', '-days', '1', '-subj', '/CN=db', ...options, ...files]);
  return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
}

const derOf = ({ certificate }: KeyPair): Buffer => new X509Certificate(certificate).raw;

/** Null once it has logged in; else what went wrong. */
async function attempt(
  channelBinding: ChannelBinding,
  change: Partial<PostgresTarget> = {},
  mode: TlsMode = 'require',
): Promise<UpstreamError | null> {
  const target = testTarget({
    ...{ port: server.port, user: 'gateway' },
    password: new Secret('secret'),
    authentication: ['scram-sha-256', 'md5', 'password'],
    tls: { mode, channelBinding, ca: null, certificate: null, key: null },
    ...change,
  });
  try {
    (await connectUpstream(target, new Map(), systemClock)).socket.destroy();
    return null;
  } catch (error) {
    if (error instanceof UpstreamError) return error;
    throw error;
  }
}

const unavailable = (why: string) =>
  expect.objectContaining({
    code: 'channel-binding-unavailable',
    message: expect.stringContaining(`channel binding is required (tls.channelBinding), and ${why}`),
  });

describe('a server that offers it', () => {
  test.each<ChannelBinding>(['prefer', 'require', 'disable'])('%s', async (channelBinding) => {
    expect(await attempt(channelBinding)).toBeNull();
  });

  test('a wrong password is still a wrong password', async () => {
    expect(await attempt('require', { password: new Secret('other') })).toMatchObject({
      code: 'login-refused',
      message: expect.stringContaining('28P01'),
    });
  });
});

describe('require, where there is none', () => {
  test.each<[string, Partial<PostgresTarget>, TlsMode, string]>([
    ['no TLS', {}, 'disable', 'the connection has no TLS'],
    ['no password', { user: 'trusted' }, 'require', 'the server let us in without it'],
    ['md5', { user: 'md5_user' }, 'require', 'the server asks for md5 instead'],
    ['a clear password', { user: 'clear_user' }, 'require', 'the server asks for a clear password instead'],
  ])('%s', async (_, change, mode, why) => {
    expect(await attempt('require', change, mode)).toEqual(unavailable(why));
  });

  test('no more than that: the others let it be', async () => {
    expect(await attempt('prefer', { user: 'trusted' })).toBeNull();
    expect(await attempt('disable', {}, 'disable')).toBeNull();
  });
});

describe('somebody in between with a certificate of their own', () => {
  const withoutPlus = (frame: Buffer): Buffer =>
    frame[0] === backend.authentication && frame.includes('SCRAM-SHA-256-PLUS')
      ? frameOf(backend.authentication, int32(10), 'SCRAM-SHA-256', [0])
      : frame;

  test('is noticed by the server when the login is bound to that certificate', async () => {
    const tls = await selfSigned('false', ecdsa);
    const between = await standBetween({ server, tls, tlsToServer: true });
    expect(await attempt('prefer', { port: between.port })).toMatchObject({
      code: 'login-refused',
      message: expect.stringContaining('channel binding check failed'),
    });
    // It would get in between otherwise.
    expect(await attempt('disable', { port: between.port })).toBeNull();
    await between.stop();
  });

  test('is noticed when they leave the offer of channel binding out', async () => {
    const between = await standBetween({ server, tls: pair, tlsToServer: true, change: withoutPlus });
    expect(await attempt('prefer', { port: between.port })).toMatchObject({
      code: 'login-refused',
      message: expect.stringContaining('channel binding negotiation error'),
    });
    expect(await attempt('require', { port: between.port })).toEqual(
      unavailable('the server does not offer SCRAM-SHA-256-PLUS'),
    );
    expect(await attempt('disable', { port: between.port })).toBeNull();
    await between.stop();
  });

  test('is noticed when they take the TLS away from the gateway, and not from the server', async () => {
    const between = await standBetween({ server, tlsToServer: true });
    expect(await attempt('prefer', { port: between.port }, 'disable')).toMatchObject({
      code: 'protocol-violation',
      message: expect.stringContaining('somebody in between has taken the TLS away'),
    });
    await between.stop();
  });

  test('may be a pooler that ends TLS itself: the server does not offer it then, and nothing is wrong', async () => {
    const between = await standBetween({ server, tls: pair });
    expect(await attempt('prefer', { port: between.port })).toBeNull();
    expect(await attempt('require', { port: between.port })).toEqual(
      unavailable('the server does not offer SCRAM-SHA-256-PLUS'),
    );
    await between.stop();
  });
});

describe('the certificate is hashed as its signature is', () => {
  const rsa = ['-newkey', 'rsa:2048'];
  const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:-1'];
  const kinds: readonly (readonly [string, readonly string[], string])[] = [
    ['RSA with SHA-256', [...rsa, '-sha256'], 'sha256'],
    ['RSA with SHA-384', [...rsa, '-sha384'], 'sha384'],
    ['RSA with SHA-512', [...rsa, '-sha512'], 'sha512'],
    ['RSA-PSS with SHA-384', [...rsa, '-sha384', ...pss], 'sha384'],
    ['ECDSA with SHA-384', [...ecdsa, '-sha384'], 'sha384'],
    ['ECDSA with SHA-512', [...ecdsa, '-sha512'], 'sha512'],
  ];

  /** The server takes a renewed certificate for the connections that come once it has read it. */
  async function renew(next: KeyPair): Promise<void> {
    await writeFile(join(server.dataDir, 'server.crt'), next.certificate);
    await writeFile(join(server.dataDir, 'server.key'), next.key);
    process.kill(server.pid, 'SIGHUP');
    const tls = { mode: 'verify-ca', channelBinding: 'disable', ca: next.certificate } as const;
    const change = { user: 'trusted', tls: { ...tls, certificate: null, key: null } };
    while ((await attempt('disable', change)) !== null);
  }

  test.each(kinds)('%s', async (name, options, hash) => {
    const made = await selfSigned(name.replaceAll(' ', '-'), options);
    expect(endPointOf(derOf(made))).toEqual(createHash(hash).update(derOf(made)).digest());
    await renew(made);
    expect(await attempt('require')).toBeNull();
  });

  test('SHA-1 counts as SHA-256', async () => {
    for (const [name, options] of [
      ['old-rsa', [...rsa, '-sha1']],
      ['old-ecdsa', [...ecdsa, '-sha1']],
      ['old-pss', [...rsa, '-sha1', ...pss]],
    ] as const) {
      const der = derOf(await selfSigned(name, options));
      expect(endPointOf(der)).toEqual(createHash('sha256').update(der).digest());
    }
  });

  test('Ed25519 has no hash, so there is nothing to bind to: prefer goes without, require refuses', async () => {
    const made = await selfSigned('ed25519', ['-newkey', 'ed25519']);
    expect(endPointOf(derOf(made))).toBeNull();
    await renew(made);
    expect(await attempt('prefer')).toBeNull();
    expect(await attempt('require')).toEqual(
      unavailable("the signature of the server's certificate has no hash to bind to"),
    );
  });

  test('what is no certificate has none', () => {
    const der = derOf(pair);
    for (let length = 0; length < der.length; length++) {
      expect(endPointOf(der.subarray(0, length))).toBeNull();
    }
    expect(endPointOf(Buffer.alloc(100, 0x30))).toBeNull();
    expect(endPointOf(Buffer.from('30803084ffffffff', 'hex'))).toBeNull();
  });
});
