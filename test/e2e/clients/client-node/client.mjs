// @kubernetes/client-node: each step prints what it saw, a line of JSON each. Built beside its packages (../toolchains.ts), which tsc does not see.
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import * as k8s from '@kubernetes/client-node';

const namespace = 'dev';
const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);

const say = (step, saw) => console.log(JSON.stringify({ [step]: saw }));

async function waitForGo(what) {
  say('waits', what);
  await once(process.stdin, 'data');
}

const names = ({ items }) => items.map(({ metadata }) => metadata.name).sort();

async function paged() {
  const seen = [];
  let _continue;
  do {
    const page = await core.listNamespacedPod({ namespace, limit: 1, _continue });
    seen.push(...names(page));
    _continue = page.metadata._continue;
  } while (_continue);
  return seen;
}

/** Every event of one object, while it is made, applied, patched and deleted. */
async function watched() {
  const since = (await core.listNamespacedConfigMap({ namespace })).metadata.resourceVersion;
  const seen = [];
  const { promise: deleted, resolve, reject } = Promise.withResolvers();
  const controller = await new k8s.Watch(config).watch(
    `/api/v1/namespaces/${namespace}/configmaps`,
    { resourceVersion: since },
    (type, { data }) => {
      seen.push([type, data?.owner, data?.colour]);
      if (type === 'DELETED') resolve();
    },
    (error) => reject(error ?? new Error('the watch ended')),
  );
  const made = { name: 'made', namespace };
  await core.createNamespacedConfigMap({
    namespace,
    body: { metadata: { name: 'made' }, data: { owner: 'ada@example.com', colour: 'red' } },
  });
  const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: made, data: { colour: 'green' } };
  const objects = k8s.KubernetesObjectApi.makeApiClient(config);
  await objects.patch(applied, undefined, undefined, 'client-node', true, k8s.PatchStrategy.ServerSideApply);
  await core.patchNamespacedConfigMap(
    { ...made, body: { data: { colour: 'yellow' } } },
    k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch),
  );
  await core.deleteNamespacedConfigMap(made);
  await deleted;
  controller.abort();
  return seen;
}

async function refused() {
  try {
    await core.listNamespacedSecret({ namespace: 'kube-system' });
  } catch (error) {
    return [error.code, JSON.parse(error.body).reason];
  }
  throw new Error('it was not refused');
}

/** What the command has written, and the Status by which it ended. */
async function execute(command, input = null) {
  const output = new PassThrough();
  const errors = new PassThrough();
  errors.resume();
  const { promise: ended, resolve } = Promise.withResolvers();
  const bytes = buffer(output);
  const socket = await new k8s.Exec(config).exec(
    ...[namespace, 'web-0', 'c', command, output, errors, input, false, resolve],
  );
  const status = await ended;
  socket.close();
  output.end();
  return { output: await bytes, status };
}

const exitStatus = ({ status, details }) =>
  status === 'Success' ? 0 : Number(details.causes.find(({ reason }) => reason === 'ExitCode').message);

/** A file into the pod and back, by tar at both ends. */
async function copied(folder) {
  const content = 'all bytes: \u0000\n'.repeat(100_000);
  const up = await execute(['tee', `${folder}/copied-too`], Readable.from([Buffer.from(content)]));
  const down = await execute(['tar', 'cf', '-', '-C', folder, 'copied-too']);
  return [exitStatus(up.status), exitStatus(down.status), down.output.includes(content)];
}

/** The log, until there is what was yet to be written. It goes on until the program ends: the library throws where nobody can catch it when it is aborted. */
async function logged() {
  const output = new PassThrough();
  await new k8s.Log(config).log(namespace, 'web-0', 'c', output, { follow: true });
  let seen = '';
  while (seen.split('\n').length <= 2) {
    const [chunk] = await once(output, 'data');
    seen += chunk;
  }
  return seen.trimEnd().split('\n');
}

say('get', (await core.readNamespacedSecret({ name: 'db', namespace })).data.password);
say('list', names(await core.listNamespacedPod({ namespace, labelSelector: 'app=web' })));
say('paged', await paged());
say('watched', await watched());
say('refused', await refused());
const ran = await execute(['seq', '3']);
say('executed', [ran.output.toString(), exitStatus(ran.status)]);
say('failed', exitStatus((await execute(['test', '-e', '/nowhere'])).status));
say('execRefused', (await execute(['rm', '-rf', 'data'])).status.message);
const typed = await execute(['head', '-n', '1'], Readable.from([Buffer.from('a line\n')]));
say('typed', typed.output.toString());
say('copied', await copied(process.argv[2]));
say('logged', await logged());
await waitForGo('delete');
say('deleted', (await core.deleteNamespacedPod({ name: 'web-1', namespace })).metadata.name);
process.exit(0);
