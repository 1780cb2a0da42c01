import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { envoyBinary } from '../servers/envoy.ts';
import { type RedisServer, startRedis } from '../servers/redis.ts';
import { KubernetesGateway } from './kubernetes-gateway.ts';

const objects = `
apiVersion: v1
kind: Namespace
metadata: {name: dev}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: dev}
spec: {nodeName: node1, containers: [{name: c, image: x, command: [sleep, '600']}]}
`;

const policy = `
policies:
  - name: agents
    targets: [dev]
    masks:
      - {detect: [email], with: redact}
    limits: {bytes: 100KiB}
    rules:
      - {name: find-out, effects: [discover], outcome: allow}
      - {name: read, effects: [get], resources: [pods], namespaces: [dev], outcome: allow}
      - {name: look, effects: [exec], namespaces: [dev], commands: [echo, printf, sleep, seq], outcome: allow}
      - {name: shells, effects: [interactive], outcome: allow}
      - {name: forward, effects: [port-forward], outcome: allow}
      - {name: bytes, opaque: [unread-stream], outcome: allow}
`;

let redis: RedisServer;
let gateway: KubernetesGateway;
const exec = (...argv: readonly string[]) => gateway.kubectl(['exec', 'web-0', '--', ...argv]);

beforeAll(async () => {
  await envoyBinary();
  redis = await startRedis();
  gateway = await KubernetesGateway.start({ policy, objects, workers: { count: 3, redisUrl: redis.url } });
  const ready = ['wait', '-n', 'dev', '--for=condition=Ready', 'pod/web-0', '--timeout=30s'];
  expect((await gateway.cluster.kubectl(ready)).status).toBe(0);
}, 900_000);
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await redis?.stop();
});

test('each stream is carried by the process that has decided on it', async () => {
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, index) => exec('echo', `number ${index}`)),
  );
  expect(answers.map(({ stdout, status }) => ({ stdout, status }))).toEqual(
    Array.from({ length: 12 }, (_, index) => ({ stdout: `number ${index}\n`, status: 0 })),
  );
}, 60_000);

test('what is shown is masked, also where it comes in pieces', async () => {
  const { stdout, stderr } = await exec(
    'sh',
    '-c',
    "printf ann@; sleep 0.3; printf example.com; sleep 0.3; echo ' and no more'; printf 'bob@example.com' >&2",
  );
  expect(stdout).toBe('[masked] and no more\n');
  expect(stderr).toBe('[masked]');
});

test('what cannot be masked is refused', async () => {
  const terminal = await gateway.startKubectl(['exec', '-it', 'web-0', '--', 'sh'], { terminal: true });
  const { stdout, status } = await terminal.finished;
  expect(stdout).toContain('Leave out -t.');
  expect(status).toBe(1);
  expect((await gateway.kubectl(['port-forward', 'web-0', ':80'])).status).toBe(1);
});

test('no more comes through than the policy lets', async () => {
  const { stdout, stderr, status } = await exec('seq', '100000');
  expect(stdout.length).toBeLessThanOrEqual(100 * 1024);
  expect(stderr).toContain('no more than 102400 bytes');
  expect(status).toBe(1);
});
