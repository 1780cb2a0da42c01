import { execFile, spawn } from 'node:child_process';
import { appendFile, chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

/** A real PostgreSQL on loopback for one test file. */
export interface PostgresServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly superuser: 'postgres';
  readonly dataDir: string;
  /** The postmaster's process id, for tests that kill it. */
  readonly pid: number;
  /** A connected superuser client on this database; end it yourself. */
  connect(database?: string): Promise<pg.Client>;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** Lines for postgresql.conf. */
  readonly config?: readonly string[];
  /** The whole pg_hba.conf; trust for loopback by default. */
  readonly hba?: readonly string[];
  /** Files to lay into the data folder before the start (server.crt, server.key). */
  readonly files?: Readonly<Record<string, string>>;
}

/** A port that was free a moment ago. PostgreSQL cannot be told to take port 0. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

/** The folder of the newest PostgreSQL server that Debian's packages have installed; another one where TEST_POSTGRES_BIN names it. */
export async function postgresBinaries(): Promise<string> {
  const chosen = process.env['TEST_POSTGRES_BIN'];
  if (chosen !== undefined) return chosen;
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  const newest = versions
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => b - a)[0];
  if (newest === undefined) {
    throw new Error(
      'these tests need a PostgreSQL server: apt-get install postgresql (or run npm test as root)',
    );
  }
  return `/usr/lib/postgresql/${newest}/bin`;
}

/** PostgreSQL refuses to run as root; as root the tests run it as `nobody` (65534 on Debian). */
const unprivileged = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const binaries = await postgresBinaries();
  const dataDir = await mkdtemp(join(tmpdir(), 'sallyport-pg-'));
  if (unprivileged.uid !== undefined) await chown(dataDir, unprivileged.uid, unprivileged.gid);
  const initdb = [
    '-D',
    dataDir,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C.UTF-8',
    '--no-sync',
  ];
  await run(join(binaries, 'initdb'), initdb, { ...unprivileged, cwd: dataDir });
  const port = await freePort();
  const config = [
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    "unix_socket_directories = ''",
    'fsync = off',
    'max_connections = 200',
    ...(options.config ?? []),
  ];
  await writeFile(join(dataDir, 'postgresql.auto.conf'), `${config.join('\n')}\n`);
  if (options.hba) await writeFile(join(dataDir, 'pg_hba.conf'), `${options.hba.join('\n')}\n`);
  for (const [name, text] of Object.entries(options.files ?? {})) {
    const path = join(dataDir, name);
    await writeFile(path, text, { mode: 0o600 });
    if (unprivileged.uid !== undefined) await chown(path, unprivileged.uid, unprivileged.gid);
  }
  return serve(dataDir, port);
}

/** A hot standby that follows a server which lets `postgres` replicate; as its primary otherwise. */
export async function startStandby(primary: PostgresServer): Promise<PostgresServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sallyport-pg-'));
  if (unprivileged.uid !== undefined) await chown(dataDir, unprivileged.uid, unprivileged.gid);
  const copy = ['-D', dataDir, '-h', primary.host, '-p', String(primary.port), '-U', primary.superuser];
  await run(
    join(await postgresBinaries(), 'pg_basebackup'),
    [...copy, '--write-recovery-conf', '--wal-method=stream', '--checkpoint=fast', '--no-sync'],
    { ...unprivileged, cwd: dataDir },
  );
  const port = await freePort();
  // The last line of a name counts.
  await appendFile(join(dataDir, 'postgresql.auto.conf'), `port = ${port}\n`);
  return serve(dataDir, port);
}

/** Runs the server whose data are in this folder, which goes with it. */
async function serve(dataDir: string, port: number): Promise<PostgresServer> {
  const server = spawn(join(await postgresBinaries(), 'postgres'), ['-D', dataDir], {
    ...unprivileged,
    cwd: dataDir,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  await ready(server.stderr, ended);
  const connect = async (database = 'postgres'): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database });
    await client.connect();
    return client;
  };
  return {
    host: '127.0.0.1',
    port,
    superuser: 'postgres',
    dataDir,
    pid: server.pid ?? 0,
    connect,
    async stop() {
      // SIGQUIT: immediate shutdown; the data is thrown away next.
      server.kill('SIGQUIT');
      await ended;
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Waits for the server's own word that it accepts connections; gives its log when it ends instead. */
function ready(stderr: NodeJS.ReadableStream, ended: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    stderr.setEncoding('utf8');
    stderr.on('data', (text: string) => {
      log = (log + text).slice(-20_000);
      if (/database system is ready to accept (read-only )?connections/.test(log)) resolve();
    });
    void ended.then(() => reject(new Error(`PostgreSQL did not start:\n${log}`)));
  });
}
