import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { root, start } from '../console/cli.ts';
import { envoyBinary } from '../servers/envoy.ts';
import { KubernetesGateway } from './kubernetes-gateway.ts';

const objects = `
apiVersion: v1
kind: Namespace
metadata: {name: dev}
---
apiVersion: v1
kind: Namespace
metadata: {name: prod}
---
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: dev}
stringData: {password: the-password-nobody-sees}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: dev}
data: {colour: blue}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: dev, labels: {app: web}}
spec: {containers: [{name: c, image: registry.example/web:1}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: dev, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: registry.example/web:1}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: billing, namespace: dev, labels: {app: billing}}
spec:
  selector: {matchLabels: {app: billing}}
  template:
    metadata: {labels: {app: billing}}
    spec: {containers: [{name: c, image: registry.example/billing:1, envFrom: [{secretRef: {name: db}}]}]}
`;

const policy = `
policies:
  - name: agents
    targets: [dev]
    rules:
      - {name: find-out, effects: [discover], outcome: allow}
      - name: read
        effects: [get, list, watch]
        resources: [pods, pods/log, services, configmaps, deployments.apps, deployments.apps/scale]
        namespaces: [dev]
        outcome: allow
      - {name: nodes, effects: [get, list], resources: [nodes], outcome: allow}
      - name: work
        effects: [create, update, patch]
        resources: [pods, configmaps, deployments.apps, deployments.apps/scale]
        namespaces: [dev]
        images: ['registry.example/*']
        outcome: allow
      - {name: make-secrets, effects: [create], resources: [secrets], namespaces: [dev], names: [made-*], outcome: allow}
      - name: delete
        effects: [delete, deletecollection]
        resources: [pods, configmaps]
        namespaces: [dev]
        dryRun: false
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, wait: 2m}
      - {name: try-delete, effects: [delete], resources: [pods], namespaces: [dev], dryRun: true, outcome: allow}
      - name: no-secrets
        effects: [get, list, watch]
        resources: [secrets]
        outcome: deny
        message: Agents do not read Secrets.
        hint: Mount nothing, and ask the platform team.
`;

let gateway: KubernetesGateway;
beforeAll(async () => {
  await envoyBinary();
  gateway = await KubernetesGateway.start({ policy, objects });
}, 1_800_000);
afterAll(() => gateway?.[Symbol.asyncDispose]());

const kubectl = async (...args: readonly string[]) => gateway.kubectl(args);

describe('kubectl', () => {
  test('gets and lists what the policy allows', async () => {
    const pods = await kubectl('get', 'pods');
    expect(pods).toMatchObject({ status: 0, stderr: '' });
    expect(pods.stdout).toMatch(/^web-0 /m);
    expect((await kubectl('get', 'deployment', 'web', '-o', 'yaml')).stdout).toContain(
      'registry.example/web:1',
    );
    expect((await kubectl('get', 'nodes')).stdout).toMatch(/^node1 /m);
    expect((await kubectl('get', 'cm', 'settings', '-o', 'jsonpath={.data.colour}')).stdout).toBe('blue');
  });

  test('discovers resources, reads the schema, and explains it', async () => {
    expect((await kubectl('api-resources')).stdout).toMatch(/^deployments +deploy/m);
    expect((await kubectl('version')).stdout).toContain('Server Version: v1.36');
    expect((await kubectl('explain', 'pod.spec.hostPID')).stdout).toContain("host's pid namespace");
  });

  test('prints why it was refused, and what would be allowed', async () => {
    const secrets = await kubectl('get', 'secret', 'db', '-o', 'yaml');
    expect(secrets.status).toBe(1);
    expect(secrets.stdout).toBe('');
    expect(secrets.stderr).toContain('Error from server (Forbidden): Refused: get secrets db in dev on dev.');
    expect(secrets.stderr).toContain('Agents do not read Secrets.');
    const everywhere = await kubectl('get', 'pods', '-A');
    expect(everywhere.stderr).toContain('Refused: list pods in all namespaces on dev. No rule allows it');
    const elsewhere = await kubectl('get', 'pods', '-n', 'prod');
    expect(elsewhere.stderr).toContain('Refused: list pods in prod on dev.');
  });

  test('watches', async () => {
    const watch = await gateway.startKubectl(['get', 'cm', '--watch', '-o', 'name'], { input: '' });
    await watch.until(/configmap\/settings/);
    await gateway.cluster.apply(
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: appears, namespace: dev}\n',
    );
    await watch.until(/configmap\/appears/);
    watch.process.kill('SIGINT');
    await watch.finished;
  });

  test('watches end when their session is ended', async () => {
    const watch = await gateway.startKubectl(['get', 'cm', '--watch', '-o', 'name'], { input: '' });
    await watch.until(/configmap\/settings/);
    const listed = await gateway.cli(['sessions', 'ls', '--json'], 'sam', ['sre']);
    const sessions: readonly { readonly id: string }[] = JSON.parse(listed.stdout);
    for (const { id } of sessions) {
      await gateway.cli(['sessions', 'kill', id, '--reason', 'enough'], 'sam', ['sre']);
    }
    await watch.finished;
  });

  test('creates, applies on both sides, patches, scales, edits labels', async () => {
    expect(await kubectl('create', 'configmap', 'made', '--from-literal=a=b')).toMatchObject({
      status: 0,
      stdout: 'configmap/made created\n',
    });
    const manifest =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied, namespace: dev}\ndata: {a: one}\n';
    expect((await gateway.kubectl(['apply', '-f', '-'], manifest)).stdout).toBe(
      'configmap/applied created\n',
    );
    const other = manifest.replace('one', 'two');
    expect((await gateway.kubectl(['apply', '-f', '-'], other)).stdout).toBe(
      'configmap/applied configured\n',
    );
    expect(
      (await gateway.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], manifest)).stdout,
    ).toBe('configmap/applied serverside-applied\n');
    expect((await kubectl('patch', 'cm', 'applied', '--type=merge', '-p', '{"data":{"b":"c"}}')).stdout).toBe(
      'configmap/applied patched\n',
    );
    const jsonPatch = '[{"op":"replace","path":"/data/b","value":"d"}]';
    expect((await kubectl('patch', 'cm', 'applied', '--type=json', '-p', jsonPatch)).status).toBe(0);
    expect((await kubectl('get', 'cm', 'applied', '-o', 'jsonpath={.data}')).stdout).toBe(
      '{"a":"one","b":"d"}',
    );
    expect((await kubectl('scale', 'deployment', 'web', '--replicas=3')).stdout).toBe(
      'deployment.apps/web scaled\n',
    );
    expect((await kubectl('label', 'pod', 'web-0', 'tier=front')).status).toBe(0);
    expect((await kubectl('create', 'secret', 'generic', 'made-1', '--from-literal=a=b')).status).toBe(0);
  });

  test('gets what the API server itself says to what it would refuse', async () => {
    await kubectl('create', 'configmap', 'twice');
    const again = await kubectl('create', 'configmap', 'twice');
    expect(again.stderr).toContain('configmaps "twice" already exists');
    const missing = await kubectl('patch', 'pod', 'nobody', '-p', '{}');
    expect(missing.stderr).toContain('(NotFound): pods "nobody" not found');
    const invalid = await kubectl('patch', 'deployment', 'web', '-p', '{"spec":{"replicas":-1}}');
    expect(invalid.stderr).toContain('is invalid: spec.replicas');
  });

  test('is refused an object that reaches further than the policy allows, however it is written', async () => {
    const pod = (spec: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: dev}\nspec: ${spec}\n`;
    const image = 'image: registry.example/x';
    const mounts = pod(`{containers: [{name: c, ${image}}], volumes: [{name: s, secret: {secretName: db}}]}`);
    expect((await gateway.kubectl(['create', '-f', '-'], mounts)).stderr).toContain(
      'Refused: mount secrets db in dev',
    );
    expect((await gateway.kubectl(['apply', '--server-side', '-f', '-'], mounts)).stderr).toContain(
      'Refused: mount secrets db in dev',
    );
    const privileged = pod(`{containers: [{name: c, ${image}, securityContext: {privileged: true}}]}`);
    expect((await gateway.kubectl(['create', '-f', '-'], privileged)).stderr).toContain(
      'Refused: escape pods x in dev by privileged',
    );
    const host = pod(`{hostPID: true, containers: [{name: c, ${image}}]}`);
    expect((await gateway.kubectl(['apply', '-f', '-'], host)).stderr).toContain('by hostPID');
    const elsewhere = pod('{containers: [{name: c, image: evil.example/x}]}');
    expect((await gateway.kubectl(['create', '-f', '-'], elsewhere)).stderr).toContain(
      'Refused: create pods x in dev',
    );
    const ran = await kubectl('create', 'deployment', 'ran', '--image=evil.example/x');
    expect(ran.stderr).toContain('Refused: create deployments.apps ran in dev');
    // Another image in what mounts a Secret already reads that Secret; scaling it does not.
    const swapped = await kubectl('set', 'image', 'deployment/billing', 'c=registry.example/other');
    expect(swapped.stderr).toContain('Refused: mount secrets db in dev');
    expect((await kubectl('scale', 'deployment', 'billing', '--replicas=2')).status).toBe(0);
    const copied = JSON.stringify([
      {
        op: 'copy',
        from: '/spec/template/spec/containers/0/envFrom',
        path: '/spec/template/spec/containers/0/env',
      },
    ]);
    expect((await kubectl('patch', 'deployment', 'billing', '--type=json', '-p', copied)).status).toBe(1);
    const left = await gateway.cluster.kubectl(['-n', 'dev', 'get', 'pods', '-o', 'name']);
    expect(left.stdout).toBe('pod/web-0\n');
  });

  test('waits for approval of a delete, which names what goes', async () => {
    await gateway.cluster.kubectl(['-n', 'dev', 'create', 'cm', 'going']);
    const running = await gateway.startKubectl(['delete', 'cm', 'going'], { input: '' });
    const hold = await gateway.nextHold();
    const shown = await gateway.cli(['holds', 'show', hold]);
    expect(shown.stdout).toContain('DELETE /api/v1/namespaces/dev/configmaps/going');
    expect(shown.stdout).toContain('- going in dev');
    const approved = await gateway.cli(['holds', 'approve', hold, '--reason', 'fine', '--yes']);
    expect(approved.status).toBe(0);
    expect((await running.finished).stdout).toBe('configmap "going" deleted from dev namespace\n');
  });

  test('is told of a rejection, and Ctrl-C withdraws', async () => {
    const running = await gateway.startKubectl(['delete', 'cm', 'settings'], { input: '' });
    const hold = await gateway.nextHold();
    await gateway.cli(['holds', 'reject', hold, '--reason', 'still needed', '--yes']);
    expect((await running.finished).stderr).toContain('still needed');
    const second = await gateway.startKubectl(['delete', 'cm', 'settings'], { input: '' });
    const withdrawn = await gateway.nextHold();
    second.process.kill('SIGINT');
    await second.finished;
    expect((await gateway.cli(['holds', 'show', withdrawn])).stdout).toContain('withdrawn');
    expect((await kubectl('get', 'cm', 'settings')).status).toBe(0);
  });

  test('an approval is void when the object has become another', async () => {
    await gateway.cluster.kubectl(['-n', 'dev', 'create', 'cm', 'moving']);
    const running = await gateway.startKubectl(['delete', 'cm', 'moving'], { input: '' });
    const hold = await gateway.nextHold();
    await gateway.cluster.kubectl(['-n', 'dev', 'patch', 'cm', 'moving', '-p', '{"data":{"a":"b"}}']);
    await gateway.cli(['holds', 'approve', hold, '--reason', 'fine', '--yes']);
    expect((await running.finished).stderr).toContain('changed');
    expect((await gateway.cluster.kubectl(['-n', 'dev', 'get', 'cm', 'moving'])).status).toBe(0);
  });

  test('a collection is deleted by one approval, which lists the objects', async () => {
    await gateway.cluster.kubectl(['-n', 'dev', 'create', 'cm', 'one-of-many']);
    const answer = gateway.fetch(
      '/api/v1/namespaces/dev/configmaps?fieldSelector=metadata.name%3Done-of-many',
      {
        method: 'DELETE',
      },
    );
    const hold = await gateway.nextHold();
    const shown = await gateway.cli(['holds', 'show', hold]);
    expect(shown.stdout).toContain('- one-of-many in dev');
    expect(shown.stdout).not.toContain('- settings in dev');
    await gateway.cli(['holds', 'approve', hold, '--reason', 'fine', '--yes']);
    expect((await answer).status).toBe(200);
  });
});

describe('sallyport kubeconfig', () => {
  test('prints one by which kubectl asks sallyport for its token', async () => {
    const made = await gateway.cli([
      ...['kubeconfig', 'dev', '--server', `https://127.0.0.1:${gateway.securePort}`, '--namespace', 'dev'],
      ...['--ca', join(gateway.folder, 'listener-ca.pem')],
    ]);
    expect(made).toMatchObject({ status: 0, stderr: '' });
    const file = join(gateway.folder, 'printed.kubeconfig');
    await writeFile(file, made.stdout);
    const env = {
      KUBECONFIG: file,
      KUBECACHEDIR: join(gateway.folder, 'cache-2'),
      HOME: gateway.folder,
      PATH: `${join(root, 'bin')}:${process.env['PATH']}`,
      SALLYPORT_ACCESS_TOKEN: gateway.issuer.mint(),
    };
    const pods = await start(gateway.cluster.kubectlPath, ['get', 'pods'], { env }).finished;
    expect(pods).toMatchObject({ status: 0, stderr: '' });
    expect(pods.stdout).toMatch(/^web-0 /m);
    const without = await start(gateway.cluster.kubectlPath, ['get', 'pods'], {
      env: { ...env, SALLYPORT_ACCESS_TOKEN: '' },
    }).finished;
    expect(without.stderr).toContain('There is no access token.');
  });

  test('says what it wants', async () => {
    const unknown = await gateway.cli(['kubeconfig', 'prod', '--server', 'https://gateway.example']);
    expect(unknown).toMatchObject({ status: 2, stdout: '' });
    expect(unknown.stderr).toContain('The config has no target "prod"');
    const nowhere = await gateway.cli(['kubeconfig', 'dev']);
    expect(nowhere.stderr).toContain('Say it with --server');
    const plain = await gateway.cli(['kubeconfig', 'dev', '--server', 'http://gateway.example']);
    expect(plain.stderr).toContain('is no address of a gateway');
  });
});

describe('a client of its own', () => {
  const pods = '/api/v1/namespaces/dev/pods';

  test.each([
    ['impersonation', pods, { 'Impersonate-User': 'system:admin' }],
    ['impersonation in part', pods, { 'impersonate-extra-scopes': 'x' }],
    ['front-proxy headers', pods, { 'X-Remote-User': 'admin' }],
    ['a token in the query', `${pods}?access_token=x`, {}],
    ['two answers to one question', `${pods}?watch=0&watch=1`, {}],
    ['a semicolon', `${pods}?limit=1;watch=1`, {}],
  ])('is refused %s', async (_, path, headers) => {
    const answer = await gateway.fetch(path, { headers: headers as Record<string, string> });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ kind: 'Status', status: 'Failure', reason: 'BadRequest' });
  });

  test('gets JSON, whatever it would rather have', async () => {
    for (const accept of ['application/vnd.kubernetes.protobuf', 'application/yaml', '*/*']) {
      const answer = await gateway.fetch(`${pods}/web-0`, { headers: { accept } });
      expect(answer.headers.get('content-type')).toBe('application/json');
      expect(await answer.json()).toMatchObject({ kind: 'Pod' });
    }
  });

  test('without a token is told that it needs one', async () => {
    const answer = await fetch(gateway.url(pods));
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.json()).toMatchObject({ kind: 'Status', reason: 'Unauthorized', code: 401 });
  });

  test('a dry run is one only where the API server takes it for one', async () => {
    const path = `${pods}/web-0?dryRun=All`;
    expect((await gateway.fetch(path, { method: 'DELETE' })).status).toBe(200);
    const body = JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1' });
    const headers = { 'content-type': 'application/json' };
    const disguised = await gateway.fetch(path, { method: 'DELETE', body, headers });
    expect(disguised.status).toBe(400);
    expect((await gateway.cluster.kubectl(['-n', 'dev', 'get', 'pod', 'web-0'])).status).toBe(0);
  });
});
