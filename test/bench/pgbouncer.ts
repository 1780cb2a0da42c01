import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { targetPassword } from '../e2e/gateway.ts';
import { freePort } from '../servers/postgres.ts';

export interface Pgbouncer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/** It refuses to run as root, as PostgreSQL does: 65534 is `nobody` on Debian. */
const unprivileged = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/**
 * pgbouncer before the shop. In session mode, the one that, like the gateway, keeps a session's state apart; its
 * connections to the server outlive their clients, which no gateway that logs each session in by itself can do.
 */
export async function startPgbouncer(postgresPort: number): Promise<Pgbouncer> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-pgbouncer-'));
  const port = await freePort();
  const config = join(folder, 'pgbouncer.ini');
  const users = join(folder, 'users.txt');
  await writeFile(users, `"gateway" "${targetPassword}"\n`, { mode: 0o600 });
  await writeFile(
    config,
    `[databases]
shop = host=127.0.0.1 port=${postgresPort} dbname=shop
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = session
default_pool_size = 100
max_client_conn = 1200
log_connections = 0
log_disconnections = 0
`,
  );
  if (unprivileged.uid !== undefined) {
    for (const path of [folder, config, users]) await chown(path, unprivileged.uid, unprivileged.gid);
  }
  const pgbouncer = spawn('pgbouncer', [config], {
    ...unprivileged,
    env: { PATH: `${process.env['PATH']}:/usr/sbin` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(pgbouncer, 'exit');
  await saysThatItIsUp(pgbouncer.stderr, ended);
  return {
    port,
    pid: pgbouncer.pid ?? 0,
    async [Symbol.asyncDispose]() {
      // SIGTERM: at once, whoever is connected.
      pgbouncer.kill();
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

function saysThatItIsUp(stderr: NodeJS.ReadableStream, ended: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-20_000);
      if (log.includes('process up')) resolve();
    });
    ended.then(() => reject(new Error(`pgbouncer did not start:\n${log}`)), reject);
  });
}
