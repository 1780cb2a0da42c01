import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type CertificateAuthority, makeAuthority } from '../servers/certificates.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { type HttpTarget, startHttpTarget } from '../servers/http-target.ts';
import { HttpGateway, standardPolicy } from './http-gateway.ts';

let authority: CertificateAuthority;
let strangers: CertificateAuthority;
let target: HttpTarget;
let gateway: HttpGateway;

const policy = `${standardPolicy}
  - name: jobs
    targets: [billing]
    principals: [{kinds: [workload], groups: [jobs]}]
    rules:
      - {name: read, effects: [get], paths: ['/jobs/{id}'], outcome: allow}
`;

const listener = ['tls: {certificate: file:server.pem, key: file:server.key, clientCa: file:clients-ca.pem}'];

beforeAll(async () => {
  await envoyBinary();
  authority = await makeAuthority();
  strangers = await makeAuthority('strangers');
  const server = await authority.issue('gateway', ['DNS:localhost', 'IP:127.0.0.1']);
  const targetsOwn = await authority.issue('target', ['DNS:localhost']);
  const own = await authority.issue('the gateway', []);
  const job = await authority.issue('job-7', []);
  const unknown = await authority.issue('somebody', []);
  const stranger = await strangers.issue('job-7', []);
  target = await startHttpTarget({
    cert: targetsOwn.certificate,
    key: targetsOwn.key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  });
  gateway = await HttpGateway.start({
    policy,
    listener,
    url: `https://localhost:${target.port}`,
    identity: [
      "certificates: [{name: jobs, commonName: 'job-*', subject: '{commonName}', kind: workload, groups: [jobs]}]",
    ],
    target: [
      'credential: {header: {name: X-Api-Key, value: env:TARGET_TOKEN}}',
      'tls: {ca: file:clients-ca.pem, certificate: file:own.pem, key: file:own.key}',
    ],
    files: {
      'server.pem': server.certificate,
      'server.key': server.key,
      'clients-ca.pem': authority.certificate,
      'own.pem': own.certificate,
      'own.key': own.key,
      'job.pem': job.certificate,
      'job.key': job.key,
      'unknown.pem': unknown.certificate,
      'unknown.key': unknown.key,
      'stranger.pem': stranger.certificate,
      'stranger.key': stranger.key,
    },
  });
}, 600_000);
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await Promise.all([target.stop(), authority.close(), strangers.close()]);
});

const file = (name: string): string => join(gateway.folder, name);

const curl = (path: string, ...args: readonly string[]) =>
  gateway.curl(
    ...['--cacert', file('clients-ca.pem'), '-w', '\n%{http_code} %{http_version}', ...args],
    `https://localhost:${gateway.port}/t/billing${path}`,
  );

const bearer = (): readonly string[] => ['-H', `Authorization: Bearer ${gateway.issuer.mint()}`];
const certificate = (name: string): readonly string[] => [
  ...['--cert', file(`${name}.pem`)],
  ...['--key', file(`${name}.key`)],
];

test('HTTP/2 over TLS, and the gateway’s own certificate and header at the target', async () => {
  const { stdout } = await curl('/users/7', ...bearer(), '-H', 'X-Api-Key: of-the-client');
  expect(stdout).toBe('{"method":"GET","url":"/users/7"}\n200 2');
  const [received] = target.received.slice(-1);
  expect(received?.clientName).toBe('the gateway');
  expect(received?.headers['x-api-key']).toBe('the-target-token-nobody-sees');
  expect(received?.headers.authorization).toBeUndefined();
});

test('HTTP/1.1 over TLS', async () => {
  const { stdout } = await curl('/users/7', '--http1.1', ...bearer());
  expect(stdout).toBe('{"method":"GET","url":"/users/7"}\n200 1.1');
});

describe('a client certificate', () => {
  test('that a rule maps is all that is needed', async () => {
    expect((await curl('/jobs/1', ...certificate('job'))).stdout).toMatch(/\n200 2$/);
    expect((await curl('/users/7', ...certificate('job'))).stdout).toMatch(
      /"code": "no-rule"[\s\S]*\n403 2$/,
    );
    const opened = (await gateway.trail('session-opened')).at(-1);
    expect(opened).toMatchObject({
      principal: { subject: 'job-7', kind: 'workload' },
      provenBy: 'certificate',
    });
  });

  test('that no rule maps still needs a token', async () => {
    expect((await curl('/users/7', ...certificate('unknown'))).stdout).toMatch(/\n401 2$/);
    expect((await curl('/users/7', ...certificate('unknown'), ...bearer())).stdout).toMatch(/\n200 2$/);
  });

  test('of another CA does not get through the handshake, token or not', async () => {
    const { status, stdout } = await curl('/users/7', ...certificate('stranger'), ...bearer());
    expect(status).not.toBe(0);
    expect(stdout).toMatch(/\n000 0$/);
  });

  test('said in a header is nobody’s', async () => {
    const headers = ['-H', 'X-Forwarded-Client-Cert: Subject="CN=job-7"', '-H', 'X-Client-Cert: job-7'];
    expect((await curl('/jobs/1', ...headers)).stdout).toMatch(/\n401 2$/);
  });
});

test('a token comes over TLS, or not at all: plain HTTP is no request here', async () => {
  const { status, stdout } = await gateway.curl(
    ...['-w', '%{http_code}', ...bearer()],
    `http://localhost:${gateway.port}/t/billing/users/7`,
  );
  expect(status === 0 ? stdout : '000').toBe('000');
});

test('a renewed certificate is taken up, and what waits for approval goes on waiting', async () => {
  const held = curl('/orders/1', '-X', 'PUT', ...bearer());
  const hold = await gateway.nextHold();
  const renewed = await authority.issue('renewed', ['DNS:localhost']);
  await writeFile(file('server.key'), renewed.key);
  await writeFile(file('server.pem'), renewed.certificate);
  await gateway.up.untilError(/Envoy works by the config as it is now/);
  const { stderr } = await curl('/users/7', '-v', ...bearer());
  expect(stderr).toContain('CN=renewed');
  expect((await gateway.cli(['holds', 'approve', hold, '--reason', 'fine', '--yes'])).status).toBe(0);
  expect((await held).stdout).toMatch(/\n200 2$/);
}, 60_000);

test('a target whose certificate is of another name gets nothing', async () => {
  await using other = await HttpGateway.start({
    url: `https://127.0.0.1:${target.port}`,
    target: ['tls: {ca: file:ca.pem}'],
    files: { 'ca.pem': authority.certificate },
  });
  const before = target.received.length;
  expect((await other.fetch('/users/7')).status).toBe(503);
  expect(target.received.length).toBe(before);
}, 60_000);

test('no key is printed for people', async () => {
  const { stdout } = await gateway.cli(['envoy', 'render']);
  expect(stdout).toContain('listener-apis');
  expect(stdout).not.toContain('PRIVATE KEY');
  expect(stdout).not.toContain('nobody-sees');
});
