import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EnvoyError } from '../../envoy/errors.ts';
import type { Served } from '../../envoy/listener-kind.ts';
import { keyInFile, keyInline, renderConfig, renderStandalone } from '../../envoy/render.ts';
import { validateConfig } from '../../envoy/validate.ts';
import { targetName } from '../../services/core/model/ids.ts';
import { Secret } from '../../services/core/model/secret.ts';
import type {
  GatewaySettings,
  ListenerSettings,
  TargetSettings,
} from '../../services/core/model/settings.ts';
import type { RequestTarget } from '../../services/protocols/requests/target.ts';
import { type KeyPair, makeAuthority } from '../servers/certificates.ts';
import { envoyBinary, gatewaySettings, listenerSettings, makeSocketDir, served } from '../servers/envoy.ts';
import { expectGolden } from './golden.ts';

const runDir = '/var/lib/sallyport/run';

/** Private keys as they are told apart in golden files; Envoy refuses them, so the other tests bring real ones. */
const pem = (what: string): string => `-----BEGIN ${what}-----\nAAAA\n-----END ${what}-----\n`;

const httpTarget = (name: string, changes: Partial<RequestTarget> = {}): TargetSettings => ({
  name: targetName(name),
  protocol: 'http',
  listeners: 'http',
  settings: {
    host: `${name}.internal`,
    port: 443,
    authority: `${name}.internal`,
    basePath: '',
    httpVersion: '1.1',
    streams: [],
    tls: null,
    hosts: [],
    credential: { kind: 'bearer', token: new Secret('never in here') },
    maxBodyBytes: 1_048_576,
    connectTimeoutMs: 5_000,
    unmasked: [],
    ...changes,
  } satisfies RequestTarget,
});

const http = (changes: Partial<ListenerSettings> = {}): ListenerSettings =>
  listenerSettings('apis', { protocol: 'http', port: 8443, ...changes });

const overTls = (authority: KeyPair, listener: KeyPair, own: KeyPair): Served => ({
  gateway: gatewaySettings(
    http({
      tls: {
        certificate: listener.certificate,
        key: new Secret(listener.key),
        clientCa: authority.certificate,
        required: true,
      },
    }),
    listenerSettings('postgres', { port: 5432 }),
  ),
  targets: [
    httpTarget('billing', {
      hosts: ['billing.gw.example', 'invoices.gw.example'],
      tls: {
        ca: authority.certificate,
        identity: { certificate: own.certificate, key: new Secret(own.key) },
      },
    }),
    httpTarget('crm', {
      host: '10.0.0.8',
      port: 8080,
      authority: '10.0.0.8:8080',
      basePath: '/api/v2',
      httpVersion: '2',
      streams: ['/api/v2/chat.Chat/Talk', '/api/v2/{tenant}/upload/**'],
    }),
    { name: targetName('shop'), protocol: 'postgres', listeners: 'postgres', settings: {} },
  ],
});
const forEyes: KeyPair = { certificate: pem('CERTIFICATE'), key: pem('PRIVATE KEY') };

const cases: Readonly<Record<string, Served>> = Object.fromEntries(
  Object.entries<GatewaySettings>({
    'one-listener': gatewaySettings(listenerSettings('postgres', { port: 5432, idleTimeoutMs: 28_800_000 })),
    'two-listeners': {
      ...gatewaySettings(
        listenerSettings('postgres', {
          address: '::',
          port: 5432,
          maxConnections: 500,
          connectionsPerSecond: 50,
        }),
        listenerSettings('analysts', { address: '10.0.0.7', port: 6432, idleTimeoutMs: 90_500 }),
      ),
      envoy: { admin: '127.0.0.1:9901', concurrency: null },
    },
    'three-workers': {
      ...gatewaySettings(listenerSettings('postgres', { port: 5432, idleTimeoutMs: 28_800_000 })),
      workers: 3,
    },
    'no-listener': gatewaySettings(),
  }).map(([name, gateway]) => [name, served(gateway)]),
);
const httpCases: Readonly<Record<string, Served>> = {
  http: { gateway: { ...gatewaySettings(http()), workers: 2 }, targets: [httpTarget('crm')] },
  'http-over-tls': overTls(forEyes, forEyes, forEyes),
};

let binary: string;
let scratch: string;
beforeAll(async () => {
  binary = await envoyBinary();
  scratch = await makeSocketDir();
}, 600_000);
afterAll(() => rm(scratch, { recursive: true }));

describe.each(Object.entries({ ...cases, ...httpCases }))('%s', (name, subject) => {
  test('is rendered to exactly these files', () => {
    const config = renderConfig(subject, runDir);
    if (name in httpCases) {
      expectGolden(`${name}.routes`, config.routes);
      for (const [secret, text] of config.secrets) expectGolden(`${name}.${secret}`, text);
    }
    expectGolden(`${name}.bootstrap`, config.bootstrap);
    expectGolden(`${name}.listeners`, config.listeners);
    expectGolden(`${name}.clusters`, config.clusters);
    expectGolden(`${name}.standalone`, renderStandalone(subject, runDir, keyInFile(runDir)));
  });
});

describe.each(Object.entries(cases))('%s', (_, subject) => {
  test('is accepted by Envoy without a warning', async () => {
    expect(await validateConfig(binary, renderStandalone(subject, runDir, keyInline), scratch)).toEqual([]);
  });

  test('is the same inline as in files', () => {
    const config = renderConfig(subject, runDir);
    const standalone = JSON.parse(renderStandalone(subject, runDir, keyInline));
    const untyped = (resources: readonly object[]) =>
      resources.map((resource) => ({ ...resource, '@type': undefined }));
    expect(standalone.static_resources.listeners).toEqual(untyped(JSON.parse(config.listeners).resources));
    expect(standalone.static_resources.clusters).toEqual(untyped(JSON.parse(config.clusters).resources));
  });
});

test('HTTP with certificates of all kinds is accepted by Envoy without a warning', async () => {
  const authority = await makeAuthority();
  const listener = await authority.issue('gateway', ['DNS:gateway.example']);
  const own = await authority.issue('gateway client', []);
  await authority.close();
  for (const subject of [overTls(authority, listener, own), httpCases['http']]) {
    if (subject === undefined) throw new Error('there is such a case');
    expect(await validateConfig(binary, renderStandalone(subject, runDir, keyInline), scratch)).toEqual([]);
  }
});

test('targets and keys change routes, clusters and secrets, and never a listener', () => {
  const before = renderConfig(overTls(forEyes, forEyes, forEyes), runDir);
  const renewed = { certificate: pem('CERTIFICATE').replace('AAAA', 'BBBB'), key: pem('PRIVATE KEY') };
  const after = renderConfig(
    { ...overTls(forEyes, renewed, renewed), targets: [httpTarget('crm', { port: 444 })] },
    runDir,
  );
  expect(after.listeners).toBe(before.listeners);
  expect(after.routes).not.toBe(before.routes);
  expect(after.clusters).not.toBe(before.clusters);
  expect(after.secrets.get('listener-apis')).not.toBe(before.secrets.get('listener-apis'));
});

test('no key and no credential stands in what is printed or in what Envoy lists', () => {
  const secretive = overTls(forEyes, forEyes, forEyes);
  const { secrets, ...others } = renderConfig(secretive, runDir);
  const shown = [renderStandalone(secretive, runDir, keyInFile(runDir)), ...Object.values(others)].join();
  const keys = [...secrets.values()].join();
  expect(keys).toContain('PRIVATE KEY');
  expect(shown).not.toContain('PRIVATE KEY');
  expect(shown + keys).not.toContain('never in here');
});

test('a config that Envoy refuses is refused with its reasons', async () => {
  const refused = validateConfig(binary, '{"admin": {"no_such_field": 1}}', scratch);
  await expect(refused).rejects.toThrow(/no_such_field/);
  await expect(refused).rejects.toMatchObject({ code: 'config-refused' });
});

const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    if (error instanceof EnvoyError) return error.code;
    throw error;
  }
};

const postgres = listenerSettings('postgres');
const withAdmin = (admin: string): GatewaySettings => ({
  ...gatewaySettings(postgres),
  envoy: { admin, concurrency: null },
});

test.each<[string, GatewaySettings, string, string]>([
  [
    'a protocol it does not know',
    gatewaySettings(listenerSettings('a', { protocol: 'gopher' })),
    runDir,
    'unknown-protocol',
  ],
  [
    'a listener with the name of a socket',
    gatewaySettings(listenerSettings('edge')),
    runDir,
    'bad-listener-name',
  ],
  ['a listener whose name is a path', gatewaySettings(listenerSettings('../x')), runDir, 'bad-listener-name'],
  [
    'a listener whose name is a command of the access log',
    gatewaySettings(listenerSettings('%START_TIME%')),
    runDir,
    'bad-listener-name',
  ],
  [
    'a socket path of 108 bytes',
    gatewaySettings(postgres),
    `/${'r'.repeat(108 - '//postgres.sock'.length)}`,
    'socket-path-too-long',
  ],
  [
    'a socket path of 108 bytes in fewer characters',
    gatewaySettings(postgres),
    `/${'ü'.repeat(47)}`,
    'socket-path-too-long',
  ],
  ['an admin address without a port', withAdmin('127.0.0.1'), runDir, 'bad-admin-address'],
  ['an admin address by name', withAdmin('localhost:9901'), runDir, 'bad-admin-address'],
  ['an admin address with port 0', withAdmin('127.0.0.1:0'), runDir, 'bad-admin-address'],
  ['an IPv6 admin address without brackets', withAdmin('::1:9901'), runDir, 'bad-admin-address'],
])('refuses %s', (_, gateway, dir, code) => {
  expect(codeOf(() => renderConfig(served(gateway), dir))).toBe(code);
  expect(codeOf(() => renderStandalone(served(gateway), dir, keyInline))).toBe(code);
});

test('two targets cannot have one host name', () => {
  const targets = ['billing', 'crm'].map((name) => httpTarget(name, { hosts: ['apis.gw.example'] }));
  expect(codeOf(() => renderConfig({ gateway: gatewaySettings(http()), targets }, runDir))).toBe(
    'host-taken',
  );
});

test('takes the longest socket path that the kernel takes', () => {
  const longest = `/${'r'.repeat(107 - '//envoy-admin.sock'.length)}`;
  expect(codeOf(() => renderConfig(served(gatewaySettings(listenerSettings('pg'))), longest))).toBe('none');
});

test('takes an IPv6 admin address', () => {
  const bootstrap = JSON.parse(renderConfig(served(withAdmin('[::1]:9901')), runDir).bootstrap);
  expect(bootstrap.admin.address).toEqual({ socket_address: { address: '::1', port_value: 9901 } });
});
