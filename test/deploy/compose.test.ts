import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { root, sallyport, start } from '../console/cli.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { startPostgres } from '../servers/postgres.ts';

/** What of the file is looked at here; docker compose itself says whether the rest is right. */
const composeSchema = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string().optional(),
      build: z
        .object({ context: z.string(), dockerfile: z.string(), target: z.string().optional() })
        .optional(),
      init: z.boolean(),
      read_only: z.boolean(),
      security_opt: z.array(z.string()),
      cap_drop: z.array(z.string()),
      user: z.string(),
      volumes: z.array(z.string()).default([]),
      ports: z.array(z.string()).default([]),
      networks: z.array(z.string()).default([]),
      depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
      healthcheck: z.object({ test: z.array(z.string()) }).optional(),
      restart: z.string(),
    }),
  ),
  networks: z.record(z.string(), z.object({ internal: z.boolean().optional() }).nullable()),
  volumes: z.record(z.string(), z.null()),
});

const file = async () =>
  composeSchema.parse(parse(await readFile(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }));
const { services, networks, volumes } = await file();
const everyService = Object.entries(services);
const bindMounts = everyService.flatMap(([, service]) =>
  service.volumes.filter((volume) => volume.startsWith('./')).map((volume) => volume.split(':')[0] ?? ''),
);

test.each(everyService)('%s is locked down', (_, service) => {
  expect(service).toMatchObject({
    init: true,
    read_only: true,
    security_opt: ['no-new-privileges:true'],
    cap_drop: ['ALL'],
    user: expect.not.stringMatching(/^(root|0)(:|$)/),
  });
  // What runs is watched; what is built and pulled is pinned.
  expect(service.restart === 'no' || service.healthcheck !== undefined).toBe(true);
  expect(service.image ?? 'pinned:1').toMatch(/:\d[\w.-]*$/);
});

test('ports are of this machine alone, and databases have no way out', () => {
  const ports = everyService.flatMap(([, service]) => service.ports);
  expect(ports).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+:\d+$/)]);
  const open = Object.keys(networks).filter((name) => networks[name]?.internal !== true);
  for (const name of open) {
    expect(
      everyService.filter(([, service]) => service.networks.includes(name)).map(([each]) => each),
    ).toEqual(['gateway']);
  }
});

test('what it refers to is there', async () => {
  for (const path of bindMounts) await stat(join(root, path));
  const dockerfile = await readFile(join(root, 'deploy/Dockerfile'), 'utf8');
  for (const [, { build, volumes: mounted, networks: joined, depends_on }] of everyService) {
    if (build !== undefined) {
      expect(build).toMatchObject({ context: '.', dockerfile: 'deploy/Dockerfile' });
      if (build.target !== undefined) expect(dockerfile).toContain(` AS ${build.target}\n`);
    }
    const named = mounted.filter((volume) => !volume.startsWith('.')).map((volume) => volume.split(':')[0]);
    for (const name of named) expect(volumes).toHaveProperty(name ?? '');
    for (const name of joined) expect(networks).toHaveProperty(name);
    for (const name of Object.keys(depends_on)) expect(services).toHaveProperty(name);
  }
});

describe('the trial', () => {
  let folder: string;

  /** The gateway's mounts, laid out in a folder. */
  beforeAll(async () => {
    await envoyBinary();
    folder = await mkdtemp(join(tmpdir(), 'sallyport-trial-'));
    await mkdir(join(folder, 'tls'));
    const made = await start(join(root, 'deploy/trial/certificates.sh'), [join(folder, 'tls')]).finished;
    expect(made.status).toBe(0);
  }, 600_000);

  afterAll(() => rm(folder, { recursive: true }));

  /** The config that is mounted, in the folder, with the policies that are mounted beside it. */
  async function config(changes: readonly (readonly [from: string, to: string])[] = []): Promise<string> {
    const mounts = new Map(
      services['gateway']?.volumes.map((volume) => volume.split(':').toReversed().slice(1)) as [
        string,
        string,
      ][],
    );
    const source = mounts.get('/etc/sallyport/sallyport.yaml') ?? '';
    await cp(join(root, mounts.get('/etc/sallyport/policies') ?? ''), join(folder, 'policies'), {
      recursive: true,
    });
    let text = await readFile(join(root, source), 'utf8');
    for (const [from, to] of [['/run/tls', 'tls'], ['/var/lib/sallyport', 'state'], ...changes] as const) {
      expect(text).toContain(from);
      text = text.replaceAll(from, to);
    }
    await writeFile(join(folder, 'sallyport.yaml'), text);
    return join(folder, 'sallyport.yaml');
  }

  const env = { SHOP_DB_PASSWORD: 'of-the-trial' };

  test('has a config in which nothing is wrong', async () => {
    const { status, stdout } = await sallyport(['check', '-c', await config()], { env });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/: no problems \(/) });
  });

  test('has certificates that the second run leaves alone', async () => {
    const before = await readFile(join(folder, 'tls/agent.pem'), 'utf8');
    const again = await start(join(root, 'deploy/trial/certificates.sh'), [join(folder, 'tls')]).finished;
    expect(again).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await readFile(join(folder, 'tls/agent.pem'), 'utf8')).toBe(before);
  });

  test('has a database on which its policies have something to say', async () => {
    const server = await startPostgres();
    try {
      const admin = await server.connect();
      await admin.query('CREATE DATABASE shop');
      await admin.end();
      const psql = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', server.host, '-p', String(server.port)];
      const shop = ['-U', 'postgres', '-d', 'shop', '-f', join(root, 'deploy/trial/shop.sql')];
      expect(await start('psql', [...psql, ...shop], { env }).finished).toEqual({
        status: 0,
        stdout: '',
        stderr: '',
      });
      const file = await config([['host: postgres', `host: ${server.host}\n    port: ${server.port}`]]);
      const who = ['--as', 'agent-1', '--groups', 'agents', '--kind', 'agent', '--target', 'shop'];
      const asked = ['policy', 'explain', ...who, '--sql', 'SELECT * FROM customers', '--json', '-c', file];
      const { stdout } = await sallyport(asked, { env });
      expect(JSON.parse(stdout)).toMatchObject({ decision: 'allow', masks: { length: 2 } });
    } finally {
      await server.stop();
    }
  });
});
