/**
 * `npm run test:clients`: the clients whose toolchains a machine need not have, each against the whole gateway: pgx (Go),
 * tokio-postgres (Rust) and JDBC (Java and Maven); client-go and @kubernetes/client-node (npm). What is absent is said, and is no failure. Built
 * in ~/.cache/sallyport/clients. With names behind it, only those: `npm run test:clients -- client-go`.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { TestGateway } from '../gateway.ts';
import { driversPolicy } from './drivers.ts';
import { type KubernetesClient, startCluster, tryKubernetesClient } from './kubernetes-toolchains.ts';
import { type Steps, startScript } from './script.ts';
import { type Toolchain, tryAll } from './toolchain.ts';

interface Client extends Toolchain {
  /** Whether it waits to be told that its statement runs, and cancels it then. */
  readonly cancels: boolean;
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

const kubernetesClients: readonly KubernetesClient[] = [
  {
    name: 'client-go',
    needs: ['go'],
    build: (folder) => build('go', ['build', '-o', join(folder, 'client'), '.'], join(sources, 'client-go')),
    run: (folder) => [join(folder, 'client')],
    // It has decoded the base64 itself.
    sees: { get: '********' },
    execRefused: (told) => assert.match(String(told), /Nothing is deleted by exec\./),
  },
  {
    name: 'client-node',
    needs: ['npm'],
    build: (folder) => {
      for (const file of ['package.json', 'package-lock.json', 'client.mjs'])
        copyFileSync(join(sources, 'client-node', file), join(folder, file));
      build('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder);
    },
    run: (folder) => [process.execPath, join(folder, 'client.mjs')],
    sees: {},
    execRefused: (told) => assert.match(String(told), /Nothing is deleted by exec\./),
  },
];

async function tryClient(client: Client, folder: string, gateway: TestGateway): Promise<void> {
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

const startGateway = (): Promise<TestGateway> =>
  TestGateway.start({ policy: driversPolicy, listener: ['oauth: {issuer: test, scope: openid}'] });

const passed = [
  await tryAll(clients, startGateway, tryClient),
  await tryAll(kubernetesClients, startCluster, tryKubernetesClient),
];
process.exitCode = passed.every(Boolean) ? 0 : 1;
