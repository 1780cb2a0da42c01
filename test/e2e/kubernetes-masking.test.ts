import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { envoyBinary } from '../servers/envoy.ts';
import { KubernetesGateway } from './kubernetes-gateway.ts';

const password = 'the-password-nobody-sees';
const encoded = Buffer.from(password).toString('base64');

const objects = `
apiVersion: v1
kind: Namespace
metadata: {name: dev}
---
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: dev}
stringData: {password: ${password}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: people, namespace: dev}
data: {owner: 'ada@example.com', colour: blue}
---
apiVersion: v1
kind: Pod
metadata: {name: talks, namespace: dev, annotations: {example.com/token: ${password}}}
spec:
  nodeName: node1
  containers: [{name: c, image: i, command: [sh, -c, 'echo mail ada@example.com; sleep 600']}]
`;

const policy = `
policies:
  - name: agents
    targets: [dev]
    rules:
      - {name: find-out, effects: [discover], outcome: allow}
      - name: work
        effects: [get, list, watch, create, update, patch]
        resources: [secrets, configmaps, pods, pods/log]
        namespaces: [dev]
        outcome: allow
    masks:
      - {fields: ['secrets:data.*'], with: full}
      - {fields: ['*:metadata.annotations."example.com/token"'], with: redact}
      - {detect: [email], with: email}
`;

let gateway: KubernetesGateway;
beforeAll(async () => {
  await envoyBinary();
  gateway = await KubernetesGateway.start({ policy, objects, credential: 'certificate' });
  await gateway.cluster.kubectl(['-n', 'dev', 'wait', '--for=condition=Ready', 'pod/talks', '--timeout=60s']);
}, 1_800_000);
afterAll(() => gateway?.[Symbol.asyncDispose]());

const kubectl = async (...args: readonly string[]) => gateway.kubectl(args);
const stars = Buffer.from('********').toString('base64');

describe('a Secret', () => {
  test.each([
    ['as JSON', ['get', 'secret', 'db', '-o', 'json']],
    ['as YAML', ['get', 'secret', 'db', '-o', 'yaml']],
    ['in a list', ['get', 'secrets', '-o', 'json']],
  ])('is masked %s, in base64, without what kubectl has kept of it', async (_, args) => {
    const { stdout, stderr } = await kubectl(...args);
    expect(stderr).toBe('');
    expect(stdout).toContain(stars);
    expect(stdout).not.toContain(encoded);
    expect(stdout).not.toContain(password);
  });

  test('is masked in tables with whole objects, and in watches', async () => {
    const table = await gateway.fetch('/api/v1/namespaces/dev/secrets?includeObject=Object', {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    const text = await table.text();
    expect(text).toContain('"kind":"Table"');
    expect(text).toContain(stars);
    expect(text).not.toContain(encoded);
    for (const query of ['?watch=1', '?watch=t', '']) {
      const prefix = query === '' ? '/watch' : '';
      const stop = new AbortController();
      const answer = await gateway.fetch(`/api/v1${prefix}/namespaces/dev/secrets${query}`, {
        signal: stop.signal,
      });
      let seen = '';
      for await (const part of answer.body ?? []) {
        seen += Buffer.from(part).toString();
        if (seen.includes('\n')) break;
      }
      stop.abort();
      expect(seen).toContain(stars);
      expect(seen).not.toContain(encoded);
    }
  });

  test('is masked in what a write answers', async () => {
    const { stdout } = await kubectl('label', 'secret', 'db', 'seen=yes', '-o', 'json');
    expect(stdout).toContain(stars);
    expect(stdout).not.toContain(encoded);
  });

  test('cannot be read by a JSON patch, which copies and tests values', async () => {
    const copy = '[{"op":"copy","from":"/data/password","path":"/metadata/labels/leak"}]';
    const guess = `[{"op":"test","path":"/data/password","value":"${encoded}"}]`;
    for (const patch of [copy, guess]) {
      const { stderr } = await kubectl('patch', 'secret', 'db', '--type=json', '-p', patch);
      expect(stderr).toContain('which policy agents masks');
    }
  });

  test('that was read is not written back', async () => {
    const { stdout } = await kubectl('get', 'secret', 'db', '-o', 'json');
    const replaced = await gateway.kubectl(['replace', '-f', '-'], stdout);
    expect(replaced.stderr).toContain('it would write masks where values are');
    const real = await gateway.cluster.kubectl(['-n', 'dev', 'get', 'secret', 'db', '-o', 'json']);
    expect(real.stdout).toContain(encoded);
  });

  test('can be applied', async () => {
    const manifest =
      'apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: dev}\nstringData: {password: another}\n';
    const { stdout, stderr, status } = await gateway.kubectl(['apply', '-f', '-'], manifest);
    expect({ stdout, status }).toEqual({ stdout: 'secret/db configured\n', status: 0 });
    expect(stderr).not.toContain(password);
    const real = await gateway.cluster.kubectl([
      '-n',
      'dev',
      'get',
      'secret',
      'db',
      '-o',
      'jsonpath={.data.password}',
    ]);
    expect(Buffer.from(real.stdout, 'base64').toString()).toBe('another');
  });
});

test('what detectors find is masked in objects and in logs', async () => {
  const people = await kubectl('get', 'cm', 'people', '-o', 'jsonpath={.data}');
  expect(people.stdout).toBe('{"colour":"blue","owner":"a***@***.example"}');
  const log = await kubectl('logs', 'talks');
  expect(log).toMatchObject({ stdout: 'mail a***@***.example\n', stderr: '' });
  const followed = await gateway.startKubectl(['logs', '-f', 'talks'], { input: '' });
  await followed.until(/a\*\*\*@\*\*\*\.example/);
  followed.process.kill('SIGINT');
  await followed.finished;
});

test('a named annotation is masked', async () => {
  const { stdout } = await kubectl('get', 'pod', 'talks', '-o', 'json');
  expect(stdout).toContain('[masked]');
  expect(stdout).not.toContain(password);
});

/** A watch that the gateway reads, once it has begun. */
async function watch(timeoutSeconds: number) {
  const gone = new AbortController();
  const headers = { authorization: `Bearer ${gateway.issuer.mint()}` };
  const path = `/api/v1/namespaces/dev/configmaps?watch=1&timeoutSeconds=${timeoutSeconds}`;
  const answer = await fetch(gateway.url(path), { headers, signal: gone.signal });
  expect(answer.status).toBe(200);
  return { answer, gone };
}

test('a client that leaves a watch of a minute harms nobody else', async () => {
  const left = await watch(600);
  // It ends by itself when Envoy has long forgotten, by its defaults, by which client it calls the gateway.
  const over = await watch(60);
  await over.answer.text();
  left.gone.abort();
  await left.answer.text().catch(() => null);
  for (let round = 0; round < 5; round += 1) {
    const ended = await watch(1);
    await ended.answer.text();
  }
  expect(gateway.up.errorOutput).not.toContain('Envoy ended');
}, 120_000);

test('discovery and the schema go on', async () => {
  expect((await kubectl('api-resources')).status).toBe(0);
  expect((await kubectl('explain', 'secret.data')).stdout).toContain('base64');
});

test('what is answered in the place of the cluster is a Status, which kubectl prints', async () => {
  const fields = policy.replace(
    '      - {detect: [email], with: email}\n',
    "      - {fields: ['pods/log:a'], with: full}\n",
  );
  await gateway.replacePolicy(fields);
  const { stderr, status } = await kubectl('logs', 'talks');
  expect(status).toBe(1);
  expect(stderr).toContain('the gateway cannot mask what it says: it is text/plain');
  await gateway.replacePolicy(policy);
});
