/**
 * What only a process of its own can show: what is loaded, how much memory is used, and what is written at its end.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const root = join(import.meta.dirname, '../../..');

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** Runs an ES module in the tree's root with only these variables. */
async function run(module: string, environment: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--expose-gc', '--input-type=module', '--eval', module],
    { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const read = async (stream: NodeJS.ReadableStream): Promise<string> => {
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return text;
  };
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr, code] = await Promise.all([read(child.stdout), read(child.stderr), ended]);
  return { stdout, stderr, code };
}

const telemetry = `
  import { createTelemetry } from './services/core/telemetry/telemetry.ts';
  import { systemClock } from './services/core/model/clock.ts';
  import { createLogger } from './services/core/telemetry/logger.ts';
  const log = createLogger({ level: 'info', format: 'json', write: () => {} });
  const telemetry = await createTelemetry({ clock: systemClock, log, version: '0', process: 'p' });
`;
const loaded = `
  import { createRequire } from 'node:module';
  const modules = Object.keys(createRequire(import.meta.url).cache);
  const sdk = modules.filter((path) => path.includes('@opentelemetry')).length;
  console.log(JSON.stringify({ enabled: telemetry.enabled, sdk }));
  process.exit(0);
`;

test('off, nothing of OpenTelemetry is loaded', async () => {
  const off = await run(telemetry + loaded);
  expect(JSON.parse(off.stdout)).toEqual({ enabled: false, sdk: 0 });
  const on = await run(telemetry + loaded, { OTEL_TRACES_EXPORTER: 'otlp' });
  expect(JSON.parse(on.stdout).enabled).toBe(true);
  expect(JSON.parse(on.stdout).sdk).toBeGreaterThan(10);
});

test('a collector that is away costs no memory', async () => {
  const { stdout, stderr } = await run(
    `${telemetry}
      const session = telemetry.session({ protocol: 'postgres' });
      session.opened({ target: 'shop' });
      const turn = () => new Promise((resolve) => setImmediate(resolve));
      const work = async (actions) => {
        for (let n = 0; n < actions; n += 1) {
          const action = session.action('query');
          action.phase('decision');
          action.phase('upstream');
          action.end(null);
          telemetry.decided('postgres', 'shop', 'allow', null);
          if (n % 100 === 0) await turn();
        }
        gc();
        return process.memoryUsage().heapUsed;
      };
      const before = await work(5000);
      const after = await work(20_000);
      console.log(after - before);
      process.exit(0);`,
    // A port that nobody listens on: 9 is "discard" (RFC 863).
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
  );
  expect(stderr).toBe('');
  // 60,000 spans of about 1 kB were made; the queue of 2048 was full before.
  expect(Number(stdout)).toBeLessThan(10e6);
});

const processLog = `
  import { createProcessLogger } from './services/core/telemetry/logger.ts';
  const log = createProcessLogger('info');
`;

test('the log of a process goes to standard error as JSON, and is whole when it exits', async () => {
  const { stdout, stderr } = await run(`${processLog}
    for (let n = 0; n < 1000; n += 1) log.info({ n }, 'counted');
    process.exit(0);`);
  expect(stdout).toBe('');
  const lines = stderr.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).n)).toEqual(Array.from({ length: 1000 }, (_, n) => n));
});

test('the log of a process that dies of an error is whole', async () => {
  const { stderr, code } = await run(`${processLog}
    log.info({}, 'about to fail');
    throw new Error('the end');`);
  expect(stderr).toContain('"msg":"about to fail"');
  expect(code).not.toBe(0);
});

test('lines over the queue are dropped and counted, and the process goes on', async () => {
  const { stderr } = await run(`${processLog}
    const text = 'x'.repeat(4000);
    for (let n = 0; n < 1000; n += 1) log.info({ text }, 'written');`);
  const lines = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const written = lines.filter(({ msg }) => msg === 'written').length;
  const dropped = lines.find(({ msg }) => msg.startsWith('log lines were dropped'));
  expect(written).toBeLessThan(1000);
  expect(written + dropped.lines).toBe(1000);
});
