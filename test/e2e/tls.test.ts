import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { backend, frameOf } from '../../services/protocols/postgres/wire/backend.ts';
import { frontend } from '../../services/protocols/postgres/wire/frontend.ts';
import { startupMessage } from '../../services/protocols/postgres/wire/startup.ts';
import { start } from '../console/cli.ts';
import { type CertificateAuthority, makeAuthority } from '../servers/certificates.ts';
import { pythonPackages } from './clients/python.ts';
import { errorOf } from './clients.ts';
import { TestGateway } from './gateway.ts';

let gateway: TestGateway;
let servers: CertificateAuthority;
let clients: CertificateAuthority;
let strangers: CertificateAuthority;

beforeAll(async () => {
  [servers, clients, strangers] = await Promise.all([
    makeAuthority('servers'),
    makeAuthority('clients'),
    makeAuthority('strangers'),
    pythonPackages(),
  ]);
  const [own, database] = await Promise.all([
    servers.issue('gateway', ['DNS:localhost', 'IP:127.0.0.1']),
    servers.issue('database', ['DNS:localhost', 'IP:127.0.0.1']),
  ]);
  gateway = await TestGateway.start({
    files: {
      'gateway.crt': own.certificate,
      'gateway.key': own.key,
      'clients.crt': clients.certificate,
      'servers.crt': servers.certificate,
    },
    listener: [
      'tls: {certificate: file:gateway.crt, key: file:gateway.key, clientCa: file:clients.crt, required: true}',
    ],
    identity: [
      'certificates:',
      '  - {name: builders, commonName: "build-*", subject: "{commonName}", kind: agent, groups: [ci]}',
    ],
    // The whole way is encrypted, and the target's name is verified.
    target: ['tls: {mode: verify-full, ca: file:servers.crt}'],
    postgres: {
      config: ['ssl = on'],
      hba: ['host all postgres 127.0.0.1/32 trust', 'hostssl all gateway 127.0.0.1/32 scram-sha-256'],
      files: { 'server.crt': database.certificate, 'server.key': database.key },
    },
  });
}, 180_000);

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await Promise.all([servers, clients, strangers].map((authority) => authority.close()));
});

test('a token over TLS, the gateway’s name verified', async () => {
  const client = await gateway.connect({ ssl: { ca: servers.certificate } });
  expect((await client.query('SELECT email FROM app.users WHERE id = 1')).rows).toEqual([
    { email: 'a***@***.example' },
  ]);
  await client.end();
});

test('without TLS nobody comes in', async () => {
  const error = await errorOf(gateway.connect());
  expect(error).toMatchObject({ severity: 'FATAL', message: expect.stringContaining('TLS') });
});

describe('a client certificate', () => {
  /** psql, with this certificate and no password. */
  async function psql(authority: CertificateAuthority, commonName: string): Promise<string> {
    const { certificate, key } = await authority.issue(commonName, ['DNS:client']);
    const [crt, pem] = [join(gateway.folder, `${commonName}.crt`), join(gateway.folder, `${commonName}.key`)];
    await writeFile(crt, certificate);
    await writeFile(pem, key, { mode: 0o600 });
    const env = {
      ...gateway.libpq(),
      PGPASSWORD: '',
      PGSSLMODE: 'verify-full',
      PGSSLROOTCERT: join(gateway.folder, 'servers.crt'),
      PGSSLCERT: crt,
      PGSSLKEY: pem,
    };
    const { stdout, stderr } = await start(
      'psql',
      ['-X', '-At', '-w', '-c', 'SELECT email FROM app.users WHERE id = 1'],
      {
        env,
      },
    ).finished;
    return stdout + stderr;
  }

  test('that a rule maps is an identity', async () => {
    expect(await psql(clients, 'build-7')).toBe('a***@***.example\n');
    const { stdout } = await gateway.cli(['trail', 'show', '--json', '--kind', 'session-opened']);
    expect(stdout).toContain('"subject":"build-7"');
  });

  test('that no rule maps, or that another CA has issued, is none', async () => {
    expect(await psql(clients, 'somebody')).toMatch(/password|FATAL/);
    expect(await psql(strangers, 'build-8')).toMatch(/FATAL|error/);
  });
});

test('bytes behind SSLRequest end the connection', async () => {
  const socket = connect(gateway.port, '127.0.0.1');
  const sslRequest = Buffer.from('0000000804d2162f', 'hex');
  const startup = Buffer.concat([Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0])]);
  socket.write(Buffer.concat([sslRequest, startup]));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer); // sockets without an encoding give buffers
  const answer = Buffer.concat(chunks).toString('latin1');
  expect(answer.startsWith('S')).toBe(false);
  expect(answer).toContain('08P01');
});

describe('direct TLS', () => {
  /** TLS from the first byte, without SSLRequest; resolves when the handshake is done. */
  async function handshake(protocols: readonly string[]): Promise<TLSSocket> {
    const socket = connectTls({
      ...{ host: '127.0.0.1', port: gateway.port, servername: 'localhost', ca: servers.certificate },
      ...(protocols.length > 0 ? { ALPNProtocols: [...protocols] } : {}),
    });
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Everything that comes until the other side closes. */
  async function all(socket: TLSSocket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer); // sockets without an encoding give buffers
    return Buffer.concat(chunks);
  }

  const startup = startupMessage(
    new Map([
      ['user', 'agent-7'],
      ['database', 'shop'],
    ]),
  );

  test('with the ALPN protocol "postgresql": the whole session runs in it', async () => {
    const socket = await handshake(['postgresql']);
    expect(socket.alpnProtocol).toBe('postgresql');
    expect(socket.authorized).toBe(true);
    socket.write(startup);
    const [question] = (await once(socket, 'data')) as [Buffer]; // sockets without an encoding give buffers
    expect(question).toEqual(Buffer.from([backend.authentication, 0, 0, 0, 8, 0, 0, 0, 3]));
    socket.write(frameOf(frontend.password, gateway.issuer.mint()));
    socket.write(frameOf(frontend.query, 'SELECT email FROM app.users WHERE id = 1'));
    let answer = '';
    for await (const chunk of socket) {
      answer += chunk.toString('latin1');
      if (answer.includes('SELECT 1')) socket.write(frameOf(frontend.terminate));
    }
    expect(answer).toContain('a***@***.example');
  });

  test('without ALPN it is closed without a word: a client of another protocol may have been led here', async () => {
    const socket = await handshake([]);
    socket.on('error', () => undefined).write(startup);
    expect(await all(socket)).toHaveLength(0);
  });

  test('another protocol does not come through the handshake', async () => {
    await expect(handshake(['h2'])).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
    });
  });

  test('SSLRequest within it ends the connection', async () => {
    const socket = await handshake(['postgresql']);
    socket.write(Buffer.from('0000000804d2162f', 'hex'));
    const answer = (await all(socket)).toString('latin1');
    expect(answer).toContain('08P01');
    expect(answer).toContain('SSLRequest comes once, first, and with nothing behind it');
  });

  test('a libpq that knows it (sslnegotiation=direct), with certificate names verified', async () => {
    const script = `
import psycopg
assert psycopg.pq.version() >= 170000, psycopg.pq.version()
with psycopg.connect() as connection:
    print(connection.execute("SELECT email FROM app.users WHERE id = %s", [1], binary=True).fetchall())
`;
    const env = {
      ...gateway.libpq(),
      PYTHONPATH: await pythonPackages(),
      PGHOST: 'localhost',
      PGSSLMODE: 'verify-full',
      PGSSLNEGOTIATION: 'direct',
      PGSSLROOTCERT: join(gateway.folder, 'servers.crt'),
    };
    const { stdout, stderr } = await start('python3', ['-c', script], { env }).finished;
    expect(stderr).toBe('');
    expect(stdout).toBe("[('a***@***.example',)]\n");
  });
});

test('the connection to the target is encrypted', async () => {
  const client = await gateway.connect({ ssl: { ca: servers.certificate } });
  const direct = await gateway.direct();
  const { rows } = await direct.query(
    "SELECT bool_and(ssl) AS ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'gateway'",
  );
  expect(rows).toEqual([{ ssl: true }]);
  await direct.end();
  await client.end();
  expect(await readFile(join(gateway.folder, 'sallyport.yaml'), 'utf8')).not.toContain('PRIVATE KEY');
});
