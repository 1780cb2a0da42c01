/**
 * `npm run test:clients`: the clients whose toolchains a machine need not have, each against the whole gateway: pgx (Go),
 * tokio-postgres (Rust) and JDBC (Java and Maven). What is absent is said, and is no failure. Built in ~/.cache/sallyport/clients.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { TestGateway } from '../gateway.ts';
import { driversPolicy } from './drivers.ts';
import { type Steps, startScript } from './script.ts';

interface Client {
  readonly name: string;
  /** Commands without which it cannot be built. */
  readonly needs: readonly string[];
  build(folder: string): void;
  /** Whether it waits to be told that its statement runs, and cancels it then. */
  readonly cancels: boolean;
  readonly run: (folder: string) => readonly [command: string, ...args: string[]];
  /** What its steps see, where it is not what all see. */
  readonly sees: Steps;
}

const sources = import.meta.dirname;

/** From Maven Central; Maven itself checks what it has fetched. */
const pgjdbc = 'postgresql-42.7.8.jar';

function build(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): void {
  const { status, stderr, stdout } = spawnSync(command, args, { cwd, env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`);
}

const ada = ['Ada', 'a***@***.example', '****1111', 0];
const emails = ['a***@***.example', 'b***@***.example', 'c***@***.example'];

/** What every client sees. */
const common: Steps = {
  simple: [ada],
  extended: [ada],
  prepared: [ada],
  copiedIn: [['saucer'], ['spoon'], ['fork']],
  copiedOut: 'Ada\ta***@***.example\nBo\tb***@***.example\n',
  refused: ['42501', '25P02', 1],
  pipelined: emails,
  updated: 1,
};

const clients: readonly Client[] = [
  {
    name: 'pgx',
    needs: ['go'],
    build: (folder) => build('go', ['build', '-o', join(folder, 'client'), '.'], join(sources, 'pgx')),
    cancels: true,
    run: (folder) => [join(folder, 'client')],
    sees: { byOAuth: [ada] },
  },
  {
    name: 'tokio-postgres',
    needs: ['cargo'],
    build: (folder) =>
      build('cargo', ['build', '--locked', '--quiet'], join(sources, 'tokio-postgres'), {
        CARGO_TARGET_DIR: folder,
      }),
    // It hangs up as soon as its CancelRequest is written, and Envoy's listener filters drop a connection whose FIN comes so soon: the
    // cancel is lost. Other drivers wait until the server closes.
    cancels: false,
    run: (folder) => [join(folder, 'debug/sallyport-tokio-postgres')],
    // Its simple protocol gives no numbers.
    sees: { simple: [ada.slice(0, 3)] },
  },
  {
    name: 'JDBC',
    needs: ['java', 'mvn'],
    build: (folder) => {
      if (existsSync(join(folder, pgjdbc))) return;
      const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy';
      const artifact = pgjdbc.replace(/-(.*)\.jar/, ':$1');
      build(
        'mvn',
        ['-q', '-B', plugin, `-Dartifact=org.postgresql:${artifact}`, `-DoutputDirectory=${folder}`],
        folder,
      );
    },
    cancels: true,
    run: (folder) => ['java', '-cp', join(folder, pgjdbc), join(sources, 'jdbc/Client.java')],
    // A batch gives counts; a fetch size makes portals that stop after some rows.
    sees: { pipelined: [1, 1, 1], fetched: emails.map((email) => [email]) },
  },
];

const onPath = (command: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, command)));

async function tryClient(client: Client, gateway: TestGateway): Promise<void> {
  const folder = join(homedir(), '.cache/sallyport/clients', client.name);
  mkdirSync(folder, { recursive: true });
  client.build(folder);
  const direct = await gateway.direct();
  await direct.query("DELETE FROM app.orders WHERE id > 1000; UPDATE app.users SET name = 'Bo' WHERE id = 2");
  const [command, ...args] = client.run(folder);
  const script = startScript(command, args, gateway.libpq());
  try {
    if (client.cancels) {
      await script.waits('running');
      const running =
        "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'";
      while ((await direct.query(running)).rowCount === 0);
      script.go();
    }
    const hold = await script.held(1);
    const approved = await gateway.cli(['holds', 'approve', hold, '--reason', 'fine', '--yes']);
    assert.equal(approved.status, 0, approved.stderr);
    const { held, waits, ...seen } = await script.finished();
    const cancelled = client.cancels ? { cancelled: '57014' } : {};
    assert.deepEqual(seen, { ...common, ...cancelled, ...client.sees });
  } finally {
    await direct.end();
  }
}

let failures = 0;
await using gateway = await TestGateway.start({
  policy: driversPolicy,
  listener: ['oauth: {issuer: test, scope: openid}'],
});
for (const client of clients) {
  const absent = client.needs.filter((command) => !onPath(command));
  if (absent.length > 0) {
    console.log(`${client.name}: not tried, since there is no ${absent.join(' and no ')} here`);
    continue;
  }
  try {
    await tryClient(client, gateway);
    console.log(`${client.name}: passed`);
  } catch (error) {
    failures += 1;
    console.log(`${client.name}: failed`);
    console.error(error);
  }
}
process.exitCode = failures === 0 ? 0 : 1;
