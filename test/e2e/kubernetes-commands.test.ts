/** What was one command for whoever typed it, and is many requests for the gateway. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { envoyBinary } from '../servers/envoy.ts';
import { KubernetesGateway } from './kubernetes-gateway.ts';

const objects = `
apiVersion: v1
kind: Namespace
metadata: {name: dev}
---
apiVersion: v1
kind: Namespace
metadata: {name: other}
---
apiVersion: v1
kind: Namespace
metadata: {name: later}
`;

const approval = 'approvers: [{groups: [oncall]}], within: 10m, wait: 2m';

const policyWith = (held: string) => `
policies:
  - name: agents
    targets: [dev]
    rules:
      - {name: find-out, effects: [discover], outcome: allow}
      - {name: read, effects: [get, list, watch], resources: [pods, configmaps], outcome: allow}
      - {name: no-change, effects: [create, update, patch], resources: [configmaps], changes: false, outcome: allow}
      - {name: protected, effects: [delete], resources: [configmaps], labels: {keep: 'yes'}, outcome: deny}
      - name: delete
        effects: [delete]
        resources: [pods, configmaps]
        namespaces: [dev, other]
        outcome: hold
        approval: {${held}}
      - name: later
        effects: [delete, create, patch, update]
        resources: [pods, configmaps]
        namespaces: [later]
        changes: true
        outcome: hold
        approval: {approvers: [{groups: [oncall]}], within: 10m, mode: defer}
`;

let gateway: KubernetesGateway;
beforeAll(async () => {
  await envoyBinary();
  gateway = await KubernetesGateway.start({ policy: policyWith(approval), objects });
}, 1_800_000);
afterAll(() => gateway?.[Symbol.asyncDispose]());

const configMap = (name: string, namespace: string, more = 'data: {a: b}') => `
apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, namespace: ${namespace}, labels: {app: x}}
${more}
`;
const configMaps = (namespace: string, names: readonly string[]) =>
  names.map((name) => configMap(name, namespace)).join('---');

const left = async (namespace = 'dev') => {
  const args = ['-n', namespace, 'get', 'cm', '-l', 'app=x', '-o', 'name', '--sort-by=metadata.name'];
  return (await gateway.cluster.kubectl(args)).stdout.replaceAll('configmap/', '').split('\n').slice(0, -1);
};

const approve = async (hold: string, ...more: readonly string[]) => {
  const approved = await gateway.cli(['holds', 'approve', hold, '--reason', 'fine', '--yes', ...more]);
  expect(approved).toMatchObject({ status: 0, stderr: '' });
  return approved.stdout;
};

const openHolds = async (): Promise<readonly { readonly id: string; readonly command: string | null }[]> =>
  JSON.parse((await gateway.cli(['holds', 'ls', '--json'])).stdout);

afterEach(async () => {
  for (const { id } of await openHolds())
    await gateway.cli(['holds', 'reject', id, '--reason', 'the test is over', '--yes']);
});
beforeEach(async () => {
  for (const namespace of ['dev', 'other', 'later'])
    await gateway.cluster.kubectl(['-n', namespace, 'delete', 'cm', '-l', 'app=x']);
});

describe('kubectl delete', () => {
  test.each([
    ['-l', ['cm', '-l', 'app=x']],
    ['--field-selector', ['cm', '--field-selector', 'metadata.name!=kube-root-ca.crt']],
    ['--all-namespaces', ['cm', '-A', '-l', 'app=x']],
  ])('%s is one hold, which lists what goes', async (_, args) => {
    await gateway.cluster.apply(`${configMaps('dev', ['a', 'b'])}---${configMaps('dev', ['c'])}`);
    const running = await gateway.startKubectl(['delete', ...args], { input: '' });
    const hold = await gateway.nextHold();
    const shown = (await gateway.cli(['holds', 'show', hold])).stdout;
    expect(shown).toContain('command      kubectl delete ');
    expect(shown).toContain('DELETE /api/v1/namespaces/dev/configmaps/a');
    expect(shown).toContain('Also approves 2 other actions, once each');
    expect(shown).toContain('delete configmaps b in dev');
    expect(shown).toMatch(/DELETE \/api\/v1\/namespaces\/dev\/configmaps\/c; .*- c in dev, made/);
    await approve(hold);
    const { status, stdout } = await running.finished;
    expect({ status, deleted: stdout.match(/deleted/g)?.length }).toEqual({ status: 0, deleted: 3 });
    expect(await left()).toEqual([]);
  });

  test('--all of pods is one hold, with what waits for their end behind it', async () => {
    const pod = (name: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: dev}\nspec: {nodeName: node1, containers: [{name: c, image: x, command: [sleep, '600']}]}\n`;
    await gateway.cluster.apply(['web-0', 'web-1', 'web-2'].map(pod).join('---\n'));
    const running = await gateway.startKubectl(['delete', 'pods', '--all'], { input: '' });
    await approve(await gateway.nextHold());
    expect(await running.finished).toMatchObject({ status: 0, stderr: '' });
  });

  test('of what is approved later runs once it is sent again, by one approval', async () => {
    await gateway.cluster.apply(configMaps('later', ['a', 'b', 'c']));
    const args = ['delete', 'cm', '-n', 'later', '-l', 'app=x'];
    const first = await gateway.kubectl(args);
    const named = new Set(first.stderr.match(/h_[\w-]+/g));
    expect({ status: first.status, holds: named.size }).toEqual({ status: 1, holds: 1 });
    expect(await openHolds()).toHaveLength(1);
    const [hold = ''] = named;
    await approve(hold);
    expect(await gateway.kubectl(args)).toMatchObject({ status: 0, stderr: '' });
    expect(await left('later')).toEqual([]);
  });

  test('asks anew about what has been changed, made again, or added since', async () => {
    await gateway.cluster.apply(configMaps('dev', ['a', 'b', 'c', 'd']));
    const running = await gateway.startKubectl(['delete', 'cm', '-l', 'app=x'], { input: '' });
    const hold = await gateway.nextHold();
    await gateway.cluster.kubectl(['-n', 'dev', 'patch', 'cm', 'b', '-p', '{"data":{"a":"c"}}']);
    await gateway.cluster.kubectl(['-n', 'dev', 'delete', 'cm', 'c']);
    await gateway.cluster.apply(configMap('c', 'dev'));
    await approve(hold);
    const second = await gateway.nextHold();
    const shown = (await gateway.cli(['holds', 'show', second])).stdout;
    expect(shown).toContain('DELETE /api/v1/namespaces/dev/configmaps/b');
    expect(shown).toContain('Also approves 2 other actions');
    expect(await left()).toEqual(['b', 'c', 'd']);
    await approve(second);
    expect(await running.finished).toMatchObject({ status: 0 });
  });

  test('lists nothing that is decided in another way', async () => {
    await gateway.cluster.apply(
      `${configMaps('dev', ['a', 'c'])}---${configMap('b', 'dev')}---${configMaps('later', ['d'])}`,
    );
    await gateway.cluster.kubectl(['-n', 'dev', 'label', 'cm', 'b', 'keep=yes']);
    const running = await gateway.startKubectl(['delete', 'cm', '-A', '-l', 'app=x'], { input: '' });
    const hold = await gateway.nextHold();
    const shown = (await gateway.cli(['holds', 'show', hold])).stdout;
    expect(shown).toContain('Also approves 1 other action, once each');
    expect(shown).toContain('delete configmaps c in dev');
    await approve(hold);
    expect((await running.finished).stderr).toContain('Rule agents/protected denies it');
    expect(await left()).toEqual(['b']);
    expect(await left('later')).toEqual(['d']);
  });

  test('is over when a person rejects it', async () => {
    await gateway.cluster.apply(configMaps('dev', ['a', 'b', 'c']));
    const running = await gateway.startKubectl(['delete', 'cm', '-l', 'app=x'], { input: '' });
    const hold = await gateway.nextHold();
    await gateway.cli(['holds', 'reject', hold, '--reason', 'all still needed', '--yes']);
    const { status, stderr } = await running.finished;
    expect({ status, told: stderr.match(/all still needed/g)?.length }).toEqual({ status: 1, told: 3 });
    expect(await left()).toEqual(['a', 'b', 'c']);
  });
});

describe('kubectl apply -f of a folder', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const write = async (folder: string, changed: readonly string[]) => {
    await mkdir(folder, { recursive: true });
    for (const name of names) {
      const data = changed.includes(name) ? 'data: {a: changed}' : 'data: {a: b}';
      await writeFile(join(folder, `${name}.yaml`), configMap(name, 'later', data));
    }
    return folder;
  };

  test.each([
    ['by kubectl', []],
    ['by the server', ['--server-side', '--force-conflicts']],
  ])('asks for each changed object once, merged %s, and all are approved in one act', async (_, how) => {
    const folder = await write(join(gateway.folder, 'objects'), []);
    await gateway.cluster.kubectl(['apply', ...how, '-f', folder]);
    await write(folder, ['b', 'd']);
    const apply = ['apply', ...how, '-f', folder];
    const first = await gateway.kubectl(apply);
    expect(first.status).toBe(1);
    const open = await openHolds();
    expect(open).toHaveLength(2);
    const [hold = open[0]] = open;
    const told = await approve(hold?.id ?? '', '--together');
    expect(told).toContain('~ data.a: "b" -> "changed"');
    expect(told).toContain('PATCH /api/v1/namespaces/later/configmaps/b');
    expect(told).toContain('PATCH /api/v1/namespaces/later/configmaps/d');
    expect(told.match(/: Approved\./g)).toHaveLength(2);
    expect(await gateway.kubectl(apply)).toMatchObject({ status: 0, stderr: '' });
    expect(await openHolds()).toEqual([]);
  });
});

describe('whatever a client says of its command', () => {
  const run = '0c1fe2f5-0000-4000-8000-000000000001';
  const said = (session = run, command = 'kubectl delete') => ({
    'kubectl-command': command,
    'kubectl-session': session,
  });
  const path = (name: string, namespace = 'dev') => `/api/v1/namespaces/${namespace}/configmaps/${name}`;
  const list = (query = '?labelSelector=app%3Dx', headers = said(), namespace = 'dev') =>
    gateway.fetch(`/api/v1/namespaces/${namespace}/configmaps${query}`, { headers });
  const remove = (of: string, headers: Record<string, string> = said(), claims = {}) =>
    gateway.fetch(of, { method: 'DELETE', headers }, claims);
  const also = async (hold: string): Promise<readonly string[]> => {
    const { stdout } = await gateway.cli(['holds', 'show', hold, '--json']);
    const shown: { readonly alsoApproves: readonly { readonly effects: readonly string[] }[] } =
      JSON.parse(stdout);
    return shown.alsoApproves.flatMap(({ effects }) => effects);
  };
  /** It is asked about: nothing that was approved before lets it through. */
  const isHeld = async (of: string, headers: Record<string, string> = said(), claims = {}) => {
    const gone = new AbortController();
    const { signal } = gone;
    const token = gateway.issuer.mint(claims);
    const init = { method: 'DELETE', signal, headers: { ...headers, authorization: `Bearer ${token}` } };
    const answer = fetch(gateway.url(of), init).catch(() => null);
    const hold = await gateway.nextHold();
    gone.abort();
    await answer;
    return hold;
  };

  beforeEach(() => gateway.cluster.apply(configMaps('dev', ['a', 'b', 'c'])));

  test.each<readonly [string, readonly string[], () => Promise<unknown>, Record<string, string>]>([
    ['nothing was listed', [], async () => null, said('0c1fe2f5-0000-4000-8000-000000000002')],
    ['another run listed', [], () => list(), said('0c1fe2f5-0000-4000-8000-000000000003')],
    [
      'it lists under another command',
      [],
      () => list('', said(run, 'kubectl get')),
      said(run, 'kubectl get'),
    ],
    ['it names no command', [], () => list(), {}],
    ['it names something else', [], () => list('', said(run, 'rm -rf')), said(run, 'rm -rf')],
    [
      'it lists another namespace',
      [],
      () => list('', said('0c1fe2f5-0000-4000-8000-000000000004'), 'other'),
      said('0c1fe2f5-0000-4000-8000-000000000004'),
    ],
    [
      'its list has not what it deletes',
      [],
      () => list('?labelSelector=app%3Dy', said('0c1fe2f5-0000-4000-8000-000000000005')),
      said('0c1fe2f5-0000-4000-8000-000000000005'),
    ],
    [
      'it lists as kubectl does',
      ['delete configmaps b in dev', 'delete configmaps c in dev'],
      () => list('?labelSelector=app%3Dx', said('0c1fe2f5-0000-4000-8000-000000000006')),
      said('0c1fe2f5-0000-4000-8000-000000000006'),
    ],
  ])('approvers are shown all that they approve: %s', async (_, shown, before, headers) => {
    await before();
    const hold = await isHeld(path('a'), headers);
    expect(await also(hold)).toEqual(shown);
  });

  test('an approval is for these objects, this principal and this very request, once', async () => {
    await gateway.cluster.apply(configMaps('other', ['b']));
    await list();
    const first = remove(path('a'));
    const hold = await gateway.nextHold();
    expect(await also(hold)).toHaveLength(2);
    await approve(hold);
    expect((await first).status).toBe(200);
    // Another namespace, another person's agent, another body, another query.
    await isHeld(path('b', 'other'));
    await isHeld(path('b'), said(), { sub: 'agent-8' });
    await isHeld(`${path('b')}?gracePeriodSeconds=0`);
    expect(await left()).toEqual(['b', 'c']);
    // It is bound to what is done and who does it: the same request under another name of a command is the same request.
    expect((await remove(path('b'), {})).status).toBe(200);
    await gateway.cluster.apply(configMap('b', 'dev'));
    await isHeld(path('b'));
    expect((await remove(path('c'))).status).toBe(200);
  });

  test('an approval ends with the policy that it was given under', async () => {
    await list();
    const first = remove(path('a'));
    await approve(await gateway.nextHold());
    expect((await first).status).toBe(200);
    await gateway.replacePolicy(policyWith(`${approval}, quorum: 2`));
    await isHeld(path('b'));
    await gateway.replacePolicy(policyWith(approval));
    // As it was when it was given.
    expect((await remove(path('b'))).status).toBe(200);
  });

  test('a rejection or an expiry approves nothing', async () => {
    await list();
    const first = remove(path('a'));
    const hold = await gateway.nextHold();
    await gateway.cli(['holds', 'reject', hold, '--reason', 'no', '--yes']);
    expect((await first).status).toBe(403);
    await isHeld(path('b'), {});
  });

  test('holds of another requester are not decided with it', async () => {
    const headers = said(run, 'kubectl apply');
    const later = (name: string) => path(name, 'later');
    await gateway.cluster.apply(configMaps('later', ['a', 'b']));
    const refused = [
      await remove(later('a'), headers),
      await remove(later('b'), headers, { sub: 'agent-8' }),
    ];
    for (const answer of refused) expect(await answer.text()).toContain('Once it is approved');
    const open = await openHolds();
    expect(open.map(({ command }) => command)).toEqual([`kubectl apply ${run}`, `kubectl apply ${run}`]);
    const told = await approve(open[1]?.id ?? '', '--together');
    expect(told.match(/Approved\./g)).toHaveLength(1);
    expect(await openHolds()).toHaveLength(1);
  });
});
