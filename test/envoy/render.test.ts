import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EnvoyError } from '../../envoy/errors.ts';
import { renderConfig, renderStandalone } from '../../envoy/render.ts';
import { validateConfig } from '../../envoy/validate.ts';
import type { GatewaySettings } from '../../services/core/model/settings.ts';
import { envoyBinary, gatewaySettings, listenerSettings, makeSocketDir } from '../servers/envoy.ts';
import { expectGolden } from './golden.ts';

const runDir = '/var/lib/sallyport/run';

const cases: Readonly<Record<string, GatewaySettings>> = {
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
};

let binary: string;
let scratch: string;
beforeAll(async () => {
  binary = await envoyBinary();
  scratch = await makeSocketDir();
}, 600_000);
afterAll(() => rm(scratch, { recursive: true }));

describe.each(Object.entries(cases))('%s', (name, gateway) => {
  test('is rendered to exactly these files', () => {
    const config = renderConfig(gateway, runDir);
    expectGolden(`${name}.bootstrap`, config.bootstrap);
    expectGolden(`${name}.listeners`, config.listeners);
    expectGolden(`${name}.clusters`, config.clusters);
    expectGolden(`${name}.standalone`, renderStandalone(gateway, runDir));
  });

  test('is accepted by Envoy without a warning', async () => {
    expect(await validateConfig(binary, renderStandalone(gateway, runDir), scratch)).toEqual([]);
  });

  test('is the same inline as in files', () => {
    const config = renderConfig(gateway, runDir);
    const standalone = JSON.parse(renderStandalone(gateway, runDir));
    const untyped = (resources: readonly object[]) =>
      resources.map((resource) => ({ ...resource, '@type': undefined }));
    expect(standalone.static_resources.listeners).toEqual(untyped(JSON.parse(config.listeners).resources));
    expect(standalone.static_resources.clusters).toEqual(untyped(JSON.parse(config.clusters).resources));
  });
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
  expect(codeOf(() => renderConfig(gateway, dir))).toBe(code);
  expect(codeOf(() => renderStandalone(gateway, dir))).toBe(code);
});

test('takes the longest socket path that the kernel takes', () => {
  const longest = `/${'r'.repeat(107 - '//envoy-admin.sock'.length)}`;
  expect(codeOf(() => renderConfig(gatewaySettings(listenerSettings('pg')), longest))).toBe('none');
});

test('takes an IPv6 admin address', () => {
  const bootstrap = JSON.parse(renderConfig(withAdmin('[::1]:9901'), runDir).bootstrap);
  expect(bootstrap.admin.address).toEqual({ socket_address: { address: '::1', port_value: 9901 } });
});
